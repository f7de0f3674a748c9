"""The native engine under pushes, and with environments that differ: plain C MuJoCo to the last bit."""

import copy

import mujoco
import numpy as np
import pytest
from native_tools import STEPS, SUBSTEPS, WORLDS, plain, run, same

from mjx_humanoid.physics.native import NativeEngine
from mjx_humanoid.physics.randomize import RANDOMIZATIONS, randomized_fields, varied_models


@pytest.fixture(scope='module')
def start(model):
  """qpos, qvel of worlds that stand, and of one that falls on its back."""
  rng = np.random.default_rng(0)
  qpos = np.tile(model.qpos0, (WORLDS, 1)) + np.pad(rng.normal(size=(WORLDS, 21)) * 0.05, ((0, 0), (7, 0)))
  qpos[-1, 2:7] = [0.3, np.sqrt(0.5), 0, -np.sqrt(0.5), 0]
  return qpos, rng.normal(size=(WORLDS, model.nv)) * 0.1


@pytest.fixture(scope='module')
def controls(model):
  return np.random.default_rng(1).uniform(-0.5, 0.5, (STEPS, WORLDS, model.nu)).astype(np.float32)


@pytest.fixture
def make(model):
  return lambda num_threads=2, num_envs=WORLDS: NativeEngine(model, num_envs, SUBSTEPS, num_threads)


# Pushes


def pushed(model, qpos, qvel, ctrl, force=None, kick=None, steps=1):
  """One world in an MjData of its own, pushed on the torso, after some control steps."""
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:], data.ctrl[:] = qpos, qvel, ctrl
  for _ in range(steps):
    data.xfrc_applied[model.body('torso').id, :3] = 0 if force is None else force
    data.qvel[:3] += 0 if kick is None else kick
    mujoco.mj_step(model, data, SUBSTEPS)
  return data


@pytest.fixture(scope='module')
def pushes():
  """Forces in N and kicks in m/s, another one for each world and none for the first."""
  rng = np.random.default_rng(4)
  forces, kicks = rng.normal(size=(WORLDS, 3)) * 150, rng.normal(size=(WORLDS, 3))
  forces[0], kicks[0] = 0, 0
  return forces, kicks


@pytest.mark.parametrize('which', ['force', 'kick', 'both'])
def test_pushes_are_those_of_plain_mujoco_to_the_last_bit(make, model, start, controls, pushes, which):
  given = {'force': pushes[0], 'kick': pushes[1]}
  given = given if which == 'both' else {which: given[which]}
  engine = make()
  state = engine.init(*start)
  for _ in range(3):
    state, view = engine.step(state, controls[0], **given)
  for i in range(WORLDS):
    own = {name: value[i] for name, value in given.items()}
    data = pushed(model, start[0][i], start[1][i], controls[0, i], steps=3, **own)
    for name in ('qpos', 'qvel', 'sensordata'):
      np.testing.assert_array_equal(getattr(view, name)[i], getattr(data, name).astype(np.float32))


def in_the_air(model):
  qpos = np.tile(model.qpos0, (WORLDS, 1))
  qpos[:, 2] = 5
  return qpos, np.zeros((WORLDS, model.nv))


def test_a_kick_adds_to_the_velocity_and_to_nothing_else(make, model, pushes):
  """Of the whole robot: physics is the same for all who move evenly."""
  resting, moving, ctrl = make(), make(), np.zeros((WORLDS, model.nu))
  _, before = resting.step(resting.init(*in_the_air(model)), ctrl)
  _, after = moving.step(moving.init(*in_the_air(model)), ctrl, kick=pushes[1])
  np.testing.assert_allclose(after.qvel[:, :3] - before.qvel[:, :3], pushes[1], atol=1e-6)
  np.testing.assert_allclose(after.qvel[:, 3:], before.qvel[:, 3:], atol=1e-6)
  np.testing.assert_allclose(after.qpos[:, :3] - before.qpos[:, :3], pushes[1] * SUBSTEPS * 0.005, atol=1e-6)


def momentum(model, qpos, qvel):
  """Of the whole robot, in N s."""
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:] = qpos, qvel
  mujoco.mj_forward(model, data)
  mujoco.mj_subtreeVel(model, data)
  return model.body_mass.sum() * data.subtree_linvel[0]


@pytest.mark.parametrize('steps', [1, 4])
def test_the_impulse_of_a_force_is_what_momentum_changes_by(model, pushes, steps):
  """Beside that of gravity: (F + m g) t, in free fall. In time steps so short that momentum is kept well."""
  fine = copy.copy(model)
  fine.opt.timestep = 1e-4
  engine, seconds = NativeEngine(fine, WORLDS, 250, 2), steps * 0.025
  state = engine.init(*in_the_air(model))
  for _ in range(steps):
    state, view = engine.step(state, np.zeros((WORLDS, model.nu)), force=pushes[0])
  weight = model.body_mass.sum() * np.array([0, 0, -9.81])
  for qpos, qvel, force in zip(view.qpos, view.qvel, pushes[0], strict=True):
    np.testing.assert_allclose(momentum(model, qpos, qvel), (force + weight) * seconds, rtol=0.01, atol=0.05)


