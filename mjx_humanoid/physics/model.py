"""The robot's MJCF file, completed: floor contacts, the sensors that tasks read, cameras and light."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import mujoco

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Robot, Servos

# What a report card and playback use: enough iterations that the solution no longer depends on them.
CONVERGED = (100, 50)
ROOT = 1  # the body that follows the world: the torso


def model_file(robot: Robot) -> Path:
  """Where the robot's MJCF file lies. Raises UserError where its package is missing or damaged."""
  spec = importlib.util.find_spec(robot.package)
  folders = spec.submodule_search_locations if spec else None
  path = Path(next(iter(folders)), robot.file) if folders else None
  if path is None or not path.is_file():
    raise UserError(
      f'{robot.file} is missing from the installed {robot.package}; mend it with:'
      ' pip uninstall -y mujoco mujoco-mjx && pip install --force-reinstall mujoco mujoco-mjx'
    )
  return path


def build_spec(robot: Robot) -> mujoco.MjSpec:
  """The completed, still editable model."""
  spec = mujoco.MjSpec.from_file(str(model_file(robot)))
  spec.option.timestep = robot.timestep
  spec.option.iterations = robot.solver_iterations
  spec.option.ls_iterations = robot.line_search_iterations
  # A world that diverges must show it as NaN, on every engine, rather than silently start anew.
  spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
  if robot.servos is not None:
    _make_servos(spec, robot.servos)
  _add_floor_contacts(spec, robot)
  _add_sensors(spec, robot)
  _add_cameras(spec, robot)
  _add_light(spec)
  return spec


def build_model(robot: Robot, *, converged: bool = False) -> mujoco.MjModel:
  """The completed model, compiled, with the training solver or a converged one."""
  model = build_spec(robot).compile()
  if converged:
    model.opt.iterations, model.opt.ls_iterations = CONVERGED
  return model


def self_contained_xml(robot: Robot, *, keyframes: bool = True) -> str:
  """The completed model with a converged solver, as one MJCF text that needs no other file.

  As it was written, and not as the compiler turns it into numbers that no six digits hold: what the text compiles to
  is the model of report cards to the last bit.

  Args:
    keyframes: keep those of the robot's own file.

  Raises:
    UserError: the model refers to other files.
  """
  spec = build_spec(robot)
  spec.option.iterations, spec.option.ls_iterations = CONVERGED
  for key in [] if keyframes else list(spec.keys):
    spec.delete(key)
  spec.compiler.savecompiled = spec.compiler.savecanonical = False
  spec.compile()
  text = str(spec.to_xml())
  try:
    mujoco.MjModel.from_xml_string(text)
  except ValueError as error:
    raise UserError(f'the model of {robot.name} cannot be written as one file: {str(error).splitlines()[0]}') from None
  return text


def _moving_bodies(spec: mujoco.MjSpec) -> list[mujoco.MjsBody]:
  return [body for body in spec.bodies if body.name != 'world']


def _make_servos(spec: mujoco.MjSpec, servos: Servos) -> None:
  """Turns torque motors into position servos; see Servos.

  Forces stay in units of the gear, which is the torque limit: length and velocity come in multiplied by it.
  """
  for motor in spec.actuators:
    gear, standing = motor.gear[0], spec.joint(motor.target).ref
    motor.gaintype, motor.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
    motor.gainprm[0] = servos.stiffness * servos.reach
    motor.biasprm[:3] = [servos.stiffness * standing, -servos.stiffness / gear, -servos.damping / gear]
    motor.forcelimited, motor.forcerange = True, motor.ctrlrange


def _add_floor_contacts(spec: mujoco.MjSpec, robot: Robot) -> None:
  """A pair of the floor with every geom of the robot that has none yet."""
  paired = {name for pair in spec.pairs for name in (pair.geomname1, pair.geomname2)}
  for body in _moving_bodies(spec):
    for geom in body.geoms:
      if geom.name not in paired:
        spec.add_pair(geomname1=geom.name, geomname2=robot.floor)


def _add_sensors(spec: mujoco.MjSpec, robot: Robot) -> None:
  kinds, body_type = mujoco.mjtSensor, mujoco.mjtObj.mjOBJ_BODY
  # XBODY is the frame of the body itself; BODY would be that of its inertia.
  frame = mujoco.mjtObj.mjOBJ_XBODY

  def add(name: str, kind: mujoco.mjtSensor, objname: str, objtype: mujoco.mjtObj = frame) -> None:
    spec.add_sensor(name=name, type=kind, objtype=objtype, objname=objname)

  add('torso_pos', kinds.mjSENS_FRAMEPOS, robot.torso)
  add('torso_forward', kinds.mjSENS_FRAMEXAXIS, robot.torso)
  add('torso_up', kinds.mjSENS_FRAMEZAXIS, robot.torso)
  add('torso_linvel', kinds.mjSENS_FRAMELINVEL, robot.torso)
  add('torso_angvel', kinds.mjSENS_FRAMEANGVEL, robot.torso)
  add('head_pos', kinds.mjSENS_FRAMEPOS, robot.head)
  add('com_pos', kinds.mjSENS_SUBTREECOM, robot.torso, body_type)
  add('com_vel', kinds.mjSENS_SUBTREELINVEL, robot.torso, body_type)
  for foot in robot.feet:
    add(f'{foot}_pos', kinds.mjSENS_FRAMEPOS, foot)
    add(f'{foot}_up', kinds.mjSENS_FRAMEZAXIS, foot)
    add(f'{foot}_linvel', kinds.mjSENS_FRAMELINVEL, foot)
  for body in _moving_bodies(spec):
    if body.geoms:
      site = body.add_site(name=f'{body.name}_touch', type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.6, 0, 0], group=5)
      add(f'{body.name}_touch', kinds.mjSENS_TOUCH, site.name, mujoco.mjtObj.mjOBJ_SITE)


def _add_cameras(spec: mujoco.MjSpec, robot: Robot) -> None:
  """A camera that follows at eye level from ahead and aside, and one from straight ahead."""
  torso = spec.body(robot.torso)
  follow = mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM
  torso.add_camera(name='track', pos=[1.9, -2.1, 0.15], xyaxes=[0.741, 0.671, 0, -0.1, 0.11, 0.99], mode=follow)
  torso.add_camera(name='front', pos=[3.4, 0, 0.1], xyaxes=[0, 1, 0, -0.08, 0, 1], mode=follow)


def _add_light(spec: mujoco.MjSpec) -> None:
  spec.visual.headlight.ambient = [0.35, 0.35, 0.35]
  spec.visual.headlight.diffuse = [0.45, 0.45, 0.45]
  spec.visual.quality.shadowsize = 2048


def quiet() -> None:
  """Stops MuJoCo's C code from writing warnings to the terminal and to a file in the current folder.

  A diverging world is not silent for it: it shows as NaN, which the environment counts and reports.
  """
  config = mujoco.MjLogConfig.get()
  config.logto_console = config.logto_file = False
  config.set()
