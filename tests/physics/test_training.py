"""The physics of training: a copy of the robot's model, the same control step, and refused where it is unstable."""

import dataclasses

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.config.physics import EnginePhysics, PhysicsConfig
from mjx_humanoid.core.config.schema import resolve
from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.mjx import for_mjx
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.native import NativeEngine
from mjx_humanoid.physics.training import training_physics
from mjx_humanoid.robots import robots

CONTROL_STEP = 0.02
SECTION = 'config.physics.native'


def physics_of(robot, model, **settings):
  return training_physics(robot, model, CONTROL_STEP, EnginePhysics(**settings), SECTION)


def test_without_settings_it_is_that_of_the_robot(robot, model):
  physics = physics_of(robot, model)
  assert physics.model is model
  assert (physics.substeps, physics.changed) == (4, '')


def test_settings_change_a_copy_and_keep_the_control_step(robot, model):
  physics = physics_of(robot, model, solver='cg', iterations=2, line_search_iterations=6, substeps=2)
  opt = physics.model.opt
  assert (opt.solver, opt.iterations, opt.ls_iterations) == (int(mujoco.mjtSolver.mjSOL_CG), 2, 6)
  assert (physics.substeps, opt.timestep) == (2, 0.01)
  assert physics.changed == 'solver cg with 2 iterations, 2 physics steps of 10 ms per control step, integrator euler'
  assert (model.opt.solver, model.opt.iterations, model.opt.timestep) == (int(mujoco.mjtSolver.mjSOL_NEWTON), 1, 0.005)


@pytest.mark.parametrize('substeps', [1, 3, 7])
def test_any_number_of_substeps_fills_the_control_step(substeps, robot, model):
  physics = physics_of(robot, model, substeps=substeps, integrator='discrete')
  assert physics.substeps * physics.model.opt.timestep == pytest.approx(CONTROL_STEP, rel=1e-12)


def test_the_native_engine_steps_what_was_set(robot, model):
  """Against mj_step of a model whose options are written here."""
  physics = physics_of(robot, model, solver='cg', iterations=2, substeps=2)
  expected = build_model(robot)
  expected.opt.solver, expected.opt.iterations, expected.opt.timestep = mujoco.mjtSolver.mjSOL_CG, 2, 0.01
  data = mujoco.MjData(expected)
  ctrl = np.linspace(-0.5, 0.5, model.nu).astype(np.float32)
  engine = NativeEngine(physics.model, 1, physics.substeps)
  state = engine.init(expected.qpos0[None], np.zeros((1, model.nv)))
  for _ in range(5):
    state, view = engine.step(state, ctrl[None])
    data.ctrl[:] = ctrl
    mujoco.mj_step(expected, data, 2)
  np.testing.assert_allclose(view.qpos[0], data.qpos, atol=1e-6)
  np.testing.assert_allclose(view.time, [0.1], rtol=1e-6)


def test_mjx_has_what_was_set(robot, model):
  physics = physics_of(robot, model, solver='cg', iterations=2, substeps=2, integrator='discrete')
  option = for_mjx(physics.model, 'jax').opt
  assert (int(option.solver), int(option.integrator)) == (int(mujoco.mjtSolver.mjSOL_CG), 4)
  assert int(option.iterations) == 2
  np.testing.assert_allclose(option.timestep, 0.01, rtol=1e-6)


def test_an_unstable_timestep_is_refused_with_a_stable_one():
  """PD control of the humanoid at 10 ms: Euler gains energy, `discrete` does not."""
  robot = robots()['humanoid_pd']
  model = build_model(robot)
  words = r"config\.physics\.native: .*'humanoid_pd' is unstable with 2 substeps of 0\.01 s .*substeps=3\."
  with pytest.raises(UserError, match=words) as error:
    physics_of(robot, model, substeps=2)
  assert '\n' not in str(error.value)
  assert physics_of(robot, model, substeps=2, integrator='discrete').substeps == 2


def test_each_engine_has_settings_of_its_own():
  physics = PhysicsConfig(native=EnginePhysics(solver='cg'))
  assert physics.of('native') == ('native', physics.native)
  assert physics.of('mjx') == physics.of('mjx-warp') == ('mjx', EnginePhysics())


@pytest.mark.parametrize(
  ('name', 'value', 'words'),
  [
    ('native.solver', 'pgs', r"physics\.native\.solver: 'pgs'.*cg, file, newton"),
    ('mjx.integrator', 'implicit', r"physics\.mjx\.integrator: 'implicit'.*implicitfast"),
    ('native.substeps', -1, r'physics\.native\.substeps=-1 is out of range: it must be at least 0'),
    ('native.iterations', 2.5, r'physics\.native\.iterations must be a whole number'),
    ('warp.solver', 'cg', r"key in config\.physics 'warp'.*mjx, native"),
  ],
)
def test_wrong_settings_name_the_choices(name, value, words):
  engine, _, leaf = name.partition('.')
  with pytest.raises(UserError, match=words) as error:
    resolve({'physics': {engine: {leaf: value}}})
  assert '\n' not in str(error.value)


def test_settings_may_be_changed_by_name():
  changed = replaced(PhysicsConfig(), {'native.solver': 'cg'}, 'config.physics')
  assert changed == dataclasses.replace(PhysicsConfig(), native=EnginePhysics(solver='cg'))
