"""Protects the schedules, by hand arithmetic."""

import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.rl import schedules


@pytest.mark.parametrize(('progress', 'expected'), [(0.0, 2e-3), (0.5, 1.1e-3), (1.0, 2e-4), (1.3, 2e-4)])
def test_a_linear_rate_falls_to_a_tenth(progress, expected):
  """Half-way, 1 - 0.9 / 2 of it is left; whatever the last update had."""
  assert schedules.rate('linear', 2e-3, jnp.asarray(7.0), jnp.asarray(progress)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('schedule', ['constant', 'adaptive'])
def test_other_rates_are_as_the_last_update_left_them(schedule):
  assert schedules.rate(schedule, 2e-3, jnp.asarray(7e-4), jnp.asarray(0.9)) == pytest.approx(7e-4)


@pytest.mark.parametrize(
  ('kl', 'rate', 'expected'),
  [(0.03, 3e-3, 2e-3), (0.004, 2e-3, 3e-3), (0.01, 2e-3, 2e-3), (0.0, 9e-3, 1e-2), (9.0, 1.2e-5, 1e-5)],
)
def test_a_rate_adapts_to_what_it_did(kl, rate, expected):
  """Above twice the target of 0.01 it is divided by 1.5, below half of it multiplied, within 1e-5 and 1e-2."""
  assert schedules.adapted('adaptive', 0.01, jnp.asarray(rate), jnp.asarray(kl)) == pytest.approx(expected, rel=1e-5)
  assert schedules.adapted('linear', 0.01, jnp.asarray(rate), jnp.asarray(kl)) == pytest.approx(rate)


@pytest.mark.parametrize(('progress', 'expected'), [(0.0, 0.4), (0.5, 0.2), (1.0, 0.1), (2.0, 0.1)])
def test_noise_falls_by_the_same_share_in_equal_times(progress, expected):
  """From 0.4 to 0.1, half-way at their geometric mean."""
  log_std = schedules.log_std(0.4, 0.1, jnp.zeros(3), jnp.asarray(progress))
  np.testing.assert_allclose(np.exp(log_std), [expected] * 3, rtol=1e-5)


def test_noise_that_is_learned_is_left_alone():
  learned = jnp.array([-1.0, 0.3])
  kept = schedules.log_std(0.4, 0.0, learned, jnp.asarray(0.5))
  np.testing.assert_array_equal(kept, learned)