def test_a_force_ends_with_its_step(make, model, start, controls, pushes):
  engine = make()
  state, _ = engine.step(engine.init(*start), controls[0], force=pushes[0])
  for ctrl in controls[1:3]:
    state, view = engine.step(state, ctrl, force=np.zeros((WORLDS, 3)))
  for i in range(WORLDS):
    data = pushed(model, start[0][i], start[1][i], controls[0, i], force=pushes[0][i])
    data.xfrc_applied[:] = 0
    for ctrl in controls[1:3, i]:
      data.ctrl[:] = ctrl
      mujoco.mj_step(model, data, SUBSTEPS)
    np.testing.assert_array_equal(view.qpos[i], data.qpos.astype(np.float32))


def test_a_world_that_starts_anew_is_not_pushed_any_more(make, start, controls, pushes):
  engine, fresh = make(), make()
  state, _ = engine.step(engine.init(*start), controls[0], force=pushes[0], kick=pushes[1])
  state = engine.write(state, np.ones(WORLDS, bool), *start)
  assert same(engine.step(state, controls[1])[1], fresh.step(fresh.init(*start), controls[1])[1])


# Worlds that differ


@pytest.fixture(scope='module')
def heavy(model):
  """A model for each world, whose masses and inertias are so many times as large; by MuJoCo alone."""
  models = []
  for factor in (0.7, 0.85, 0.95, 1.1, 1.25, 1.4):
    varied = copy.copy(model)
    varied.body_mass[:] *= factor
    varied.body_inertia[:] *= factor
    mujoco.mj_setConst(varied, mujoco.MjData(varied))
    models.append(varied)
  return models


def rows_of(models, names):
  return {name: np.stack([getattr(m, name) for m in models]) for name in names}


def check_against(models, view, start, controls):
  """Asserts that each world is what plain MuJoCo makes of its own model."""
  for i, own in enumerate(models):
    expected = plain(own, start[0][i : i + 1], start[1][i : i + 1], controls[:, i : i + 1])
    np.testing.assert_array_equal(view.qpos[i], expected['qpos'][-1, 0])
    np.testing.assert_array_equal(view.sensordata[i], expected['sensordata'][-1, 0])


def test_each_world_has_a_mass_of_its_own(model, heavy, start, controls):
  names = ('body_mass', 'body_inertia', 'body_subtreemass', 'body_invweight0', 'dof_invweight0', 'dof_M0')
  engine = NativeEngine(model, WORLDS, SUBSTEPS, 2, rows_of(heavy, (*names, 'actuator_acc0')))
  view = run(engine, engine.init(*start), controls)[-1]
  check_against(heavy, view, start, controls)
  other = NativeEngine(model, WORLDS, SUBSTEPS, 2)
  plainly = run(other, other.init(*start), controls)[-1]
  assert (np.abs(plainly.qpos - view.qpos).max(axis=1) > 1e-3).all()


def test_everything_that_can_vary_varies(model, start, controls):
  fields = randomized_fields(model, dict.fromkeys(RANDOMIZATIONS, 0.2), np.random.default_rng(0), WORLDS)
  models = varied_models(model, fields, WORLDS)
  engine = NativeEngine(model, WORLDS, SUBSTEPS, 2, fields)
  state = engine.init(*start)
  check_against(models, run(engine, state, controls)[-1], start, controls)
  # And goes on doing so after worlds started anew, and in an engine that a checkpoint was read into.
  engine.write(state, np.ones(WORLDS, bool), *start)
  run(engine, state, controls[:4])
  again = NativeEngine(model, WORLDS, SUBSTEPS, 3, fields)
  check_against(models, run(again, again.unpack(engine.pack(state)), controls[4:])[-1], start, controls)


def test_engines_do_not_share_their_differences(model, make, heavy, start, controls):
  """Nor does the model itself change."""
  before = model.body_mass.copy()
  NativeEngine(model, WORLDS, SUBSTEPS, 2, rows_of(heavy, ('body_mass',)))
  np.testing.assert_array_equal(model.body_mass, before)
  engine = make()
  view = run(engine, engine.init(*start), controls)[-1]
  np.testing.assert_array_equal(view.qpos, plain(model, *start, controls)['qpos'][-1])


@pytest.mark.parametrize('shape', [(WORLDS + 1, 21), (WORLDS, 20)])
def test_controls_of_another_size_are_refused(make, start, shape):
  engine = make()
  with pytest.raises(ValueError, match='broadcast'):
    engine.step(engine.init(*start), np.zeros(shape))
