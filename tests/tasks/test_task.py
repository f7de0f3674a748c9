"""A task is what its config names, and a reward that cannot work is refused before training, by its name."""

import dataclasses

import jax
import numpy as np
import pytest
from mjx_humanoid.tasks.context.guide import DRAWS

from mjx_humanoid.core.config.schema import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.tasks.observations import observe_all
from mjx_humanoid.tasks.skills import SKILLS
from mjx_humanoid.tasks.starts import STARTS
from mjx_humanoid.tasks.task import Task, check_reward, make_task
from mjx_humanoid.tasks.terminations import TERMINATIONS


@pytest.fixture(scope='module')
def views(model, body, settle):
  """Five start states."""
  return view_states(model, *STARTS['standing'](body, np.random.default_rng(0), np.ones(5), settle))


@pytest.fixture
def task_of(tmp_path, body):
  """A task whose reward is the one line of a user's file."""

  def make(line, **settings):
    path = tmp_path / 'mine.py'
    path.write_text(f'import jax.numpy as jnp\ndef f(view, body, context):\n  {line}\n')
    return make_task(TaskConfig(reward=f'{path}:f', **settings), body)

  return make


def refuse(task, views, match):
  with pytest.raises(UserError, match=match) as error:
    check_reward(task, views, 'mine')
  assert '\n' not in str(error.value)


def test_a_task_is_what_its_config_names(body, make_view, make_context):
  names = ('command', 'actuator_states')
  config = TaskConfig(observations=names, termination='never', command=(1.0, 2.0, 3.0), start_strength=0.5)
  task = make_task(config, body)
  assert (task.terminate, task.start) == (TERMINATIONS['never'], STARTS['standing'])
  assert task.start_strength == 0.5
  assert (task.action_delay, task.sensor_noise) == (0, 0)
  begun = task.guide.start(body.default_qpos[None], body.nu, np.zeros((1, DRAWS)))
  np.testing.assert_allclose(begun.command, [[1, 2, 3]])
  assert not task.pusher.ever
  view, context = make_view(ctrl=np.full(21, 0.25)), make_context(command=(1, 2, 3))
  np.testing.assert_array_equal(task.observe(view, body, context), observe_all(names)(view, body, context))
  assert task.body is body


def test_guide_and_pusher_know_the_step_and_the_weight_of_the_robot(body):
  task = make_task(TaskConfig(command_interval=1.0, pushes='kick', push_interval=2.0, push_duration=0.1), body)
  assert task.guide.interval == 40  # of 25 ms
  assert (task.pusher.interval, task.pusher.duration, task.pusher.ever) == (80, 4, True)
  assert task.pusher.mass == pytest.approx(40.844, abs=1e-3)


def test_what_the_environment_randomizes_itself_arrives(body):
  task = make_task(TaskConfig(randomization={'action_delay': 3.0, 'sensor_noise': 0.02, 'mass': 0.1}), body)
  assert (task.action_delay, task.sensor_noise) == (3, 0.02)


def test_a_task_has_no_other_numbers():
  """Whoever adds a field sees here that the tests of tasks should know of it."""
  assert [field.name for field in dataclasses.fields(Task)] == [
    'body', 'reward', 'observe', 'terminate', 'start', 'start_strength', 'guide', 'pusher', 'action_delay',
    'sensor_noise', 'episode_steps',
  ]  # fmt: skip


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
    ({'reward': 'stnad'}, 'unknown reward'),
    ({'weights': {'heigth': 1.0}}, 'unknown reward term'),
    ({'observations': ('joint_position',)}, 'unknown observation'),
    ({'termination': 'falen'}, 'unknown termination'),
    ({'start': 'sitting'}, 'unknown start'),
    ({'start': 'no/such.npz'}, 'not a pose file'),
    ({'commands': 'random'}, 'unknown kind of command'),
    ({'pushes': 'kicks'}, "unknown kind of push 'kicks'. Did you mean 'kick'"),
    ({'randomization': {'masss': 0.1}}, "unknown randomization 'masss'. Did you mean 'mass'"),
    ({'randomization': {'action_delay': 0.5}}, 'must be a whole number'),
    ({'reward': 'no/such.py:f'}, 'there is no file'),
  ],
)
def test_unknown_names_are_refused(body, change, match):
  with pytest.raises(UserError, match=match):
    make_task(TaskConfig(**change), body)


