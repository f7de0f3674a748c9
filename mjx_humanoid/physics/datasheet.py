"""A datasheet for an MJCF file without one: facts from the file, and guesses."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.robot import JointAngles, Robot
from mjx_humanoid.physics import poses
from mjx_humanoid.physics.find_root import SLIDE, find_root
from mjx_humanoid.physics.guesses import guessed_feet, leg_joints, standing_height, stride_offsets
from mjx_humanoid.physics.model import build_model, compiled, model_file, name_all, read_spec
from mjx_humanoid.physics.root import FixedRoot, Root
from mjx_humanoid.physics.scenery import FLOOR

FALLEN = 0.6  # of standing height
ITERATIONS = (4, 8)  # of the solver and its line search while training: unknown models may need more than one
STANDING_KEYFRAMES = ('home', 'stand', 'standing')  # names by which files call their standing pose
LEAST_HEIGHT = 0.05  # m: a fixed root that is lower has a standing height of 1 m, the scale of lengths in rewards


def datasheet_of(path: Path, feet: Sequence[str] = (), keyframe: str = '') -> Robot:
  """The datasheet of an MJCF file.

  Read from the file: root, floor, timestep. Guessed: the standing pose is a keyframe called `home`, `stand` or
  `standing`, or the pose of the file with joints moved into their ranges; feet are the bodies that touch the floor
  when the robot has settled under PD control in that pose; below FALLEN of standing height it has fallen. A robot
  whose root is fixed has no feet and cannot fall.

  Args:
    feet: bodies, or geoms of bodies, that are the feet, in place of a guess.
    keyframe: the keyframe with the standing pose.

  Raises:
    UserError: the file is missing or broken, has no actuators, joints that cannot be controlled, no keyframe or bodies
      of these names, or nothing that touches the floor.
  """
  if not path.is_file():
    raise UserError(f'robot {str(path)!r}: there is no such file.')
  spec = read_spec(path, path.stem)
  name_all(spec)
  model = compiled(spec, path.stem, path)
  root = find_root(model)
  robot = _first_sheet(path, model, root, keyframe)
  if isinstance(root, FixedRoot) and not feet:
    return _fixed(robot, root)
  return _on_its_feet(robot, feet)


def _first_sheet(path: Path, model: mujoco.MjModel, root: Root, keyframe: str) -> Robot:
  """A datasheet without feet and heights. Raises UserError for an unknown keyframe or a floor at another height."""
  floor, added = _floor(model, root, path)
  return Robot(
    name=path.stem,
    description=f'{path.name}, without a datasheet.',
    file=str(path),
    root=model.body(root.body).name,
    feet=(),
    standing_height=1.0,
    fallen_height=0.0,
    floor=floor,
    new_floor=added,
    pose=pose_of(model, root, keyframe, path.stem),
    solver_iterations=ITERATIONS[0],
    line_search_iterations=ITERATIONS[1],
  ).timed(float(model.opt.timestep))


def adjusted(robot: Robot, feet: Sequence[str] = (), keyframe: str = '') -> Robot:
  """A robot's own datasheet with other feet or another standing pose; see datasheet_of. Raises UserError."""
  if not feet and not keyframe:
    return robot
  spec = read_spec(model_file(robot), robot.name)
  name_all(spec)
  model = compiled(spec, robot.name, model_file(robot))
  if feet:
    robot = dataclasses.replace(robot, feet=bodies_of(model, feet, robot.name), stride_offsets=())
  if not keyframe:
    return robot
  robot = dataclasses.replace(robot, pose=pose_of(model, find_root(model), keyframe, robot.name))
  height = round(standing_height(robot), 4)
  fallen = robot.fallen_height * height / robot.standing_height
  return dataclasses.replace(robot, standing_height=height, fallen_height=round(fallen, 4))


