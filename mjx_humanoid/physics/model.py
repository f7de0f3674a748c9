"""Completes the robot's MJCF file: names, floor contacts, actuators, sensors for tasks, cameras, light."""

from __future__ import annotations

import contextlib
import importlib.util
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import mujoco

from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.model_files import refuse_outside
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.physics import external, scenery
from mjx_humanoid.physics.motors import complete_actuators
from mjx_humanoid.physics.xml_errors import explained

# Solver of report cards and playback: more iterations would not change the solution.
CONVERGED = (100, 50)
FAULTY_SPARSE = '4.0.0'  # version of MuJoCo whose Newton solver is wrong with a sparse Jacobian
DENSE = (
  f'the Jacobian is compiled as dense: MuJoCo {FAULTY_SPARSE} computes a wrong Hessian for the sparse one that it would'
  ' use.'
)
SPARSE_FROM = 60  # degrees of freedom from which MuJoCo itself chooses a sparse Jacobian
DOFS = {mujoco.mjtJoint.mjJNT_FREE: 6, mujoco.mjtJoint.mjJNT_BALL: 3}
EXTRAS = {'gymnasium': 'gym'}  # extra of this package that installs a package with models
TOUCH_REACH = 100.0  # m, radius of touch sensors around the frame of their body: more than any body is long


def model_file(robot: Robot) -> Path:
  """The path of the robot's MJCF file. Raises UserError if the file or its package is missing."""
  if not robot.package:
    if not Path(robot.file).is_file():
      raise UserError(f'robot {robot.name!r}: there is no MJCF file {robot.file!r}.')
    return Path(robot.file)
  spec = importlib.util.find_spec(robot.package)
  folders = spec.submodule_search_locations if spec else None
  path = Path(next(iter(folders)), robot.file) if folders else None
  if path is None and robot.package in EXTRAS:
    extra = EXTRAS[robot.package]
    raise UserError(
      f"robot {robot.name!r} needs the package {robot.package}, whose model it is: pip install 'mjx_humanoid[{extra}]'"
    )
  if path is None or not path.is_file():
    fix = 'pip uninstall -y mujoco mujoco-mjx && pip install --force-reinstall mujoco mujoco-mjx'
    raise UserError(
      f'{robot.file} is missing from the package {robot.package}; install it with: '
      + (fix if robot.package == 'mujoco' else f'pip install --force-reinstall {robot.package}')
    )
  return path


def read_spec(path: Path, name: str) -> mujoco.MjSpec:
  """An MJCF file as an editable spec.

  Raises:
    UserError: with MuJoCo's message, file and line if it cannot be read; or it names files outside its own folder.
  """
  malformed = refuse_outside(path)
  try:
    with quiet():
      spec = mujoco.MjSpec.from_file(str(path))
  except ValueError as error:
    raise UserError(f'robot {name!r}: MuJoCo cannot read {path}: {_explained(error, path)}') from None
  if malformed:  # MuJoCo is less strict, but the files that it reads are then unknown
    raise UserError(f'robot {name!r}: {path} is not well-formed XML: {malformed}.')
  return spec


def sparse_is_wrong(spec: mujoco.MjSpec) -> bool:
  """Whether this MuJoCo would use a sparse Jacobian for which its Newton solver computes a wrong Hessian (4.0.0)."""
  if mujoco.__version__ != FAULTY_SPARSE or spec.option.solver != mujoco.mjtSolver.mjSOL_NEWTON:
    return False
  if spec.option.jacobian == mujoco.mjtJacobian.mjJAC_AUTO:
    return sum(DOFS.get(joint.type, 1) for joint in spec.joints) >= SPARSE_FROM
  return bool(spec.option.jacobian == mujoco.mjtJacobian.mjJAC_SPARSE)


def sparse_replaced(robot: Robot) -> bool:
  """Whether the file's sparse Jacobian is replaced by a dense one; see sparse_is_wrong."""
  return sparse_is_wrong(read_spec(model_file(robot), robot.name))


def same_model(a: Robot, b: Robot) -> bool:
  """Whether the MJCF files of two robots have the same content. Raises UserError like model_file."""
  return (a.package, a.file) == (b.package, b.file) or model_file(a).read_bytes() == model_file(b).read_bytes()


