"""Curricula: the difficulty level of each environment during training, by name.

A level in (0, 1] scales pushes, start states and sampled commands.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp

from mjx_humanoid.core.registry import Registry
from mjx_humanoid.core.types import Array

LOWEST = 0.1
HARDER, EASIER = 0.03, 0.06  # so that two of three episodes succeed

# (level [B], terminated [B], succeeded [B]: reached the time limit from the first step on, control steps of an
# environment in the whole training) -> level [B]
CurriculumFn = Callable[[Array, Array, Array, float], Array]
CURRICULA: Registry[CurriculumFn] = Registry('curriculum')


@CURRICULA.register()
def none(level: Array, terminated: Array, succeeded: Array, steps: float) -> Array:
  """Full difficulty from the first step."""
  return jnp.ones_like(level)


@CURRICULA.register()
def linear(level: Array, terminated: Array, succeeded: Array, steps: float) -> Array:
  """The level rises linearly, up to full difficulty at half of the training."""
  return jnp.minimum(level + 2.0 * (1.0 - LOWEST) / steps, 1.0)


@CURRICULA.register()
def survival(level: Array, terminated: Array, succeeded: Array, steps: float) -> Array:
  """Per environment: the level rises after an episode that reached its time limit, and falls after any other."""
  return jnp.clip(level + HARDER * succeeded - EASIER * terminated, LOWEST, 1.0)


def share_of_starts(curriculum: CurriculumFn, level: Array, uniform: Array) -> Array:
  """Strength [B] of the next start state of each environment, as a share of the hardest, from uniform [B] in [0, 1).

  Uniform up to the level. For `survival`, where the policy just succeeds at the level, it is level * u^(1/4), which is
  above 0.84 * level half of the time.
  """
  return level * (uniform**0.25 if curriculum is survival else uniform)
