"""What ends an episode, at its thresholds; alone and in batches, in NumPy and in JAX."""

import dataclasses

import jax
import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.tasks.terminations import TERMINATIONS


def ends(name, view, body, context):
  return bool(TERMINATIONS[name](view, body, context))


@pytest.mark.parametrize(('z', 'ended'), [(0.799, True), (0.801, False), (1.282, False), (-1.0, True)])
def test_fallen_is_below_the_datasheets_height(body, make_view, make_context, z, ended):
  assert body.robot.fallen_height == 0.8
  assert ends('fallen', make_view(qpos=[0, 0, z, 1, *[0] * 24]), body, make_context()) == ended


def test_off_balance_is_below_a_share_of_standing_height(body, make_view, make_context):
  threshold = 0.85 * 1.282
  assert ends('off_balance', make_view(qpos=[0, 0, threshold - 0.001, 1, *[0] * 24]), body, make_context())
  assert not ends('off_balance', make_view(qpos=[0, 0, threshold + 0.001, 1, *[0] * 24]), body, make_context())


@pytest.mark.parametrize(
  ('seconds', 'share', 'ended'), [(2.9, 0.1, False), (3.1, 0.1, True), (3.1, 0.84, True), (3.1, 0.86, False)]
)
def test_overdue_is_off_balance_after_three_seconds(body, make_view, make_context, seconds, share, ended):
  view = make_view(qpos=[0, 0, share * 1.282, 1, *[0] * 24])
  assert ends('overdue', view, body, make_context(step=round(seconds / body.control_step))) == ended


@pytest.mark.parametrize(('degrees', 'ended'), [(0, False), (44, False), (46, True), (90, True), (180, True)])
@pytest.mark.parametrize('axis', [[1, 0, 0], [0, 1, 0], [0.6, -0.8, 0]])
def test_tipped_is_a_lean_of_more_than_45_degrees(body, make_view, make_context, axis, degrees, ended):
  turned, leant, both = np.zeros(4), np.zeros(4), np.zeros(4)
  mujoco.mju_axisAngle2Quat(leant, np.array(axis, float), np.radians(degrees))
  mujoco.mju_axisAngle2Quat(turned, np.array([0, 0, 1.0]), 2.0)  # whichever way it faces
  mujoco.mju_mulQuat(both, turned, leant)
  assert ends('tipped', make_view(qpos=[0, 0, 1.282, *both, *[0] * 21]), body, make_context()) == ended


@pytest.mark.parametrize(
  ('name', 'threshold'),
  [('tipped', 0.5 * 1.282), ('collapsed', 0.3 * 1.282)],  # 0.641 and 0.3846 m
)
def test_upright_but_too_low_ends(name, threshold, body, make_view, make_context):
  assert ends(name, make_view(qpos=[0, 0, threshold - 0.001, 1, *[0] * 24]), body, make_context())
  assert not ends(name, make_view(qpos=[0, 0, threshold + 0.001, 1, *[0] * 24]), body, make_context())


def test_a_robot_on_upright_knees_has_neither_tipped_nor_collapsed(body, make_view, make_context):
  kneeling = make_view(qpos=[0, 0, body.robot.anatomy.kneeling_height, 1, *[0] * 24])
  assert not ends('tipped', kneeling, body, make_context())
  assert not ends('collapsed', kneeling, body, make_context())


@pytest.mark.parametrize('z', [1.282, 0.0, -1e6])
def test_never_ends_at_no_height(body, make_view, make_context, z):
  assert not ends('never', make_view(qpos=[0, 0, z, 1, *[0] * 24]), body, make_context())


@pytest.mark.parametrize('name', [name for name in TERMINATIONS if 'clip' not in name])
def test_a_robot_in_its_standing_pose_goes_on(name, body, make_view, make_context):
  assert not ends(name, make_view(torso_pos=body.default_qpos[:3], torso_up=[0, 0, 1]), body, make_context())


@pytest.mark.parametrize('name', [name for name in TERMINATIONS if 'clip' not in name])
def test_ends_are_the_same_in_numpy_and_jax_alone_and_in_batches(name, body, make_view, make_context):
  heights = [1.4, 1.1, 0.9, 0.7, 0.1]
  views = [make_view(qpos=[0, 0, z, 1, *[0] * 24], torso_pos=[0, 0, z]) for z in heights]
  batch = jax.tree.map(lambda *x: np.stack(x), *views)
  context = jax.tree.map(lambda *x: np.stack(x), *[make_context(step=200)] * len(heights))
  together = np.asarray(TERMINATIONS[name](batch, body, context))
  assert together.dtype == bool
  assert together.tolist() == [ends(name, v, body, make_context(step=200)) for v in views]
  assert any(together) == (name != 'never')  # 5 s after the start, by when all of them know an end
  traced = jax.jit(jax.vmap(lambda v, c: TERMINATIONS[name](v, body, c)))(batch, context)
  assert together.tolist() == traced.tolist()


@pytest.mark.parametrize('name', ['falen', ''])
def test_unknown_names_are_refused_with_the_choices(name):
  with pytest.raises(UserError, match=rf"unknown termination '{name}'.*Choices: .*fallen"):
    TERMINATIONS[name]


@pytest.mark.parametrize(
  ('z', 'degrees', 'ended'),
  [(0.799, 0, True), (0.801, 0, False), (1.599, 0, False), (1.601, 0, True), (1.2, 57.2, False), (1.2, 57.4, True)],
)
def test_unhealthy_is_outside_the_limits_of_the_datasheet(body, make_view, make_context, z, degrees, ended):
  """1 rad is 57.3 degrees."""
  limited = dataclasses.replace(body, robot=dataclasses.replace(body.robot, highest=1.6, most_tilt=1.0))
  half = np.radians(degrees) / 2
  view = make_view(qpos=[0, 0, z, np.cos(half), 0, np.sin(half), 0, *[0] * 21])
  assert ends('unhealthy', view, limited, make_context()) == ended
