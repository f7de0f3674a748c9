"""Protects playback in plain C MuJoCo: physics step by step, fit, ends, and that none of it needs JAX."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
import pytest
from mjx_humanoid.tasks.context.guide import DRAWS

from mjx_humanoid.core.config.schema import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics import randomize
from mjx_humanoid.physics.rotations import heading_of
from mjx_humanoid.playback.rollout import change_task, check_fit, make_scene, rollout
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
from mjx_humanoid.playback.rollout import check_fit, make_scene, rollout
from mjx_humanoid.playback.figures import measure

policy = load(sys.argv[1])
scene = make_scene(policy.task)
check_fit(policy, scene)
qpos, qvel = scene.starts(np.random.default_rng(0), 2, 1.0)
paths = rollout(scene, policy, qpos, qvel, round(0.2 / scene.body.control_step))
assert paths.views.qpos.shape[0] == 2 and paths.views.qpos.shape[2] == 28, paths.views.qpos.shape
assert np.isfinite(paths.views.qpos).all()
print(measure(paths, scene.body)['survival_seconds'].tolist())
assert not FORBIDDEN & {name.partition('.')[0] for name in sys.modules}
"""


def still(obs):
  return np.zeros((len(obs), 21))


def starts(scene, n=2, strength=1.0, seed=0):
  return scene.starts(np.random.default_rng(seed), n, strength)


def test_playback_needs_no_jax(finished_run, run_python):
  result = run_python('-c', WITHOUT_JAX, finished_run)
  assert result.returncode == 0, result.stderr
  assert result.stdout.strip() == '[0.2, 0.2]'


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


def test_physics_is_that_of_mujoco_stepped_by_hand(scene):
  """Controls held for five steps, sensors as MuJoCo left them."""
  rng = np.random.default_rng(3)
  controls = rng.uniform(-0.5, 0.5, (4, 2, 21))
  qpos, qvel = starts(scene)
  given = iter(controls)
  paths = rollout(scene, lambda obs: next(given), qpos, qvel, 4)
  data = mujoco.MjData(scene.model)
  data.qpos[:], data.qvel[:] = qpos[1], qvel[1]
  mujoco.mj_forward(scene.model, data)
  np.testing.assert_array_equal(paths.start.sensordata[1], data.sensordata.astype(np.float32))
  for step, data in enumerate(by_hand(scene.model, qpos[1], qvel[1], controls[:, 1])):
    for name in ('qpos', 'qvel', 'ctrl', 'sensordata'):
      np.testing.assert_array_equal(getattr(paths.views, name)[1, step], getattr(data, name).astype(np.float32))
    assert paths.views.time[1, step] == pytest.approx(0.025 * (step + 1))


def test_what_follows_from_a_recorded_state_is_the_same_wherever_it_is_played(scene):
  """The state alone decides: nothing of how it was reached, such as the solver's warm start, is carried on."""
  qpos, qvel = starts(scene)
  paths = rollout(scene, still, qpos, qvel, 6)
  again = rollout(scene, still, *(x[:, 2].astype(float) for x in (paths.views.qpos, paths.views.qvel)), 3)
  np.testing.assert_allclose(again.views.qpos, paths.views.qpos[:, 3:], atol=1e-5)  # from float32


def test_the_solver_is_converged(scene):
  assert scene.model.opt.iterations >= 100


def test_the_controller_sees_the_state_before_its_action(scene):
  seen = []

  def controller(obs):
    seen.append(obs)
    return still(obs)

  qpos, qvel = starts(scene)
  paths = rollout(scene, controller, qpos, qvel, 3)
  assert len(seen) == 3
  context = scene.guide.start(paths.start.qpos, 21, np.zeros((2, DRAWS)))
  np.testing.assert_array_equal(seen[0], scene.observe(paths.start, scene.body, context))
  view = type(paths.views)(*(field[:, 0] for field in paths.views))
  context = scene.guide.advance(context, view, np.zeros((2, DRAWS)))
  np.testing.assert_array_equal(seen[1], scene.observe(view, scene.body, context))


