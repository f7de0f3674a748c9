"""Single states in C MuJoCo: their views, and states in which limp robots have come to rest."""

from __future__ import annotations

import copy

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.physics import external
from mjx_humanoid.physics.model import quiet
from mjx_humanoid.physics.native import NativeEngine

MAX_SETTLED = 50.0  # m/s and rad/s; a robot that has come to rest is slower


@quiet()
def view_states(model: mujoco.MjModel, qpos: np.ndarray, qvel: np.ndarray) -> View:
  """Views of environments at qpos [N, nq] and qvel [N, nv] with zero controls, by C mj_forward."""
  data, forces = mujoco.MjData(model), external.slots(model)
  sensors = np.empty((len(qpos), model.nsensordata), np.float32)
  for i in range(len(qpos)):
    data.qpos[:], data.qvel[:] = qpos[i], qvel[i]
    mujoco.mj_forward(model, data)
    sensors[i] = data.sensordata
    if forces:
      external.fill(model, data, forces, sensors[i])
  zeros = np.zeros(len(qpos), np.float32)
  ctrl = np.zeros((len(qpos), model.nu), np.float32)
  return View(zeros, qpos.astype(np.float32), qvel.astype(np.float32), ctrl, sensors)


def settle(model: mujoco.MjModel, qpos: np.ndarray, qvel: np.ndarray, seconds: float) -> tuple[np.ndarray, np.ndarray]:
  """The states of limp robots (motors off) some seconds after qpos [N, nq] and qvel [N, nv].

  A robot that diverges, because it began inside the floor, is replaced by another. Raises UserError if all diverge.
  """
  limp = copy.copy(model)
  limp.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_ACTUATION)
  engine = NativeEngine(limp, len(qpos), max(1, round(seconds / model.opt.timestep)))
  _, view = engine.step(engine.init(qpos, qvel), np.zeros((len(qpos), model.nu)))
  good = np.flatnonzero(np.isfinite(view.qpos).all(axis=1) & (np.abs(view.qvel).max(axis=1) < MAX_SETTLED))
  if not len(good):
    raise UserError(f'physics diverged in all {len(qpos)} start states that were to come to rest.')
  rows = np.where(np.isin(np.arange(len(qpos)), good), np.arange(len(qpos)), good[0])
  return view.qpos[rows].astype(np.float64), view.qvel[rows].astype(np.float64)
