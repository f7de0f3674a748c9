"""Torques from controls: torque motors, PD servos of the datasheet, and actuators of the MJCF file."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Robot, Servos
from mjx_humanoid.core.types import Array


@dataclass(frozen=True, eq=False)
class Actuation:
  """Torques of all motors as a function of controls and joint states. Arrays are float32 [nu]."""

  limit: np.ndarray  # N m: torque of a motor at ctrl = 1, largest torque of a servo
  servoed: np.ndarray  # bool: a servo rather than a torque motor
  stiffness: np.ndarray  # 1/rad; see Servos
  damping: np.ndarray  # s/rad
  reach: np.ndarray  # rad
  affine: np.ndarray  # bool: an actuator of the MJCF file whose torque depends on the state of its joint
  slopes: np.ndarray  # [4, nu] torque at ctrl = 0 in the standing pose, and its slope per ctrl, rad and rad/s

  def torque(self, ctrl: Array, angle: Array, velocity: Array) -> Array:
    """Torques [..., nu] N m.

    Args:
      ctrl: [..., nu] in [-1, 1].
      angle: [..., nu] rad, from the standing pose.
      velocity: [..., nu] rad/s.
    """
    xp, torque = ctrl.__array_namespace__(), ctrl * self.limit
    if self.servoed.any():
      desired = self.stiffness * (self.reach * ctrl - angle) - self.damping * velocity
      torque = xp.where(self.servoed, desired.clip(-1.0, 1.0) * self.limit, torque)
    if self.affine.any():
      standing, per_ctrl, per_angle, per_velocity = self.slopes
      free = standing + per_ctrl * ctrl + per_angle * angle + per_velocity * velocity
      torque = xp.where(self.affine, free.clip(-self.limit, self.limit), torque)
    return torque


def servo_of(robot: Robot, joint: str) -> Servos | None:
  """The servo of a joint: that of the first group whose substring is in its name; None for a torque motor."""
  return next((servos for part, servos in robot.servos if part in joint), None)


def read_actuation(robot: Robot, model: mujoco.MjModel, standing: np.ndarray) -> Actuation:
  """The actuation of a model that build_spec has completed.

  Args:
    standing: [nq] the standing pose.

  Raises:
    UserError: a motor drives no joint.
  """
  elsewhere = np.flatnonzero(model.actuator_trntype != int(mujoco.mjtTrn.mjTRN_JOINT))
  if len(elsewhere):
    names = [model.actuator(i).name for i in elsewhere]
    raise UserError(f'actuators must drive joints; these do not: {", ".join(names)}.')
  joints, gear = model.actuator_trnid[:, 0], model.actuator_gear[:, 0]
  servos = [servo_of(robot, model.joint(joint).name) for joint in joints]
  servoed = np.array([servo is not None for servo in servos])
  affine = (model.actuator_biastype == int(mujoco.mjtBias.mjBIAS_AFFINE)) & ~servoed
  bias = model.actuator_biasprm * gear[:, None]
  at_rest = bias[:, 0] + bias[:, 1] * gear * standing[model.jnt_qposadr[joints]]
  slopes = np.stack([at_rest, gear * model.actuator_gainprm[:, 0], bias[:, 1] * gear, bias[:, 2] * gear])
  most = np.where(model.actuator_forcelimited, np.abs(gear) * model.actuator_forcerange[:, 1], np.inf)
  return Actuation(
    limit=np.where(affine, most, gear * model.actuator_ctrlrange[:, 1]).astype(np.float32),
    servoed=servoed,
    stiffness=np.array([servo.stiffness if servo else 0.0 for servo in servos], np.float32),
    damping=np.array([servo.damping if servo else 0.0 for servo in servos], np.float32),
    reach=np.array([servo.reach if servo else 0.0 for servo in servos], np.float32),
    affine=affine,
    slopes=slopes.astype(np.float32),
  )
