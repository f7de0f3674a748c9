"""A task is what its config names, and a reward that cannot work is refused before training, by its name."""

import dataclasses

import jax
import numpy as np
import pytest

from mjx_humanoid.config import TaskConfig
from mjx_humanoid.errors import UserError
from mjx_humanoid.physics.engine import view_states
from mjx_humanoid.tasks.episodes import STARTS, TERMINATIONS
from mjx_humanoid.tasks.observations import observe_all
from mjx_humanoid.tasks.task import check_reward, make_task


@pytest.fixture(scope='module')
def views(model, body):
  """Five start states."""
  return view_states(model, *STARTS['standing'](body, np.random.default_rng(0), 5, 1.0))


@pytest.fixture
def task_of(tmp_path, body):
  """A task whose reward is the one line of a user's file."""

  def make(line):
    path = tmp_path / 'mine.py'
    path.write_text(f'import jax.numpy as jnp\ndef f(view, body, context):\n  {line}\n')
    return make_task(TaskConfig(reward=f'{path}:f'), body)

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
  assert (task.start_strength, task.command) == (0.5, (1.0, 2.0, 3.0))
  view, context = make_view(ctrl=np.full(21, 0.25)), make_context(command=(1, 2, 3))
  np.testing.assert_array_equal(task.observe(view, body, context), observe_all(names)(view, body, context))
  assert task.body is body


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
  task = dataclasses.replace(task_of('return jnp.log(context.command[0])'), command=(1.0, 0.0, 0.0))
  check_reward(task, views, 'mine')
  refuse(dataclasses.replace(task, command=(0.0, 0.0, 0.0)), views, 'is -inf')


def test_the_parts_of_a_task_run_under_vmap(body, views, make_context):
  task = make_task(TaskConfig(), body)
  contexts = jax.tree.map(lambda *x: np.stack(x), *[make_context()] * 5)
  assert jax.vmap(lambda v, c: task.reward(v, body, c)[0])(views, contexts).shape == (5,)
  assert not jax.vmap(lambda v, c: task.terminate(v, body, c))(views, contexts).any()
