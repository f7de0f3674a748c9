"""Protects playback in plain C MuJoCo: physics step by step, fit, ends, and that none of it needs JAX."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from made_up import changed

from mjx_humanoid.core.config.task import CommandConfig, PushConfig, TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics import randomize
from mjx_humanoid.playback.rollout import check_fit, rollout, start_states, task_and_model
from mjx_humanoid.tasks.pushes import Pusher

WITHOUT_JAX = """
import sys
FORBIDDEN = {'jax', 'jaxlib', 'flax', 'brax', 'optax', 'orbax'}

class Refuse:
  def find_spec(self, name, path=None, target=None):
    if name.partition('.')[0] in FORBIDDEN:
      raise ImportError(f'{name} was imported')

sys.meta_path.insert(0, Refuse())
import numpy as np
from mjx_humanoid.playback.find import load
from mjx_humanoid.playback.rollout import check_fit, rollout, start_states, task_and_model
from mjx_humanoid.playback.figures import measure

policy = load(sys.argv[1])
task, model = task_and_model(policy.task)
check_fit(policy, task, model)
qpos, qvel = start_states(task, model, np.random.default_rng(0), 2)
paths = rollout(task, model, policy, qpos, qvel, round(0.2 / task.body.control_step))
assert paths.views.qpos.shape[0] == 2 and paths.views.qpos.shape[2] == 28, paths.views.qpos.shape
assert np.isfinite(paths.views.qpos).all()
print(measure(paths, task.body)['survival_seconds'].tolist())
assert not FORBIDDEN & {name.partition('.')[0] for name in sys.modules}
"""


def still(obs):
  return np.zeros((len(obs), 21))


@pytest.fixture
def starts(task, model):
  """Two perturbed starts of standing: qpos [2, 28], qvel [2, 27]."""
  return start_states(task, model, np.random.default_rng(0), 2)


def test_playback_needs_no_jax(finished_run, run_python):
  result = run_python('-c', WITHOUT_JAX, finished_run)
  assert result.returncode == 0, result.stderr
  assert result.stdout.strip() == '[0.2, 0.2]'


# Physics


def by_hand(model, qpos, qvel, controls, forces=None):
  """Five physics steps of 5 ms a control step, controls and forces held, each begun without a warm start."""
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:] = qpos, qvel
  for step, ctrl in enumerate(controls):
    data.ctrl[:], data.qacc_warmstart[:] = ctrl, 0
    if forces is not None:
      data.xfrc_applied[1, :3] = forces[step]
    for _ in range(5):
      mujoco.mj_step(model, data)
    yield data


def test_physics_is_that_of_mujoco_stepped_by_hand(task, model, starts):
  """Controls held for five steps, sensors as MuJoCo left them."""
  qpos, qvel = starts
  controls = np.random.default_rng(3).uniform(-0.5, 0.5, (4, 2, 21))
  given = iter(controls)
  paths = rollout(task, model, lambda obs: next(given), qpos, qvel, 4)
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:] = qpos[1], qvel[1]
  mujoco.mj_forward(model, data)
  np.testing.assert_array_equal(paths.start.sensordata[1], data.sensordata.astype(np.float32))
  for step, data in enumerate(by_hand(model, qpos[1], qvel[1], controls[:, 1])):
    for name in ('qpos', 'qvel', 'ctrl', 'sensordata'):
      np.testing.assert_array_equal(getattr(paths.views, name)[1, step], getattr(data, name).astype(np.float32))
    assert paths.views.time[1, step] == pytest.approx(0.025 * (step + 1))


def test_what_follows_from_a_recorded_state_is_the_same_wherever_it_is_played(task, model, starts):
  """The state alone decides: nothing of how it was reached, such as the solver's warm start, is carried on."""
  paths = rollout(task, model, still, *starts, 6)
  again = rollout(task, model, still, *(x[:, 2].astype(float) for x in (paths.views.qpos, paths.views.qvel)), 3)
  np.testing.assert_allclose(again.views.qpos, paths.views.qpos[:, 3:], atol=1e-5)  # from float32


def test_the_solver_is_converged(model):
  assert model.opt.iterations >= 100


def test_views_are_single_precision_and_each_step_has_its_own(task, model, starts):
  paths = rollout(task, model, still, *starts, 3)
  assert {field.dtype for field in paths.views} == {np.dtype(np.float32)}
  np.testing.assert_array_equal(paths.start.qpos, starts[0].astype(np.float32))
  assert not np.array_equal(paths.views.qpos[:, 0], paths.views.qpos[:, 1])


