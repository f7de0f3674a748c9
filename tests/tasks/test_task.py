"""A task is what its config names: its parts, its numbers, and what is refused."""

import dataclasses

import numpy as np
import pytest

from mjx_humanoid.core import trust
from mjx_humanoid.core.config.task import CommandConfig, GaitConfig, PushConfig, StationConfig, TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.checks import check_task
from mjx_humanoid.tasks.observations import observe_all
from mjx_humanoid.tasks.skills import SKILLS
from mjx_humanoid.tasks.starts import STARTS
from mjx_humanoid.tasks.task import find_robot, make_task
from mjx_humanoid.tasks.terminations import TERMINATIONS


def test_a_task_is_what_its_config_names(body, make_view, make_context):
  names = ('command', 'actuator_states')
  config = TaskConfig(observations=names, termination='never', command=CommandConfig(value=(1.0, 2.0, 3.0)))
  task = make_task(config, body)
  assert task.config is config
  assert task.body is body
  assert (task.terminate, task.start) == (TERMINATIONS['never'], STARTS['standing'])
  assert (task.action_delay, task.sensor_noise) == (0, 0)
  assert not task.pusher.ever
  view, context = make_view(ctrl=np.full(21, 0.25)), make_context(command=(1, 2, 3))
  np.testing.assert_array_equal(task.observe(view, body, context), observe_all(names)(view, body, context))
  begun = task.context.start(type(view)(*(np.asarray(x)[None] for x in view)), np.zeros((1, task.context.draws)))
  np.testing.assert_allclose(begun.command, [[1, 2, 3]])


def test_context_and_pusher_know_the_control_step_and_the_mass_of_the_robot(body):
  push = PushConfig(kind='kick', interval=2.0, duration=0.1)
  task = make_task(TaskConfig(command=CommandConfig(interval=1.0), push=push), body)
  assert task.context.parts[0].interval == 40  # of 25 ms
  assert (task.pusher.interval, task.pusher.duration, task.pusher.ever) == (80, 4, True)
  assert task.pusher.mass == pytest.approx(40.844, abs=1e-3)


def test_each_section_reaches_its_part(body):
  """A standing robot 1 m ahead of its target is commanded back, and steps."""
  config = TaskConfig(station=StationConfig(gain=0.4), gait=GaitConfig(frequency=1.0, duty=0.7))
  task = make_task(config, body)
  qpos = body.default_qpos[None].copy()
  view = view_of(qpos.copy())
  context = task.context.start(view, np.zeros((1, task.context.draws)))
  qpos[:, 0] = 1.0
  context = task.context.advance(context, view_of(qpos), np.zeros((1, task.context.draws)))
  np.testing.assert_allclose(context.command, [[-0.4, 0, 0]], rtol=1e-5)
  np.testing.assert_allclose(context.duty, [0.7], rtol=1e-6)


def view_of(qpos):
  return View(np.zeros(1), qpos, np.zeros((1, 27), np.float32), np.zeros((1, 21), np.float32), None)


def test_randomizations_of_the_environment_arrive(body):
  task = make_task(TaskConfig(randomization={'action_delay': 3.0, 'sensor_noise': 0.02, 'mass': 0.1}), body)
  assert (task.action_delay, task.sensor_noise) == (3, 0.02)


def test_starts_are_drawn_at_the_strength_of_the_config_or_another(body, settle):
  """Standard deviation of joint velocities at strength 1: 0.1 rad/s."""
  task = make_task(TaskConfig(start_strength=0.5), body)
  for strength, expected in ((None, 0.05), (2.0, 0.2), (0.0, 0.0)):
    qpos, qvel = task.starts(np.random.default_rng(0), 200, settle, strength)
    assert (qpos.shape, qvel.shape) == ((200, 28), (200, 27))
    assert qvel[:, 6:].std() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
  ('seconds', 'steps'), [(10.0, 400), (0.025, 1), (0.001, 1), (0.06, 2), (0.07, 3), (1000.0, 40_000)]
)
def test_the_time_limit_is_counted_in_control_steps(body, seconds, steps):
  """Of 25 ms, rounded, and at least one."""
  assert make_task(TaskConfig(episode_length=seconds), body).episode_steps == steps