def test_it_ends_early_only_when_all_have_fallen(scene):
  qpos, qvel = starts(scene)
  low = qpos.copy()
  low[0, 2] = 0.3  # below the fallen height from the start
  assert rollout(scene, still, low, qvel, 5).terminated.shape == (2, 5)
  low[1, 2] = 0.3
  paths = rollout(scene, still, low, qvel, 5)
  assert paths.terminated.shape == (2, 1)
  assert paths.terminated.all()
  assert rollout(scene, still, low, qvel, 5, stop_at_end=False).terminated.shape == (2, 5)


@pytest.mark.parametrize('speed', [np.nan, np.inf, -2000.0])
@pytest.mark.filterwarnings('error')
def test_a_world_that_diverges_has_ended(scene, speed):
  qpos, qvel = starts(scene)
  qvel[0, 0] = speed
  terminated = rollout(scene, still, qpos, qvel, 2).terminated
  np.testing.assert_array_equal(terminated, [[True, True], [False, False]])


def test_frame_skip_of_the_task_changes_the_control_step():
  double = make_scene(TaskConfig(frame_skip=10))
  assert double.body.control_step == pytest.approx(0.05)
  assert rollout(double, still, *starts(double, 1), 2).views.time[0, 1] == pytest.approx(0.1)


# What guides an episode


def contexts_of(scene, steps, controls=None, **settings):
  """The contexts [2, steps] of episodes in a task with these settings."""
  given = iter(np.zeros((steps, 2, 21)) if controls is None else controls)
  other = change_task(scene, settings)
  paths = rollout(
    other, lambda obs: next(given), *starts(other), steps, rng=np.random.default_rng(4), stop_at_end=False
  )
  return paths.contexts, paths.start


def test_each_state_is_judged_by_the_context_that_its_action_was_chosen_in(scene):
  """As in training: the step counts from 1, the last action is that of the step before, at first none."""
  controls = np.random.default_rng(1).uniform(-1, 1, (4, 2, 21)).astype(np.float32)
  contexts, _ = contexts_of(scene, 4, controls)
  np.testing.assert_array_equal(contexts.step, [[1, 2, 3, 4]] * 2)
  np.testing.assert_array_equal(contexts.last_action[:, 0], 0)
  np.testing.assert_array_equal(contexts.last_action[:, 1:], controls[:3].transpose(1, 0, 2))


def test_the_command_of_the_task_reaches_the_context_and_moves_heading_and_place(scene):
  """2 m/s ahead and half a turn a second, from the heading at the start; one control step behind the state."""
  contexts, start = contexts_of(scene, 5, command=(2.0, 0.0, np.pi))
  np.testing.assert_array_equal(contexts.command, np.tile(np.array([2, 0, np.pi], np.float32), (2, 5, 1)))
  heading = heading_of(start.qpos)
  np.testing.assert_allclose(contexts.heading[:, 0], heading, atol=1e-6)
  turned = np.degrees(np.arccos((contexts.heading[:, 0] * contexts.heading[:, 4]).sum(axis=-1)))
  np.testing.assert_allclose(turned, 4 * 0.025 * 180, rtol=1e-4)
  np.testing.assert_allclose(contexts.place[:, 0], start.qpos[:, :2], atol=1e-6)
  np.testing.assert_allclose(contexts.place[:, 1] - start.qpos[:, :2], 2 * 0.025 * heading, atol=1e-6)


def test_sampled_commands_change_at_their_interval_and_differ_between_episodes(scene):
  settings = {'command_low': (0.1, -0.2, -1.0), 'command_high': (1.0, 0.2, 1.0), 'command_rest': 0.0}
  contexts, _ = contexts_of(scene, 9, commands='sampled', command_interval=0.1, **settings)
  changed = (np.diff(contexts.command, axis=1) != 0).any(axis=-1)
  np.testing.assert_array_equal(changed, [[False, False, False, True] * 2] * 2)
  assert len(np.unique(contexts.command[..., 0])) == 6
  assert (contexts.command >= np.array([0.1, -0.2, -1.0], np.float32)).all()
  assert (contexts.command <= np.array([1.0, 0.2, 1.0], np.float32)).all()