def test_frame_skip_of_the_task_changes_the_control_step(starts):
  double, model = task_and_model(TaskConfig(frame_skip=10))
  assert double.body.control_step == pytest.approx(0.05)
  assert rollout(double, model, still, *starts, 2).views.time[0, 1] == pytest.approx(0.1)


# Starts


def test_starts_are_those_of_the_task_at_its_strength(task, model):
  """Without perturbations all stand relaxed; with them none does exactly."""
  calm = changed(task, {'start_strength': 0.0})
  qpos, qvel = start_states(calm, model, np.random.default_rng(0), 3)
  np.testing.assert_allclose(qpos[:, 7:], np.tile(task.body.relaxed_qpos[7:], (3, 1)), atol=1e-6)
  assert not qvel.any()
  lying, _ = start_states(changed(task, {'start': 'fallen'}), model, np.random.default_rng(0), 3)
  assert lying[:, 2].max() < 0.5
  perturbed, _ = start_states(task, model, np.random.default_rng(0), 3)
  assert np.abs(perturbed[:, 7:] - task.body.relaxed_qpos[7:]).max(axis=1).min() > 0.01


# Ends


def test_it_ends_early_only_when_all_have_fallen(task, model, starts):
  low, qvel = starts[0].copy(), starts[1]
  low[0, 2] = 0.3  # below the fallen height from the start
  assert rollout(task, model, still, low, qvel, 5).terminated.shape == (2, 5)
  low[1, 2] = 0.3
  paths = rollout(task, model, still, low, qvel, 5)
  assert paths.terminated.shape == (2, 1)
  assert paths.terminated.all()
  assert rollout(task, model, still, low, qvel, 5, stop_at_end=False).terminated.shape == (2, 5)


@pytest.mark.parametrize('speed', [np.nan, np.inf, -2000.0])
@pytest.mark.filterwarnings('error')
def test_an_episode_that_diverges_has_ended(task, model, starts, speed):
  qpos, qvel = starts
  qvel[0, 0] = speed
  terminated = rollout(task, model, still, qpos, qvel, 2).terminated
  np.testing.assert_array_equal(terminated, [[True, True], [False, False]])


# Pushes and varied models


@pytest.mark.parametrize('kind', ['force', 'kick'])
def test_a_push_changes_the_momentum_by_force_times_duration(task, model, starts, kind):
  """120 N for 0.1 s on 41 kg, at the end of every 0.2 s, in directions of their own.

  High in the air, where only pushes move the centre of mass sideways.
  """
  settings = {'push.kind': kind, 'push.force': (120.0, 120.0), 'push.duration': 0.1, 'push.interval': 0.2}
  pushed = changed(task, {**settings, 'termination': 'never'})
  qpos = np.tile(task.body.default_qpos.astype(float), (2, 1))
  qpos[:, 2] = 20
  paths = rollout(pushed, model, still, qpos, np.zeros((2, 27)), 10, rng=np.random.default_rng(6))
  velocity = task.body.sensor(paths.views, 'com_vel')[..., :2]
  np.testing.assert_allclose(velocity[:, 3], 0, atol=1e-5)  # the first 0.1 s are quiet
  speed = np.linalg.norm(velocity, axis=-1)
  np.testing.assert_allclose(speed[:, 9], 120 * 0.1 / task.body.total_mass, rtol=1e-2)
  assert not np.allclose(velocity[0, 9], velocity[1, 9], atol=0.1)


def test_a_push_is_exactly_that_of_mujoco_with_this_force(task, model, starts, monkeypatch):
  settings = {'push.kind': 'force', 'push.force': (80.0, 80.0), 'push.duration': 0.05, 'push.interval': 0.1}
  qpos, qvel = (x[:1] for x in starts)
  forces, draw = [], Pusher.draw
  monkeypatch.setattr(Pusher, 'draw', lambda *given: forces.append(draw(*given)) or forces[-1])
  paths = rollout(changed(task, settings), model, still, qpos, qvel, 4, rng=np.random.default_rng(6))
  assert [bool(force.any()) for force in forces] == [False, False, True, True, False]  # the last of a step not played
  steps = by_hand(model, qpos[0], qvel[0], np.zeros((4, 21)), [force[0] for force in forces])
  for step, data in enumerate(steps):
    np.testing.assert_array_equal(paths.views.qvel[0, step], data.qvel.astype(np.float32))


