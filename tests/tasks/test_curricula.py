"""Curricula: the level of each world, by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.tasks.curricula import CURRICULA, EASIER, HARDER, LOWEST, share_of_starts

NO = jnp.zeros(4, bool)


def levels(name, start, steps, lifetime=100.0, terminated=NO, truncated=NO):
  """Levels [T, 4] of worlds that all begin at `start`."""
  level, found = jnp.full(4, start, jnp.float32), []
  for _ in range(steps):
    level = CURRICULA[name](level, terminated, truncated, lifetime)
    found.append(np.asarray(level))
  return np.stack(found)


def test_without_a_curriculum_all_is_at_full_difficulty_at_once():
  np.testing.assert_array_equal(levels('none', 0.1, 2), 1)


def test_linear_reaches_full_difficulty_in_the_middle_of_the_training():
  # From 0.1 by 2 x 0.9 / 100 a step: 0.118 after one, 0.55 after 25, 1 after 50, and no more than that.
  found = levels('linear', LOWEST, 100)
  np.testing.assert_allclose(found[[0, 24, 49, 99], 0], [0.118, 0.55, 1, 1], atol=1e-5)
  assert (found <= 1).all()
  assert found[48, 0] < 1


def test_linear_depends_on_the_length_of_the_training_and_on_nothing_else():
  ends = jnp.array([True, False, True, False])
  found = levels('linear', LOWEST, 5, 1000.0, ends, ~ends)
  np.testing.assert_allclose(found, LOWEST + 0.0018 * np.arange(1, 6)[:, None] * np.ones(4), atol=1e-6)
  assert levels('linear', LOWEST, 1, 1.0)[0, 0] == 1  # a training of one step


def test_survival_is_decided_by_each_world_itself():
  """One falls, one reaches its time limit, two go on."""
  which = jnp.arange(4)
  found = levels('survival', 0.5, 3, terminated=which == 0, truncated=which == 1)
  np.testing.assert_allclose(found, [[0.44, 0.53, 0.5, 0.5], [0.38, 0.56, 0.5, 0.5], [0.32, 0.59, 0.5, 0.5]], atol=1e-6)


def test_survival_rests_where_two_of_three_succeed():
  assert pytest.approx(1 / 3 * EASIER) == 2 / 3 * HARDER


def test_starts_are_anything_up_to_the_level():
  level, uniform = jnp.array([0.2, 1.0]), jnp.array([0.25, 0.81])
  np.testing.assert_allclose(share_of_starts(CURRICULA['linear'], level, uniform), [0.05, 0.81], atol=1e-6)
  np.testing.assert_allclose(share_of_starts(CURRICULA['none'], level, uniform), [0.05, 0.81], atol=1e-6)


def test_starts_of_survivors_are_mostly_about_as_hard_as_the_level():
  """By hand, fourth roots of the uniform numbers: half of them lie above 0.84 of the level."""
  level, uniform = jnp.array([0.2, 1.0, 0.4]), jnp.array([0.0625, 0.6561, 0.5])
  expected = [0.1, 0.9, 0.4 * 0.84089642]
  np.testing.assert_allclose(share_of_starts(CURRICULA['survival'], level, uniform), expected, atol=1e-6)


def test_survival_stays_within_its_bounds():
  assert levels('survival', 0.15, 3, terminated=~NO)[:, 0] == pytest.approx([0.1, 0.1, 0.1])
  assert levels('survival', 0.98, 3, truncated=~NO)[:, 0] == pytest.approx([1, 1, 1])


@pytest.mark.parametrize('name', list(CURRICULA))
def test_levels_stay_in_reach_and_keep_their_type(name):
  """A type that changed from the first step to the second would compile the training twice."""
  rng = np.random.default_rng(0)
  function, level = jax.jit(CURRICULA[name], static_argnums=3), jnp.full(4, LOWEST, jnp.float32)
  for _ in range(60):
    terminated = jnp.asarray(rng.random(4) < 0.3)
    following = function(level, terminated, jnp.asarray(rng.random(4) < 0.4) & ~terminated, 80.0)
    assert (following.shape, following.dtype, following.weak_type) == (level.shape, level.dtype, False)
    level = following
    assert (level >= LOWEST - 1e-6).all()
    assert (level <= 1).all()


@pytest.mark.parametrize('name', ['liner', '', 'None'])
def test_an_unknown_curriculum_is_refused_with_the_choices(name):
  with pytest.raises(UserError, match=r'unknown curriculum .*Choices: linear, none, survival') as error:
    CURRICULA[name]
  assert '\n' not in str(error.value)


def test_every_curriculum_describes_itself():
  assert list(CURRICULA) == ['none', 'linear', 'survival']
  assert all(CURRICULA.describe().values())
