"""Protects the Gaussian actions (densities against SciPy) and the shape of the actor-critic."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.network import Mirror
from mjx_humanoid.rl import networks

MEAN = np.array([[0.3, -1.0], [0.0, 2.0]])
LOG_STD = np.array([-0.5, 0.4])
ACTION = np.array([[0.1, 0.5], [-2.0, 2.5]])


def init(config, observations=3, actions=2):
  net = networks.ActorCritic(config, actions)
  return net, net.init(jax.random.PRNGKey(0), jnp.zeros(observations))['params']


def test_log_prob_is_that_of_scipy():
  expected = stats.norm.logpdf(ACTION, MEAN, np.exp(LOG_STD)).sum(axis=1)
  np.testing.assert_allclose(networks.log_prob(ACTION, MEAN, LOG_STD), expected, rtol=1e-5)


def test_entropy_is_that_of_scipy():
  expected = stats.norm.entropy(0, np.exp(LOG_STD)).sum()
  assert float(networks.entropy(LOG_STD)) == pytest.approx(expected, rel=1e-6)


def test_kl_divergence_by_hand():
  # old N(1, 2^2), new N(3, 4^2): log(4/2) + (4 + 4) / (2 * 16) - 1/2 = 0.693147 + 0.25 - 0.5
  result = networks.kl_divergence(np.array([3.0]), np.log([4.0]), np.array([1.0]), np.log([2.0]))
  assert float(result) == pytest.approx(math.log(2) + 0.25 - 0.5, rel=1e-5)


def test_kl_divergence_is_of_the_old_from_the_new_by_quadrature():
  old, new = stats.norm(1.0, 2.0), stats.norm(-0.5, 0.7)
  expected = integrate.quad(lambda x: old.pdf(x) * (old.logpdf(x) - new.logpdf(x)), -40, 40)[0]
  result = networks.kl_divergence(np.array([-0.5]), np.log([0.7]), np.array([1.0]), np.log([2.0]))
  assert float(result) == pytest.approx(expected, rel=1e-4)


def test_kl_divergence_of_equal_distributions_is_zero():
  np.testing.assert_allclose(networks.kl_divergence(MEAN, LOG_STD, MEAN, LOG_STD), [0, 0], atol=1e-6)


def test_samples_have_the_mean_and_std_asked_for():
  mean = jnp.broadcast_to(jnp.array([0.3, -1.0]), (20_000, 2))
  samples = np.asarray(networks.sample(jax.random.PRNGKey(3), mean, LOG_STD))
  np.testing.assert_allclose(samples.mean(axis=0), [0.3, -1.0], atol=0.05)
  np.testing.assert_allclose(samples.std(axis=0), np.exp(LOG_STD), rtol=0.03)
  assert abs(np.corrcoef(samples.T)[0, 1]) < 0.03


@pytest.mark.parametrize('shared', [False, True])
def test_acting_and_judging_apart_give_what_the_whole_network_gives(shared):
  net, params = init(NetworkConfig(policy_layers=(8, 4), value_layers=(6,), shared=shared))
  obs = jax.random.normal(jax.random.PRNGKey(1), (5, 3))
  mean, log_std, value = net.apply({'params': params}, obs)
  alone, _ = net.apply({'params': params}, obs, method='act')
  judged = net.apply({'params': params}, obs, method='evaluate')
  np.testing.assert_array_equal(mean, alone)
  np.testing.assert_array_equal(value, judged)
  assert (mean.shape, log_std.shape, value.shape) == ((5, 2), (2,), (5,))


def test_shared_means_one_trunk_of_the_policys_layers():
  _, apart = init(NetworkConfig(policy_layers=(8, 4), value_layers=(6,), shared=False))
  _, shared = init(NetworkConfig(policy_layers=(8, 4), value_layers=(6,), shared=True))
  assert apart['value']['hidden_0']['kernel'].shape == (3, 6)
  assert 'value' not in shared
  assert shared['value_head']['kernel'].shape == (4, 1)


def test_first_actions_are_near_zero_with_the_std_of_the_config():
  net, params = init(NetworkConfig(policy_layers=(32,), initial_std=0.3))
  mean, log_std = net.apply({'params': params}, jax.random.normal(jax.random.PRNGKey(1), (50, 3)), method='act')
  assert float(jnp.abs(mean).max()) < 0.2
  np.testing.assert_allclose(np.exp(log_std), 0.3, rtol=1e-5)


def test_hidden_layers_apply_the_activation():
  """With relu, a hidden layer of large negative bias must silence the mean entirely."""
  net, params = init(NetworkConfig(policy_layers=(4,), activation='relu'))
  params['policy']['hidden_0']['bias'] = jnp.full(4, -1e6)
  mean, _ = net.apply({'params': params}, jnp.ones((1, 3)), method='act')
  np.testing.assert_array_equal(mean, params['mean_head']['bias'][None])


@pytest.mark.parametrize('shared', [False, True])
def test_the_critics_parameters_are_those_that_the_mean_action_does_not_depend_on(shared):
  """By the gradients of both: a shared trunk counts as the actor's."""
  net, params = init(NetworkConfig(policy_layers=(8,), value_layers=(6,), activation='tanh', shared=shared))
  obs = jax.random.normal(jax.random.PRNGKey(1), (5, 3))

  def depends(method):
    def total(p):
      return jax.tree.reduce(lambda a, b: a + b.sum(), net.apply({'params': p}, obs, method=method), 0.0)

    grads = jax.grad(total)(params)
    return {name: any(np.any(g != 0) for g in jax.tree.leaves(part)) for name, part in grads.items()}

  acts, judges = depends('act'), depends('evaluate')
  assert all(acts[name] or judges[name] for name in params)
  assert {name: networks.in_critic(name) for name in params} == {name: not acts[name] for name in params}


