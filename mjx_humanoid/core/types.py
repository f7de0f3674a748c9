"""Types that all subpackages share. Named tuples are pytrees in JAX, and NumPy code needs no JAX."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

Array: TypeAlias = Any  # a jax.Array in training, a numpy.ndarray in playback
Terms: TypeAlias = dict[str, Array]  # reward terms by name
Key: TypeAlias = Array  # a JAX PRNG key, consumed by the function it is given to


class View(NamedTuple):
  """The physics state that tasks can read, float32: of one environment, or of a batch with leading axes."""

  time: Array  # [] s
  qpos: Array  # [nq] m, unit quaternion, rad
  qvel: Array  # [nv] m/s, rad/s
  ctrl: Array  # [nu] as applied, in [-1, 1]: fraction of the torque limit, or of the action scale of PD control
  sensordata: Array  # [ns] read by name through Body.sensor


class Inputs(NamedTuple):
  """Controls and disturbances of B environments during one control step."""

  ctrl: Array  # [B, nu]
  force: Array | None = None  # [B, 3] N on the root body, world frame; None if the task has no forces
  kick: Array | None = None  # [B, 3] m/s added to the velocity of the root before the step


class Demonstrations(NamedTuple):
  """Demonstrated actions for N observations."""

  obs: Array  # [N, O]
  action: Array  # [N, A] in [-1, 1]


class Transition(NamedTuple):
  """Experience, [T, B, ...]: T control steps of B environments."""

  obs: Array  # [T, B, O]
  action: Array  # [T, B, A] as sampled, before it is clipped to [-1, 1]
  reward: Array  # [T, B]
  terminated: Array  # [T, B] bool: the task ended; the value of what follows is 0
  truncated: Array  # [T, B] bool: the time limit; the value of what follows is V(next_obs)
  next_obs: Array  # [T, B, O] at the end of the step, before any reset
  extras: dict[str, Array]  # values that the update needs, e.g. log_prob [T, B]
