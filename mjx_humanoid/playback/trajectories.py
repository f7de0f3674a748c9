"""One episode with all its numbers in full precision, and the tables for files."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from mjx_humanoid.core.errors import unknown
from mjx_humanoid.core.types import Inputs, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.model import quiet
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.playback.rollout import Controller, collect, record, start_states
from mjx_humanoid.tasks.task import Task

COMMAND = ('forward [m/s]', 'left [m/s]', 'turn [rad/s]')

NUDGE = 1e-12  # change of controls in [-1, 1], far below the precision of float32 policies
ATTEMPTS = 100


@dataclass(frozen=True, eq=False)
class Trajectory:
  """One episode, a row for each control step: the state at its beginning, and the controls during it. float64."""

  body: Body
  substeps: int  # physics steps per row, with constant controls
  time: np.ndarray  # [T] s
  qpos: np.ndarray  # [T, nq] m, unit quaternion, rad
  qvel: np.ndarray  # [T, nv] m/s, rad/s
  ctrl: np.ndarray  # [T, nu] as passed to MuJoCo, in [-1, 1]; see advance
  sensordata: np.ndarray  # [T, ns] in the state of the row, under its controls
  command: np.ndarray  # [T, 3] commanded forward, sideways [m/s] and yaw [rad/s] velocity

  def __repr__(self) -> str:
    """Its length and the robot, without the arrays."""
    seconds = self.time[-1] if len(self.time) else 0.0
    return f'Trajectory({self.body.robot.name!r}, {len(self.time)} control steps up to {seconds:.3f} s)'

  def sensor(self, name: str) -> np.ndarray:
    """Readings [T, n] of a sensor by its name, such as 'foot_left_pos'. Raises UserError for an unknown name."""
    if name not in self.body.sensors:
      raise unknown('sensor', name, self.body.sensors)
    return self.sensordata[:, self.body.sensors[name]]

  @property
  def torque(self) -> np.ndarray:
    """[T, nu] N m that the motors put on their joints."""
    view = View(self.time, self.qpos, self.qvel, self.ctrl, self.sensordata)
    return np.asarray(self.body.torque(view))

  @property
  def power(self) -> np.ndarray:
    """[T, nu] W of each motor at the beginning of the step: positive where it drives, negative where it brakes."""
    return np.asarray(self.torque * self.qvel[:, self.body.actuator_dofs])

  @property
  def touch(self) -> np.ndarray:
    """[T, bodies] N: normal force on each body in body.touch_names."""
    columns = [self.sensordata[:, self.body.sensors[f'{name}_touch']] for name in self.body.touch_names]
    return np.concatenate(columns, axis=1)

  @property
  def contact(self) -> np.ndarray:
    """[T, feet] bool: whether each foot of the datasheet carries load."""
    return self.touch[:, [self.body.touch_names.index(foot) for foot in self.body.robot.feet]] > 0


@quiet()
def trace(
  task: Task, model: mujoco.MjModel, controller: Controller, seconds: float, rng: np.random.Generator
) -> Trajectory:
  """Plays one episode of a task without pushes, with rows from 0 s to `seconds`; fewer where it diverges.

  Args:
    rng: generator of the start state and of commands.
  """
  qpos, qvel = start_states(task, model, rng, 1)
  body = task.body
  steps = max(1, round(seconds / body.control_step)) + 1
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:] = qpos[0], qvel[0]
  mujoco.mj_normalizeQuat(model, data.qpos)
  rows: list[tuple[np.ndarray, ...]] = []

  def physics(inputs: Inputs) -> View:
    state = np.array(data.time), data.qpos.copy(), data.qvel.copy()
    rows.append((*state, *advance(model, data, np.asarray(inputs.ctrl[0], float), body.substeps)))
    return view_of(data)

  start = view_states(model, data.qpos[None].copy(), qvel)
  paths = collect(start, record(task, controller, start, physics, rng), steps, stop_at_end=False)
  finite = [all(np.isfinite(x).all() for x in row) for row in rows]
  count = [*finite, False].index(False)
  time, qpos, qvel, ctrl, sensordata = (np.stack(column) for column in zip(*rows[:count], strict=True))
  command = paths.contexts.command[0, :count].astype(float)
  return Trajectory(body, body.substeps, time, qpos, qvel, ctrl, sensordata, command)


def advance(
  model: mujoco.MjModel, data: mujoco.MjData, ctrl: np.ndarray, substeps: int
) -> tuple[np.ndarray, np.ndarray]:
  """One control step, without warm start as in all playback, to a state that a keyframe can store exactly.

  MuJoCo normalises quaternions of keyframes whose length is off by more than 1e-15, which occurs in one of a few
  hundred steps. Such a step is repeated with controls changed by NUDGE, which changes the last digits.

  Returns:
    The applied controls [nu], and the sensor data [ns] in the state at the beginning of the step.
  """
  time, qpos, qvel = data.time, data.qpos.copy(), data.qvel.copy()
  for attempt in range(ATTEMPTS):
    data.time, data.qpos[:], data.qvel[:] = time, qpos, qvel
    data.ctrl[:] = ctrl - np.copysign(attempt * NUDGE, ctrl)
    data.qacc_warmstart[:] = 0
    mujoco.mj_step(model, data)  # it evaluates sensors before it integrates
    sensordata = data.sensordata.copy()
    if substeps > 1:
      mujoco.mj_step(model, data, substeps - 1)
    read = data.qpos.copy()
    mujoco.mj_normalizeQuat(model, read)
    if np.array_equal(read, data.qpos, equal_nan=True):
      break
  return data.ctrl.copy(), sensordata


def view_of(data: mujoco.MjData) -> View:
  """The view of this simulation, [1, ...] float32."""
  with np.errstate(over='ignore'):  # a diverging simulation becomes infinite
    fields = (data.time, data.qpos, data.qvel, data.ctrl, data.sensordata)
    return View(*(np.array([field]).astype(np.float32) for field in fields))


def to_npz(trajectory: Trajectory) -> bytes:
  """Every row as a NumPy archive: the arrays of Trajectory, and the names of their columns."""
  body = trajectory.body
  rows = ('time', 'qpos', 'qvel', 'ctrl', 'torque', 'power', 'touch', 'contact', 'command', 'sensordata')
  arrays: dict[str, Any] = {name: getattr(trajectory, name) for name in rows}
  arrays |= {
    'joint_names': body.joint_names,  # of the last elements of qpos and of qvel, after those of the root
    'actuator_names': body.actuator_names,
    'touch_names': body.touch_names,
    'foot_names': body.robot.feet,
    'sensor_names': tuple(body.sensors),
    'sensor_starts': [part.start for part in body.sensors.values()],  # in sensordata
    'torque_limit': body.torque_limit,
    'substeps': trajectory.substeps,
  }
  file = io.BytesIO()
  np.savez_compressed(file, **arrays)
  return file.getvalue()


def to_csv(trajectory: Trajectory) -> str:
  """Every row as text for plotting, under a header with units. Numbers are written in full."""
  table = columns(trajectory)
  rows = (','.join(map(repr, row)) for row in zip(*(values.tolist() for values in table.values()), strict=True))
  return '\n'.join([','.join(table), *rows]) + '\n'


def columns(trajectory: Trajectory) -> dict[str, np.ndarray]:
  """The columns of the table, each [T], by their headings."""
  body = trajectory.body
  joints, motors = body.joint_names, body.actuator_names
  places, velocities = body.root.coordinate_names
  blocks = {
    'qpos': (trajectory.qpos, [*(f'root_{x}' for x in places), *(f'{name} [rad]' for name in joints)]),
    'qvel': (trajectory.qvel, [*(f'root_{x}' for x in velocities), *(f'{name} [rad/s]' for name in joints)]),
    'ctrl': (trajectory.ctrl, motors),
    'torque': (trajectory.torque, [f'{name} [N m]' for name in motors]),
    'power': (trajectory.power, [f'{name} [W]' for name in motors]),
    'touch': (trajectory.touch, [f'{name} [N]' for name in body.touch_names]),
    'contact': (trajectory.contact.astype(int), body.robot.feet),
    'command': (trajectory.command, COMMAND),
  }
  table = {'time [s]': trajectory.time}
  for block, (values, names) in blocks.items():
    table |= {f'{block}/{name}': column for name, column in zip(names, values.T, strict=True)}
  return table
