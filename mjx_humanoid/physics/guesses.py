"""Guesses about a robot without a datasheet: what it stands on, its legs, and the order of its steps."""

from __future__ import annotations

import mujoco
import numpy as np

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.physics import poses
from mjx_humanoid.physics.find_root import find_root
from mjx_humanoid.physics.gains import with_actuation
from mjx_humanoid.physics.model import build_model, quiet
from mjx_humanoid.physics.root import Root

SECONDS = 1.0  # s of simulation, in which the robot settles
TOUCHING = 0.2  # s at the end of it, in which a body that touches the floor counts as a foot
UPRIGHT = 0.87  # cosine of 30 degrees: a robot that leans more has not kept its pose
SUNK = 0.6  # of the height of the standing pose: a robot that is lower has not kept it either
CLEARANCE = 0.02  # m above the lowest point of the pose, below which a body counts as a foot of such a robot
MIDDLE = 0.01  # m from the plane y = 0, within which feet are on no side
FAR = 10.0  # m


def standing_height(robot: Robot) -> float:
  """Height in m of the root in the standing pose of the datasheet, placed on the floor."""
  model = build_model(robot)
  root = find_root(model)
  return float(root.height(poses.standing(model, robot, root)))


def guessed_feet(robot: Robot) -> tuple[str, ...]:
  """The bodies that touch the floor when the robot has settled under PD control in its standing pose.

  If it falls over, those within CLEARANCE of the lowest point of the standing pose. The root is no foot.
  """
  held = with_actuation(robot, TaskConfig(actuation='pd'))
  model = build_model(held, converged=True)
  root = find_root(model)
  start = poses.standing(model, robot, root)
  feet = _settled(model, root, model.geom(robot.floor).id, start)
  if feet is None:
    feet = _lowest(model, root, model.geom(robot.floor).id, start)
  return tuple(model.body(body).name for body in sorted(feet))


@quiet()
def _settled(model: mujoco.MjModel, root: Root, floor: int, start: np.ndarray) -> set[int] | None:
  """The bodies other than the root that touch the floor after SECONDS at ctrl = 0; None for a robot that fell over."""
  data, feet = mujoco.MjData(model), set()
  data.qpos[:] = start
  mujoco.mj_forward(model, data)
  up, height = data.xmat[root.body, 6:].copy(), root.height(start)
  steps = round(SECONDS / model.opt.timestep)
  for step in range(steps):
    mujoco.mj_step(model, data)
    if step * model.opt.timestep >= SECONDS - TOUCHING:
      touching = [model.geom_bodyid[contact.geom] for contact in data.contact if floor in contact.geom]
      feet |= {int(body) for pair in touching for body in pair} - {0, root.body}
  if not np.isfinite(data.qpos).all() or up @ data.xmat[root.body, 6:] < UPRIGHT:
    return None
  return feet if root.height(data.qpos) > SUNK * height else None


def _lowest(model: mujoco.MjModel, root: Root, floor: int, start: np.ndarray) -> set[int]:
  """The bodies other than the root within CLEARANCE of the lowest point in a pose."""
  data = mujoco.MjData(model)
  data.qpos[:] = start
  mujoco.mj_kinematics(model, data)
  heights: dict[int, float] = {}
  for geom in range(model.ngeom):
    body = int(model.geom_bodyid[geom])
    if body:
      distance = mujoco.mj_geomDistance(model, data, floor, geom, FAR, None)
      heights[body] = min(distance, heights.get(body, np.inf))
  ground = min(heights.values())
  return {body for body, height in heights.items() if height < ground + CLEARANCE} - {root.body}


def leg_joints(model: mujoco.MjModel, root: Root, feet: tuple[str, ...]) -> tuple[str, ...]:
  """Names of the joints between the root and the feet."""
  joints: dict[str, None] = {}
  for foot in feet:
    body = model.body(foot).id
    while body not in (0, root.body):
      first, count = model.body_jntadr[body], model.body_jntnum[body]
      joints |= dict.fromkeys(model.joint(i).name for i in range(first, first + count))
      body = model.body_parentid[body]
  return tuple(joints)


def stride_offsets(model: mujoco.MjModel, pose: np.ndarray, feet: tuple[str, ...]) -> tuple[float, ...]:
  """Phase offset of each foot in the stride: feet beside and behind each other alternate.

  Four feet trot: a front foot and the hind foot of the other side swing together. Six walk on tripods.
  """
  data = mujoco.MjData(model)
  data.qpos[:] = pose
  mujoco.mj_kinematics(model, data)
  places = {foot: data.body(foot).xpos for foot in feet}
  offsets: dict[str, float] = {}
  right = [foot for foot in feet if places[foot][1] < -MIDDLE]
  for side, members in enumerate(([foot for foot in feet if foot not in right], right)):
    in_order = sorted(members, key=lambda foot: -places[foot][0])  # from front to back
    offsets |= {foot: 0.5 * ((rank + side) % 2) for rank, foot in enumerate(in_order)}
  return tuple(offsets[foot] for foot in feet)
