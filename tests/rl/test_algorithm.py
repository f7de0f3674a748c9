"""Protects finding algorithms by name, and that playback is handed what acting used."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.core.config.schema import Config, NetworkConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.rl import normalize
from mjx_humanoid.rl.algorithm import Spec, algorithms, make_algorithm
from mjx_humanoid.rl.ppo import PPO


def no_mirror():
  raise AssertionError('only symmetric networks ask for a mirror')


SPEC = Spec(observation_size=3, action_size=2, mirror=no_mirror)


def test_ppo_is_listed_with_a_description():
  assert 'proximal' in algorithms()['ppo'].lower()


def test_helper_modules_are_not_taken_for_algorithms():
  assert not {'algorithm', 'collect', 'networks', 'normalize', 'returns'} & set(algorithms())


def test_the_config_names_the_algorithm_and_its_settings_arrive():
  config = Config(total_timesteps=77, network=NetworkConfig(policy_layers=(5,), symmetric=False))
  made = make_algorithm(config, SPEC)
  assert isinstance(made, PPO)
  assert (made.network, made.hyper, made.total_timesteps) == (config.network, config.ppo, 77)
  assert (made.observation_size, made.action_size, made.mirror) == (3, 2, None)


@pytest.mark.parametrize('name', ['pp0', 'collect', 'os', ''])
def test_an_unknown_algorithm_is_refused_with_the_choices(name):
  with pytest.raises(UserError, match=r'unknown algorithm.*Choices: .*ppo'):
    make_algorithm(dataclasses.replace(Config(), algorithm=name), SPEC)


@pytest.mark.parametrize('shared', [False, True])
def test_the_actor_holds_what_acting_used(shared):
  """Its layers, applied by hand, give the mean action that `act` reports."""
  network = NetworkConfig(policy_layers=(6, 5), value_layers=(4,), activation='tanh', shared=shared, symmetric=False)
  algorithm = make_algorithm(Config(network=network), SPEC)
  learner = algorithm.init(jax.random.PRNGKey(0))
  obs = 4 + 2 * jax.random.normal(jax.random.PRNGKey(1), (9, 3))
  learner = learner._replace(normalizer=normalize.update(learner.normalizer, obs))
  actor = algorithm.actor(learner)
  assert [k.shape for k in actor.kernels] == [(3, 6), (6, 5), (5, 2)]
  x = (obs - actor.mean) / actor.std
  for kernel, bias in zip(actor.kernels[:-1], actor.biases[:-1], strict=True):
    x = jnp.tanh(x @ kernel + bias)
  by_hand = x @ actor.kernels[-1] + actor.biases[-1]
  np.testing.assert_allclose(by_hand, algorithm.act(learner, obs, jax.random.PRNGKey(2))[1]['mean'], atol=1e-5)
  np.testing.assert_array_equal(actor.log_std, learner.params['log_std'])