def build_spec(robot: Robot) -> mujoco.MjSpec:
  """The completed model as an editable spec.

  Raises:
    UserError: the file is missing or unreadable, lacks a body, geom or joint that the datasheet names, or has
      actuators that this package cannot control.
  """
  spec = read_spec(model_file(robot), robot.name)
  spec.option.timestep = robot.timestep or spec.option.timestep
  spec.option.iterations = robot.solver_iterations
  spec.option.ls_iterations = robot.line_search_iterations
  # An environment that diverges must become NaN on every engine rather than silently reset itself.
  spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
  name_all(spec)
  if robot.new_floor is not None:
    scenery.add_floor(spec, robot.floor, robot.new_floor)
  if sparse_is_wrong(spec):
    spec.option.jacobian = mujoco.mjtJacobian.mjJAC_DENSE
  _check_names(spec, robot)
  complete_actuators(spec, robot)
  _add_floor_contacts(spec, robot)
  _add_sensors(spec, robot)
  if robot.external_forces:
    external.add_sensors(spec)
  scenery.add_cameras(spec, robot)
  scenery.add_light(spec)
  return spec


def name_all(spec: mujoco.MjSpec) -> None:
  """Gives a name to every body, geom, joint and actuator that has none: contacts and sensors refer to them by name."""
  for kind, things in {'body': spec.bodies, 'geom': spec.geoms, 'joint': spec.joints, 'motor': spec.actuators}.items():
    taken = {thing.name for thing in things}
    for i, thing in enumerate(things):
      if not thing.name:
        name = f'{kind}_{i}'
        while name in taken:
          name += '_'
        thing.name = name
        taken.add(name)


def compiled(spec: mujoco.MjSpec, name: str, xml: Path) -> mujoco.MjModel:
  """The compiled model. Raises UserError with the robot's name and MuJoCo's message if it does not compile.

  Args:
    name: name of the robot, for messages.
    xml: the MJCF file that the spec was read from, for messages.
  """
  try:
    with warnings.catch_warnings(), quiet():
      warnings.simplefilter('ignore', UserWarning)  # about deprecated attributes in the user's MJCF file
      return spec.compile()
  except ValueError as error:
    raise UserError(f'robot {name!r} does not compile: {_explained(error, xml)}') from None


def _explained(error: ValueError, xml: Path) -> str:
  with warnings.catch_warnings(), quiet():
    warnings.simplefilter('ignore', UserWarning)
    return explained(error, xml)


def build_model(robot: Robot, *, converged: bool = False) -> mujoco.MjModel:
  """The completed model, compiled, with the training solver or a converged one. Raises UserError like build_spec."""
  model = compiled(build_spec(robot), robot.name, model_file(robot))
  if converged:
    model.opt.iterations, model.opt.ls_iterations = CONVERGED
  return model


def self_contained_xml(robot: Robot, *, keyframes: bool = True) -> str:
  """The completed model with a converged solver, as one MJCF text that needs no other file.

  The text is written before compilation, because MuJoCo would round computed numbers to six digits. It compiles to
  exactly the model of the report cards.

  Args:
    keyframes: keep the keyframes of the MJCF file.

  Raises:
    UserError: the model refers to other files.
  """
  spec = build_spec(robot)
  spec.option.iterations, spec.option.ls_iterations = CONVERGED
  for key in [] if keyframes else list(spec.keys):
    spec.delete(key)
  spec.compiler.savecompiled = spec.compiler.savecanonical = False
  compiled(spec, robot.name, model_file(robot))
  with warnings.catch_warnings():
    warnings.simplefilter('ignore', UserWarning)
    text = str(spec.to_xml())
  try:
    mujoco.MjModel.from_xml_string(text)
  except ValueError as error:
    raise UserError(f'the model of {robot.name} cannot be written as one file: {str(error).splitlines()[0]}') from None
  return text


def _check_names(spec: mujoco.MjSpec, robot: Robot) -> None:
  """Raises UserError if the file lacks what the datasheet names."""
  bodies = [body.name for body in spec.bodies if body.name != 'world']
  shins = robot.anatomy.shins if robot.anatomy else ()
  for name in (robot.root, *robot.feet, *shins, *((robot.anatomy.head,) if robot.anatomy else ())):
    if name not in bodies:
      raise unknown(f'body in the datasheet of robot {robot.name!r}:', name, bodies)
  geoms = [geom.name for geom in spec.geoms]
  if robot.floor not in geoms:
    raise unknown(f'floor geom in the datasheet of robot {robot.name!r}:', robot.floor, geoms)


