"""How the joints of a robot's arms carry its hands forward, and how high its head is when it stands."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from mjx_humanoid.core.robot import Robot
from mjx_humanoid.motions.landmarks import index
from mjx_humanoid.motions.skeleton import rig_of


class UpperBody(NamedTuple):
  """Facts about the upper body in the relaxed stance. Arrays are float32."""

  levers: np.ndarray  # [2, joints] m/rad: how far each joint carries the left and the right hand forward
  head_height: float  # m, of the head's frame above the floor


@functools.lru_cache(maxsize=8)
def upper_body(robot: Robot) -> UpperBody:
  """The upper body of a robot. Raises UserError if its datasheet has no skeleton of a humanoid."""
  rig = rig_of(robot)
  rig.move(rig.body.relaxed_qpos.astype(float))
  points, first = rig.points(), rig.body.root.nv
  levers = np.array([rig.jacobian(points, index(f'{side}_wrist'))[0, first:] for side in ('left', 'right')])
  only_arms = np.zeros(len(rig.body.joint_names))
  only_arms[rig.body.upper_joints] = 1.0
  head = robot.body_parts('the height of the head').head
  height = float(rig.data.xpos[rig.model.body(head).id, 2])
  return UpperBody((levers * only_arms).astype(np.float32), height)
