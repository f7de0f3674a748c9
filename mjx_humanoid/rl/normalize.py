"""Running mean and standard deviation of observations: Brax's running_statistics with the clipping of core.network."""

from __future__ import annotations

import jax.numpy as jnp

from mjx_humanoid.core import network
from mjx_humanoid.core.process import quiet_imports
from mjx_humanoid.core.types import Array

with quiet_imports():
  from brax.training.acme import running_statistics
  from brax.training.acme.running_statistics import RunningStatisticsState as Normalizer

# Number of observations that given statistics count as, far more than a training collects: a trained actor depends on
# the scale of its observations. When the statistics adapted to a new task, the policy lost its skill.
KNOWN = 2**30
MIN_STD = 1e-2  # bounds the scale of elements that have been constant so far

__all__ = ['MIN_STD', 'Normalizer', 'init', 'known', 'normalize', 'update']


def init(size: int) -> Normalizer:
  """Initial statistics, before any observation: mean 0, standard deviation 1."""
  return running_statistics.init_state(jnp.zeros(size))


def known(mean: Array, std: Array) -> Normalizer:
  """Given statistics [O], as if of KNOWN observations."""
  # Half of KNOWN observations one standard deviation above the mean, half one below.
  return update(init(len(mean)), jnp.stack([mean + std, mean - std]), weights=jnp.full(2, KNOWN / 2))


def update(normalizer: Normalizer, obs: Array, weights: Array | None = None) -> Normalizer:
  """Adds observations [..., O] with weights [...]; without weights, each counts once."""
  return running_statistics.update(normalizer, obs, weights=weights, std_min_value=MIN_STD)


def normalize(normalizer: Normalizer, obs: Array) -> Array:
  """obs [..., O] in standard deviations from the mean, clipped."""
  return network.normalize(obs, normalizer.mean, normalizer.std)
