"""The context of a control step: what a task asks of the robot, beside what physics shows."""

from __future__ import annotations

from typing import NamedTuple

from mjx_humanoid.core.types import Array

MOVING = 0.05  # m/s and rad/s; a command below it means: stand still


class Context(NamedTuple):
  """What a task may see that physics does not know: one environment, or a batch with leading axes."""

  step: Array  # [] int32, control steps since the episode began
  last_action: Array  # [nu] in [-1, 1]: for observations the one that led to this view, for rewards the one before
  command: Array  # [3] velocity to track: forward, sideways [m/s], yaw [rad/s]; corrected by station keeping
  heading: Array  # [2] unit vector on the floor: target heading of the root; forward and sideways refer to it
  target_position: Array  # [2] m, on the floor: of the root; the start, moved by the commands
  phase: Array  # [] of the stride, in [0, 1): foot i of n swings from phase -i/n on, if its datasheet says nothing else
  duty: Array  # [] duty factor: share of the stride that each foot should be in stance; 1: no gait is wanted
  requested: Array  # [3] the command before station keeping
  extra: dict[str, Array] = {}  # noqa: RUF012 (never changed) entries of a user's own parts, by name


def moving(command: Array) -> Array:
  """Whether a command [..., 3] asks for any motion, bool [...]."""
  xp = command.__array_namespace__()
  return xp.abs(command).max(axis=-1) > MOVING


def swing(context: Context, offset: float) -> Array:
  """Progress of a foot through its swing, in [0, 1), [...]; negative while it should be in stance.

  Args:
    offset: of the foot in the stride; see Robot.stride_offsets.
  """
  xp = context.phase.__array_namespace__()
  through = (context.phase + offset) % 1.0
  length = 1.0 - context.duty
  return xp.where(through < length, through / xp.maximum(length, 1e-6), -1.0)
