"""The legs of a robot, measured in its model."""

from __future__ import annotations

import functools

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.robot import LegJoints, Robot
from mjx_humanoid.motions.kinematics import Legs
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model

SAGITTAL = 0.99  # least component along y of the axis of a pitch joint


@functools.lru_cache(maxsize=16)
def legs_of(robot: Robot) -> Legs:
  """The legs of a robot, measured in its standing pose.

  Raises:
    UserError: the datasheet names no leg joints, or some that do not fit: they are missing, or not about the y axis.
  """
  if not robot.leg_joints:
    raise UserError(
      f'robot {robot.name!r} has no reference gait: its datasheet names no leg_joints, the hip and the knee of each'
      " foot's leg."
    )
  model = build_model(robot)
  body, data = describe(robot, model), mujoco.MjData(model)
  data.qpos[:] = body.default_qpos
  mujoco.mj_kinematics(model, data)
  rows = [_leg(model, data, robot, i) for i in range(len(robot.feet))]
  columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
  index = [[body.joint_index(name) if name else -1 for name in joints] for joints in robot.leg_joints]
  whole = {name: np.asarray(values, np.float32) for name, values in columns.items()}
  return Legs(**whole, joints=np.array(index))


def _leg(model: mujoco.MjModel, data: mujoco.MjData, robot: Robot, i: int) -> dict[str, np.ndarray | float]:
  """One leg: the fields of Legs but for `joints`."""
  joints, root = robot.leg_joints[i], data.body(robot.root).xpos
  signs = [_sign(model, data, robot, name, axis) for name, axis in zip(joints, (1, 1, 1, 0), strict=True)]
  hip, knee = (data.joint(name).xanchor for name in joints[:2])
  end = data.joint(joints.ankle).xanchor if joints.ankle else data.body(robot.feet[i]).xpos
  origin = data.joint(joints.abduction).xanchor if joints.abduction else hip
  upper, lower = knee - hip, end - knee
  angles = [np.arctan2(part[0], -part[2]) for part in (upper, lower)]
  return {
    'origin': origin - root,
    'ahead': hip[0] - origin[0],
    'lateral': end[1] - origin[1],
    'thigh': np.hypot(upper[0], upper[2]),
    'shank': np.hypot(lower[0], lower[2]),
    'bend': _bend(model, joints, angles, signs[1]),
    'foot': (end - hip)[[0, 2]],
    'angles': np.array(angles),
    'signs': np.array(signs),
  }


def _sign(model: mujoco.MjModel, data: mujoco.MjData, robot: Robot, name: str, axis: int) -> float:
  """1 or -1: direction of a joint's axis along y (axis = 1) or x (0); 0 without a joint. Raises UserError."""
  if not name:
    return 0.0
  names = [model.joint(i).name for i in range(model.njnt)]
  if name not in names:
    raise unknown(f'joint in leg_joints of robot {robot.name!r}:', name, names)
  component = float(data.joint(name).xaxis[axis])
  if abs(component) < SAGITTAL:
    raise UserError(f'robot {robot.name!r}: joint {name!r} in leg_joints does not turn about the {"xy"[axis]} axis.')
  return float(np.sign(component))


def _bend(model: mujoco.MjModel, joints: LegJoints, angles: list[np.ndarray], sign: float) -> float:
  """Which way a knee bends: as in the standing pose, or where the leg is straight in it, as its range lets it."""
  if abs(angles[0] - angles[1]) > 0.05:
    return float(np.sign(angles[0] - angles[1]))
  low, high = model.joint(joints.knee).range
  return sign * (1.0 if high > -low else -1.0)  # turning about y swings the shank back
