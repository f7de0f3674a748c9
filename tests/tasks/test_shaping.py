"""The shapes that turn errors into rewards."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.tasks.shaping import gaussian, tolerance


@pytest.mark.parametrize(
  ('error', 'scale', 'expected'),
  [
    (0.0, 0.5, 1.0),
    (0.5, 0.5, math.exp(-1)),
    (-0.5, 0.5, math.exp(-1)),
    (1.0, 0.5, math.exp(-4)),
    (0.3, 0.6, math.exp(-0.25)),
  ],
)
def test_gaussian_of_a_number(error, scale, expected):
  assert float(gaussian(jnp.float32(error), scale)) == pytest.approx(expected, rel=1e-6)


def test_gaussian_of_a_vector_counts_its_length():
  # |(3, 4)| = 5: exp(-(5 / 5)^2)
  assert float(gaussian(jnp.array([3.0, 4.0]), 5.0)) == pytest.approx(math.exp(-1), rel=1e-6)


def test_gaussian_of_one_element_is_that_of_its_number():
  assert gaussian(jnp.array([0.7]), 0.5).shape == ()
  assert float(gaussian(jnp.array([0.7]), 0.5)) == float(gaussian(jnp.float32(0.7), 0.5))


def test_gaussian_far_away_is_zero_and_not_nan():
  assert float(gaussian(jnp.float32(1e19), 0.1)) == 0.0
  assert float(jax.grad(lambda x: gaussian(x, 0.1))(jnp.float32(0.0))) == 0.0


@pytest.mark.parametrize(
  ('x', 'expected'),
  [(1.0, 1.0), (1.5, 1.0), (2.0, 1.0), (2.5, 0.1), (0.5, 0.1), (3.0, 1e-4), (2.25, 0.1**0.25), (0.75, 0.1**0.25)],
)
def test_tolerance(x, expected):
  """1 within [1, 2]; 0.1 at the margin of 0.5 outside; 0.1^(2^2) at twice the margin."""
  assert float(tolerance(jnp.float32(x), 1.0, 2.0, 0.5)) == pytest.approx(expected, rel=1e-5)


def test_tolerance_works_element_by_element():
  result = tolerance(jnp.array([0.0, 1.0, 3.0]), 0.0, 1.0, 2.0)
  np.testing.assert_allclose(result, [1, 1, 0.1], rtol=1e-6)