def _moving_bodies(spec: mujoco.MjSpec) -> list[mujoco.MjsBody]:
  return [body for body in spec.bodies if body.name != 'world']


def _add_floor_contacts(spec: mujoco.MjSpec, robot: Robot) -> None:
  """Adds a contact pair of the floor with every geom of the robot that has none yet."""
  pairs = [{pair.geomname1, pair.geomname2} for pair in spec.pairs]
  for body in _moving_bodies(spec):
    for geom in body.geoms:
      if {geom.name, robot.floor} not in pairs and not _collides(geom, spec.geom(robot.floor)):
        spec.add_pair(geomname1=geom.name, geomname2=robot.floor)


def _collides(geom: mujoco.MjsGeom, other: mujoco.MjsGeom) -> bool:
  """Whether MuJoCo lets two geoms touch without a pair."""
  return bool(geom.contype & other.conaffinity or other.contype & geom.conaffinity)


def _add_sensors(spec: mujoco.MjSpec, robot: Robot) -> None:
  """Adds sensors of root, head, feet and centre of mass, and a touch sensor on each body that has geoms."""
  kinds, body_type = mujoco.mjtSensor, mujoco.mjtObj.mjOBJ_BODY
  # XBODY is the frame of the body itself; BODY would be that of its inertia.
  frame = mujoco.mjtObj.mjOBJ_XBODY
  present = {sensor.name: (sensor.type, sensor.objname) for sensor in spec.sensors}

  def add(name: str, kind: mujoco.mjtSensor, objname: str, objtype: mujoco.mjtObj = frame) -> None:
    if name not in present:
      spec.add_sensor(name=name, type=kind, objtype=objtype, objname=objname)
    elif present[name] != (kind, objname):
      raise UserError(f'robot {robot.name!r}: its sensor {name!r} is not what tasks read by that name; rename it.')
    present[name] = (kind, objname)  # a foot may also be the root or the head

  root = robot.root
  add(f'{root}_pos', kinds.mjSENS_FRAMEPOS, root)
  add(f'{root}_forward', kinds.mjSENS_FRAMEXAXIS, root)
  add(f'{root}_up', kinds.mjSENS_FRAMEZAXIS, root)
  add(f'{root}_linvel', kinds.mjSENS_FRAMELINVEL, root)
  add(f'{root}_angvel', kinds.mjSENS_FRAMEANGVEL, root)
  if robot.anatomy:
    add(f'{robot.anatomy.head}_pos', kinds.mjSENS_FRAMEPOS, robot.anatomy.head)
  add('com_pos', kinds.mjSENS_SUBTREECOM, root, body_type)
  add('com_vel', kinds.mjSENS_SUBTREELINVEL, root, body_type)
  for foot in robot.feet:
    add(f'{foot}_pos', kinds.mjSENS_FRAMEPOS, foot)
    add(f'{foot}_up', kinds.mjSENS_FRAMEZAXIS, foot)
    add(f'{foot}_linvel', kinds.mjSENS_FRAMELINVEL, foot)
  for body in _moving_bodies(spec):
    if body.geoms:
      site = f'{body.name}_touch'
      if spec.site(site) is None:
        body.add_site(name=site, type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[TOUCH_REACH, 0, 0], group=5)
      add(site, kinds.mjSENS_TOUCH, site, mujoco.mjtObj.mjOBJ_SITE)


class _Log:
  """How many calls are inside `quiet`, in all threads, and what MuJoCo's one setting for a process was outside."""

  lock = threading.Lock()
  inside = 0
  outside: mujoco.MjLogConfig


@contextlib.contextmanager
def quiet() -> Iterator[None]:
  """Stops MuJoCo's C code from writing warnings to the terminal and to a file in the current folder, for a while.

  Divergence is still visible: the state becomes NaN, which the environment counts and reports.
  """
  with _Log.lock:
    if not _Log.inside:
      config, _Log.outside = mujoco.MjLogConfig.get(), mujoco.MjLogConfig.get()
      config.logto_console = config.logto_file = False
      config.set()
    _Log.inside += 1
  try:
    yield
  finally:
    with _Log.lock:
      _Log.inside -= 1
      if not _Log.inside:
        _Log.outside.set()
