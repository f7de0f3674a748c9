"""Protects equivariant layers: the mirror commutes with them, and a plain network has the same actions."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ppo_tools import MIRROR, made

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.ppo import PPOConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import Mirror, layers, output
from mjx_humanoid.playback.onnx_graph import largest_difference, to_onnx
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.rl.actor_critic import make_networks
from mjx_humanoid.rl.algorithm import Spec
from mjx_humanoid.rl.equivariant import basis_of
from mjx_humanoid.rl.networks import Networks

# Observations: a pair, a pair that also changes sign, one that stays, one that changes sign. Actions: one of each kind.
OBS = np.array([1, 0, 3, 2, 4, 5]), np.array([1.0, 1.0, -1.0, -1.0, 1.0, -1.0], np.float32)
ACTIONS = np.array([1, 0, 2, 3]), np.array([-1.0, -1.0, 1.0, -1.0], np.float32)
BODY = Mirror(*OBS, *ACTIONS)
NETWORK = NetworkConfig(policy_layers=(8, 6), value_layers=(8,), symmetry='equivariant', activation='elu')


def spec(mirror=BODY):
  return Spec(len(mirror.obs_sources), len(mirror.action_sources), lambda: mirror)


def random_parameters(net, seed=0):
  """Parameters that have left their start, all of them."""
  rng = np.random.default_rng(seed)
  return jax.tree.map(
    lambda x: x + 0.3 * rng.normal(size=x.shape).astype(np.float32), net.init(jax.random.PRNGKey(seed))
  )


@pytest.fixture(params=[{}, {'shared': True}, {'policy_layers': ()}], ids=str)
def net(request):
  return make_networks(dataclasses.replace(NETWORK, **request.param), spec())


@pytest.fixture
def obs():
  return np.random.default_rng(1).normal(size=(7, 6)).astype(np.float32)


def test_the_parts_of_a_vector_by_hand():
  """(a, b) swapped: (a + b, a - b) / sqrt 2; (c, d) swapped and negated: c - d is even; e stays; f is negated."""
  even, odd = basis_of(*OBS)
  x = np.array([3.0, 1.0, 2.0, 4.0, 5.0, 6.0])
  half = np.sqrt(0.5)
  np.testing.assert_allclose(even.of(x), [4 * half, -2 * half, 5], rtol=1e-6)
  np.testing.assert_allclose(odd.of(x), [2 * half, 6 * half, 6], rtol=1e-6)
  np.testing.assert_allclose(x @ even.matrix, even.of(x), rtol=1e-6)
  both = np.concatenate([even.matrix, odd.matrix], axis=1)
  np.testing.assert_allclose(both @ both.T, np.eye(6), atol=1e-6)


def test_in_the_mirror_actions_are_mirrored_and_values_are_not(net, obs):
  params = random_parameters(net)
  (mean, log_std), (image, _) = net.policy(params, obs), net.policy(params, BODY.obs(obs))
  np.testing.assert_allclose(image, BODY.action(np.asarray(mean)), atol=1e-5)
  np.testing.assert_allclose(net.value(params, BODY.obs(obs)), net.value(params, obs), atol=1e-5)
  assert log_std[0] == log_std[1]
  assert np.abs(np.asarray(mean) - np.asarray(image)).max() > 0.1
  assert np.std(net.value(params, obs)) > 0.1


def test_a_plain_network_with_its_layers_acts_the_same(net, obs):
  params = random_parameters(net)
  written = net.layers(params)
  kernels, biases = [layer['kernel'] for layer in written], [layer['bias'] for layer in written]
  assert [k.shape for k in kernels] == [k.shape for k in plain_shapes(net)]
  np.testing.assert_allclose(layers(obs, kernels, biases, 'elu'), net.policy(params, obs)[0], atol=1e-5)
  again = net.with_layers(random_parameters(net, seed=1), kernels, biases)
  np.testing.assert_allclose(net.policy(again, obs)[0], net.policy(params, obs)[0], atol=1e-5)


def plain_shapes(net):
  """The kernels of a network of the same widths that is not symmetric."""
  other = Networks(net.config, net.observation_size, net.action_size)
  return [layer['kernel'] for layer in other.layers(other.init(jax.random.PRNGKey(0)))]


def test_it_has_half_the_weights_and_starts_with_small_actions(obs):
  net = make_networks(NETWORK, spec())
  params = net.init(jax.random.PRNGKey(0))
  kernels = [x.size for x in jax.tree.leaves({k: params['policy'][k] for k in ('hidden_0', 'hidden_1')}) if x.ndim == 2]
  assert sum(kernels) == (6 * 8 + 8 * 6) / 2
  assert np.abs(net.policy(params, obs)[0]).max() < 0.1
  product = np.asarray(net.layers(params)[1]['kernel'])
  np.testing.assert_allclose(product.T @ product, 2 * np.eye(6), atol=1e-5)  # orthogonal, of gain sqrt 2, as others


def test_ppo_learns_with_it_and_its_policy_file_is_a_plain_network(obs):
  """Its actor in playback and in ONNX, after an update that has changed every part."""
  pytest.importorskip('onnx')
  algorithm = made(Config(network=NETWORK, ppo=PPOConfig(batch_size=8)), spec())
  learner = algorithm.init(jax.random.PRNGKey(0))
  learner = learner._replace(params=random_parameters(algorithm.net), average={})
  actor = jax.tree.map(np.asarray, algorithm.actor(learner))
  assert actor.mirror is None
  mean = algorithm.act(learner, jnp.asarray(obs), jax.random.PRNGKey(1))[1]['mean']
  np.testing.assert_allclose(output(actor, obs, 'elu'), mean, atol=1e-5)
  policy = Policy(*actor[:5], activation='elu', task=TaskConfig(), info={})
  assert largest_difference(to_onnx(policy, {}), policy) < 1e-5
  fresh = algorithm.adopt(algorithm.init(jax.random.PRNGKey(2)), actor)  # as at a restart
  again = algorithm.act(fresh, jnp.asarray(obs), jax.random.PRNGKey(1))[1]['mean']
  np.testing.assert_allclose(again, mean, atol=1e-4)


def test_policies_that_are_not_equivariant_are_refused_with_the_setting_that_fits():
  algorithm = made(Config(network=NETWORK, ppo=PPOConfig(batch_size=8)), spec())
  learner = algorithm.init(jax.random.PRNGKey(0))
  shapes = [x.shape for x in plain_shapes(algorithm.net)]
  rng = np.random.default_rng(0)
  actor = jax.tree.map(np.asarray, algorithm.actor(learner))
  other = actor._replace(kernels=[rng.normal(size=shape).astype(np.float32) for shape in shapes])
  with pytest.raises(UserError, match=r'do not treat left and right alike.*set config\.network\.symmetric=False'):
    algorithm.adopt(learner, other)
  with pytest.raises(UserError, match=r'set config\.network\.symmetry=averaged, as that policy is'):
    algorithm.adopt(learner, other._replace(mirror=BODY))


# Three observations of which the first two are the same quantity, whose mirror image there is once.
DOUBLED = Mirror(np.array([2, 2, 0]), np.ones(3, np.float32), *ACTIONS)


@pytest.mark.parametrize(
  ('changes', 'mirror', 'message'),
  [
    ({'policy_layers': (8, 7)}, BODY, r'policy_layers: half of the units .* so 7 must be even'),
    ({'value_layers': (5,)}, BODY, r'value_layers: half of the units .* so 5 must be even'),
    ({'symmetric': False}, BODY, r'symmetry=equivariant needs config\.network\.symmetric=True'),
    ({}, DOUBLED, r'occurs twice and its mirror image once; set config\.network\.symmetry=averaged'),
  ],
)
def test_what_cannot_be_equivariant_is_refused(changes, mirror, message):
  with pytest.raises(UserError, match=message):
    make_networks(dataclasses.replace(NETWORK, **changes), spec(mirror))


def test_a_robot_without_a_mirror_has_a_plain_network():
  net = make_networks(NETWORK, Spec(6, 4, lambda: None))
  assert type(net) is Networks and net.averaged_over is None
  assert make_networks(dataclasses.replace(NETWORK, symmetry='averaged'), spec(MIRROR)).averaged_over is MIRROR
