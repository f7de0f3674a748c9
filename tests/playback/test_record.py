"""Protects the control step as playback drives it: contexts, delays, noise of sensors, and frames one by one.

Most of it needs no physics: `record` takes any.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from made_up import changed

from mjx_humanoid.core.types import View
from mjx_humanoid.physics.rotations import heading_of
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.playback.rollout import collect, record, rollout, start_states


def still(obs):
  return np.zeros((len(obs), 21))


def held(start, taken=None):
  """Physics in which nothing moves but the clock; what acts on it is appended to `taken`."""
  clock = itertools.count(1)

  def physics(inputs):
    if taken is not None:
      taken.append(inputs)
    return start._replace(time=start.time + 0.025 * next(clock), ctrl=np.asarray(inputs.ctrl, np.float32))

  return physics


def standing(model, n):
  """n robots in the standing pose."""
  return view_states(model, model.qpos0[None].repeat(n, axis=0), np.zeros((n, model.nv)))


# Contexts


def contexts_of(task, model, steps, controls=None, **settings):
  """The contexts [2, steps] of episodes in a task with these settings."""
  given = iter(np.zeros((steps, 2, 21)) if controls is None else controls)
  other = changed(task, {name.replace('__', '.'): value for name, value in settings.items()})
  starts = start_states(other, model, np.random.default_rng(0), 2)
  rng = np.random.default_rng(4)
  paths = rollout(other, model, lambda obs: next(given), *starts, steps, rng=rng, stop_at_end=False)
  return paths.contexts, paths.start


def test_each_state_is_judged_by_the_context_that_its_action_was_chosen_in(task, model):
  """As in training: the step counts from 1, the last action is that of the step before, at first none."""
  controls = np.random.default_rng(1).uniform(-1, 1, (4, 2, 21)).astype(np.float32)
  contexts, _ = contexts_of(task, model, 4, controls)
  np.testing.assert_array_equal(contexts.step, [[1, 2, 3, 4]] * 2)
  np.testing.assert_array_equal(contexts.last_action[:, 0], 0)
  np.testing.assert_array_equal(contexts.last_action[:, 1:], controls[:3].transpose(1, 0, 2))


def test_the_command_of_the_task_reaches_the_context_and_moves_target_heading_and_position(task, model):
  """2 m/s ahead and half a turn a second, from the heading at the start; one control step behind the state."""
  contexts, start = contexts_of(task, model, 5, command__value=(2.0, 0.0, np.pi))
  np.testing.assert_array_equal(contexts.command, np.tile(np.array([2, 0, np.pi], np.float32), (2, 5, 1)))
  np.testing.assert_array_equal(contexts.requested, contexts.command)
  heading = heading_of(start.qpos[:, 3:7])
  np.testing.assert_allclose(contexts.heading[:, 0], heading, atol=1e-6)
  angle = np.degrees(np.arccos((contexts.heading[:, 0] * contexts.heading[:, 4]).sum(axis=-1)))
  np.testing.assert_allclose(angle, 4 * 0.025 * 180, rtol=1e-4)
  np.testing.assert_allclose(contexts.target_position[:, 0], start.qpos[:, :2], atol=1e-6)
  np.testing.assert_allclose(contexts.target_position[:, 1] - start.qpos[:, :2], 2 * 0.025 * heading, atol=1e-6)


def test_sampled_commands_change_at_their_interval_and_differ_between_episodes(task, model):
  ranges = {'command__low': (0.1, -0.2, -1.0), 'command__high': (1.0, 0.2, 1.0), 'command__rest': 0.0}
  contexts, _ = contexts_of(task, model, 9, command__kind='sampled', command__interval=0.1, **ranges)
  differs = (np.diff(contexts.command, axis=1) != 0).any(axis=-1)
  np.testing.assert_array_equal(differs, [[False, False, False, True] * 2] * 2)
  assert len(np.unique(contexts.command[..., 0])) == 6
  assert (contexts.command >= np.array([0.1, -0.2, -1.0], np.float32)).all()
  assert (contexts.command <= np.array([1.0, 0.2, 1.0], np.float32)).all()


def test_the_clock_of_the_gait_runs_where_a_gait_is_asked_for(task, model):
  gait = {'gait__frequency': 2.0, 'gait__duty': 0.6}
  contexts, _ = contexts_of(task, model, 4, command__value=(1.0, 0.0, 0.0), **gait)
  np.testing.assert_allclose(contexts.phase, [[0, 0.05, 0.1, 0.15]] * 2, atol=1e-6)
  np.testing.assert_allclose(contexts.duty, 0.6, rtol=1e-6)
  contexts, _ = contexts_of(task, model, 4, **gait)  # but the command is to stand
  np.testing.assert_array_equal(contexts.duty, 1)


def test_the_controller_sees_the_state_before_its_action(task, model):
  seen = []

  def controller(obs):
    seen.append(obs)
    return still(obs)

  paths = rollout(task, model, controller, *start_states(task, model, np.random.default_rng(0), 2), 3)
  assert len(seen) == 3
  none = np.zeros((2, task.context.draws))
  context = task.context.start(paths.start, none)
  np.testing.assert_array_equal(seen[0], task.observe(paths.start, task.body, context))
  view = View(*(field[:, 0] for field in paths.views))
  np.testing.assert_array_equal(seen[1], task.observe(view, task.body, task.context.advance(context, view, none)))


# Delays and noise, as in training


def arrivals(task, model, delay, episodes, steps):
  """Which step's control arrives in each step [steps, episodes], in a task with delays up to `delay`; 0: none."""
  late = changed(task, {'randomization': {'action_delay': float(delay)}})
  start, taken, count = standing(model, episodes), [], itertools.count(1)
  frames = record(
    late, lambda obs: np.full((episodes, 21), next(count), float), start, held(start, taken), np.random.default_rng(0)
  )
  list(itertools.islice(frames, steps))
  return np.array([inputs.ctrl[:, 5] for inputs in taken])


