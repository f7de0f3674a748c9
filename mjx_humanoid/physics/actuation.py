"""From controls to torques: torque motors, and position servos (PD) of a datasheet."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Robot, Servos
from mjx_humanoid.core.types import Array


@dataclass(frozen=True, eq=False)
class Actuation:
  """Torques of all motors as a function of controls and of the joints that they drive. Arrays float32 [nu]."""

  limit: np.ndarray  # N m: torque motors give it at ctrl = 1, servos never more
  servoed: np.ndarray  # bool: a servo, not a torque motor
  stiffness: np.ndarray  # 1/rad; see Servos
  damping: np.ndarray  # s/rad
  reach: np.ndarray  # rad

  def torque(self, ctrl: Array, angle: Array, velocity: Array) -> Array:
    """Torques [..., nu] N m.

    Args:
      ctrl: [..., nu] in [-1, 1].
      angle: [..., nu] rad, from the standing pose.
      velocity: [..., nu] rad/s.
    """
    if not self.servoed.any():
      return ctrl * self.limit
    asked = self.stiffness * (self.reach * ctrl - angle) - self.damping * velocity
    driven = asked.clip(-1.0, 1.0) * self.limit
    if self.servoed.all():
      return driven
    return ctrl.__array_namespace__().where(self.servoed, driven, ctrl * self.limit)


def servo_of(robot: Robot, joint: str) -> Servos | None:
  """The servo of a joint: that of the first group whose part is in its name; None for a torque motor."""
  return next((servos for part, servos in robot.servos if part in joint), None)


def read_actuation(robot: Robot, model: mujoco.MjModel) -> Actuation:
  """The actuation of a model that build_spec has completed. Raises UserError for motors that drive no joint."""
  elsewhere = np.flatnonzero(model.actuator_trntype != int(mujoco.mjtTrn.mjTRN_JOINT))
  if len(elsewhere):
    names = [model.actuator(i).name for i in elsewhere]
    raise UserError(f'actuators must drive joints; these do not: {", ".join(names)}.')
  servos = [servo_of(robot, model.joint(joint).name) for joint in model.actuator_trnid[:, 0]]
  return Actuation(
    limit=(model.actuator_gear[:, 0] * model.actuator_ctrlrange[:, 1]).astype(np.float32),
    servoed=np.array([servo is not None for servo in servos]),
    stiffness=np.array([servo.stiffness if servo else 0.0 for servo in servos], np.float32),
    damping=np.array([servo.damping if servo else 0.0 for servo in servos], np.float32),
    reach=np.array([servo.reach if servo else 0.0 for servo in servos], np.float32),
  )
