"""MuJoCo's humanoid with position servos in place of its torque motors: the same body, the same torque limits."""

import dataclasses

from mjx_humanoid.core.robot import Servos
from mjx_humanoid.robots.humanoid import ROBOT as TORQUE_DRIVEN

ROBOT = dataclasses.replace(
  TORQUE_DRIVEN,
  name='humanoid_pd',
  description="MuJoCo's humanoid with position servos, within the torque limits of its motors.",
  servos=(('', Servos(stiffness=1.0, damping=0.05, reach=2.0)),),  # '' is in every joint's name
)
