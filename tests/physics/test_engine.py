"""The choice among engines, with its reason, and the views of start states."""

import types

import jax
import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics import engine as room
from mjx_humanoid.physics.choice import ENGINES, choose, make_engine
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.native import NativeEngine
from mjx_humanoid.physics.states import settle, view_states
from mjx_humanoid.robots import robots


@pytest.fixture
def machine(monkeypatch):
  """Pretends that JAX sees this device and that warp is installed or not."""

  def pretend(platform, kind, version='', *, warp):
    client = types.SimpleNamespace(platform_version=version)
    monkeypatch.setattr(jax, 'default_backend', lambda: platform)
    monkeypatch.setattr(jax, 'devices', lambda: [types.SimpleNamespace(device_kind=kind, client=client)])
    monkeypatch.setattr(room.importlib.util, 'find_spec', lambda name: object() if warp else None)

  return pretend


@pytest.mark.parametrize(
  ('device', 'warp', 'name', 'reason'),
  [
    (('cpu', 'cpu'), False, 'native', 'no GPU'),
    (('cpu', 'cpu'), True, 'native', 'no GPU'),
    (('gpu', 'NVIDIA H200', 'cuda 12'), True, 'mjx-warp', 'NVIDIA H200'),
    (('gpu', 'H200', 'PJRT C API, NVIDIA driver'), True, 'mjx-warp', 'warp'),
    (('gpu', 'NVIDIA H200', 'cuda 12'), False, 'mjx', 'NVIDIA H200'),
    (('gpu', 'AMD Instinct', 'rocm'), True, 'mjx', 'AMD Instinct'),
    (('tpu', 'TPU v5'), True, 'mjx', 'TPU v5'),
  ],
)
def test_auto_takes_the_fastest_and_says_why(machine, device, warp, name, reason):
  machine(*device, warp=warp)
  chosen, why = choose('auto')
  assert chosen == name
  assert reason in why


@pytest.mark.parametrize('name', ['native', 'mjx'])
@pytest.mark.parametrize('platform', ['cpu', 'gpu'])
def test_what_was_asked_for_is_what_one_gets(machine, name, platform):
  machine(platform, 'x', warp=False)
  assert choose(name) == (name, 'asked for')


def test_warp_without_its_package_says_how_to_install_it(machine):
  machine('gpu', 'NVIDIA H200', warp=False)
  with pytest.raises(UserError, match=r"'mjx-warp' needs warp-lang: pip install .*--config\.engine=auto"):
    choose('mjx-warp')


def test_warp_without_a_gpu_offers_the_others(machine):
  machine('cpu', 'cpu', warp=True)
  with pytest.raises(UserError, match=r"'mjx-warp' needs an NVIDIA GPU .*--config\.engine=native or mjx"):
    choose('mjx-warp')


@pytest.mark.parametrize('name', ['nativ', '', 'warp'])
def test_unknown_engines_are_refused_with_the_choices(machine, name):
  machine('cpu', 'cpu', warp=False)
  with pytest.raises(UserError, match=r'Choices: .*mjx.*native'):
    choose(name)


def test_native_is_made_with_its_threads(model):
  engine = make_engine('native', model, 3, 5, num_threads=2)
  assert isinstance(engine, NativeEngine)
  assert (engine.name, engine.traceable, engine.num_threads) == ('native', False, 2)


def test_mjx_is_made_traceable(model):
  engine = make_engine('mjx', model, 3, 5)
  assert (engine.name, engine.traceable) == ('mjx', True)


def test_fields_reach_the_worlds_of_either_engine(model):
  """In free fall: what motors of double strength do at once is more than what the file's own do."""
  gear = np.stack([model.actuator_gear, 2 * model.actuator_gear])
  native = make_engine('native', model, 2, 1, num_threads=1, fields={'actuator_gear': gear})
  qpos = np.tile(model.qpos0, (2, 1))
  qpos[:, 2] = 3
  _, view = native.step(native.init(qpos, np.zeros((2, model.nv))), np.full((2, model.nu), 0.1))
  assert np.abs(view.qvel[1, 6:]).sum() > 1.5 * np.abs(view.qvel[0, 6:]).sum()
  traced = make_engine('mjx', model, 2, 1, fields={'actuator_gear': gear})
  np.testing.assert_allclose(traced._model.actuator_gear, gear)
  assert traced._axes.actuator_gear == 0
  assert traced._axes.body_mass is None


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
  qpos[1, 9], qvel[2, 8], qvel[4, 0] = np.nan, 1e9, room.MAX_SETTLED + 30
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


def test_every_engine_describes_itself():
  assert list(ENGINES) == ['native', 'mjx', 'mjx-warp']
  assert all(line.endswith('.') for line in ENGINES.values())


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
