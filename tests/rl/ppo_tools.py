"""What the tests of PPO share: small learners, a batch of two rows by hand, and experience."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from probes import unused

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.ppo import PPOConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.network import Mirror
from mjx_humanoid.core.types import Transition
from mjx_humanoid.rl import ppo
from mjx_humanoid.rl.algorithm import Spec
from mjx_humanoid.rl.ppo_loss import Batch, ppo_loss

HALF_LOG_2PI = 0.9189385
ENTROPY = 1.4189385  # of a unit Gaussian, in nats

# No hidden layers: the mean action is 0 and the value is the observation itself.
LINEAR = {
  'mean_head': {'kernel': jnp.zeros((1, 1)), 'bias': jnp.zeros(1)},
  'value_head': {'kernel': jnp.ones((1, 1)), 'bias': jnp.zeros(1)},
  'log_std': jnp.zeros(1),
}


def made(config, spec):
  return ppo.make(config, spec, config.ppo)


def loss_of(algorithm, params, batch, old_log_std, shown=None):
  return ppo_loss(algorithm.net, algorithm.hyper, old_log_std, params, batch, shown)


def make(total_timesteps=1000, layers=(), initial_std=0.4, **hyper):
  network = NetworkConfig(policy_layers=layers, value_layers=layers, symmetric=False, initial_std=initial_std)
  config = Config(total_timesteps=total_timesteps, network=network, ppo=PPOConfig(**hyper))
  return made(config, Spec(observation_size=2, action_size=1, mirror=unused))


def column(*values):
  return jnp.asarray(values, jnp.float32)[:, None]


def two_rows():
  """New log densities are -0.5 a^2 - HALF_LOG_2PI; the old ones make the ratios 1.5 and 0.5."""
  new = jnp.array([-0.5, 0.0]) - HALF_LOG_2PI
  return Batch(
    obs=column(0.5, -0.5),
    action=column(1.0, 0.0),
    log_prob=new - jnp.log(jnp.array([1.5, 0.5])),
    mean=column(1.0, 0.0),
    advantage=jnp.array([2.0, -1.0]),
    target=jnp.array([1.5, -2.5]),
  )


def loss(**hyper):
  settings = {'clip_epsilon': 0.2, 'value_coef': 0.5, 'entropy_coef': 0.01, 'normalize_advantages': False}
  total, metrics = loss_of(make(**{**settings, **hyper}), LINEAR, two_rows(), jnp.zeros(1))
  return float(total), {name: float(value) for name, value in metrics.items()}


def experience(algorithm, steps=4, worlds=4, seed=0, reward=None):
  """A fresh learner and transitions [T, B] with its own actions and densities."""
  learner = jax.jit(algorithm.init)(jax.random.PRNGKey(seed))
  keys = jax.random.split(jax.random.PRNGKey(seed + 1), 3)
  obs = jax.random.normal(keys[0], (steps, worlds, 2))
  action, extras = algorithm.act(learner, obs, keys[1])
  no = jnp.zeros((steps, worlds), bool)
  reward = jax.random.normal(keys[2], (steps, worlds)) if reward is None else reward
  return learner, Transition(obs, action, reward, no, no, obs + 1, extras)


def updated(rounds=1, schedule='constant', **hyper):
  """Learners after each of some updates, with their metrics."""
  settings = {'batch_size': 8, 'num_epochs': 1, 'lr_schedule': schedule, 'learning_rate': 1e-3, **hyper}
  algorithm = make(total_timesteps=64, layers=(4,), **settings)
  learner, batch = experience(algorithm)
  update, history = jax.jit(algorithm.update) if rounds > 1 else algorithm.update, []
  for i in range(rounds):
    learner, metrics = update(learner, batch, jax.random.PRNGKey(i))
    history.append((learner, metrics))
  return history


# Two legs and a lean: the mirror exchanges obs 0 and 1, turns obs 2 round, and exchanges the two motors.
MIRROR = Mirror(np.array([1, 0, 2]), np.array([1.0, 1.0, -1.0]), np.array([1, 0]), np.array([1.0, 1.0]))
