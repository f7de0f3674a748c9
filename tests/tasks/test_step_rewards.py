"""Reward terms of single control steps, by hand arithmetic."""

import dataclasses

import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.tasks.step_rewards import TERMS


def before(make_context, **places):
  extra = {name: np.asarray(place, np.float32) for name, place in places.items()}
  return make_context()._replace(extra=extra)


def test_progress_is_the_way_of_the_root_over_the_control_step(body, make_view, make_context):
  context = before(make_context, last_position=[1.0, 5.0, 1.0])
  view = make_view(qpos=[1.05, 0, 1.2, 1, *[0] * 24])
  assert float(TERMS['progress'](view, body, context)) == pytest.approx(0.05 / 0.025, rel=1e-5)  # 2 m/s


def test_com_progress_is_that_of_the_centre_of_mass(body, make_view, make_context):
  context = before(make_context, last_com=[0.2, 0.0, 1.0])
  assert float(TERMS['com_progress'](make_view(com_pos=[0.1, 3, 1]), body, context)) == pytest.approx(-4.0, rel=1e-5)


@pytest.mark.parametrize(('z', 'value'), [(0.79, 0.0), (0.81, 1.0), (1.59, 1.0), (1.61, 0.0)])
def test_healthy_is_within_the_heights_of_the_datasheet(body, make_view, make_context, z, value):
  limited = dataclasses.replace(body, robot=dataclasses.replace(body.robot, highest=1.6))
  assert float(TERMS['healthy'](make_view(qpos=[0, 0, z, 1, *[0] * 24]), limited, make_context())) == value


def with_forces(body, size):
  """The body with sensors of external force and torque on its feet."""
  places = {
    'foot_left_external_torque': slice(size, size + 3),
    'foot_left_external_force': slice(size + 3, size + 6),
  }
  return dataclasses.replace(body, sensors={**body.sensors, **places})


@pytest.mark.parametrize(
  ('readings', 'value'), [([1, 0, 0, 0, 3, 4], 26.0), ([0] * 6, 0.0), ([0, 0, 0, 5000, 0, 0], 2e7)]
)
def test_impact_is_the_sum_of_squares_up_to_its_bound(body, make_view, make_context, readings, value):
  view = make_view()
  limited = with_forces(body, len(view.sensordata))
  view = view._replace(sensordata=np.concatenate([view.sensordata, np.array(readings, np.float32)]))
  assert float(TERMS['impact'](view, limited, make_context())) == value


def test_impact_needs_the_sensors(body, make_view, make_context):
  with pytest.raises(UserError, match="impact needs external_forces=True in the datasheet of robot 'humanoid'"):
    TERMS['impact'](make_view(), body, make_context())