def test_the_clock_of_the_gait_runs_where_a_gait_is_asked_for(scene):
  contexts, _ = contexts_of(scene, 4, command=(1.0, 0.0, 0.0), gait_frequency=2.0, gait_duty=0.6)
  np.testing.assert_allclose(contexts.phase, [[0, 0.05, 0.1, 0.15]] * 2, atol=1e-6)
  np.testing.assert_allclose(contexts.duty, 0.6, rtol=1e-6)
  contexts, _ = contexts_of(scene, 4, gait_frequency=2.0, gait_duty=0.6)  # but nobody is commanded to move
  np.testing.assert_array_equal(contexts.duty, 1)


# Pushes and varied worlds


def thrown(scene, n=2):
  """Starts high in the air, where only pushes move the centre of mass sideways."""
  qpos, qvel = starts(scene, n, 0.0)
  qpos[:, 2] = 20
  return qpos, 0 * qvel


@pytest.mark.parametrize('kind', ['force', 'kick'])
def test_a_push_changes_the_momentum_by_force_times_duration(scene, kind):
  """120 N for 0.1 s on 41 kg, at the end of every 0.2 s, in directions of their own."""
  settings = {'pushes': kind, 'push_force': (120.0, 120.0), 'push_duration': 0.1, 'push_interval': 0.2}
  pushed = change_task(scene, {**settings, 'termination': 'never'})
  paths = rollout(pushed, still, *thrown(scene), 10, rng=np.random.default_rng(6))
  velocity = scene.body.sensor(paths.views, 'com_vel')[..., :2]
  np.testing.assert_allclose(velocity[:, 3], 0, atol=1e-5)  # the first 0.1 s are quiet
  speed = np.linalg.norm(velocity, axis=-1)
  np.testing.assert_allclose(speed[:, 9], 120 * 0.1 / scene.body.total_mass, rtol=1e-2)
  assert not np.allclose(velocity[0, 9], velocity[1, 9], atol=0.1)


def test_a_push_is_exactly_that_of_mujoco_with_this_force(scene, monkeypatch):
  settings = {'pushes': 'force', 'push_force': (80.0, 80.0), 'push_duration': 0.05, 'push_interval': 0.1}
  pushed = change_task(scene, settings)
  qpos, qvel = starts(scene, 1)
  forces, draw = [], Pusher.draw
  monkeypatch.setattr(Pusher, 'draw', lambda *given: forces.append(draw(*given)) or forces[-1])
  paths = rollout(pushed, still, qpos, qvel, 4, rng=np.random.default_rng(6))
  assert [bool(force.any()) for force in forces] == [False, False, True, True]
  steps = by_hand(scene.model, qpos[0], qvel[0], np.zeros((4, 21)), [force[0] for force in forces])
  for step, data in enumerate(steps):
    np.testing.assert_array_equal(paths.views.qvel[0, step], data.qvel.astype(np.float32))


def test_varied_worlds_differ_and_are_those_of_their_models(scene):
  """Each episode is that of its own model, drawn before anything else."""
  varied = change_task(scene, {'randomization': {'mass': 0.3, 'motor_strength': 0.3, 'sensor_noise': 0.1}})
  # Noise is of the sensors, not of the model.
  assert randomize.of_the_model(varied.task.randomization) == {'mass': 0.3, 'motor_strength': 0.3}
  qpos, qvel = starts(scene)
  qpos[1], qvel[1] = qpos[0], qvel[0]
  controls = np.random.default_rng(3).uniform(-0.5, 0.5, (4, 21))
  given = iter(controls)
  paths = rollout(varied, lambda obs: np.stack([next(given)] * 2), qpos, qvel, 4, rng=np.random.default_rng(8))
  assert not np.allclose(paths.views.qvel[0, 3], paths.views.qvel[1, 3], atol=0.01)
  for i, model in enumerate(varied.models(np.random.default_rng(8), 2)):
    *_, data = by_hand(model, qpos[i], qvel[i], controls)
    np.testing.assert_array_equal(paths.views.qpos[i, 3], data.qpos.astype(np.float32))


def test_worlds_are_all_alike_unless_asked_otherwise(scene):
  assert scene.models(np.random.default_rng(0), 3) == [scene.model] * 3


