"""Schedules of the learning rate and the exploration noise during training."""

from __future__ import annotations

import math

import jax.numpy as jnp

from mjx_humanoid.core.types import Array

# The adaptive schedule multiplies or divides by 1.5 within these bounds (as in Rudin et al., 2022).
ADAPTIVE_FACTOR, ADAPTIVE_LOW, ADAPTIVE_HIGH = 1.5, 1e-5, 1e-2
LINEAR_END = 0.1  # final share of the learning rate in the linear schedule


def rate(schedule: str, initial: float, present: Array, progress: Array) -> Array:
  """The learning rate [] of an update.

  Args:
    schedule: 'linear' falls from `initial`; any other keeps the rate at `present` [].
    progress: [] share of the training that is done.
  """
  if schedule != 'linear':
    return present
  return initial * (1 - (1 - LINEAR_END) * jnp.clip(progress, 0.0, 1.0))


def adapted(schedule: str, target_kl: float, rate: Array, kl: Array) -> Array:
  """The learning rate [] after an update with a KL divergence of `kl` [] nats; changes only if adaptive."""
  if schedule != 'adaptive':
    return rate
  slower = jnp.where(kl > 2 * target_kl, rate / ADAPTIVE_FACTOR, rate)
  faster = jnp.where(kl < target_kl / 2, rate * ADAPTIVE_FACTOR, slower)
  return jnp.clip(faster, ADAPTIVE_LOW, ADAPTIVE_HIGH)


def log_std(initial_std: float, final_std: float, learned: Array, progress: Array) -> Array:
  """Log standard deviation [A] of the actions at `progress` [] of the training; `learned` [A] if final_std is 0."""
  if not final_std:
    return learned
  share = jnp.clip(progress, 0.0, 1.0)
  scheduled = (1 - share) * math.log(initial_std) + share * math.log(final_std)
  return jnp.full_like(learned, scheduled)
