"""Minibatches: sizes that divide the collected transitions, random order, and means over valid minibatches."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Array, Key

DEVICES = 'devices'  # name of the axis of a mesh of devices, over which environments and transitions are split


def check_minibatches(num_envs: int, unroll_length: int, batch_size: int, section: str) -> None:
  """Checks that the collected transitions divide into whole minibatches.

  Args:
    section: dotted name of the algorithm's settings, for the message.

  Raises:
    UserError: they do not; suggests the closest size that fits.
  """
  collected = num_envs * unroll_length
  if collected % batch_size:
    small = [n for n in range(1, math.isqrt(collected) + 1) if collected % n == 0]
    close = min([*small, *(collected // n for n in small)], key=lambda n: (abs(n - batch_size), n))
    raise UserError(
      f'config.num_envs={num_envs} x {section}.unroll_length={unroll_length} = {collected} transitions do not divide'
      f' into minibatches of {section}.batch_size={batch_size}; the closest size that fits is {close}.'
    )


def shuffled(key: Key, count: int, batch_size: int, epochs: int) -> Array:
  """Rows of each minibatch [epochs * count / batch_size, batch_size]: every row once per epoch, in random order."""
  keys = jax.random.split(key, epochs)
  return jax.vmap(lambda k: jax.random.permutation(k, count))(keys).reshape(-1, batch_size)


def mean_of_good(values: Array, good: Array) -> Array:
  """Mean [] of the values [n] of the minibatches with `good` [n] bool; NaN if there is none."""
  # If all are good, the factor is exactly 1 and this is the plain mean to the last bit.
  return jnp.where(good, values, 0.0).mean() * (len(good) / good.sum())


def split_over_devices(rows: Any) -> Any:
  """Rows [n, ...] split over the devices of the mesh that JAX is set to, so that each computes its share. Pure.

  Rows that cannot be split evenly stay whole: then every device computes all of them.
  """
  mesh = jax.sharding.get_abstract_mesh()
  if mesh.empty or len(jax.tree.leaves(rows)[0]) % mesh.size:
    return rows
  return jax.lax.with_sharding_constraint(rows, PartitionSpec(DEVICES))
