"""The sensors of a model by name: width, unit and meaning."""

from __future__ import annotations

from typing import NamedTuple

import mujoco

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics import external

KIND = mujoco.mjtSensor
SLIDE = int(mujoco.mjtJoint.mjJNT_SLIDE)

# Unit and meaning of each kind of sensor; frames and subtrees are measured in the world frame.
KINDS: dict[int, tuple[str, str]] = {
  int(kind): text
  for kind, text in {
    KIND.mjSENS_TOUCH: ('N', 'sum of the normal contact forces on body'),
    KIND.mjSENS_ACCELEROMETER: ('m/s^2', 'linear acceleration, in its own frame, of'),
    KIND.mjSENS_VELOCIMETER: ('m/s', 'linear velocity, in its own frame, of'),
    KIND.mjSENS_GYRO: ('rad/s', 'angular velocity, in its own frame, of'),
    KIND.mjSENS_FORCE: ('N', 'force between child and parent body at'),
    KIND.mjSENS_TORQUE: ('N m', 'torque between child and parent body at'),
    KIND.mjSENS_RANGEFINDER: ('m', 'distance to the nearest surface along z from'),
    KIND.mjSENS_JOINTPOS: ('rad', 'position of joint'),
    KIND.mjSENS_JOINTVEL: ('rad/s', 'velocity of joint'),
    KIND.mjSENS_ACTUATORPOS: ('rad', 'length of actuator'),
    KIND.mjSENS_ACTUATORVEL: ('rad/s', 'velocity of actuator'),
    KIND.mjSENS_ACTUATORFRC: ('N m', 'force of actuator'),
    KIND.mjSENS_JOINTACTFRC: ('N m', 'force of all actuators on joint'),
    KIND.mjSENS_FRAMEPOS: ('m', 'position of'),
    KIND.mjSENS_FRAMEQUAT: ('unit quaternion', 'orientation of'),
    KIND.mjSENS_FRAMEXAXIS: ('unit vector', 'x axis of'),
    KIND.mjSENS_FRAMEYAXIS: ('unit vector', 'y axis of'),
    KIND.mjSENS_FRAMEZAXIS: ('unit vector', 'z axis of'),
    KIND.mjSENS_FRAMELINVEL: ('m/s', 'linear velocity of'),
    KIND.mjSENS_FRAMEANGVEL: ('rad/s', 'angular velocity of'),
    KIND.mjSENS_FRAMELINACC: ('m/s^2', 'linear acceleration of'),
    KIND.mjSENS_FRAMEANGACC: ('rad/s^2', 'angular acceleration of'),
    KIND.mjSENS_SUBTREECOM: ('m', 'centre of mass of all bodies from'),
    KIND.mjSENS_SUBTREELINVEL: ('m/s', 'velocity of the centre of mass of all bodies from'),
    KIND.mjSENS_SUBTREEANGMOM: ('kg m^2/s', 'angular momentum about the centre of mass of all bodies from'),
  }.items()
}
# Units and meanings of the sensors of external forces: of a force, and of a torque.
EXTERNAL = (
  ('N', 'force of contacts and pushes on body'),
  ('N m', 'torque of contacts and pushes, about the centre of mass of the robot, on body'),
)
# Units for sliding joints.
SLIDING = {'rad': 'm', 'rad/s': 'm/s', 'N m': 'N'}
OF_JOINTS = (KIND.mjSENS_JOINTPOS, KIND.mjSENS_JOINTVEL, KIND.mjSENS_JOINTACTFRC)


class Sensor(NamedTuple):
  """The reading of one sensor of a model."""

  width: int  # elements of the reading
  unit: str  # '' if the kind of sensor is not in KINDS
  meaning: str


def describe_sensors(model: mujoco.MjModel) -> dict[str, Sensor]:
  """Every sensor of the model by name, in the order of `sensordata`.

  Raises:
    UserError: the model has no sensors.
  """
  if not model.nsensor:
    raise UserError('this model has no sensors.')
  return {model.sensor(i).name: _describe(model, i) for i in range(model.nsensor)}


def _describe(model: mujoco.MjModel, index: int) -> Sensor:
  kind, target = int(model.sensor_type[index]), int(model.sensor_objid[index])
  name = KIND(kind).name.removeprefix('mjSENS_').lower()
  unit, meaning = KINDS.get(kind, ('', f'MuJoCo sensor {name} of'))
  if model.sensor(index).name.endswith((external.TORQUE, external.FORCE)):
    unit, meaning = EXTERNAL[model.sensor(index).name.endswith(external.TORQUE)]
  if kind in map(int, OF_JOINTS) and model.jnt_type[target] == SLIDE:
    unit = SLIDING[unit]
  if kind == int(KIND.mjSENS_TOUCH):  # the sensor's site is on the body that it measures
    of = model.body(model.site_bodyid[target]).name
  else:
    of = mujoco.mj_id2name(model, int(model.sensor_objtype[index]), target) or ''
  return Sensor(int(model.sensor_dim[index]), unit, f'{meaning} {of}'.strip().removesuffix(' of'))
