"""Protects imitation: the distance from demonstrations is a part of the loss of PPO."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ppo_tools import experience, loss, loss_of, made, make, two_rows
from probes import unused

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.ppo import PPOConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Demonstrations
from mjx_humanoid.rl import ppo
from mjx_humanoid.rl.algorithm import Spec

# Imitation

# Observations [N, 2]; a policy without layers and with kernel (2, 0) and bias 0.1 does 2 x + 0.1 of the first element.
SHOWN = Demonstrations(np.array([[0.1, 9.0], [-0.2, 9.0]], np.float32), np.array([[0.5], [0.0]], np.float32))
DOUBLING = {
  'mean_head': {'kernel': jnp.array([[2.0], [0.0]]), 'bias': jnp.full(1, 0.1)},
  'value_head': {'kernel': jnp.zeros((2, 1)), 'bias': jnp.zeros(1)},
  'log_std': jnp.zeros(1),
}


def imitating(coef, shown=SHOWN, **hyper):
  network = NetworkConfig(policy_layers=(), value_layers=(), symmetric=False)
  config = Config(network=network, ppo=PPOConfig(imitation_coef=coef, batch_size=16, **hyper))
  return made(config, Spec(2, 1, unused, lambda: shown))


def test_distance_from_what_is_shown_costs_its_square():
  """Mean actions 0.3 and -0.3 where 0.5 and 0 are shown: (0.04 + 0.09) / 2."""
  batch = two_rows()._replace(obs=jnp.zeros((2, 2)))
  bare, _ = loss_of(imitating(0.6), DOUBLING, batch, jnp.zeros(1))
  total, metrics = loss_of(imitating(0.6), DOUBLING, batch, jnp.zeros(1), SHOWN)
  assert metrics['imitation_error'] == pytest.approx(0.065, rel=1e-5)
  assert total == metrics['loss'] == pytest.approx(float(bare) + 0.6 * 0.065, rel=1e-5)


def test_the_distance_of_an_action_is_that_of_all_its_elements():
  """Away by 0.3 and 0.4: 0.25, not its half."""
  network = NetworkConfig(policy_layers=(), value_layers=(), symmetric=False)
  shown = Demonstrations(jnp.zeros((1, 1)), jnp.array([[0.3, -0.4]]))
  spec = Spec(1, 2, unused, lambda: shown)
  algorithm = made(Config(network=network, ppo=PPOConfig(imitation_coef=1.0)), spec)
  params = {
    'mean_head': {'kernel': jnp.zeros((1, 2)), 'bias': jnp.zeros(2)},
    'value_head': {'kernel': jnp.zeros((1, 1)), 'bias': jnp.zeros(1)},
    'log_std': jnp.zeros(2),
  }
  batch = two_rows()._replace(action=jnp.zeros((2, 2)), mean=jnp.zeros((2, 2)))
  _, metrics = loss_of(algorithm, params, batch, jnp.zeros(2), shown)
  assert metrics['imitation_error'] == pytest.approx(0.25, rel=1e-5)


def test_an_actor_learns_what_it_is_shown():
  """Experience that tells nothing, as no reward ever differs: what is left is to do 0.5 and 0 there."""
  algorithm = imitating(1.0, learning_rate=0.05, lr_schedule='constant', normalize_observations=False)
  learner, batch = experience(algorithm, reward=jnp.zeros((4, 4)))
  learner = learner._replace(params=learner.params | {'value_head': DOUBLING['value_head']})
  update = jax.jit(algorithm.update)
  for key in jax.random.split(jax.random.PRNGKey(0), 100):
    learner, metrics = update(learner, batch, key)
  assert metrics['imitation_error'] < 0.01
  kernel, bias = learner.params['mean_head']['kernel'], learner.params['mean_head']['bias']
  np.testing.assert_allclose(SHOWN.obs @ kernel + bias, SHOWN.action, atol=0.1)


def test_what_is_shown_is_seen_as_the_actor_sees():
  """Normalised: elements of mean 4 and standard deviation 2 are shown as 6, one standard deviation above."""
  shown = Demonstrations(np.full((1, 2), 6.0, np.float32), np.zeros((1, 1), np.float32))
  algorithm = imitating(1.0, shown, learning_rate=1e-12, num_epochs=1)
  learner = algorithm.init(jax.random.PRNGKey(0))
  learner = learner._replace(normalizer=ppo.normalize.known(jnp.full(2, 4.0), jnp.full(2, 2.0)))
  params = learner.params | {'mean_head': DOUBLING['mean_head']}
  _, batch = experience(algorithm)
  _, metrics = algorithm.update(learner._replace(params=params), batch, jax.random.PRNGKey(1))
  assert metrics['imitation_error'] == pytest.approx(2.1**2, rel=1e-4)


def test_without_imitation_no_demonstrations_are_asked_for():
  """Spec's own demonstrations raise."""
  assert 'imitation_error' not in loss()[1]
  with pytest.raises(
    UserError, match=r'imitation_coef: this environment has no demonstrations to imitate. Set it to 0'
  ) as error:
    make(imitation_coef=0.1)
  assert '\n' not in str(error.value)