def pose_of(model: mujoco.MjModel, root: Root, keyframe: str, name: str) -> JointAngles:
  """The joints of the standing pose that differ from the pose of the file. Raises UserError for an unknown keyframe."""
  keys = {model.key(i).name: i for i in range(model.nkey)}
  if keyframe and not keys:
    raise UserError(f'config.task.keyframe={keyframe}: the MJCF file of robot {name!r} has no keyframes.')
  if keyframe and keyframe not in keys:
    raise unknown(f'keyframe of robot {name!r}:', keyframe, keys)
  found = keyframe or next((key for key in STANDING_KEYFRAMES if key in keys), '')
  qpos, angles = model.key_qpos[keys[found]] if found else model.qpos0, []
  for joint in range(model.njnt - (model.nv - root.nv), model.njnt):  # after the joints of the root
    angle, usual = float(qpos[model.jnt_qposadr[joint]]), float(model.qpos0[model.jnt_qposadr[joint]])
    if not found and model.jnt_limited[joint]:
      angle = float(np.clip(angle, *model.jnt_range[joint]))
    if angle != usual:
      angles.append((model.joint(joint).name, angle))
  return tuple(angles)


def bodies_of(model: mujoco.MjModel, names: Sequence[str], robot: str) -> tuple[str, ...]:
  """Bodies by the names of bodies or of their geoms. Raises UserError for an unknown name."""
  bodies = {model.body(i).name: model.body(i).name for i in range(1, model.nbody)}
  geoms = {model.geom(i).name: model.body(model.geom_bodyid[i]).name for i in range(model.ngeom)}
  known = {**{geom: body for geom, body in geoms.items() if body in bodies}, **bodies}
  for name in names:
    if name not in known:
      raise unknown(f'foot in config.task.feet, a body or geom of robot {robot!r}:', name, bodies)
  return tuple(dict.fromkeys(known[name] for name in names))


def _on_its_feet(robot: Robot, named: Sequence[str]) -> Robot:
  """The datasheet completed by feet, height, legs and offsets in the stride. Raises UserError if nothing touches."""
  model = build_model(robot)
  root = find_root(model)
  height = standing_height(robot)
  feet = bodies_of(model, named, robot.name) if named else guessed_feet(robot)
  if not feet or height <= 0:
    bodies = ', '.join(model.body(i).name for i in range(1, model.nbody))
    raise UserError(
      f'robot {robot.file}: no body but the root touches the floor in its standing pose; name its feet by'
      f' --config.task.feet=..., of {bodies}, or write a datasheet for it.'
    )
  return dataclasses.replace(
    robot,
    feet=feet,
    standing_height=round(height, 4),
    fallen_height=0.0 if isinstance(root, FixedRoot) else round(FALLEN * height, 4),
    legs=leg_joints(model, root, feet),
    stride_offsets=stride_offsets(model, poses.standing(model, robot, root), feet),
  )


def _fixed(robot: Robot, root: Root) -> Robot:
  height = float(root.rest[2])
  return dataclasses.replace(robot, standing_height=round(height, 4) if height > LEAST_HEIGHT else 1.0)


def _floor(model: mujoco.MjModel, root: Root, path: Path) -> tuple[str, float | None]:
  """Name of the floor geom, the first plane of the world body, and the height in m of one that must be added.

  A fixed robot without a floor gets one that it cannot reach.
  """
  planes = np.flatnonzero((model.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE)) & (model.geom_bodyid == 0))
  if not len(planes):
    names = [model.geom(i).name for i in range(model.ngeom)]
    name = FLOOR
    while name in names:
      name += '_'
    return name, float(np.floor(root.rest[2] - _reach(model))) if isinstance(root, FixedRoot) else 0.0
  height = float(model.geom_pos[planes[0], 2])
  if height and not isinstance(root, FixedRoot):
    raise UserError(
      f'robot {path}: its floor {model.geom(planes[0]).name!r} is at a height of {height:g} m; heights are measured'
      ' from 0: move the floor there.'
    )
  return str(model.geom(planes[0]).name), None


def _reach(model: mujoco.MjModel) -> float:
  """A length in m that no part of a robot is farther away from its root than."""
  slides = model.jnt_type == SLIDE
  travel = np.abs(model.jnt_range[slides]).max(axis=-1, initial=0.0).sum()
  return float(np.linalg.norm(model.body_pos[2:], axis=1).sum() + model.geom_rbound.max() + travel)
