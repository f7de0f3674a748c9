"""A datasheet for an MJCF file without one: facts from the file, and guesses."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import JointAngles, Robot
from mjx_humanoid.physics.find_root import find_root
from mjx_humanoid.physics.model import compiled, name_all, read_spec

CONTROL_STEP = 0.02  # s, at most
CLEARANCE = 0.02  # m above the lowest point of the standing pose, below which a body counts as a foot
FALLEN = 0.6  # of standing height
ITERATIONS = (4, 8)  # of the solver and its line search while training: unknown models may need more than one


def datasheet_of(path: Path) -> Robot:
  """The datasheet of an MJCF file.

  Read from the file: root, floor, timestep. Guessed: the standing pose is the pose of the file, with joints moved into
  their ranges; feet are the bodies that touch the floor in it; below FALLEN of standing height the robot has fallen.

  Raises:
    UserError: the file is missing or broken, has no floor, no actuators, or joints that cannot be controlled.
  """
  if not path.is_file():
    raise UserError(f'robot {str(path)!r}: there is no such file.')
  spec = read_spec(path, path.stem)
  name_all(spec)
  model = compiled(spec, path.stem)
  root, floor, pose = find_root(model), _floor(model, path), _within_ranges(model)
  height, feet = _stance(model, root.body, floor, pose)
  if not feet or height <= 0:
    raise UserError(f'robot {path}: no body but the root touches the floor in its own pose; write a datasheet for it.')
  timestep = float(model.opt.timestep)
  return Robot(
    name=path.stem,
    description=f'{path.name}, without a datasheet.',
    file=str(path),
    root=model.body(root.body).name,
    feet=feet,
    standing_height=round(height, 4),
    fallen_height=round(FALLEN * height, 4),
    floor=model.geom(floor).name,
    pose=pose or None,
    timestep=timestep,
    frame_skip=max(1, round(CONTROL_STEP / timestep)),
    solver_iterations=ITERATIONS[0],
    line_search_iterations=ITERATIONS[1],
  )


def _stance(model: mujoco.MjModel, root: int, floor: int, pose: JointAngles) -> tuple[float, tuple[str, ...]]:
  """Height of the root in m in a pose placed on the floor, and the bodies that touch the floor."""
  data = mujoco.MjData(model)
  for joint, angle in pose:
    data.qpos[model.joint(joint).qposadr[0]] = angle
  mujoco.mj_kinematics(model, data)
  lowest = _lowest_points(model, data, floor)
  ground = min(lowest.values())
  feet = [body for body, height in lowest.items() if height < ground + CLEARANCE and body != root]
  height = float(data.xpos[root, 2] - data.geom_xpos[floor, 2] - ground)
  return height, tuple(model.body(foot).name for foot in feet)


def _floor(model: mujoco.MjModel, path: Path) -> int:
  """The floor geom: the first plane of the world body."""
  planes = (model.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE)) & (model.geom_bodyid == 0)
  if not planes.any():
    raise UserError(f'robot {path}: the file has no floor; add <geom name="floor" type="plane" size="40 40 40"/>.')
  return int(np.flatnonzero(planes)[0])


def _within_ranges(model: mujoco.MjModel) -> JointAngles:
  """The joints whose angles in the file's pose are out of range, moved to the nearer limit."""
  clamped = []
  for joint in np.flatnonzero(model.jnt_limited):
    angle = model.qpos0[model.jnt_qposadr[joint]]
    inside = float(np.clip(angle, *model.jnt_range[joint]))
    if inside != angle:
      clamped.append((model.joint(joint).name, inside))
  return tuple(clamped)


def _lowest_points(model: mujoco.MjModel, data: mujoco.MjData, floor: int) -> dict[int, float]:
  """Height in m above the floor of the lowest point of each body that has geoms; negative inside the floor."""
  lowest: dict[int, float] = {}
  for geom in range(model.ngeom):
    body = int(model.geom_bodyid[geom])
    if body:
      distance = mujoco.mj_geomDistance(model, data, floor, geom, 10.0, None)
      lowest[body] = min(distance, lowest.get(body, np.inf))
  return lowest
