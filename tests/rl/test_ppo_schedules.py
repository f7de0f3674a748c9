"""Protects the schedules of PPO: learning rates and the noise of actions."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ppo_tools import LINEAR, experience, loss_of, made, make, two_rows, updated
from probes import unused

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.ppo import PPOConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.rl.algorithm import Spec


def test_constant_schedule():
  assert [float(m['learning_rate']) for _, m in updated(3)] == pytest.approx([1e-3] * 3)


def test_linear_schedule_falls_to_a_tenth_at_the_end_of_the_budget():
  # 16 of 64 steps an update: progress 0, 1/4, 1/2, 3/4, 1, and no further than that.
  rates = [float(m['learning_rate']) for _, m in updated(6, 'linear')]
  assert rates == pytest.approx([1e-3, 7.75e-4, 5.5e-4, 3.25e-4, 1e-4, 1e-4], rel=1e-5)


def test_adaptive_schedule_slows_down_where_kl_is_large():
  (learner, metrics), (_, second) = updated(2, 'adaptive', learning_rate=9e-3, target_kl=1e-9)
  assert float(metrics['kl']) > 2e-9
  assert float(metrics['learning_rate']) == pytest.approx(9e-3)
  assert float(learner.learning_rate) == float(second['learning_rate']) == pytest.approx(9e-3 / 1.5)


def test_adaptive_schedule_speeds_up_where_kl_is_small():
  learner, metrics = updated(1, 'adaptive', target_kl=1e3)[0]
  assert float(metrics['kl']) < 500
  assert float(learner.learning_rate) == pytest.approx(1.5e-3)


def test_adaptive_schedule_stays_within_half_and_twice_the_target():
  kl = float(updated(1)[0][1]['kl'])
  assert kl > 0
  for target in (kl * 1.5, kl / 1.5):
    assert float(updated(1, 'adaptive', target_kl=target)[0][0].learning_rate) == pytest.approx(1e-3)


@pytest.mark.parametrize(('start', 'shift', 'bound'), [(9e-3, 0.0, 1e-2), (1.2e-5, 1.0, 1e-5)])
def test_adaptive_schedule_keeps_its_bounds(start, shift, bound):
  """A policy that acts otherwise by `shift` than the one that collected has a KL of shift^2 / 2 std^2."""
  algorithm = make(layers=(4,), batch_size=16, num_epochs=1, lr_schedule='adaptive', learning_rate=start, target_kl=0.1)
  learner, batch = experience(algorithm)
  learner.params['mean_head']['bias'] += shift
  after, metrics = algorithm.update(learner, batch, jax.random.PRNGKey(0))
  assert float(metrics['kl']) == pytest.approx(shift**2 / 2 / math.exp(learner.params['log_std'][0]) ** 2, abs=1e-3)
  assert float(after.learning_rate) == pytest.approx(bound)


def explore(final_std, rounds):
  """Learners after each of some updates of 16 of 64 steps, from a standard deviation of 0.4."""
  network = NetworkConfig(policy_layers=(4,), value_layers=(4,), symmetric=False, initial_std=0.4, final_std=final_std)
  hyper = PPOConfig(batch_size=8, num_epochs=1, entropy_coef=0.1)
  algorithm = made(Config(total_timesteps=64, network=network, ppo=hyper), Spec(2, 1, unused))
  learner, batch = experience(algorithm)
  update, history = jax.jit(algorithm.update), []
  for i in range(rounds):
    learner, _ = update(learner, batch, jax.random.PRNGKey(i))
    history.append(learner)
  return algorithm, history


def test_scheduled_noise_of_actions_falls_geometrically_whatever_pays():
  # From 0.4 to 0.1: halved by half of the way, at 2 of 4 updates; and no further than that.
  algorithm, history = explore(0.1, 6)
  found = [math.exp(float(learner.params['log_std'][0])) for learner in history]
  assert found == pytest.approx([0.4 / 2**0.5, 0.2, 0.2 / 2**0.5, 0.1, 0.1, 0.1], rel=1e-5)
  assert float(algorithm.actor(history[3]).log_std[0]) == pytest.approx(math.log(0.1), rel=1e-5)


@pytest.mark.parametrize(('final_std', 'learned'), [(0.1, False), (0.0, True)])
def test_noise_that_is_scheduled_has_no_gradient(final_std, learned):
  network = NetworkConfig(policy_layers=(), value_layers=(), symmetric=False, final_std=final_std)
  hyper = PPOConfig(clip_epsilon=0.9, entropy_coef=0.1, normalize_advantages=False)
  algorithm = made(Config(network=network, ppo=hyper), Spec(1, 1, unused))
  grads = jax.grad(lambda p: loss_of(algorithm, p, two_rows(), jnp.zeros(1))[0])(LINEAR)
  assert bool(np.any(grads['log_std'] != 0)) == learned
  assert np.all(grads['mean_head']['bias'] != 0)
