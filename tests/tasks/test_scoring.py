"""Returns of recorded episodes, by hand: what counts, until when, and by which context each step is judged."""

import jax
import numpy as np
import pytest

from mjx_humanoid.core import trust
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.tasks.scoring import score
from mjx_humanoid.tasks.skills import SKILLS
from mjx_humanoid.tasks.task import make_task

NU = 21


@pytest.fixture
def task_of(tmp_path, body):
  """A task whose reward is the one line of a user's file."""

  def write(line):
    path = tmp_path / 'mine.py'
    path.write_text(f'import jax.numpy as jnp\ndef f(view, body, context):\n  {line}\n')
    trust.allow([path])
    return make_task(TaskConfig(reward=f'{path}:f'), body)

  return write


@pytest.fixture
def record(make_view):
  """Views [N, T] of worlds whose height and first control are given, [N][T]."""

  def make(heights, controls=None):
    controls = np.zeros_like(heights) if controls is None else controls
    rows = [
      [make_view(qpos=[0, 0, z, *[0] * 25], ctrl=[c] * NU) for z, c in zip(*episode, strict=True)]
      for episode in zip(heights, controls, strict=True)
    ]
    episodes = [jax.tree.map(lambda *x: np.stack(x), *row) for row in rows]
    return jax.tree.map(lambda *x: np.stack(x), *episodes)

  return make


@pytest.fixture
def contexts(make_context):
  """Contexts [N, T], the same for every step but for fields given as [N][T] values."""

  def make(count, steps, **fields):
    rows = [
      [make_context(**{name: values[i][t] for name, values in fields.items()}) for t in range(steps)]
      for i in range(count)
    ]
    return jax.tree.map(lambda *x: np.stack(x), *[jax.tree.map(lambda *x: np.stack(x), *row) for row in rows])

  return make


def ended(*rows):
  return np.array(rows, bool)


def test_the_return_is_the_sum_up_to_and_with_the_terminal_step(task_of, record, contexts):
  # World 0 goes on: 1 + 2 + 3 + 4. World 1 ends at its second step: 10 + 20; the rest is not rewarded.
  views = record([[1, 2, 3, 4], [10, 20, 30, 40]])
  total, terms = score(
    task_of('return view.qpos[2], {"height": view.qpos[2], "two": 2.0 + 0 * view.time}'),
    views,
    contexts(2, 4),
    ended([0, 0, 0, 0], [0, 1, 0, 1]),
  )
  np.testing.assert_allclose(total, [10, 30])
  np.testing.assert_allclose(terms['height'], [10, 30])
  np.testing.assert_allclose(terms['two'], [8, 4])


def test_an_episode_that_ends_at_once_has_one_reward(task_of, record, contexts):
  total, _ = score(task_of('return view.qpos[2]'), record([[5, 6]]), contexts(1, 2), ended([1, 1]))
  np.testing.assert_allclose(total, [5])


def test_each_step_is_judged_by_its_own_last_action(task_of, record, contexts):
  # Controls 1, 3, 7 after 0.5, 1, 3: changes 0.5, 2, 4. World 1: 2, 2, 2 after 0, 2, 2: 2, 0, 0.
  views = record([[1, 1, 1], [1, 1, 1]], [[1, 3, 7], [2, 2, 2]])
  last = np.array([[0.5, 1, 3], [0, 2, 2]])[..., None] * np.ones(NU)
  task = task_of('return view.ctrl[3] - context.last_action[3]')
  total, _ = score(task, views, contexts(2, 3, last_action=last), ended([0, 0, 0], [0, 0, 0]))
  np.testing.assert_allclose(total, [6.5, 2])


def test_each_step_is_judged_by_its_own_age(task_of, record, contexts):
  steps = contexts(1, 3, step=[[1, 2, 3]])
  total, _ = score(task_of('return context.step'), record([[1, 1, 1]]), steps, ended([0, 0, 0]))
  np.testing.assert_allclose(total, [1 + 2 + 3])


def test_each_step_is_judged_by_its_own_command_targets_and_clock(task_of, record, contexts):
  # (0.5, -1, 2) . (1, 10, 100) = 190.5, and (1, 0, 0) . (1, 10, 100) = 1
  task = task_of('return jnp.dot(context.command, jnp.array([1.0, 10.0, 100.0]))')
  guided = contexts(1, 2, command=[[(0.5, -1, 2), (1, 0, 0)]])
  assert score(task, record([[1, 1]]), guided, ended([0, 0]))[0] == pytest.approx([191.5])
  # 0.6 + 2 + 0.25 + 0.5, and 1 + 4 + 0.75 + 1
  task = task_of('return context.heading[0] + context.target_position[1] + context.phase + context.duty')
  guided = contexts(
    1, 2, heading=[[(0.6, 0.8), (1, 0)]], target_position=[[(9, 2), (9, 4)]], phase=[[0.25, 0.75]], duty=[[0.5, 1]]
  )
  assert score(task, record([[1, 1]]), guided, ended([0, 0]))[0] == pytest.approx([3.35 + 6.75])


def test_what_follows_the_end_cannot_spoil_the_return(task_of, record, contexts):
  """Nor can a NaN there reach another episode."""
  views = record([[1, 2, np.nan], [1, 2, 3]])
  task = task_of('return view.qpos[2], {"height": view.qpos[2]}')
  total, terms = score(task, views, contexts(2, 3), ended([0, 1, 1], [0, 0, 0]))
  np.testing.assert_allclose(total, [3, 6])
  np.testing.assert_allclose(terms['height'], [3, 6])


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_a_step_that_diverges_earns_nothing_as_in_training(task_of, record, contexts, bad):
  """Neither in total nor by term: 1, then the terminal step of a world that is no longer finite."""
  views = record([[1, bad]])
  task = task_of('return view.qpos[2], {"height": view.qpos[2]}')
  total, terms = score(task, views, contexts(1, 2), ended([0, 1]))
  np.testing.assert_allclose(total, [1])
  np.testing.assert_allclose(terms['height'], [1])


def test_builtin_rewards_are_scored_with_their_weights(record, contexts, body):
  # alive at 0.5 a step for three steps; the other terms of the skill are switched off
  weights = dict.fromkeys(SKILLS['stand'][1], 0.0) | {'alive': 0.5}
  views = record([[1.3, 1.3, 1.3]])
  total, terms = score(make_task(TaskConfig(weights=weights), body), views, contexts(1, 3), ended([0, 0, 0]))
  np.testing.assert_allclose(total, [1.5])
  np.testing.assert_allclose(terms['alive'], [1.5])
  assert set(terms) == set(weights)
