"""C MuJoCo on a thread pool: mujoco.batch steps all environments in one call, with the GIL released."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np
from mujoco import batch

from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics import external
from mjx_humanoid.physics.engine import NOTHING
from mjx_humanoid.physics.find_root import find_root
from mjx_humanoid.physics.model import quiet


def available_cores() -> int:
  """Number of cores that this process may use; in a container it can be less than the machine's."""
  return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


@dataclass
class NativeState:
  """The environments, one row each. The engine changes them in place."""

  worlds: batch.Batch


class NativeEngine:
  """The engine 'native'. Results do not depend on the number of threads."""

  traceable = False
  name = 'native'

  def __init__(
    self,
    model: mujoco.MjModel,
    num_envs: int,
    substeps: int,
    num_threads: int = 0,
    fields: Mapping[str, np.ndarray] = NOTHING,
  ) -> None:
    """See make_engine."""
    self.num_threads = num_threads or available_cores()
    self._substeps = substeps
    self._external = external.slots(model)
    # External forces are computed from all that a step leaves behind, which only a persistent batch keeps.
    self._worlds = batch.Batch(model, num_envs, nthread=self.num_threads, persistent=bool(self._external))
    self._model, self._left = model, mujoco.MjData(model)
    for name, values in fields.items():
      self._worlds.expand(name)[:] = values
    self._qpos, self._qvel = self._worlds.bind('qpos'), self._worlds.bind('qvel')
    self._ctrl, self._time = self._worlds.bind('ctrl'), self._worlds.bind('time')
    self._sensordata = self._worlds.bind('sensordata')
    root = find_root(model)
    self._root_body, (self._kicked, self._kick_axes) = root.body, root.kicks
    self._com = _com_columns(model)
    self._subtree_com = self._worlds.bind('subtree_com')

  def init(self, qpos: Array, qvel: Array) -> NativeState:
    """See Engine."""
    state = NativeState(self._worlds)
    return self.write(state, np.ones(self._worlds.nsim, bool), qpos, qvel)

  def step(
    self, state: NativeState, ctrl: Array, force: Array | None = None, kick: Array | None = None
  ) -> tuple[NativeState, View]:
    """See Engine."""
    self.apply(ctrl, force, kick)
    with quiet():
      self._worlds.step(nstep=self._substeps)
    return state, self._view()

  def bare(self, state: NativeState, count: int = 1) -> NativeState:
    """`count` control steps of physics alone, under the controls of the last one; for measurements."""
    with quiet():
      self._worlds.step(nstep=self._substeps * count)
    return state

  def apply(self, ctrl: Array, force: Array | None = None, kick: Array | None = None) -> None:
    """Writes controls and disturbances of the next control step; see Engine.step."""
    self._ctrl[:] = ctrl
    if force is not None:
      self._worlds.bind('xfrc_applied')[:, self._root_body, :3] = force
    if kick is not None:
      self._qvel[:, self._kicked] += kick @ self._kick_axes.T

  def write(self, state: NativeState, mask: Array, qpos: Array, qvel: Array) -> NativeState:
    """See Engine. A reset clears the solver's warm start too, so that nothing of the old episode remains."""
    rows = np.flatnonzero(mask)
    if len(rows):
      self._worlds.reset(rows, stage=mujoco.mjtStage.mjSTAGE_NONE)
      self._qpos[rows] = np.asarray(qpos)[rows]
      self._qvel[rows] = np.asarray(qvel)[rows]
    return state

  def pack(self, state: NativeState) -> dict[str, Array]:
    """See Engine: MuJoCo's integration state, [B, nstate] float64."""
    return {'state': self._worlds.state.copy()}

  def unpack(self, arrays: dict[str, Array]) -> NativeState:
    """See Engine."""
    self._worlds.state[:] = np.asarray(arrays['state'])
    return NativeState(self._worlds)

  def _view(self) -> View:
    fields = (self._time.reshape(-1), self._qpos, self._qvel, self._ctrl, self._sensordata)
    with np.errstate(over='ignore'):  # a diverging environment becomes infinite and is detected later
      view = View(*(field.astype(np.float32) for field in fields))  # copies: the next step changes the fields
      if len(self._com):
        view.sensordata[:, self._com] = self._subtree_com[:, self._root_body]
      if self._external:
        for world, readings in enumerate(view.sensordata):
          external.fill(self._model, self._worlds.get_data(world, self._left), self._external, readings)
    return view


def _com_columns(model: mujoco.MjModel) -> np.ndarray:
  """The centre of mass among the sensors, where it must be read from the last evaluation of a step; else empty.

  The Runge-Kutta integrator evaluates the physics four times a step, and its sensors only the first time.
  """
  if model.opt.integrator != int(mujoco.mjtIntegrator.mjINT_RK4) or 'com_pos' not in _sensor_names(model):
    return np.zeros(0, int)
  return np.arange(3) + int(model.sensor('com_pos').adr[0])


def _sensor_names(model: mujoco.MjModel) -> list[str]:
  return [model.sensor(i).name for i in range(model.nsensor)]