def test_the_generator_alone_decides(scene):
  settings = {'pushes': 'force', 'push_interval': 0.1, 'commands': 'sampled', 'randomization': {'mass': 0.2}}
  eventful = change_task(scene, settings)
  first, again, other = (
    rollout(eventful, still, *starts(scene), 6, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
  )
  np.testing.assert_array_equal(first.views.qpos, again.views.qpos)
  np.testing.assert_array_equal(first.contexts.command, again.contexts.command)
  assert not np.array_equal(first.views.qpos, other.views.qpos)
  assert not np.array_equal(first.contexts.command, other.contexts.command)


# Other tasks in the same scene


def test_a_task_can_be_changed_in_all_but_the_robot_and_what_is_seen(scene):
  changed = change_task(scene, {'termination': 'never', 'command': (1.0, 0.0, 0.0), 'pushes': 'kick'})
  assert (changed.model, changed.body, changed.observe) == (scene.model, scene.body, scene.observe)
  qpos, qvel = starts(scene)
  qpos[:, 2] = 0.3  # below the fallen height
  assert not rollout(changed, still, qpos, qvel, 2).terminated.any()
  assert changed.pusher.ever and not scene.pusher.ever
  assert scene.task == TaskConfig()


@pytest.mark.parametrize(
  ('settings', 'words'),
  [
    ({'termination': 'nope'}, "unknown termination 'nope'"),
    ({'commands': 'nope'}, "unknown kind of command 'nope'"),
    ({'pushes': 'nope'}, "unknown kind of push 'nope'"),
    ({'push_force': (5.0, 1.0)}, 'push_force is upside down'),
    ({'command_low': (9.0, 0.0, 0.0)}, 'command_low is above .* for forward'),
  ],
  ids=str,
)
def test_a_setting_that_does_not_exist_is_refused_in_either_way(scene, settings, words):
  with pytest.raises(UserError, match=words):
    change_task(scene, settings)
  with pytest.raises(UserError, match=words):
    make_scene(TaskConfig(**settings))


@pytest.mark.parametrize(
  ('strengths', 'words'),
  [({'mas': 0.1}, "unknown randomization 'mas'. Did you mean 'mass'"), ({'mass': 1.0}, 'less than 1')],
)
def test_a_randomization_that_does_not_exist_is_refused(strengths, words):
  with pytest.raises(UserError, match=words):
    make_scene(TaskConfig(randomization=strengths))


# Policies that fit


def test_a_policy_that_fits_is_accepted(scene, make_policy):
  check_fit(make_policy(), scene)


def test_a_policy_of_other_observations_is_refused(scene, make_policy):
  other = make_scene(dataclasses.replace(scene.task, observations=('joint_positions',)))
  with pytest.raises(UserError, match=r'observations and 21 actions, but humanoid with joint_positions has 25 and 21'):
    check_fit(make_policy(), other)


def test_a_policy_of_another_robot_is_refused(scene, make_policy):
  policy = make_policy()
  fewer = make_policy(
    kernels=(policy.kernels[0], policy.kernels[1][:, :17]),
    biases=(policy.biases[0], policy.biases[1][:17]),
    log_std=policy.log_std[:17],
  )
  with pytest.raises(UserError, match=r'and 17 actions, but humanoid .* 21: it is a policy of another robot'):
    check_fit(fewer, scene)


@pytest.mark.parametrize(
  ('name', 'kind'),
  [('robot', 'robot'), ('termination', 'termination'), ('observations', 'observation')],
)
def test_a_name_that_does_not_exist_is_refused(name, kind):
  value = ('nope',) if name == 'observations' else 'nope'
  with pytest.raises(UserError, match=f"unknown {kind} 'nope'"):
    make_scene(TaskConfig(**{name: value}))


def test_views_are_single_precision_and_each_step_has_its_own(scene):
  qpos, qvel = starts(scene)
  paths = rollout(scene, still, qpos, qvel, 3)
  assert {field.dtype for field in paths.views} == {np.dtype(np.float32)}
  np.testing.assert_array_equal(paths.start.qpos, qpos.astype(np.float32))
  assert not np.array_equal(paths.views.qpos[:, 0], paths.views.qpos[:, 1])
