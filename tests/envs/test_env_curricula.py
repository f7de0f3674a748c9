"""Curricula in training: starts, commands and pushes at each level, and who rises to the next."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from env_tools import COMMAND, ENVS, KEY, at_age, at_rest, compiled, context_of, with_context

from mjx_humanoid.envs.env import Bank
from mjx_humanoid.tasks.starts import STARTS

# In the last 50 ms, which are 2 steps, of every 200 ms, which are 8.
PUSHED = {'push__interval': 0.2, 'push__duration': 0.05, 'push__force': (100.0, 100.0)}


@pytest.mark.parametrize(('curriculum', 'strengths'), [('none', [2, 2, 2, 2]), ('linear', [0.5, 1, 1.5, 2])])
def test_banks_grow_harder_row_by_row_under_a_curriculum(make_env, curriculum, strengths):
  asked = []

  def start(body, rng, strength, settle):
    asked.append(strength)
    return STARTS['standing'](body, rng, strength, settle)

  make_env(own={'start': start}, start_strength=2.0, curriculum=curriculum).make_bank(np.random.default_rng(0), 4)
  np.testing.assert_allclose(asked, [strengths])


@pytest.fixture(scope='module')
def long_bank(body, model):
  """Fifty rows of heights 2.00, 2.01, ..."""
  view = at_rest(body, model, 2 + 0.01 * np.arange(50), time=0.0)
  return Bank(view.qpos, np.zeros((50, body.nv), np.float32), view)


def row(qpos):
  return np.round(100 * (np.asarray(qpos)[:, 2] - 2)).astype(int)


def test_environments_draw_among_the_first_rows_where_their_level_is_low(make_env, long_bank, model, body):
  env = compiled(make_env(num_envs=600, curriculum='survival', limit=100))
  state, qpos, _ = env.begin(KEY, long_bank)
  np.testing.assert_allclose(state.level, 0.1)
  assert {1, 2, 3, 4} <= set(row(qpos)) <= set(range(5))  # a tenth of 50; of the first one by one chance in 625
  level = jnp.repeat(jnp.array([0.26, 0.56, 0.96]), 200)
  state = state._replace(level=level)
  # All fall, which first makes it easier by 0.06: levels 0.2, 0.5, 0.9; so that 10, 25 and 45 rows are drawn from.
  state, out = env.advance(state, long_bank, at_rest(body, model, [0.5] * 600), KEY)
  np.testing.assert_allclose(state.level, np.repeat([0.2, 0.5, 0.9], 200), rtol=1e-6)
  for i, count in enumerate((10, 25, 45)):
    rows = row(out.qpos[200 * i : 200 * (i + 1)])
    # Mostly of the harder ones: the mean fourth root of a uniform number is 4/5.
    assert rows.mean() + 0.5 == pytest.approx(4 / 5 * count, rel=0.06)
    assert 0.8 * count < rows.max() + 1 <= count
  assert float(out.metrics['level']) == pytest.approx(200 * (0.2 + 0.5 + 0.9), rel=1e-5)


def test_without_a_curriculum_all_rows_are_drawn_from(make_env, long_bank):
  state, qpos, _ = compiled(make_env(num_envs=600)).begin(KEY, long_bank)
  assert set(row(qpos)) == set(range(50))
  np.testing.assert_array_equal(state.level, 1)


def test_the_level_is_a_factor_on_commands_and_pushes(make_env, bank, model, body):
  ranges = {'command__value': (0.0, 0.0, 0.0), 'command__low': COMMAND, 'command__high': COMMAND}
  ranges |= {'command__rest': 0.0, **PUSHED}
  env = make_env(command__kind='sampled', push__kind='force', curriculum='survival', limit=100, **ranges)
  state, _, _ = env.begin(KEY, bank)
  np.testing.assert_allclose(context_of(state).command, 0.1 * np.tile(COMMAND, (ENVS, 1)), rtol=1e-6)
  level = jnp.array([0.2, 0.4, 0.6, 0.8])
  state = at_age(state, 5)._replace(level=level)
  state, _ = env.advance(state, bank, at_rest(body, model, [2.0] * ENVS), KEY)
  np.testing.assert_allclose(np.linalg.norm(state.episode.push, axis=1), 100 * level, rtol=1e-5)
  state, _ = env.advance(state, bank, at_rest(body, model, [0.5] * ENVS), KEY)
  np.testing.assert_allclose(context_of(state).command, np.outer(level - 0.06, COMMAND), rtol=1e-5)


def test_surviving_makes_it_harder_only_where_the_whole_episode_was_played(make_env, bank, model, body):
  """An episode that began at age 99 of 100 is over after a step, which proves nothing; a fall counts at any age."""
  env = make_env(curriculum='survival', limit=100)
  state, _, _ = env.begin(KEY, bank)
  state = with_context(state, step=jnp.full(ENVS, 99, jnp.int32))
  state = state._replace(length=jnp.array([99, 98, 0, 0], jnp.int32), level=jnp.full(ENVS, 0.5))
  state, out = env.advance(state, bank, at_rest(body, model, [2.0, 2.0, 2.0, 0.5]), KEY)
  assert out.truncated.tolist() == [True, True, True, False]
  np.testing.assert_allclose(state.level, [0.53, 0.5, 0.5, 0.44], rtol=1e-6)
  np.testing.assert_array_equal(state.length, 0)


def test_linear_curricula_know_the_length_of_the_training(make_env, bank, model, body):
  env = make_env(curriculum='linear', lifetime=90.0)
  state, _, _ = env.begin(KEY, bank)
  state, _ = env.advance(state, bank, at_rest(body, model, [2.0] * ENVS), KEY)
  np.testing.assert_allclose(state.level, 0.1 + 2 * 0.9 / 90, rtol=1e-5)
