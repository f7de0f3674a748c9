"""Replay memory: a ring of the latest transitions, in the memory of the device that learns; n-step returns.

A slot holds one control step of all B environments, so that the steps of an environment lie one after the other.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from mjx_humanoid.core.types import Array, Key, Transition

FLAGS = 2  # bytes of terminated and truncated


class Replay(NamedTuple):
  """S slots of B transitions; row s * B + b is environment b in slot s."""

  obs: Array  # [S * B, O]
  action: Array  # [S * B, A]
  reward: Array  # [S * B]
  terminated: Array  # [S * B] bool
  truncated: Array  # [S * B] bool
  next_obs: Array  # [S * B, O] at the end of the step, before any reset
  position: Array  # [] int32, slot that is written next
  filled: Array  # [] int32, slots that hold transitions


class Sample(NamedTuple):
  """N transitions over up to n steps each."""

  obs: Array  # [N, O]
  action: Array  # [N, A]
  reward: Array  # [N] discounted sum over the steps
  discount: Array  # [N] of the value of next_obs; 0 after a termination
  next_obs: Array  # [N, O]


def slots(size: int, num_envs: int, unroll_length: int) -> int:
  """Slots for `size` transitions, in whole unrolls, so that an unroll is never split at the end of the ring."""
  return math.ceil(size / (num_envs * unroll_length)) * unroll_length


def row_bytes(observation_size: int, action_size: int) -> int:
  """Bytes of a transition."""
  return 4 * (2 * observation_size + action_size + 1) + FLAGS


def init(count: int, num_envs: int, observation_size: int, action_size: int) -> Replay:
  """An empty memory of `count` slots."""
  rows = count * num_envs
  obs, flags = jnp.zeros((rows, observation_size)), jnp.zeros(rows, bool)
  zero = jnp.zeros((), jnp.int32)
  return Replay(
    obs, jnp.zeros((rows, action_size)), jnp.zeros(rows), flags, jnp.copy(flags), jnp.copy(obs), zero, jnp.copy(zero)
  )


def insert(replay: Replay, batch: Transition) -> Replay:
  """The memory with transitions [T, B] in place of the oldest. T must divide its slots."""
  length, num_envs = batch.reward.shape
  count = len(replay.reward) // num_envs
  assert count % length == 0, f'{length} steps do not divide {count} slots'
  start = replay.position * num_envs

  def written(ring: Array, rows: Array) -> Array:
    flat = rows.reshape(-1, *rows.shape[2:]).astype(ring.dtype)
    return jax.lax.dynamic_update_slice_in_dim(ring, flat, start, axis=0)

  names = ('obs', 'action', 'reward', 'terminated', 'truncated', 'next_obs')
  rings = {name: written(getattr(replay, name), getattr(batch, name)) for name in names}
  return Replay(
    **rings,
    position=(replay.position + length) % count,
    filled=jnp.minimum(replay.filled + length, count),
  )


def sample(replay: Replay, key: Key, size: int, num_envs: int, n_step: int, gamma: float) -> Sample:
  """`size` transitions, drawn uniformly with replacement; their n-step returns end with the episode.

    reward = sum_k gamma^k reward[t + k],  discount = gamma^(k + 1) (1 - terminated[t + k]) for the last step k

  The memory must hold at least n_step slots.
  """
  count = len(replay.reward) // num_envs
  age_key, env_key = jax.random.split(key)
  age = jax.random.randint(age_key, (size,), 0, jnp.maximum(replay.filled - n_step + 1, 1))
  env = jax.random.randint(env_key, (size,), 0, num_envs)
  first = replay.position - replay.filled + age  # of the oldest slots; may be negative
  row = (first % count) * num_envs + env
  last, total, running = row, replay.reward[row], ~(replay.terminated[row] | replay.truncated[row])
  factor = jnp.full(size, gamma)
  for step in range(1, n_step):
    following = ((first + step) % count) * num_envs + env
    last = jnp.where(running, following, last)
    total = total + jnp.where(running, factor * replay.reward[following], 0.0)
    factor = jnp.where(running, factor * gamma, factor)
    running = running & ~(replay.terminated[following] | replay.truncated[following])
  discount = jnp.where(replay.terminated[last], 0.0, factor)
  return Sample(replay.obs[row], replay.action[row], total, discount, replay.next_obs[last])