def test_the_ready_reward_passes_its_check(body, views):
  check_reward(make_task(TaskConfig(), body), views, 'stand')


@pytest.mark.parametrize(
  'line',
  [
    'return 1',
    'return 1.0',
    'return True',
    'return view.qpos[2]',
    'return view.qpos[2], {"a": 1.0, "b": view.time, "c": context.step}',
    'return jnp.sum(context.last_action) + jnp.sum(context.command), {}',
  ],
)
def test_rewards_that_work_pass(task_of, views, line):
  check_reward(task_of(line), views, 'mine')


@pytest.mark.parametrize(
  ('line', 'match'),
  [
    ('return view.qpos', r"reward 'mine': the total has shape \(28,\); it must be a scalar"),
    ('return view.qpos[2:3]', r'the total has shape \(1,\)'),
    ('return view.qpos[2], {"ok": 1.0, "joints": view.qpos[7:]}', r"reward 'mine': term 'joints' has shape \(21,\)"),
    ('return jnp.nan', "reward 'mine': the total is nan on a start state"),
    ('return jnp.log(0.0)', 'the total is -inf'),
    ('return 1.0, {"ratio": 0.0 / view.time}', "term 'ratio' is nan"),
    ('return view.speed', "reward 'mine' fails on a start state: AttributeError"),
    ('return body.sensor(view, "torso_po")[2]', r"unknown sensor 'torso_po'. Did you mean 'torso_pos'"),
    ('return 1 if view.qpos[2] > 1 else 0', "reward 'mine' fails on a start state: TracerBoolConversionError"),
    ('return "much"', "reward 'mine' fails on a start state"),
    ('return None', "reward 'mine'"),
    ('return 1.0, 2.0', r"reward 'mine' must return a scalar, or a scalar and a dict of named terms"),
    ('return 1.0, [2.0]', 'a dict of named terms'),
    ('return 1.0, None', 'a dict of named terms'),
    ('return 1.0, {"a": "b"}', "reward 'mine' fails on a start state"),
    ('return 1.0, {}, 3', "reward 'mine' fails on a start state"),
    ('return 1 / 0', 'ZeroDivisionError'),
    ('return view.qpos[2], {"nested": {"a": 1.0}}', "term 'nested'"),
  ],
)
def test_rewards_that_do_not_are_refused_by_name(task_of, views, line, match):
  refuse(task_of(line), views, match)


def test_one_bad_start_state_is_enough(task_of, views):
  """NaN in a single world of five."""
  highest = views._replace(time=np.array([1, 1, 1, 0, 1], np.float32))
  refuse(task_of('return jnp.sqrt(view.time - 0.5)'), highest, 'is nan on a start state')


def test_the_check_sees_the_command_of_the_task(task_of, views):
  line = 'return jnp.log(context.command[0])'
  check_reward(task_of(line, command=(1.0, 0.0, 0.0)), views, 'mine')
  refuse(task_of(line, command=(0.0, 0.0, 0.0)), views, 'is -inf')


def test_the_check_sees_a_context_whose_every_field_is_that_of_a_start(task_of, views):
  """The heading is the robot's own, its place is where it is, the clock is at zero."""
  line = (
    'return view.qpos[0] - context.place[0] + context.phase + context.step + jnp.sum(jnp.square(context.heading))'
    ' - 1.0 + jnp.where(context.duty == 0.6, 0.0, jnp.nan)'
  )
  task = task_of(line, command=(1.0, 0.0, 0.0), gait_frequency=1.0, gait_duty=0.6)
  check_reward(task, views, 'mine')
  refuse(task_of(line, gait_frequency=1.0, gait_duty=0.6), views, 'is nan')  # no gait where none is commanded


@pytest.mark.parametrize('name', SKILLS)
def test_every_skill_passes_its_check(body, views, name):
  check_reward(make_task(TaskConfig(reward=name, command=(1.0, 0.0, 0.0), gait_frequency=1.0), body), views, name)


def test_the_parts_of_a_task_run_under_vmap(body, views, make_context):
  task = make_task(TaskConfig(), body)
  contexts = jax.tree.map(lambda *x: np.stack(x), *[make_context()] * 5)
  assert jax.vmap(lambda v, c: task.reward(v, body, c)[0])(views, contexts).shape == (5,)
  assert not jax.vmap(lambda v, c: task.terminate(v, body, c))(views, contexts).any()
