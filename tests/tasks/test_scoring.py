"""Returns of recorded episodes, by hand: what counts, until when, and what each step is shown."""

import jax
import numpy as np
import pytest

from mjx_humanoid.config import TaskConfig
from mjx_humanoid.tasks.scoring import score

NU = 21


@pytest.fixture
def reward_of(tmp_path):
  def write(line):
    path = tmp_path / 'mine.py'
    path.write_text(f'import jax.numpy as jnp\ndef f(view, body, context):\n  {line}\n')
    return TaskConfig(reward=f'{path}:f', command=(0.5, -1.0, 2.0))

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


def ended(*rows):
  return np.array(rows, bool)


def test_the_return_is_the_sum_up_to_and_with_the_terminal_step(reward_of, record, body):
  # World 0 goes on: 1 + 2 + 3 + 4. World 1 ends at its second step: 10 + 20; the rest is not rewarded.
  views = record([[1, 2, 3, 4], [10, 20, 30, 40]])
  total, terms = score(
    reward_of('return view.qpos[2], {"height": view.qpos[2], "two": 2.0 + 0 * view.time}'),
    body,
    np.zeros((2, NU)),
    views,
    ended([0, 0, 0, 0], [0, 1, 0, 1]),
  )
  np.testing.assert_allclose(total, [10, 30])
  np.testing.assert_allclose(terms['height'], [10, 30])
  np.testing.assert_allclose(terms['two'], [8, 4])


def test_an_episode_that_ends_at_once_has_one_reward(reward_of, record, body):
  total, _ = score(reward_of('return view.qpos[2]'), body, np.zeros((1, NU)), record([[5, 6]]), ended([1, 1]))
  np.testing.assert_allclose(total, [5])


def test_the_last_action_of_the_first_step_is_the_control_before_it(reward_of, record, body):
  # Controls 1, 3, 7 after a start at 0.5: changes 0.5, 2, 4. World 1: 2, 2, 2 after 0: 2, 0, 0.
  views = record([[1, 1, 1], [1, 1, 1]], [[1, 3, 7], [2, 2, 2]])
  before = np.stack([np.full(NU, 0.5), np.zeros(NU)]).astype(np.float32)
  config = reward_of('return view.ctrl[3] - context.last_action[3]')
  total, _ = score(config, body, before, views, ended([0, 0, 0], [0, 0, 0]))
  np.testing.assert_allclose(total, [6.5, 2])


def test_steps_are_counted_from_one_as_in_training(reward_of, record, body):
  total, _ = score(reward_of('return context.step'), body, np.zeros((1, NU)), record([[1, 1, 1]]), ended([0, 0, 0]))
  np.testing.assert_allclose(total, [1 + 2 + 3])


def test_the_command_is_that_of_the_task(reward_of, record, body):
  # (0.5, -1, 2) . (1, 10, 100) = 190.5, twice
  config = reward_of('return jnp.dot(context.command, jnp.array([1.0, 10.0, 100.0]))')
  total, _ = score(config, body, np.zeros((1, NU)), record([[1, 1]]), ended([0, 0]))
  np.testing.assert_allclose(total, [381])


def test_what_follows_the_end_cannot_spoil_the_return(reward_of, record, body):
  """Nor can a NaN there reach another episode."""
  views = record([[1, 2, np.nan], [1, 2, 3]])
  config = reward_of('return view.qpos[2], {"height": view.qpos[2]}')
  total, terms = score(config, body, np.zeros((2, NU)), views, ended([0, 1, 1], [0, 0, 0]))
  np.testing.assert_allclose(total, [3, 6])
  np.testing.assert_allclose(terms['height'], [3, 6])


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_a_step_that_diverges_earns_nothing_as_in_training(reward_of, record, body, bad):
  """Neither in total nor by term: 1, then the terminal step of a world that is no longer finite."""
  views = record([[1, bad]])
  config = reward_of('return view.qpos[2], {"height": view.qpos[2]}')
  total, terms = score(config, body, np.zeros((1, NU)), views, ended([0, 1]))
  np.testing.assert_allclose(total, [1])
  np.testing.assert_allclose(terms['height'], [1])


def test_ready_rewards_are_scored_with_their_weights(record, body):
  # alive at 0.5 a step for three steps; the other terms of the skill are switched off
  from mjx_humanoid.tasks.rewards import SKILLS

  weights = dict.fromkeys(SKILLS['stand'][1], 0.0) | {'alive': 0.5}
  total, terms = score(
    TaskConfig(weights=weights), body, np.zeros((1, NU)), record([[1.3, 1.3, 1.3]]), ended([0, 0, 0])
  )
  np.testing.assert_allclose(total, [1.5])
  np.testing.assert_allclose(terms['alive'], [1.5])
  assert set(terms) == set(weights)
