"""Protects the policy network: by hand, against SciPy, and that NumPy and JAX give the same."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from mjx_humanoid.core.network import ACTIVATIONS, CLIP, Actor, Mirror, layers, mean_action, normalize, symmetrized

X = np.array([-200.0, -2.0, -0.1, 0.0, 3.0, 50.0], np.float32)
EXPECTED = {
  'elu': np.where(X > 0, X, np.exp(np.minimum(X, 0)) - 1),
  'relu': np.maximum(X, 0),
  'swish': X * special.expit(X),
  'tanh': np.tanh(X),
}
AT_ZERO = {'elu': 1.0, 'relu': 0.0, 'swish': 0.5, 'tanh': 1.0}  # the derivatives at 0, as jax.nn has them


@pytest.mark.parametrize('name', ACTIVATIONS)
@pytest.mark.parametrize('array', [np.asarray, jnp.asarray])
def test_every_activation_is_the_function_of_that_name(name, array):
  result = ACTIVATIONS[name].function(array(X))
  assert type(result) is type(array(X))
  assert result.dtype == np.float32
  np.testing.assert_allclose(result, EXPECTED[name], atol=2e-6)


@pytest.mark.parametrize('name', ACTIVATIONS)
def test_derivatives_are_finite_everywhere_and_those_of_jax_at_zero(name):
  slope = jax.vmap(jax.grad(ACTIVATIONS[name].function))
  assert np.isfinite(slope(jnp.asarray(X))).all()
  assert float(slope(jnp.zeros(1))[0]) == AT_ZERO[name]
  theirs = jax.vmap(jax.grad(getattr(jax.nn, name)))
  np.testing.assert_allclose(slope(jnp.asarray(X)), theirs(jnp.asarray(X)), atol=1e-5)


@pytest.mark.parametrize('name', ACTIVATIONS)
def test_what_is_not_finite_stays_so(name):
  """A diverged environment must be noticed behind the network, too."""
  assert np.isnan(ACTIVATIONS[name].function(np.array([np.nan], np.float32)))[0]


def test_observations_are_normalised_and_clipped():
  obs, mean, std = np.array([[1.0, 5.0, 1e9]]), np.array([0.0, 1.0, 0.0]), np.array([2.0, 2.0, 1.0])
  np.testing.assert_allclose(normalize(obs, mean, std), [[0.5, 2.0, CLIP]])
  np.testing.assert_allclose(normalize(-obs, mean, std), [[-0.5, -3.0, -CLIP]])


def test_two_layers_by_hand():
  """(0.5 + 2 - 3, 2) -> relu (0, 2) -> 2 / 4 + 0.1; the last layer has no activation."""
  kernels = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[9.0], [0.25]])
  biases = np.array([-3.0, 0.0]), np.array([0.1])
  np.testing.assert_allclose(layers(np.array([0.5, 2.0]), kernels, biases, 'relu'), [0.6])
  np.testing.assert_allclose(layers(np.array([0.5, 2.0]), kernels[1:], biases[1:], 'relu'), [5.1])


# Three observations and two actions: the mirror exchanges observations 0 and 1 and both actions, and negates the last.
MIRROR = Mirror(np.array([1, 0, 2]), np.array([1.0, 1.0, -1.0]), np.array([1, 0]), np.array([1.0, 1.0]))


def test_the_mirror_by_hand():
  np.testing.assert_array_equal(MIRROR.obs(np.array([3.0, 4.0, 5.0])), [4, 3, -5])
  np.testing.assert_array_equal(MIRROR.action(np.array([[6.0, 7.0]])), [[7, 6]])


def test_symmetrized_by_hand():
  """f(x) = (x0 + x2, 0): here (3 + 5, 0), of the image (4 - 5, 0), mirrored (0, -1)."""

  def function(x):
    return np.stack([x[..., 0] + x[..., 2], np.zeros(x.shape[:-1])], axis=-1)

  x = np.array([3.0, 4.0, 5.0])
  np.testing.assert_array_equal(symmetrized(function, x, MIRROR), [4.0, -0.5])
  np.testing.assert_array_equal(symmetrized(function, x, None), [8.0, 0.0])
  np.testing.assert_array_equal(symmetrized(function, MIRROR.obs(x), MIRROR), [-0.5, 4.0])


def actor(mirror=None):
  rng = np.random.default_rng(0)
  kernels = tuple(rng.normal(size=shape).astype(np.float32) for shape in ((3, 8), (8, 4), (4, 2)))
  biases = tuple(rng.normal(size=n).astype(np.float32) for n in (8, 4, 2))
  mean, std = rng.normal(size=3).astype(np.float32), np.exp(rng.normal(size=3)).astype(np.float32)
  return Actor(kernels, biases, np.zeros(2, np.float32), mean, std, mirror)


@pytest.mark.parametrize('mirror', [None, MIRROR])
@pytest.mark.parametrize('name', ACTIVATIONS)
def test_numpy_and_jax_give_the_same_mean_action(name, mirror):
  obs = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
  plain, traced = mean_action(actor(mirror), obs, name), jax.jit(lambda x: mean_action(actor(mirror), x, name))(obs)
  assert isinstance(plain, np.ndarray)
  with jax.default_matmul_precision('highest'):
    np.testing.assert_allclose(plain, traced, rtol=1e-4, atol=1e-4)


def test_one_observation_gives_what_its_row_of_a_batch_gives():
  obs = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
  rows = [mean_action(actor(MIRROR), row, 'elu') for row in obs]
  np.testing.assert_allclose(mean_action(actor(MIRROR), obs, 'elu'), rows, atol=1e-5)