def test_varied_episodes_are_each_that_of_its_own_model(task, model, starts):
  """Drawn before anything else, and of the properties of models alone: noise is of the sensors."""
  strengths = {'mass': 0.3, 'motor_strength': 0.3}
  varied = changed(task, {'randomization': {**strengths, 'sensor_noise': 0.1}})
  qpos, qvel = (x[:1].repeat(2, axis=0) for x in starts)
  controls = np.random.default_rng(3).uniform(-0.5, 0.5, (4, 21))
  given = iter(controls)
  paths = rollout(varied, model, lambda obs: np.stack([next(given)] * 2), qpos, qvel, 4, rng=np.random.default_rng(8))
  assert not np.allclose(paths.views.qvel[0, 3], paths.views.qvel[1, 3], atol=0.01)
  fields = randomize.randomized_fields(model, strengths, np.random.default_rng(8), 2)
  for i, own in enumerate(randomize.varied_models(model, fields, 2)):
    *_, data = by_hand(own, qpos[i], qvel[i], controls)
    np.testing.assert_array_equal(paths.views.qpos[i, 3], data.qpos.astype(np.float32))


def test_episodes_are_all_alike_unless_asked_otherwise(task, model, starts):
  qpos, qvel = (x[:1].repeat(3, axis=0) for x in starts)
  paths = rollout(task, model, still, qpos, qvel, 6)
  np.testing.assert_array_equal(paths.views.qpos, paths.views.qpos[:1].repeat(3, axis=0))


def test_the_generator_alone_decides(task, model, starts):
  eventful = changed(
    task,
    {
      'push.kind': 'force',
      'push.interval': 0.1,
      'command.kind': 'sampled',
      'randomization': {'mass': 0.2, 'sensor_noise': 0.02, 'action_delay': 2.0},
    },
  )
  first, again, other = (
    rollout(eventful, model, lambda obs: obs[:, :21], *starts, 6, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
  )
  np.testing.assert_array_equal(first.views.qpos, again.views.qpos)
  np.testing.assert_array_equal(first.contexts.command, again.contexts.command)
  assert not np.array_equal(first.views.qpos, other.views.qpos)
  assert not np.array_equal(first.contexts.command, other.contexts.command)


# What does not exist, and policies that do not fit


@pytest.mark.parametrize(
  ('settings', 'words'),
  [
    ({'robot': 'nope'}, "unknown robot 'nope'"),
    ({'termination': 'nope'}, "unknown termination 'nope'"),
    ({'observations': ('nope',)}, "unknown observation 'nope'"),
    ({'command': CommandConfig(kind='nope')}, "unknown kind of command 'nope'"),
    ({'command': CommandConfig(low=(9.0, 0.0, 0.0))}, r'command\.low is above .* for forward'),
    ({'push': PushConfig(kind='nope')}, "unknown kind of push 'nope'"),
    ({'push': PushConfig(force=(5.0, 1.0))}, r'push\.force is upside down'),
    ({'randomization': {'mas': 0.1}}, "unknown randomization 'mas'. Did you mean 'mass'"),
    ({'randomization': {'mass': 1.0}}, 'less than 1'),
  ],
  ids=str,
)
def test_a_setting_that_does_not_exist_is_refused(settings, words):
  with pytest.raises(UserError, match=words):
    task_and_model(TaskConfig(**settings))


def test_a_policy_that_fits_is_accepted(task, model, policy):
  check_fit(policy, task, model)


def test_a_policy_of_other_observations_is_refused(task, model, policy):
  other = changed(task, {'observations': ('joint_positions',)})
  with pytest.raises(UserError, match=r'observations and 21 actions, but humanoid with joint_positions has 25 and 21'):
    check_fit(policy, other, model)


def test_a_policy_of_another_robot_is_refused(task, model, policy, make_policy):
  fewer = make_policy(
    kernels=(policy.kernels[0], policy.kernels[1][:, :17]),
    biases=(policy.biases[0], policy.biases[1][:17]),
    log_std=policy.log_std[:17],
  )
  with pytest.raises(UserError, match=r'and 17 actions, but humanoid .* 21: it is a policy of another robot'):
    check_fit(fewer, task, model)


def test_a_policy_of_another_control_step_is_refused(task, model, make_policy):
  """The task has 25 ms; a robot's datasheet or file may have changed since the training."""
  check_fit(make_policy(info={'name': 'mine', 'control_step': 0.025}), task, model)
  with pytest.raises(UserError, match=r'mine was trained with control steps of 20 ms, and humanoid now has 25 ms'):
    check_fit(make_policy(info={'name': 'mine', 'control_step': 0.02}), task, model)