# Three observations and two actions: the mirror exchanges observations 0 and 1 and both actions, and negates the last.
MIRROR = Mirror(np.array([1, 0, 2]), np.array([1.0, 1.0, -1.0]), np.array([1, 0]), np.array([1.0, 1.0]))


def test_with_a_mirror_actions_are_mirrored_and_values_are_not():
  net = networks.Networks(NetworkConfig(policy_layers=(8,), value_layers=(6,)), 3, 2, MIRROR)
  params = jax.tree.map(
    lambda x: x + 0.5 * np.random.default_rng(0).normal(size=x.shape), net.init(jax.random.PRNGKey(0))
  )
  obs = jax.random.normal(jax.random.PRNGKey(1), (5, 3))
  image = jnp.stack([obs[:, 1], obs[:, 0], -obs[:, 2]], axis=1)
  (mean, log_std), (mirrored, _) = net.policy(params, obs), net.policy(params, image)
  np.testing.assert_allclose(mirrored, np.asarray(mean)[:, ::-1], atol=1e-6)
  np.testing.assert_allclose(net.value(params, image), net.value(params, obs), atol=1e-6)
  np.testing.assert_allclose(log_std, [np.mean(params['log_std'])] * 2, rtol=1e-6)
  assert np.abs(np.asarray(mean)[:, 0] - np.asarray(mean)[:, 1]).max() > 0.1


def test_layers_come_in_the_order_in_which_they_act():
  net = networks.Networks(NetworkConfig(policy_layers=(8, 4), value_layers=(6,)), 3, 2)
  layers = net.layers(net.init(jax.random.PRNGKey(0)))
  assert [layer['kernel'].shape for layer in layers] == [(3, 8), (8, 4), (4, 2)]


def test_bfloat16_rounds_products_and_nothing_else():
  """Against NumPy: inputs and kernels of the hidden layers lose 16 bits, sums and the heads do not."""
  config = NetworkConfig(policy_layers=(8,), value_layers=(8,), matmul='bfloat16', activation='relu')
  net, params = init(config)
  obs = jax.random.normal(jax.random.PRNGKey(1), (5, 3))

  def short(x):
    return np.asarray(jnp.asarray(x).astype(jnp.bfloat16).astype(jnp.float32))

  layer, head = params['policy']['hidden_0'], params['mean_head']
  hidden = np.maximum(short(obs) @ short(layer['kernel']) + layer['bias'], 0)
  expected = hidden @ head['kernel'] + head['bias']
  mean, *_ = net.apply({'params': params}, obs)
  np.testing.assert_allclose(mean, expected, rtol=1e-5, atol=1e-7)
  assert {x.dtype for x in jax.tree.leaves(params)} == {np.dtype(np.float32)}
  exact = networks.ActorCritic(NetworkConfig(policy_layers=(8,), value_layers=(8,), activation='relu'), 2)
  assert 0 < np.abs(exact.apply({'params': params}, obs)[0] - mean).max() < 1e-3
  gradient = jax.grad(lambda p: net.apply({'params': p}, obs)[0].sum())(params)
  assert {x.dtype for x in jax.tree.leaves(gradient)} == {np.dtype(np.float32)}
