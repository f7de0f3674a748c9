"""Protects distributions over bins: their mean and their projection by hand."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.rl import categorical

BINS = categorical.support(5, 2.0)  # -2, -1, 0, 1, 2


def test_the_support_is_even_and_symmetric():
  np.testing.assert_allclose(BINS, [-2, -1, 0, 1, 2])


def test_mean_of_two_masses():
  logits = jnp.log(jnp.array([1e-9, 0.25, 1e-9, 0.75, 1e-9]))
  assert float(categorical.mean(logits, BINS)) == pytest.approx(-0.25 + 0.75, abs=1e-6)


def test_projection_by_hand():
  """Half at 0.25: 3/4 of it to 0 and 1/4 to 1. Half at 7, beyond the support: to 2."""
  probability = jnp.array([[0.5, 0.5, 0.0, 0.0, 0.0]])
  shifted = jnp.array([[0.25, 7.0, 0.0, 0.0, 0.0]])
  np.testing.assert_allclose(
    categorical.projected(probability, shifted, BINS), [[0.0, 0.0, 0.375, 0.125, 0.5]], atol=1e-6
  )


def test_projection_keeps_mass_and_mean_within_the_support():
  rng = np.random.default_rng(0)
  probability = rng.dirichlet(np.ones(5), 20).astype(np.float32)
  shifted = rng.uniform(-2, 2, (20, 5)).astype(np.float32)
  moved = np.asarray(categorical.projected(jnp.asarray(probability), jnp.asarray(shifted), BINS))
  np.testing.assert_allclose(moved.sum(axis=1), 1, atol=1e-5)
  np.testing.assert_allclose(moved @ BINS, (probability * shifted).sum(axis=1), atol=1e-5)


def test_cross_entropy_by_hand():
  # uniform over five against a sure target: log 5
  target = jnp.array([0.0, 1.0, 0.0, 0.0, 0.0])
  assert float(categorical.cross_entropy(target, jnp.zeros(5))) == pytest.approx(np.log(5), rel=1e-6)