def test_the_time_limit_follows_the_control_step(body):
  slower = dataclasses.replace(body, control_step=0.05)
  assert make_task(TaskConfig(episode_length=10.0), slower).episode_steps == 200


@pytest.mark.parametrize(
  ('change', 'match'),
  [
    ({'observations': ('joint_position',)}, 'unknown observation'),
    ({'termination': 'falen'}, 'unknown termination'),
    ({'start': 'sitting'}, 'unknown start'),
    ({'start': 'no/such.npz'}, 'not a pose file'),
    ({'context': ('gait',)}, 'unknown part of the context'),
    ({'command': CommandConfig(kind='random')}, 'unknown kind of command'),
    ({'push': PushConfig(kind='kicks')}, "unknown kind of push 'kicks'. Did you mean 'kick'"),
    ({'randomization': {'masss': 0.1}}, "unknown randomization 'masss'. Did you mean 'mass'"),
    ({'randomization': {'action_delay': 0.5}}, 'must be a whole number'),
  ],
)
def test_unknown_names_are_refused(body, change, match):
  with pytest.raises(UserError, match=match) as error:
    make_task(TaskConfig(**change), body)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(
  ('change', 'match'),
  [
    ({'reward': 'stnad'}, 'unknown reward'),
    ({'weights': {'heigth': 1.0}}, 'unknown reward term'),
    ({'reward': 'no/such.py:f'}, 'there is no file'),
  ],
)
def test_an_unknown_reward_is_refused_when_it_is_asked_for(body, change, match):
  """And not before: playback needs no reward, and may lack its file."""
  task = make_task(TaskConfig(**change), body)
  with pytest.raises(UserError, match=match):
    task.reward  # noqa: B018


@pytest.mark.parametrize('name', SKILLS)
def test_every_skill_passes_the_check_of_a_task(model, body, settle, name):
  command, gait = CommandConfig(value=(1.0, 0.0, 0.0)), GaitConfig(frequency=1.0)
  context = (*TaskConfig().context, 'last_position', 'reference_motion')
  task = make_task(TaskConfig(reward=name, command=command, gait=gait, context=context, clip='gait'), body)
  check_task(task, view_states(model, *task.starts(np.random.default_rng(0), 5, settle)))


def test_a_reward_of_the_users_own_sees_the_context_of_a_start(tmp_path, model, body, settle):
  """Target heading and position are the robot's own, the clock is at zero, and the duty that of the gait."""
  path = tmp_path / 'mine.py'
  path.write_text(
    'import jax.numpy as jnp\n'
    'def f(view, body, context):\n'
    '  away = view.qpos[0] - context.target_position[0] + context.phase + context.step\n'
    '  return away + jnp.log(context.command[0]) + jnp.where(context.duty == 0.7, 0.0, jnp.nan)\n'
  )
  trust.allow([path])

  def check(speed):
    command, gait = CommandConfig(value=(speed, 0.0, 0.0)), GaitConfig(frequency=1.0, duty=0.7)
    task = make_task(TaskConfig(reward=f'{path}:f', command=command, gait=gait), body)
    check_task(task, view_states(model, *task.starts(np.random.default_rng(0), 5, settle)))

  check(1.0)
  with pytest.raises(UserError, match=r'the total is -?(nan|inf) on 5 of 5 start states'):
    check(0.0)


def test_the_mirror_of_a_task_is_that_of_its_observations(body):
  """Forward stays, sideways and yaw change signs."""
  mirror = make_task(TaskConfig(observations=('command',)), body).mirror()
  np.testing.assert_array_equal(mirror.obs(np.array([1.0, 2.0, 3.0])), [1, -2, -3])


def test_robots_are_found_by_name():
  assert find_robot('humanoid') is robots()['humanoid']
  with pytest.raises(UserError, match=r"unknown robot 'humanod'. Did you mean 'humanoid'"):
    find_robot('humanod')
