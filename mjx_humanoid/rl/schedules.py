"""How the learning rate and the noise of the actions change while training."""

from __future__ import annotations

import math

import jax.numpy as jnp

from mjx_humanoid.core.config.schema import NetworkConfig, PPOConfig
from mjx_humanoid.core.types import Array

# The adaptive schedule multiplies or divides by 1.5 within these bounds (as in Rudin et al., 2022).
ADAPTIVE_FACTOR, ADAPTIVE_LOW, ADAPTIVE_HIGH = 1.5, 1e-5, 1e-2
LINEAR_END = 0.1  # of the learning rate is left at the end of the linear schedule


def rate(hyper: PPOConfig, present: Array, progress: Array) -> Array:
  """The learning rate [] of an update, when the last left it at `present` and `progress` [] of the training is done."""
  if hyper.lr_schedule != 'linear':
    return present
  return hyper.learning_rate * (1 - (1 - LINEAR_END) * jnp.clip(progress, 0.0, 1.0))


def adapted(hyper: PPOConfig, rate: Array, kl: Array) -> Array:
  """The learning rate [] after an update that moved the policy by `kl` [] nats: as it was, unless it adapts."""
  if hyper.lr_schedule != 'adaptive':
    return rate
  slower = jnp.where(kl > 2 * hyper.target_kl, rate / ADAPTIVE_FACTOR, rate)
  faster = jnp.where(kl < hyper.target_kl / 2, rate * ADAPTIVE_FACTOR, slower)
  return jnp.clip(faster, ADAPTIVE_LOW, ADAPTIVE_HIGH)


def log_std(network: NetworkConfig, learned: Array, progress: Array) -> Array:
  """Of the actions [A], as it is scheduled at `progress` [] of the training; as `learned` [A] where it is not."""
  if not network.final_std:
    return learned
  share = jnp.clip(progress, 0.0, 1.0)
  scheduled = (1 - share) * math.log(network.initial_std) + share * math.log(network.final_std)
  return jnp.full_like(learned, scheduled)
