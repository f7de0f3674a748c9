"""The context of a control step: commands and targets of the task, which are not in the physics state."""

from __future__ import annotations

from typing import NamedTuple

from mjx_humanoid.core.types import Array

MOVING = 0.05  # m/s and rad/s; a smaller command means to stand still


class Context(NamedTuple):
  """Inputs of task functions beside the physics state: of one environment, or a batch with leading axes."""

  step: Array  # [] int32, control steps since the episode began
  last_action: Array  # [nu] in [-1, 1]: for observations the action that led to this view, for rewards the one before
  command: Array  # [3] velocity to track: forward, sideways [m/s], yaw [rad/s]; corrected by station keeping
  heading: Array  # [2] unit vector on the floor: target heading of the root; forward and sideways refer to it
  target_position: Array  # [2] m, target of the root on the floor: the start position plus the commanded motion
  phase: Array  # [] of the stride, in [0, 1): foot i of n swings from phase -i/n on, unless the datasheet has offsets
  duty: Array  # [] duty factor: share of the stride that each foot should be in stance; 1: no gait
  requested: Array  # [3] the command before station keeping
  extra: dict[str, Array] = {}  # noqa: RUF012 (never changed) entries of the user's own context parts, by name


def moving(command: Array) -> Array:
  """Whether a command [..., 3] is to move, bool [...]."""
  xp = command.__array_namespace__()
  return xp.abs(command).max(axis=-1) > MOVING


def swing(context: Context, offset: float) -> Array:
  """Progress of a foot through its swing, in [0, 1), [...]; negative while it should be in stance.

  Args:
    offset: phase offset of the foot in the stride; see Robot.stride_offsets.
  """
  xp = context.phase.__array_namespace__()
  through = (context.phase + offset) % 1.0
  length = 1.0 - context.duty
  return xp.where(through < length, through / xp.maximum(length, 1e-6), -1.0)
