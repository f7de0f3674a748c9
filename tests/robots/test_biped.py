"""The biped is built as described, and stands under PD control."""

import mujoco
import numpy as np
import pytest

from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.robots import robots


@pytest.fixture(scope='module')
def model():
  return build_model(robots()['biped_pd'], converged=True)


def test_it_has_six_motors_and_the_mass_of_its_parts(model):
  assert (model.nu, model.nv) == (6, 12)
  assert model.body_subtreemass[0] == pytest.approx(5.5 + 2.5 + 2 * (2.2 + 1.2 + 0.6))
  driven = [model.joint(model.actuator_trnid[i, 0]).name for i in range(6)]
  assert driven == [f'{side}_{part}' for side in ('left', 'right') for part in ('hip', 'knee', 'ankle')]
  assert np.allclose(model.jnt_axis[1:], (0, 1, 0))


def test_both_drives_have_the_same_body_and_torque_limits(model):
  torque_driven = robots()['biped']
  other = describe(torque_driven, build_model(torque_driven))
  controlled = describe(robots()['biped_pd'], model)
  assert other.torque_limit == pytest.approx([50, 60, 30, 50, 60, 30])
  assert controlled.torque_limit == pytest.approx(other.torque_limit)
  assert (controlled.default_qpos == other.default_qpos).all()


def test_it_stands_on_level_soles_that_nearly_meet_in_the_middle(model):
  sheet = robots()['biped_pd']
  data = mujoco.MjData(model)
  data.qpos[:] = describe(sheet, model).default_qpos
  # 0.33 m each of thigh and shin at 0.4 rad from the vertical, and the ankle 0.05 m above the ground.
  assert data.qpos[2] == pytest.approx(2 * 0.33 * np.cos(0.4) + 0.05, abs=1e-4)
  assert sheet.standing_height == pytest.approx(data.qpos[2], abs=1e-3)
  data.qpos[2] -= 1e-4
  mujoco.mj_forward(model, data)
  corners = {tuple(np.round(contact.pos[:2], 3)) for contact in data.contact}
  assert len(corners) == 8
  assert min(abs(y) for _, y in corners) == pytest.approx(0.01, abs=1e-3)
  assert max(abs(y) for _, y in corners) == pytest.approx(0.13, abs=1e-3)


def test_it_keeps_standing_under_pd_control(model):
  """In C MuJoCo, for 5 s: its ankles are stiffer than the pendulum that stands on them needs."""
  data = mujoco.MjData(model)
  data.qpos[:] = describe(robots()['biped_pd'], model).default_qpos
  mujoco.mj_step(model, data, 1000)
  assert data.qpos[2] > 0.63
  assert data.qpos[3] > 0.999
  assert np.linalg.norm(data.qpos[:2]) < 0.05