def test_an_action_arrives_as_many_steps_later_as_its_episode_is_late(task, model):
  arrived = arrivals(task, model, 3, 400, 6)
  delays = 6 - arrived[-1]
  # Nothing has been sent before the first step.
  for step in range(1, 7):
    np.testing.assert_array_equal(arrived[step - 1], np.maximum(step - delays, 0))
  # 400 episodes over 0, 1, 2, 3: 100 each, standard deviation sqrt(400 x 1/4 x 3/4) = 8.7
  counts = np.bincount(delays.astype(int))
  assert len(counts) == 4
  assert abs(counts - 100).max() < 5 * 8.7


def test_noise_is_of_joint_angles_and_ten_times_that_of_all_velocities(task, model):
  noisy = changed(
    task, {'randomization': {'sensor_noise': 0.02}, 'observations': ('joint_positions', 'joint_velocities')}
  )
  seen, start = [], standing(model, 2000)
  frames = record(noisy, lambda obs: seen.append(obs) or still(obs), start, held(start), np.random.default_rng(0))
  frame = next(frames)
  quiet = task.observe(start, task.body, task.context.start(start, np.zeros((2000, task.context.draws))))
  error = seen[0] - quiet
  assert seen[0].dtype == np.float32
  np.testing.assert_array_equal(error[:, :4], 0)  # height and upward direction
  assert error[:, 4:25].std() == pytest.approx(0.02, rel=0.02)
  assert error[:, 25:].std() == pytest.approx(0.2, rel=0.02)
  np.testing.assert_array_equal(frame.view.qpos, start.qpos)  # what is judged is without


def test_without_delay_and_noise_controls_arrive_at_once_and_no_number_is_drawn(task, model):
  """So that the same seed gives the same commands and pushes with and without."""
  start = standing(model, 3)
  rng, expected = np.random.default_rng(5), np.random.default_rng(5)
  taken, ctrl = [], np.ones((3, 21), np.float32)
  next(record(task, lambda obs: ctrl, start, held(start, taken), rng))
  np.testing.assert_array_equal(taken[0].ctrl, ctrl)
  for draws in (task.context.draws, 2, task.context.draws, 2):  # of contexts and pushes, at the start and after a step
    expected.random((3, draws))
  assert rng.random() == expected.random()


def test_a_rollout_has_delays_and_noise(task, model):
  """What the policy sees is noisy, what is judged is not; one of delay 1 acts a step late."""
  rough = changed(task, {'randomization': {'action_delay': 1.0, 'sensor_noise': 0.05}})
  seen = []

  def policy(obs):
    seen.append(obs)
    return np.full((8, 21), 0.1 * len(seen), np.float32)

  qpos, qvel = model.qpos0[None].repeat(8, axis=0), np.zeros((8, model.nv))
  paths = rollout(rough, model, policy, qpos, qvel, 3, rng=np.random.default_rng(1))
  assert seen[0].std(axis=0).max() > 0.01  # of starts that are all alike
  assert (paths.start.qpos == paths.start.qpos[0]).all()
  orders = {tuple(round(float(x), 1) for x in row) for row in paths.views.ctrl[:, :, 0]}
  assert orders == {(0.1, 0.2, 0.3), (0.0, 0.1, 0.2)}


# Frames


def test_frames_come_one_by_one_for_ever(task, model):
  """A viewer takes them as they come: no step is played before it is asked for."""
  start, taken = standing(model, 2), []
  frames = record(task, still, start, held(start, taken), np.random.default_rng(0))
  assert not taken
  for step in range(1, 4):
    frame = next(frames)
    assert len(taken) == step
    np.testing.assert_allclose(frame.view.time, 0.025 * step, rtol=1e-6)
    np.testing.assert_array_equal(frame.context.step, [step, step])
    np.testing.assert_array_equal(frame.terminated, [False, False])


def test_what_is_collected_are_the_next_frames_and_no_more(task, model):
  start, taken = standing(model, 2), []
  frames = record(task, still, start, held(start, taken), np.random.default_rng(0))
  paths = collect(start, frames, 3, stop_at_end=True)
  assert len(taken) == 3
  np.testing.assert_allclose(paths.views.time, np.tile(0.025 * np.arange(1, 4), (2, 1)), rtol=1e-6)
  np.testing.assert_array_equal(paths.contexts.step, [[1, 2, 3]] * 2)
  assert paths.terminated.shape == (2, 3)
  np.testing.assert_array_equal(collect(start, frames, 2, stop_at_end=True).contexts.step, [[4, 5]] * 2)
