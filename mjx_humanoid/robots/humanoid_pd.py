"""MuJoCo's humanoid with PD control in place of its torque motors: the same body, the same torque limits."""

import dataclasses

from mjx_humanoid.core.robot import PD
from mjx_humanoid.robots.humanoid import ROBOT as TORQUE_DRIVEN

# Torque limits of the motors in N m. An error of 1 rad asks for all of it.
_LIMITS = {
  'abdomen': 40,
  'hip_x': 40,
  'hip_z': 40,
  'hip_y': 120,
  'knee': 80,
  'ankle': 20,
  'shoulder': 20,
  'elbow': 40,
}

ROBOT = dataclasses.replace(
  TORQUE_DRIVEN,
  name='humanoid_pd',
  description="MuJoCo's humanoid with PD control, within the torque limits of its motors.",
  pd=tuple((group, PD(kp=limit, kd=limit / 20, action_scale=2.0)) for group, limit in _LIMITS.items()),
)
