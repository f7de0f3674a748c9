"""Torques from controls: torque motors, PD control, and servos of the MJCF file."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from mjx_humanoid.core.types import Array


@dataclass(frozen=True, eq=False)
class Actuation:
  """Torques of all motors as a function of controls and joint states. Arrays are float32 [nu]."""

  limit: np.ndarray  # N m: torque of a motor at ctrl = 1, largest torque under PD control; inf: no limit
  affine: np.ndarray  # bool: the torque depends on the state of the joint
  slopes: np.ndarray  # [4, nu] torque at ctrl = 0 in the standing pose, and its slope per ctrl, rad and rad/s

  def torque(self, ctrl: Array, angle: Array, velocity: Array) -> Array:
    """Torques [..., nu] N m.

    Args:
      ctrl: [..., nu] in [-1, 1].
      angle: [..., nu] rad, from the standing pose.
      velocity: [..., nu] rad/s.
    """
    xp, torque = ctrl.__array_namespace__(), ctrl * self.slopes[1]
    if self.affine.any():
      standing, per_ctrl, per_angle, per_velocity = self.slopes
      free = standing + per_ctrl * ctrl + per_angle * angle + per_velocity * velocity
      torque = xp.where(self.affine, free.clip(-self.limit, self.limit), torque)
    return torque


def read_actuation(model: mujoco.MjModel, standing: np.ndarray) -> Actuation:
  """The actuation of a model that build_spec has completed.

  Args:
    standing: [nq] the standing pose.
  """
  joints, gear = model.actuator_trnid[:, 0], model.actuator_gear[:, 0]
  affine = model.actuator_biastype == int(mujoco.mjtBias.mjBIAS_AFFINE)
  bias = model.actuator_biasprm * gear[:, None]
  at_rest = bias[:, 0] + bias[:, 1] * gear * standing[model.jnt_qposadr[joints]]
  slopes = np.stack([at_rest, gear * model.actuator_gainprm[:, 0], bias[:, 1] * gear, bias[:, 2] * gear])
  most = np.where(model.actuator_forcelimited, np.abs(gear) * model.actuator_forcerange[:, 1], np.inf)
  # A motor that its joint, or its own range of forces, does not let do all it can is written as affine and clipped.
  bounded = np.where(model.jnt_actfrclimited[joints], model.jnt_actfrcrange[joints, 1], np.inf)
  at_most = np.minimum(most, bounded)
  affine |= at_most < np.abs(gear)
  return Actuation(
    limit=np.where(affine, at_most, gear * model.actuator_ctrlrange[:, 1]).astype(np.float32),
    affine=affine,
    slopes=slopes.astype(np.float32),
  )
