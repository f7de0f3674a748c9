"""What is known and guessed about a robot, what MJX cannot do with it, and how stable its physics is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import mujoco
import numpy as np

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import write_files
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.core.user_objects import is_own
from mjx_humanoid.physics.body import Body, describe
from mjx_humanoid.physics.camera import Camera
from mjx_humanoid.physics.find_root import SLIDE
from mjx_humanoid.physics.model import DENSE, build_model, sparse_replaced
from mjx_humanoid.physics.root import FixedRoot
from mjx_humanoid.physics.stability import GROWTH, describe_growth, stability, stable_timestep
from mjx_humanoid.tasks.task import robot_of

WIDTH, HEIGHT = 640, 480  # pixels of the picture


class Line(NamedTuple):
  """One line of a report on a robot."""

  state: str  # ok, warn (something is limited) or bad (training refuses the robot)
  name: str
  text: str


class Inspected(NamedTuple):
  """A robot as training would see it."""

  model: mujoco.MjModel
  body: Body
  guessed: bool  # there is no datasheet


def build(config: TaskConfig) -> Inspected:
  """The robot of a task. Raises UserError if training would refuse it, except for its timestep."""
  robot = robot_of(config)
  model = build_model(robot)
  guessed = config.robot.endswith('.xml') and not is_own(config.robot)
  return Inspected(model, describe(robot, model, config.frame_skip), guessed)


def report(found: Inspected) -> Iterator[Line]:
  """The lines of the report, in order; the later ones take seconds."""
  model, body = found.model, found.body
  robot = body.robot
  yield Line('ok', 'file', f'{robot.file}: {body.total_mass:.4g} kg, nq {body.nq}, nv {body.nv}, {body.nu} actuators')
  yield _root(found)
  yield from _facts(body, 'guessed' if found.guessed else 'datasheet')
  for group in motors(body):
    yield Line('ok', 'actuator', group)
  if sparse_replaced(robot):
    yield Line('warn', 'jacobian', DENSE.removeprefix('the Jacobian is ').removesuffix('.'))
  yield _mjx(model)
  yield from _timestep(robot, model)


def _root(found: Inspected) -> Line:
  """How the root is joined to the world; a warning where slides move a root that counts as fixed."""
  model, root = found.model, found.body.root
  text = f'{found.body.robot.root} ({root.kind}), of the file'
  slides = (model.jnt_type == SLIDE) & (model.jnt_bodyid == root.body)
  if not isinstance(root, FixedRoot) or not slides.any():
    return Line('ok', 'root', text)
  names = ', '.join(model.joint(int(i)).name for i in np.flatnonzero(slides))
  return Line(
    'warn',
    'root',
    f'{text}, though its slides move it ({names}): its position, velocity and heading count as constant, so that it'
    ' cannot learn to go anywhere; a root that moves has a free joint, or slides along x and z, then a hinge about y',
  )


def _facts(body: Body, source: str) -> Iterator[Line]:
  """What the datasheet says, or what was guessed."""
  robot = body.robot
  floor = (
    f'{robot.floor}, of the file' if robot.new_floor is None else f'none in the file: one at {robot.new_floor:g} m'
  )
  yield Line('ok', 'floor', floor)
  moved = ', '.join(f'{joint} {angle:.3g}' for joint, angle in robot.pose or ())
  yield Line('ok', 'standing pose', f'{moved or "that of the file"} ({source})')
  falls = f'; fallen below {robot.fallen_height:.4g} m' if robot.fallen_height else '; it cannot fall'
  yield Line('ok', 'height', f'{robot.standing_height:.4g} m{falls} ({source})')
  yield Line('ok', 'feet', f'{", ".join(robot.feet) or "none"} ({source})')
  if robot.feet:
    offsets = ', '.join(f'{offset:g}' for offset in robot.offsets)
    yield Line('ok', 'stride', f'phase offsets of the feet {offsets} ({source})')
  yield Line('ok', 'legs', f'{", ".join(robot.legs) or "no joints"} ({source})')
  yield Line('ok', 'symmetry', ', '.join('/'.join(pair) for pair in robot.symmetry) or 'none: the policy has none')
  if names := ', '.join(filter(None, body.keyframes)):
    yield Line('ok', 'keyframes', names)


def picture(found: Inspected, path: Path) -> None:
  """Writes a picture of the standing pose, .png. Raises UserError if there is no OpenGL, or it cannot be written."""
  import mediapy

  if path.suffix != '.png':
    raise UserError(f'{path}: the name of the picture must end in .png.')
  with Camera(found.model, 'track', WIDTH, HEIGHT) as camera:
    image = camera.picture(found.body.default_qpos)
  write_files({path: mediapy.compress_image(image)}, 'the picture')


def motors(body: Body) -> Iterator[str]:
  """A line for all actuators that are alike: their joints and what they do."""
  groups: dict[str, list[str]] = {}
  for i, joint in enumerate(body.actuator_joints):
    name, limit = body.joint_names[joint], body.torque_limit[i]
    most = f'up to {abs(limit):.4g} N m' if np.isfinite(limit) else 'without a limit'
    pd = body.robot.pd_of(name)
    if pd is not None:
      text = f'PD kp {pd.kp:.4g} N m/rad, kd {pd.kd:.4g} N m s/rad, action_scale {pd.action_scale:.4g} rad, {most}'
    else:
      text = f'{"servo of the file" if body.actuation.affine[i] else "torque motor"}, {most}'
    groups.setdefault(text, []).append(name)
  for text, joints in groups.items():
    yield f'{text}: {", ".join(joints)}'


def _mjx(model: mujoco.MjModel) -> Line:
  """Whether MJX can simulate the model."""
  from mjx_humanoid.physics.mjx import MjxEngine

  try:
    MjxEngine(model, 1, impl='jax', num_envs=1)
  except UserError as error:
    return Line('warn', 'MJX', str(error))
  return Line('ok', 'MJX', 'can simulate it')


def _timestep(robot: Robot, model: mujoco.MjModel) -> Iterator[Line]:
  """How stable the physics is at the robot's timestep."""
  found = stability(robot, model)
  rest, moving = describe_growth(found.at_rest), describe_growth(found.under_control)
  yield Line(
    'ok' if found.stable else 'bad',
    'timestep',
    f'{found.timestep:g} s is {"stable" if found.stable else "unstable"}: kinetic energy grows {rest} at rest, {moving}'
    f' under random controls (limit {GROWTH:g} times)',
  )
  if not found.stable:
    finer = stable_timestep(robot, model)
    yield Line('bad', 'timestep', f'{finer:g} s would be stable' if finer else 'no smaller one is stable either')
