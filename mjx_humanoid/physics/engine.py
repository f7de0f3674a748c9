"""What every physics engine does, and the choice among them."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.physics.model import quiet
from mjx_humanoid.core.types import Array, View

S = TypeVar('S')
NOTHING: Mapping[str, np.ndarray] = MappingProxyType({})

MAX_SETTLED = 50.0  # m/s and rad/s; a robot that has come to lie is slower
MAX_VELOCITY = 1000.0  # m/s and rad/s; a world beyond it is diverging: finite still, but no figure of it means anything

# One line for each; 'auto' takes the fastest for the machine.
ENGINES = {
  'native': 'C MuJoCo on a pool of CPU threads (mujoco.batch).',
  'mjx': 'MJX in JAX: many worlds in one jitted program, on GPU, TPU or CPU.',
  'mjx-warp': 'MJX with MuJoCo Warp: the fastest on NVIDIA GPUs; needs the extra "warp".',
}


class Engine(Protocol[S]):
  """Steps B worlds of one model. Arrays lead with [B]; views are float32."""

  traceable: bool  # True: pure, can live inside jit and scan. False: called from the host
  name: str

  def init(self, qpos: Array, qvel: Array) -> S:
    """Worlds at rest in time, at these positions [B, nq] and velocities [B, nv]."""
    ...

  def step(self, state: S, ctrl: Array, force: Array | None = None, kick: Array | None = None) -> tuple[S, View]:
    """All physics steps of one control step, under ctrl [B, nu].

    Args:
      force: [B, 3] N on the torso, in the world's frame.
      kick: [B, 3] m/s by which the robot moves faster from now on.
    """
    ...

  def write(self, state: S, mask: Array, qpos: Array, qvel: Array) -> S:
    """Starts the worlds of mask [B] anew at rows of qpos [B, nq] and qvel [B, nv]."""
    ...

  def pack(self, state: S) -> dict[str, Array]:
    """All that the next step depends on, as arrays for a checkpoint."""
    ...

  def unpack(self, arrays: dict[str, Array]) -> S:
    """The state that `pack` was given, exactly."""
    ...


def choose(name: str) -> tuple[str, str]:
  """Resolves 'auto' and checks that this machine has the engine.

  Returns:
    The engine's name and, in words, why it was chosen.

  Raises:
    UserError: the engine needs hardware or a package that is missing.
  """
  import jax

  if name != 'auto' and name not in ENGINES:
    raise unknown('engine', name, ENGINES)
  platform = jax.default_backend()
  gpu = jax.devices()[0].device_kind if platform != 'cpu' else ''
  warp = importlib.util.find_spec('warp') is not None
  if name == 'auto':
    if platform == 'gpu' and warp and 'nvidia' in f'{gpu} {jax.devices()[0].client.platform_version}'.lower():
      return 'mjx-warp', f'{gpu} with warp installed'
    if platform != 'cpu':
      return 'mjx', f'jax runs on {gpu}'
    return 'native', 'jax sees no GPU, and C MuJoCo is the fastest on CPUs'
  if name == 'mjx-warp' and not warp:
    raise UserError(
      "engine 'mjx-warp' needs warp-lang: pip install 'mjx_humanoid[warp]'. Without it: --config.engine=auto."
    )
  if name == 'mjx-warp' and platform != 'gpu':
    raise UserError("engine 'mjx-warp' needs an NVIDIA GPU that jax can see; here use --config.engine=native or mjx.")
  return name, 'asked for'


def make_engine(
  name: str,
  model: mujoco.MjModel,
  num_envs: int,
  substeps: int,
  num_threads: int = 0,
  fields: Mapping[str, np.ndarray] = NOTHING,
) -> Engine[Any]:
  """The engine `name` (not 'auto') for `num_envs` worlds of `model`.

  Args:
    substeps: physics steps per control step.
    num_threads: of the native engine; 0 for one per core.
    fields: of the model, [B, ...] each, in which worlds differ; see physics/randomize.py.
  """
  if name == 'native':
    from mjx_humanoid.physics.native import NativeEngine

    return NativeEngine(model, num_envs, substeps, num_threads, fields)
  from mjx_humanoid.physics.mjx import MjxEngine

  return MjxEngine(model, substeps, impl='warp' if name == 'mjx-warp' else 'jax', num_envs=num_envs, fields=fields)


def view_states(model: mujoco.MjModel, qpos: np.ndarray, qvel: np.ndarray) -> View:
  """What tasks see of resting worlds at qpos [N, nq] and qvel [N, nv], by C mj_forward."""
  quiet()
  data = mujoco.MjData(model)
  sensors = np.empty((len(qpos), model.nsensordata), np.float32)
  for i in range(len(qpos)):
    data.qpos[:], data.qvel[:] = qpos[i], qvel[i]
    mujoco.mj_forward(model, data)
    sensors[i] = data.sensordata
  zeros = np.zeros(len(qpos), np.float32)
  ctrl = np.zeros((len(qpos), model.nu), np.float32)
  return View(zeros, qpos.astype(np.float32), qvel.astype(np.float32), ctrl, sensors)


def settle(model: mujoco.MjModel, qpos: np.ndarray, qvel: np.ndarray, seconds: float) -> tuple[np.ndarray, np.ndarray]:
  """What becomes of limp robots, motors off, at qpos [N, nq] and qvel [N, nv] after some seconds.

  One that diverges, because it was put into the floor, is replaced by another. Raises UserError where all do.
  """
  from mjx_humanoid.physics.native import NativeEngine

  limp = copy.copy(model)
  limp.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_ACTUATION)
  engine = NativeEngine(limp, len(qpos), max(1, round(seconds / model.opt.timestep)))
  _, view = engine.step(engine.init(qpos, qvel), np.zeros((len(qpos), model.nu)))
  good = np.flatnonzero(np.isfinite(view.qpos).all(axis=1) & (np.abs(view.qvel).max(axis=1) < MAX_SETTLED))
  if not len(good):
    raise UserError(f'physics diverged in all {len(qpos)} start states that were to come to rest.')
  rows = np.where(np.isin(np.arange(len(qpos)), good), np.arange(len(qpos)), good[0])
  return view.qpos[rows].astype(np.float64), view.qvel[rows].astype(np.float64)
