"""Single states: what tasks see of them, and where limp robots come to rest, against plain C MuJoCo."""

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics import states
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.states import settle, view_states
from mjx_humanoid.robots import robots


def test_views_of_start_states_are_those_of_mj_forward(model, starts):
  """A row must not depend on the rows before it, nor on the solver's memory of them."""
  qpos, qvel = starts
  view = view_states(model, qpos, qvel)
  for i in range(len(qpos)):
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = qpos[i], qvel[i]
    mujoco.mj_forward(model, data)
    np.testing.assert_allclose(view.sensordata[i], data.sensordata, rtol=1e-5, atol=1e-5)
  assert np.array_equal(view.qpos, qpos)
  assert np.array_equal(view.qvel, qvel)


def test_views_of_start_states_are_at_rest_in_time_and_float32(model, starts):
  view = view_states(model, *(x.astype(np.float64) for x in starts))
  assert [field.dtype for field in view] == [np.float32] * 5
  assert not view.time.any()
  assert not view.ctrl.any()
  assert [len(field) for field in view] == [16] * 5


# Limp robots


def test_what_becomes_of_limp_robots_is_plain_mujoco_without_control(model, starts):
  qpos, qvel = starts
  later = settle(model, qpos, qvel, 0.1)
  for i in range(len(qpos)):
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = qpos[i], qvel[i]
    mujoco.mj_step(model, data, 20)
    np.testing.assert_array_equal(later[0][i], data.qpos.astype(np.float32))
    np.testing.assert_array_equal(later[1][i], data.qvel.astype(np.float32))
  assert [x.dtype for x in later] == [np.float64] * 2


def test_a_robot_that_cannot_come_to_rest_is_replaced_by_another(model, starts):
  """One is not a number, one diverges, one flies off faster than anything that lies."""
  qpos, qvel = (x[:6].astype(np.float64) for x in starts)
  expected = settle(model, qpos, qvel, 0.1)
  qpos[1, 9], qvel[2, 8], qvel[4, 0] = np.nan, 1e9, states.MAX_SETTLED + 30
  later = settle(model, qpos, qvel, 0.1)
  for a, b in zip(later, expected, strict=True):
    np.testing.assert_array_equal(a, b[[0, 0, 0, 3, 0, 5]])


def test_that_none_comes_to_rest_is_said(model):
  with pytest.raises(UserError, match='diverged'):
    settle(model, np.full((2, model.nq), np.nan), np.zeros((2, model.nv)), 0.05)


def test_settled_robots_are_limp_whatever_their_motors(model):
  """Servos would hold the standing pose at ctrl = 0; motors that are off leave the joints to their springs."""
  servos = build_model(robots()['humanoid_pd'])
  qpos = np.repeat(model.qpos0[None], 2, axis=0)
  qpos[:, 2] += 2.0  # in the air
  qpos[1, 7:] = 0.3
  limp, held = (settle(m, qpos, np.zeros((2, model.nv)), 0.2) for m in (model, servos))
  for a, b in zip(limp, held, strict=True):
    np.testing.assert_array_equal(a, b)
