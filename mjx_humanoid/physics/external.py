"""External forces on the bodies of a robot: of contacts and pushes, MuJoCo's cfrc_ext.

They are user sensors of the model, which the engines fill: MuJoCo computes cfrc_ext only on request, and no sensor of
its own measures it. Unlike other sensors, they and the centre of mass describe the last evaluation of the physics.
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np

from mjx_humanoid.core.types import Array

TORQUE, FORCE = '_external_torque', '_external_force'  # ends of their names, after that of the body
USER = int(mujoco.mjtSensor.mjSENS_USER)


class Slots(NamedTuple):
  """Where external forces are in sensordata."""

  columns: np.ndarray  # [6 n] int, elements of sensordata: torque and force of each body in turn
  bodies: np.ndarray  # [n] int, ids of the bodies

  def __bool__(self) -> bool:
    return bool(len(self.bodies))

  def of(self, cfrc_ext: Array) -> Array:
    """The readings [..., 6 n] from cfrc_ext [..., nbody, 6]: N m about the centre of mass of the robot, and N."""
    chosen = cfrc_ext[..., self.bodies, :]
    return chosen.reshape((*chosen.shape[:-2], -1))


def add_sensors(spec: mujoco.MjSpec) -> None:
  """Adds a sensor of torque and one of force for each body that has geoms."""
  for body in spec.bodies:
    if body.name != 'world' and body.geoms:
      for kind in (TORQUE, FORCE):
        sensor = spec.add_sensor(name=f'{body.name}{kind}', type=mujoco.mjtSensor.mjSENS_USER, dim=3)
        sensor.objtype, sensor.objname = mujoco.mjtObj.mjOBJ_XBODY, body.name
        sensor.needstage = mujoco.mjtStage.mjSTAGE_ACC


def slots(model: mujoco.MjModel) -> Slots:
  """The external forces among the sensors of a model; none without Robot.external_forces."""
  own = [i for i in np.flatnonzero(model.sensor_type == USER) if model.sensor(i).name.endswith((TORQUE, FORCE))]
  columns = [np.arange(3) + model.sensor_adr[i] for i in own]
  return Slots(np.concatenate(columns) if own else np.zeros(0, int), model.sensor_objid[own[::2]].astype(int))


def fill(model: mujoco.MjModel, data: mujoco.MjData, where: Slots, sensordata: np.ndarray) -> None:
  """Writes the external forces of `data`, whose contact forces are computed, into its row of sensordata [ns]."""
  mujoco.mj_rnePostConstraint(model, data)
  sensordata[where.columns] = where.of(data.cfrc_ext)


def fill_at(model: mujoco.MjModel, rows: np.ndarray, ctrl: np.ndarray, sensordata: np.ndarray) -> None:
  """Writes the external forces at some states into sensordata [N, ns]; nothing where the model has none.

  Args:
    rows: [N, nstate] full physics states: time, qpos, qvel.
    ctrl: [N, nu].
  """
  if not (where := slots(model)):
    return
  data = mujoco.MjData(model)
  for row, controls, readings in zip(rows, ctrl, sensordata, strict=True):
    mujoco.mj_setState(model, data, row, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    data.ctrl[:], data.qacc_warmstart[:] = controls, 0.0
    mujoco.mj_forward(model, data)
    fill(model, data, where, readings)
