"""Legs as two links in a plane: forward kinematics, and inverse kinematics in closed form.

The functions use the array library of their arguments. In the plane of a leg x points ahead and z up, from the hip. The
angle of a link is 0 where it hangs down, and positive where its lower end is ahead.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mjx_humanoid.core.types import Array

MARGIN = 1e-3  # share of the length of a leg by which it is never fully stretched or folded
SHALLOWEST = 1e-3  # m from the abduction axis to a foot, in the plane of its leg


class Legs(NamedTuple):
  """The legs of a robot in its standing pose. Arrays are float32, [L] for L legs."""

  origin: np.ndarray  # [L, 3] m, in the frame of the root: on the abduction axis, or the hip where there is none
  ahead: np.ndarray  # m from the origin to the hip
  lateral: np.ndarray  # m from the origin to the foot, to the left
  thigh: np.ndarray  # m, length
  shank: np.ndarray  # m, length, to the ankle or to the point of the foot
  bend: np.ndarray  # 1: the knee bends ahead of the line from hip to foot; -1: behind it
  foot: np.ndarray  # [L, 2] m, standing position of the foot (x, z) in the plane of the leg
  angles: np.ndarray  # [L, 2] rad, of thigh and shank in the standing pose
  joints: np.ndarray  # [L, 4] int, hip, knee, ankle, abduction as indices into joint_names; -1: there is none
  signs: np.ndarray  # [L, 4] 1 or -1: direction of the joints' axes


def place(thigh_angle: Array, shank_angle: Array, thigh: Array, shank: Array) -> tuple[Array, Array]:
  """Forward kinematics: the position (x, z) in m of the lower end of the shank."""
  xp = thigh_angle.__array_namespace__()
  x = thigh * xp.sin(thigh_angle) + shank * xp.sin(shank_angle)
  return x, -(thigh * xp.cos(thigh_angle) + shank * xp.cos(shank_angle))


def reach(x: Array, z: Array, thigh: Array, shank: Array, bend: Array) -> tuple[Array, Array, Array]:
  """Inverse kinematics, by the law of cosines.

  A target out of reach is moved along the line from the hip to the nearest distance that the leg can have.

  Args:
    x, z: the target in m, from the hip.
    bend: 1 or -1; see Legs.

  Returns:
    The angles of thigh and shank in rad, and whether the target was within reach.
  """
  xp = x.__array_namespace__()
  longest, shortest = (1 - MARGIN) * (thigh + shank), abs(thigh - shank) + MARGIN * (thigh + shank)
  distance = (x * x + z * z) ** 0.5
  d = distance.clip(shortest, longest)
  line = xp.atan2(x, -z)
  at_hip = (thigh**2 + d * d - shank**2) / (2 * thigh * d)
  at_foot = (shank**2 + d * d - thigh**2) / (2 * shank * d)
  within = (distance >= shortest) & (distance <= longest)
  return line + bend * xp.acos(at_hip.clip(-1.0, 1.0)), line - bend * xp.acos(at_foot.clip(-1.0, 1.0)), within


def abduct(y: Array, z: Array, lateral: Array) -> tuple[Array, Array, Array]:
  """The abduction angle that brings the plane of a leg to a foot.

  A target nearer to the axis than the plane is gets the depth SHALLOWEST.

  Args:
    y, z: the target in m, from the abduction axis; z < 0.
    lateral: distance in m of the plane from the axis, positive to the left.

  Returns:
    The angle in rad, the foot's z in the plane of the leg in m, and whether the plane can get to the target.
  """
  xp = y.__array_namespace__()
  squared = y * y + z * z - lateral**2
  depth = xp.maximum(squared, SHALLOWEST**2) ** 0.5
  return xp.atan2(y, -z) - xp.atan2(lateral, depth), -depth, squared >= SHALLOWEST**2
