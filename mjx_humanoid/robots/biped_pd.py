"""The biped with PD control in place of its torque motors: the same body, the same torque limits."""

import dataclasses

from mjx_humanoid.core.robot import PD
from mjx_humanoid.robots.biped import ROBOT as TORQUE_DRIVEN

ROBOT = dataclasses.replace(
  TORQUE_DRIVEN,
  name='biped_pd',
  description='The biped with PD control, within the torque limits of its motors.',
  # The ankles are stiffer than an inverted pendulum of this weight and height needs, 78 N m/rad on both.
  pd=(('hip', PD(kp=75, kd=2)), ('knee', PD(kp=90, kd=2.4)), ('ankle', PD(kp=60, kd=1))),
)
