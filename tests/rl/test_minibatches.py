"""Protects minibatches: which sizes fit, every row once an epoch, and means over those that were learned from."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.rl.minibatches import check_minibatches, mean_of_good, shuffled


@pytest.mark.parametrize(
  ('envs', 'length', 'size', 'closest'),
  [
    (10, 6, 25, 20),  # the divisors of 60 around 25 are 20 and 30, both 5 away: the first is named
    (2, 3, 12, 6),
    (7, 1, 2, 1),
    (15, 8, 32, 30),
  ],
)
def test_sizes_that_do_not_fit_are_refused_with_the_closest_that_does(envs, length, size, closest):
  with pytest.raises(
    UserError, match=rf'= {envs * length} transitions .* config\.x\.batch_size={size}; .* is {closest}\.'
  ):
    check_minibatches(envs, length, size, 'config.x')
  check_minibatches(envs, length, closest, 'config.x')


@pytest.mark.parametrize('size', [1, 6])
def test_from_one_to_all_that_is_collected_fits(size):
  check_minibatches(2, 3, size, 'config.x')


def test_every_row_comes_once_an_epoch_in_a_new_order():
  rows = np.asarray(shuffled(jax.random.PRNGKey(0), 12, 4, 5))
  assert rows.shape == (15, 4)
  epochs = rows.reshape(5, 12)
  np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(12), (5, 1)))
  assert len({tuple(epoch) for epoch in epochs}) == 5


def test_the_mean_of_good_values_by_hand():
  values = jnp.array([1.0, jnp.nan, 4.0, jnp.inf])
  assert float(mean_of_good(values, jnp.array([True, False, True, False]))) == pytest.approx(2.5)
  assert np.isnan(mean_of_good(values, jnp.zeros(4, bool)))


@pytest.mark.parametrize('count', [3, 7, 49, 1000])
def test_where_all_are_good_it_is_the_plain_mean_to_the_last_bit(count):
  values = jax.random.normal(jax.random.PRNGKey(count), (count,))
  assert mean_of_good(values, jnp.ones(count, bool)) == values.mean()
