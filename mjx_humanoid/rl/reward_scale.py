"""Rewards divided by the scale of returns, so that learning rates and losses do not depend on the task's units.

A running discounted return of each environment, G <- gamma G + r, is started again with its episode. The scale is its
standard deviation, or a share of its largest magnitude if that is more (as in SimbaV2, Lee et al., 2025).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from mjx_humanoid.core.types import Array

SMALLEST = 1e-4  # of the scale, for rewards that have been zero so far


class RewardScale(NamedTuple):
  """Statistics of the running returns of B environments."""

  running: Array  # [B]
  count: Array  # []
  mean: Array  # []
  spread: Array  # [] sum of squared distances from the mean
  largest: Array  # [] magnitude


def init(num_envs: int) -> RewardScale:
  """Before any reward."""
  zero = jnp.zeros(())
  return RewardScale(jnp.zeros(num_envs), zero, zero, zero, zero)


def update(scale: RewardScale, reward: Array, ended: Array, gamma: float) -> RewardScale:
  """The statistics after rewards [T, B]; `ended` [T, B] bool: the episode is over after this step."""

  def step(running: Array, part: tuple[Array, Array]) -> tuple[Array, Array]:
    returns = gamma * running + part[0]
    return jnp.where(part[1], 0.0, returns), returns

  running, returns = jax.lax.scan(step, scale.running, (reward, ended))
  size, mean = returns.size, returns.mean()
  count, delta = scale.count + size, mean - scale.mean
  # Chan et al. (1983): two sets of numbers joined by their means and sums of squares.
  spread = scale.spread + jnp.square(returns - mean).sum() + jnp.square(delta) * scale.count * size / count
  largest = jnp.maximum(scale.largest, jnp.abs(returns).max())
  return RewardScale(running, count, scale.mean + delta * size / count, spread, largest)


def divisor(scale: RewardScale, bound: float | None = None) -> Array:
  """What rewards are divided by [].

  Args:
    bound: largest magnitude that the returns may have after the division; None for any.
  """
  std = jnp.sqrt(scale.spread / jnp.maximum(scale.count, 1.0))
  widest = std if bound is None else jnp.maximum(std, scale.largest / bound)
  return jnp.where(scale.count > 0, jnp.maximum(widest, SMALLEST), 1.0)
