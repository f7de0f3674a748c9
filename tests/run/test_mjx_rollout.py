"""Protects the report card by MJX: the same episodes as in C MuJoCo, on the other engine."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.types import View
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.randomize import randomized_fields
from mjx_humanoid.playback.rollout import rollout, start_states, task_and_model
from mjx_humanoid.run import mjx_rollout as module
from mjx_humanoid.run.mjx_rollout import mjx_rollout
from mjx_humanoid.tasks.task import make_task

EVENTFUL = {
  'push.kind': 'force',
  'push.force': (100.0, 100.0),
  'push.duration': 0.05,
  'push.interval': 0.1,
  'command.kind': 'sampled',
  'command.interval': 0.1,
  'randomization': {'mass': 0.2, 'friction': 0.3, 'motor_strength': 0.2},
}
# The tolerances of tests/physics/test_parity.py, which has more of them.
QPOS, QVEL = 5e-4, 1e-2


def still(obs):
  return np.zeros((len(obs), 21))


def starts(task_and_its_model, n=2):
  return start_states(*task_and_its_model, np.random.default_rng(0), n)


def changed(task_and_its_model, changes):
  task, model = task_and_its_model
  return make_task(replaced(task.config, changes, 'config.task'), task.body), model


class Sliding:
  """An engine that moves each environment by 1 m along x a control step, and remembers its arguments."""

  def __init__(self, model, substeps, *, impl, num_envs, fields):
    self.model, self.substeps, self.impl, self.num_envs, self.fields = model, substeps, impl, num_envs, fields
    Sliding.made = self

  def init(self, qpos, qvel):
    self.began = qpos, qvel
    return jnp.asarray(qpos), jnp.asarray(qvel)

  def step(self, state, ctrl, force=None, kick=None):
    self.told = ctrl, force, kick  # traced: what it was called with, and of which type
    qpos, qvel = state[0].at[:, 0].add(1.0), state[1]
    sensors = jnp.zeros((len(qpos), self.model.nsensordata))
    return (qpos, qvel), View(jnp.zeros(len(qpos)), qpos, qvel, ctrl, sensors)


@pytest.fixture
def engine(monkeypatch):
  """Calling it gives the engine that was made last."""
  monkeypatch.setattr(module, 'MjxEngine', Sliding)
  return lambda: Sliding.made


def test_episodes_go_on_from_step_to_step_and_are_recorded_as_in_playback(standing_task, engine):
  qpos, qvel = starts(standing_task)
  paths = mjx_rollout(*standing_task, still, qpos, qvel, 3)
  np.testing.assert_allclose(paths.views.qpos[..., 0], qpos[:, :1] + [[1, 2, 3]] * 2, atol=1e-5)
  np.testing.assert_array_equal(paths.contexts.step, [[1, 2, 3]] * 2)
  np.testing.assert_array_equal(paths.start.qpos, qpos.astype(np.float32))
  assert all(isinstance(field, np.ndarray) for field in paths.views)
  assert not paths.terminated.any()


def test_the_engine_is_that_of_training_for_the_task(engine):
  """With the solver of training: MJX pays for every iteration, in every environment."""
  quick = task_and_model(TaskConfig(frame_skip=4))
  mjx_rollout(*quick, still, *starts(quick, 3), 1)
  assert (engine().num_envs, engine().substeps, engine().impl, engine().fields) == (3, 4, 'jax', {})
  assert engine().model.opt.iterations == quick[0].body.robot.solver_iterations
  assert [x.dtype for x in engine().began] == [np.float32] * 2


def test_what_acts_on_the_physics_reaches_the_engine_in_single_precision(standing_task, engine):
  mjx_rollout(*standing_task, still, *starts(standing_task), 1)
  ctrl, force, kick = engine().told
  assert (ctrl.shape, ctrl.dtype, force, kick) == ((2, 21), np.float32, None, None)
  for kind, position in (('force', 1), ('kick', 2)):
    mjx_rollout(*changed(standing_task, {'push.kind': kind}), still, *starts(standing_task), 1)
    pushed = engine().told[position]
    assert (pushed.shape, pushed.dtype) == ((2, 3), np.float32)


def test_environments_vary_as_those_of_playback_do(standing_task, engine):
  """From the same generator the same masses, so that both engines judge the same environments."""
  task, model = changed(standing_task, {'randomization': {'mass': 0.2, 'sensor_noise': 0.1}})
  mjx_rollout(task, model, still, *starts(standing_task), 1, rng=np.random.default_rng(3))
  expected = randomized_fields(model, task.config.randomization, np.random.default_rng(3), 2)
  np.testing.assert_array_equal(engine().fields['body_mass'], expected['body_mass'])
  assert 'pair_friction' not in engine().fields


def test_it_ends_where_all_have_fallen_unless_asked_to_go_on(standing_task, engine):
  qpos, qvel = starts(standing_task)
  qpos[:, 2] = 0.3
  assert mjx_rollout(*standing_task, still, qpos, qvel, 4).terminated.shape == (2, 1)
  assert mjx_rollout(*standing_task, still, qpos, qvel, 4, stop_at_end=False).terminated.shape == (2, 4)


@pytest.mark.slow
def test_it_is_the_same_as_in_c_mujoco(standing_task, monkeypatch):
  """Pushed and varied, on its feet and in the air, with a solver that is converged on both sides."""
  monkeypatch.setattr(module, 'build_model', lambda robot: build_model(robot, converged=True))
  eventful = changed(standing_task, {**EVENTFUL, 'termination': 'never'})
  qpos, qvel = starts(standing_task, 4)
  qpos[2:, 2] = 5
  controls = np.random.default_rng(1).uniform(-0.2, 0.2, (8, 4, 21))

  def play(player):
    given = iter(controls)
    return player(*eventful, lambda obs: next(given), qpos, qvel, 8, rng=np.random.default_rng(5))

  native, mjx = play(rollout), play(mjx_rollout)
  np.testing.assert_allclose(mjx.views.qpos, native.views.qpos, rtol=0, atol=QPOS)
  np.testing.assert_allclose(mjx.views.qvel, native.views.qvel, rtol=0, atol=QVEL)
  np.testing.assert_array_equal(mjx.views.ctrl, native.views.ctrl)
  np.testing.assert_allclose(mjx.views.time, native.views.time, atol=1e-5)
  for name in native.contexts._fields:
    if name != 'extra':
      np.testing.assert_allclose(getattr(mjx.contexts, name), getattr(native.contexts, name), atol=1e-6, err_msg=name)
  quiet = rollout(*changed(eventful, {'push.kind': 'none', 'randomization': {}}), still, qpos, qvel, 8)
  assert np.abs(quiet.views.qvel - native.views.qvel).max() > 0.5  # the pushes and variations were there to be seen
