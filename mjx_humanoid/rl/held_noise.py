"""Exploration noise that is held for several steps, so that single steps do not cancel each other.

It is held for n unrolls, n from a zeta distribution with exponent 2 up to a limit (Dabney et al., 2021). With n = 1 it
is drawn at every step.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from mjx_humanoid.core.types import Array, Key


class HeldNoise(NamedTuple):
  """The noise of B environments."""

  value: Array  # [B, A] unit Gaussian
  left: Array  # [B] int32, unrolls that are left
  held: Array  # [B] bool: it is held, rather than drawn at every step


def init(num_envs: int, action_size: int) -> HeldNoise:
  """Nothing is held."""
  return HeldNoise(jnp.zeros((num_envs, action_size)), jnp.zeros(num_envs, jnp.int32), jnp.zeros(num_envs, bool))


def advance(noise: HeldNoise, key: Key, longest: int) -> HeldNoise:
  """The noise of the next unroll; `longest` is the most unrolls that it is held for."""
  length_key, value_key = jax.random.split(key)
  lengths = jnp.arange(1, longest + 1)
  drawn = lengths[jax.random.categorical(length_key, -2 * jnp.log(lengths), shape=noise.left.shape)]
  left = noise.left - 1
  over = left <= 0
  fresh = jax.random.normal(value_key, noise.value.shape)
  return HeldNoise(
    jnp.where(over[:, None], fresh, noise.value),
    jnp.where(over, drawn, left).astype(jnp.int32),
    jnp.where(over, drawn > 1, noise.held),
  )


def draw(noise: HeldNoise, key: Key) -> Array:
  """Unit Gaussian noise [B, A] of a step."""
  return jnp.where(noise.held[:, None], noise.value, jax.random.normal(key, noise.value.shape))
