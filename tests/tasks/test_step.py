"""The control step of a task: delays, pushes, context, noise and divergence by hand; JAX agrees with NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.core.config.task import CommandConfig, GaitConfig, PushConfig, StationConfig, TaskConfig
from mjx_humanoid.core.types import View
from mjx_humanoid.tasks import step
from mjx_humanoid.tasks.step import Noise, act, advance, begin, diverged, judged_by, observe, push
from mjx_humanoid.tasks.task import make_task

COUNT = 4


@pytest.fixture
def task_of(body):
  return lambda **settings: make_task(TaskConfig(**settings), body)


@pytest.fixture
def views(body, model):
  """Standing robots, each at a place, speed and control of its own."""
  rng = np.random.default_rng(0)
  qpos = np.tile(body.default_qpos, (COUNT, 1))
  qpos[:, :2] += rng.normal(size=(COUNT, 2))
  fields = (qpos, rng.normal(size=(COUNT, body.nv)), rng.uniform(-1, 1, (COUNT, body.nu)))
  sensors = rng.normal(size=(COUNT, model.nsensordata))
  return View(np.zeros(COUNT, np.float32), *(x.astype(np.float32) for x in (*fields, sensors)))


def begun(task, views, delay=0, **more):
  uniform = np.full((COUNT, task.context.draws), 0.5, np.float32)
  return begin(task, views, uniform, np.full(COUNT, delay, np.int32), **more)


def test_an_episode_begins_without_push_and_with_the_context_of_its_start(task_of, views):
  task = task_of(command=CommandConfig(value=(1.0, 0.0, 0.0)))
  episode = begun(task, views)
  assert not episode.push.any()
  np.testing.assert_array_equal(episode.context.step, np.zeros(COUNT))
  np.testing.assert_array_equal(episode.context.target_position, views.qpos[:, :2])
  np.testing.assert_allclose(episode.context.command, np.tile([1, 0, 0], (COUNT, 1)))
  assert episode.sent.shape == (COUNT, 0, 21)


def test_actions_arrive_late_by_the_delay_of_their_environment(task_of, views):
  """Action k is k + 1 in all motors; before the first one arrives, the controls are zero."""
  task = task_of(randomization={'action_delay': 3.0})
  episode = begun(task, views)._replace(delay=np.array([0, 1, 2, 3], np.int32))
  arrived = []
  for k in range(5):
    episode, inputs = act(task, episode, np.full((COUNT, 21), k + 1.0, np.float32))
    assert (inputs.ctrl == inputs.ctrl[:, :1]).all()
    arrived.append(inputs.ctrl[:, 0])
  np.testing.assert_array_equal(
    np.transpose(arrived), [[1, 2, 3, 4, 5], [0, 1, 2, 3, 4], [0, 0, 1, 2, 3], [0, 0, 0, 1, 2]]
  )


def test_without_delay_the_controls_are_the_actions(task_of, views):
  task = task_of()
  ctrl = np.random.default_rng(1).uniform(-1, 1, (COUNT, 21)).astype(np.float32)
  episode, inputs = act(task, begun(task, views), ctrl)
  np.testing.assert_array_equal(inputs.ctrl, ctrl)
  assert (inputs.force, inputs.kick) == (None, None)
  assert push(task, episode, np.zeros((COUNT, step.PUSH_DRAWS))) is episode


@pytest.mark.parametrize('kind', ['force', 'kick'])
def test_a_push_acts_in_the_step_that_it_was_drawn_for(task_of, views, kind):
  """In the last of every four steps of 25 ms: 100 N along x, or 100 N x 0.025 s / 40.844 kg = 0.0612 m/s."""
  task = task_of(push=PushConfig(kind=kind, force=(100.0, 100.0), duration=0.025, interval=0.1))
  episode, acted = begun(task, views), []
  episode = push(task, episode, np.zeros((COUNT, step.PUSH_DRAWS)))
  for _ in range(8):
    episode, inputs = act(task, episode, np.zeros((COUNT, 21), np.float32))
    acted.append((inputs.force if kind == 'force' else inputs.kick)[0])
    episode = advance(task, episode, views, np.full((COUNT, task.context.draws), 0.5))
    episode = push(task, episode, np.zeros((COUNT, step.PUSH_DRAWS)))
  expected = np.zeros((8, 3))
  expected[[3, 7], 0] = 100.0 if kind == 'force' else 0.0612085
  np.testing.assert_allclose(acted, expected, rtol=1e-4)


def test_the_level_scales_pushes_and_commands(task_of, views):
  """Commands sampled at exactly 2 m/s, pushes of 100 N, at levels of 0.25 to 1."""
  command = CommandConfig(kind='sampled', low=(2.0, 0, 0), high=(2.0, 0, 0), rest=0.0, interval=0.025)
  task = task_of(command=command, push=PushConfig(kind='force', force=(100.0, 100.0), duration=1.0, interval=0.025))
  level = np.array([0.25, 0.5, 0.75, 1.0], np.float32)
  episode = begun(task, views, level=level)
  np.testing.assert_allclose(episode.context.command[:, 0], 2 * level)
  episode = advance(task, episode, views, np.full((COUNT, task.context.draws), 0.5), level[::-1])
  np.testing.assert_allclose(episode.context.command[:, 0], 2 * level[::-1])
  np.testing.assert_allclose(push(task, episode, np.zeros((COUNT, 2)), level).push[:, 0], 100 * level)


def test_rewards_see_the_context_in_which_the_action_was_chosen_one_step_on(task_of, views):
  """Its command and the action before, but the age that the step leads to; then the context advances."""
  task = task_of(command=CommandConfig(kind='sampled', interval=0.025))
  episode = begun(task, views)
  judged = judged_by(episode)
  np.testing.assert_array_equal(judged.step, np.ones(COUNT))
  np.testing.assert_array_equal(judged.command, episode.context.command)
  assert not judged.last_action.any()
  following = advance(task, episode, views, np.full((COUNT, task.context.draws), 0.9))
  np.testing.assert_array_equal(following.context.step, judged.step)
  np.testing.assert_array_equal(following.context.last_action, views.ctrl)
  assert (following.context.command != judged.command).any(axis=1).all()


@pytest.mark.parametrize('field', View._fields)
@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_divergence_of_its_environment(views, field, bad):
  values = getattr(views, field).copy()
  values[2, ...] = bad if values.ndim == 1 else np.where(np.arange(values.shape[1]) == 5, bad, values[2])
  assert diverged(views._replace(**{field: values})).tolist() == [False, False, True, False]


@pytest.mark.parametrize(('speed', 'ended'), [(999.0, False), (-1001.0, True)])
def test_so_is_a_speed_of_a_thousand(views, speed, ended):
  qvel = views.qvel.copy()
  qvel[1, 9] = speed
  assert diverged(views._replace(qvel=qvel)).tolist() == [False, ended, False, False]


# Observations


def test_noise_is_added_to_angles_and_velocities_that_are_seen(task_of, body, views):
  """0.02 rad to each joint angle, ten times that per second to all velocities; nothing to the root's own place."""
  task = task_of(randomization={'sensor_noise': 0.02})
  rng = np.random.default_rng(3)
  noise = Noise(rng.normal(size=(COUNT, 21)), rng.normal(size=(COUNT, 27)))
  context = begun(task, views).context
  change = observe(task, views, context, noise) - observe(task, views, context)
  assert change.dtype == np.float32
  np.testing.assert_allclose(change[:, :4], 0)  # height and upward direction
  np.testing.assert_allclose(change[:, 4:25], 0.02 * noise.angles, atol=1e-6)
  np.testing.assert_allclose(change[:, 31:], 0.2 * noise.velocities[:, 6:], atol=1e-6)
  lengths = [np.linalg.norm(x, axis=1) for x in (change[:, 25:28], 0.2 * noise.velocities[:, :3])]
  np.testing.assert_allclose(*lengths, rtol=1e-4)  # in the frame of the root, which only turns it


