"""The nouns that every room shares. Plain named tuples: JAX sees pytrees, NumPy code needs no JAX."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

Array: TypeAlias = Any  # a jax.Array in training, a numpy.ndarray in playback: the same functions serve both
Terms: TypeAlias = dict[str, Array]  # the named parts of a reward
Key: TypeAlias = Array  # a JAX PRNG key, consumed by the function it is given to


class View(NamedTuple):
  """All that tasks may see of physics: one environment, or a batch with leading axes, float32."""

  time: Array  # [] s
  qpos: Array  # [nq] m, unit quaternion, rad
  qvel: Array  # [nv] m/s, rad/s
  ctrl: Array  # [nu] as applied, in [-1, 1]: of the torque limit, or of a servo's range
  sensordata: Array  # [ns] read by name through Body.sensor


class Inputs(NamedTuple):
  """What acts on the physics of B environments during one control step."""

  ctrl: Array  # [B, nu]
  force: Array | None = None  # [B, 3] N on the root body, world frame; None where the task has no forces
  kick: Array | None = None  # [B, 3] m/s added to the velocity of the root before the step


class Demonstrations(NamedTuple):
  """Demonstrated actions in N situations."""

  obs: Array  # [N, O]
  action: Array  # [N, A] in [-1, 1]


class Transition(NamedTuple):
  """Experience, [T, B, ...]: T control steps of B environments."""

  obs: Array  # [T, B, O]
  action: Array  # [T, B, A] as sampled, before it is clipped to [-1, 1]
  reward: Array  # [T, B]
  terminated: Array  # [T, B] bool: the task ended; nothing is earned after it
  truncated: Array  # [T, B] bool: the time limit; the future is worth V(next_obs)
  next_obs: Array  # [T, B, O] of the step's own end, before any reset
  extras: dict[str, Array]  # what the algorithm needs again, e.g. log_prob [T, B]
