"""Protects A2C: its loss and its step by hand, and that it learns values known beforehand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probes import bandit, constant, cycle, learn, mean_actions, probe_a2c, unused, values

from mjx_humanoid.core.config.a2c import A2CConfig
from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import Actor
from mjx_humanoid.core.types import Transition
from mjx_humanoid.rl import a2c, reward_scale
from mjx_humanoid.rl.algorithm import Spec, algorithms, make_algorithm

HALF_LOG_2PI = 0.9189385
ENTROPY = 1.4189385  # of a unit Gaussian, in nats
# No hidden layers: the mean action is 0 and the value is the observation itself.
LINEAR = {
  'mean_head': {'kernel': jnp.zeros((1, 1)), 'bias': jnp.zeros(1)},
  'value_head': {'kernel': jnp.ones((1, 1)), 'bias': jnp.zeros(1)},
  'log_std': jnp.zeros(1),
}


def make(final_std=0.0, **hyper):
  network = NetworkConfig(policy_layers=(), value_layers=(), symmetric=False, final_std=final_std)
  config = Config(num_envs=2, total_timesteps=1000, network=network, a2c=A2CConfig(**hyper))
  return a2c.make(config, Spec(observation_size=1, action_size=1, mirror=unused), config.a2c)


def column(*values):
  return jnp.asarray(values, jnp.float32)[:, None]


def test_it_is_chosen_by_its_name():
  assert 'advantage' in algorithms()['a2c'].lower()
  made = make_algorithm(Config(algorithm='a2c', network=NetworkConfig(symmetric=False)), Spec(3, 2, unused))
  assert isinstance(made, a2c.A2C)
  assert made.unroll_length == 5


def test_loss_of_two_rows_by_hand():
  # log density of actions 1 and 0 under N(0, 1): -0.5 - c and -c, with advantages 2 and -1:
  # their mean is (2 (-0.5 - c) + c) / 2 = -0.5 - c / 2, and the policy loss is its negative.
  # values 0.5 and -0.5 for targets 1.5 and -2.5: half the mean square is (1 + 4) / 4 = 1.25
  algorithm = make(entropy_coef=0.01, value_coef=0.4, normalize_advantages=False)
  total, metrics = a2c.a2c_loss(
    algorithm.net,
    algorithm.hyper,
    LINEAR,
    column(0.5, -0.5),
    column(1.0, 0.0),
    jnp.array([2.0, -1.0]),
    jnp.array([1.5, -2.5]),
  )
  policy_loss = 0.5 + HALF_LOG_2PI / 2
  assert float(metrics['policy_loss']) == pytest.approx(policy_loss, rel=1e-5)
  assert float(metrics['value_loss']) == pytest.approx(1.25, rel=1e-5)
  assert float(total) == pytest.approx(policy_loss + 0.4 * 1.25 - 0.01 * ENTROPY, rel=1e-5)


def batch_of(reward=1.0):
  """One step of two environments at observation 0, ended by a task, with action 1 of the first and -1 of the second."""
  row = jnp.zeros((1, 2))
  action = jnp.array([[[1.0], [-1.0]]])
  return Transition(row[..., None], action, row + reward, row == 0, row > 0, row[..., None], {})


def test_the_first_step_of_rmsprop_by_hand():
  """The value bias has the gradient 0.5 (v - target) = -0.5: a step of rate g / sqrt(0.99 + 0.01 g^2 + eps)."""
  algorithm = make(learning_rate=0.1, lr_schedule='constant', normalize_observations=False, max_grad_norm=1e9)
  learner = algorithm.init(jax.random.PRNGKey(0))
  learner = learner._replace(params=learner.params | LINEAR)
  after, metrics = jax.jit(algorithm.update)(learner, batch_of(), jax.random.PRNGKey(0))
  step = 0.1 * 0.5 / np.sqrt(0.99 + 0.01 * 0.25 + 1e-5)
  assert float(after.params['value_head']['bias'][0]) == pytest.approx(step, rel=1e-4)
  assert float(metrics['learning_rate']) == pytest.approx(0.1)
  assert float(after.timesteps) == 2


def test_an_update_that_is_not_finite_is_skipped_and_counted():
  algorithm = make()
  learner = algorithm.init(jax.random.PRNGKey(0))
  batch = batch_of()._replace(action=jnp.full((1, 2, 1), jnp.nan))
  after, metrics = jax.jit(algorithm.update)(learner, batch, jax.random.PRNGKey(0))
  assert float(metrics['skipped']) == 1
  for new, old in zip(jax.tree.leaves(after.params), jax.tree.leaves(learner.params), strict=True):
    np.testing.assert_array_equal(new, old)


def test_exploration_noise_follows_its_schedule():
  algorithm = make(final_std=0.1)
  after, _ = jax.jit(algorithm.update)(algorithm.init(jax.random.PRNGKey(0)), batch_of(), jax.random.PRNGKey(0))
  # 2 of 1000 steps from 0.4 to 0.1 on a geometric schedule
  assert float(jnp.exp(after.params['log_std'][0])) == pytest.approx(0.4 * 0.25**0.002, rel=1e-4)


def test_an_actor_of_another_squash_is_refused():
  algorithm = make()
  one = np.zeros(1, np.float32)
  actor = Actor((one[None],), (one,), one, one, one + 1, None, squash=True)
  with pytest.raises(UserError, match=r'squashes its actions by tanh, so config\.algorithm must be sac'):
    algorithm.adopt(algorithm.init(jax.random.PRNGKey(0)), actor)
  plain = algorithm.adopt(algorithm.init(jax.random.PRNGKey(0)), actor._replace(squash=False))
  np.testing.assert_array_equal(plain.params['mean_head']['kernel'], actor.kernels[0])


# Values known beforehand


def test_a_constant_reward_under_time_limits_is_worth_one_over_one_minus_gamma():
  algorithm = probe_a2c(gamma=0.8)
  assert values(algorithm, learn(constant(), algorithm, 300), [1.0])[0] == pytest.approx(5.0, rel=0.05)


@pytest.mark.parametrize(('ends', 'worth'), [(True, [0.5, 1.0]), (False, [2 / 3, 4 / 3])])
def test_a_delayed_reward_is_discounted_and_a_time_limit_is_no_end(ends, worth):
  algorithm = probe_a2c(gamma=0.5, normalize_observations=False)
  learned = values(algorithm, learn(cycle(ends=ends), algorithm, 200), [0.0, 1.0])
  np.testing.assert_allclose(learned, worth, rtol=0.08)


def test_it_learns_the_action_that_each_observation_rewards_and_its_value_in_units_of_the_spread():
  algorithm = probe_a2c(normalize_rewards=True)
  learner = learn(bandit(), algorithm, 300)
  np.testing.assert_allclose(mean_actions(algorithm, learner, [-1.0, 1.0]), [-0.5, 0.5], atol=0.15)
  unit = float(reward_scale.divisor(learner.scale))
  assert values(algorithm, learner, [1.0])[0] * unit == pytest.approx(0.95, abs=0.15)  # less what the noise costs
