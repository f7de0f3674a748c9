"""Protects what PPO learns, on environments whose values are known, by the real collecting and updates."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probes import Probe, always, constant, learn, mean_actions, never, probe_ppo, values

# Probe environments, through the real collect_traced and the real update.


def ones(age, key):
  return jnp.ones((len(age), 1))


def test_a_constant_reward_under_time_limits_is_worth_one_over_one_minus_gamma():
  """Were truncation taken for termination, episodes of 5 steps could not be worth more than 4.1."""
  algorithm = probe_ppo(gamma=0.9, gae_lambda=0.9)
  value = values(algorithm, learn(constant(), algorithm, 300), [1.0])
  assert value[0] == pytest.approx(10.0, rel=0.03)


def test_a_reward_before_termination_is_worth_itself():
  env = Probe(reward=lambda age, obs, a: jnp.ones(16), terminated=always, truncated=never, observe=ones)
  algorithm = probe_ppo(gamma=0.9)
  assert values(algorithm, learn(env, algorithm, 200), [1.0])[0] == pytest.approx(1.0, rel=0.03)


def test_a_reward_two_steps_away_is_discounted_once():
  """Observation 0, reward 0; observation 1, reward 1, end. Worth gamma and 1."""
  env = Probe(
    reward=lambda age, obs, a: (age == 2).astype(jnp.float32),
    terminated=lambda age: age >= 2,
    truncated=never,
    observe=lambda age, key: age[:, None].astype(jnp.float32),
  )
  algorithm = probe_ppo(gamma=0.5, normalize_observations=False)
  np.testing.assert_allclose(values(algorithm, learn(env, algorithm, 300), [0.0, 1.0]), [0.5, 1.0], atol=0.04)


def test_the_action_that_pays_most_is_preferred():
  env = Probe(reward=lambda age, obs, a: -((a - 0.5) ** 2), terminated=always, truncated=never, observe=ones)
  algorithm = probe_ppo(normalize_observations=False)
  learner = learn(env, algorithm, 300)
  assert mean_actions(algorithm, learner, [1.0])[0] == pytest.approx(0.5, abs=0.1)
  assert math.exp(float(learner.params['log_std'][0])) < 0.4  # noise costs here, so it was learned away


def test_the_preferred_action_depends_on_the_observation():
  def sign(age, key):
    return jax.random.rademacher(key, (len(age), 1)).astype(jnp.float32)

  env = Probe(reward=lambda age, obs, a: obs * a, terminated=always, truncated=never, observe=sign)
  algorithm = probe_ppo()
  actions = mean_actions(algorithm, learn(env, algorithm, 300), [-1.0, 1.0])
  assert actions[0] < -0.5
  assert actions[1] > 0.5


def test_scaled_rewards_are_learned_to_scaled_values():
  """Of a constant reward of 1 in episodes of one step, at a scale of a quarter: 0.25."""
  env = Probe(reward=lambda age, obs, a: jnp.ones(16), terminated=always, truncated=never, observe=ones)
  algorithm = probe_ppo(reward_scale=0.25)
  np.testing.assert_allclose(values(algorithm, learn(env, algorithm, 60), [1.0]), 0.25, atol=0.03)
