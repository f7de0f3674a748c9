"""The state in which a reward was not finite: one row of numbers that a training carries to the host."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from mjx_humanoid.core.types import Array, View

INVALID_STATE = 'invalid_state'  # its name in the metrics of an environment
HEAD = 3  # numbers before the state: whether there is one, the environment, the control step


class InvalidState(NamedTuple):
  """A state in which a term of the reward, or the total, was not finite."""

  environment: int  # its index in the batch
  step: int  # control steps of its episode so far
  qpos: np.ndarray  # [nq]
  qvel: np.ndarray  # [nv]
  ctrl: np.ndarray  # [nu], that led to the state


def pack(invalid: Array, step: Array, view: View) -> Array:
  """The first environment of invalid [B] as a row [3 + nq + nv + nu] that begins with 1; zeros if there is none.

  Args:
    step: [B] control steps of the episodes so far.
    view: [B, ...].
  """
  first = jnp.argmax(invalid)
  head = jnp.stack([1, first, step[first]])
  state = [jnp.asarray(x)[first] for x in (view.qpos, view.qvel, view.ctrl)]
  row = jnp.concatenate([x.astype(jnp.float32) for x in (head, *state)])
  return jnp.where(invalid[first], row, 0.0)


def unpack(row: np.ndarray, nq: int, nv: int) -> InvalidState | None:
  """The state in a row of `pack`; None if there is none."""
  if not row[0]:
    return None
  qpos, qvel, ctrl = np.split(row[HEAD:], [nq, nq + nv])
  return InvalidState(int(row[1]), int(row[2]), qpos, qvel, ctrl)
