"""Protects the scale of rewards: running returns, their spread and their largest magnitude, by hand."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.rl import reward_scale


def test_running_returns_by_hand():
  # gamma 0.5, rewards 2, 4, 8 and the episode over after the second: returns 2, 4 + 1 = 5, then 8
  scale = reward_scale.update(
    reward_scale.init(1), jnp.array([[2.0], [4.0], [8.0]]), jnp.array([[False], [True], [False]]), 0.5
  )
  assert (float(scale.count), float(scale.mean), float(scale.largest)) == (3, 5, 8)
  assert float(reward_scale.divisor(scale)) == pytest.approx(np.std([2, 5, 8]))
  np.testing.assert_array_equal(scale.running, [8.0])


def test_statistics_of_parts_are_those_of_the_whole():
  rng = np.random.default_rng(0)
  rewards = rng.normal(3, 2, (12, 5)).astype(np.float32)
  ended = rng.random((12, 5)) < 0.2
  whole = reward_scale.update(reward_scale.init(5), jnp.asarray(rewards), jnp.asarray(ended), 0.9)
  parts = reward_scale.init(5)
  for rows in (slice(0, 1), slice(1, 7), slice(7, 12)):
    parts = reward_scale.update(parts, jnp.asarray(rewards[rows]), jnp.asarray(ended[rows]), 0.9)
  for one, other in zip(whole, parts, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-4)


def test_before_any_reward_nothing_is_divided():
  assert float(reward_scale.divisor(reward_scale.init(2), 5.0)) == 1.0


def test_returns_stay_within_the_bound():
  # equal returns of 20 have no spread: within 5, they are divided by 4
  scale = reward_scale.update(reward_scale.init(1), jnp.full((3, 1), 20.0), jnp.ones((3, 1), bool), 0.99)
  assert float(reward_scale.divisor(scale, 5.0)) == pytest.approx(4.0)
  assert float(reward_scale.divisor(scale)) == pytest.approx(reward_scale.SMALLEST)