def test_noise_changes_what_is_seen_and_not_the_state(task_of, views):
  task = task_of(randomization={'sensor_noise': 0.02})
  before = [x.copy() for x in views]
  observe(task, views, begun(task, views).context, Noise(np.ones((COUNT, 21)), np.ones((COUNT, 27))))
  for old, new in zip(before, views, strict=True):
    np.testing.assert_array_equal(old, new)


# NumPy and JAX


def test_jax_agrees_with_numpy(task_of, body, views):
  """A task with all there is: delays, pushes, sampled commands, station keeping, a clock and noise; twelve steps."""
  task = task_of(
    observations=('joint_positions', 'joint_velocities', 'command', 'heading_error', 'position_error', 'gait_clock'),
    command=CommandConfig(kind='sampled', interval=0.1, rest=0.5),
    station=StationConfig(gain=1.0),
    gait=GaitConfig(frequency=1.2, speedup=0.4),
    push=PushConfig(kind='kick', interval=0.1, duration=0.05),
    randomization={'action_delay': 2.0, 'sensor_noise': 0.05},
  )
  rng = np.random.default_rng(5)
  delay, level = np.array([0, 1, 2, 1], np.int32), np.array([0.2, 0.5, 0.8, 1.0], np.float32)

  def draw(*shape):
    return rng.random(shape, np.float32)

  def whole(episode, view, ctrl, uniform, pushing, noise):
    episode, inputs = act(task, episode, ctrl)
    view = view._replace(ctrl=inputs.ctrl)
    judged = judged_by(episode)
    episode = push(task, advance(task, episode, view, uniform, level), pushing, level)
    return episode, (inputs, judged, diverged(view), observe(task, view, episode.context, noise))

  first = draw(COUNT, task.context.draws)
  host = begin(task, views, first, delay, level)
  device = jax.jit(lambda v, u: begin(task, v, u, jnp.asarray(delay), level))(views, first)
  traced = jax.jit(whole)
  for _ in range(12):
    noise = Noise(draw(COUNT, 21), draw(COUNT, 27))
    more = (views, 2 * draw(COUNT, 21) - 1, draw(COUNT, task.context.draws), draw(COUNT, step.PUSH_DRAWS), noise)
    (host, found), (device, expected) = whole(host, *more), traced(device, *more)
    assert jax.tree.structure((host, found)) == jax.tree.structure((device, expected))
    for a, b in zip(jax.tree.leaves((host, found)), jax.tree.leaves((device, expected)), strict=True):
      assert (a.shape, a.dtype) == (b.shape, b.dtype)
      np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
