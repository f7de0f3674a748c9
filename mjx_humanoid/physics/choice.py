"""Chooses and makes the physics engine."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.precision import backend
from mjx_humanoid.core.process import quiet_imports
from mjx_humanoid.physics.engine import NOTHING, Engine

# One line for each; 'auto' chooses among those that run on the machine.
ENGINES = {
  'native': 'C MuJoCo on a pool of CPU threads (mujoco.batch).',
  'mjx': 'MJX in JAX: many environments in one jitted program, on GPU, TPU or CPU.',
  'mjx-warp': 'MJX with MuJoCo Warp: the fastest on NVIDIA GPUs; needs the extra "warp".',
}


def choose(name: str) -> tuple[str, str]:
  """Resolves 'auto' and checks that the engine can run on this machine.

  Returns:
    The engine's name and, in words, why it was chosen.

  Raises:
    UserError: the engine needs hardware or a package that is missing.
  """
  if name == 'auto':
    engines, reason = candidates()
    return engines[0], reason
  if name not in ENGINES:
    raise unknown('engine', name, ENGINES)
  platform = backend()
  if name == 'mjx-warp' and not warp_installed():
    raise UserError(
      "engine 'mjx-warp' needs warp-lang: pip install 'mjx_humanoid[warp]'. Without it: --config.engine=auto."
    )
  if name == 'mjx-warp' and platform != 'gpu':
    raise UserError("engine 'mjx-warp' needs an NVIDIA GPU that jax can see; here use --config.engine=native or mjx.")
  if name == 'mjx-warp' and (trouble := warp_trouble()):
    raise UserError(f"engine 'mjx-warp': {trouble}; use --config.engine=mjx.")
  return name, 'as configured'


def candidates() -> tuple[tuple[str, ...], str]:
  """The engines that may be the fastest on this machine, first the one to take without a measurement, and why."""
  import jax

  if (platform := backend()) == 'cpu':
    return ('native',), 'jax sees no GPU, and C MuJoCo is the fastest on CPUs'
  device = jax.devices()[0]
  nvidia = platform == 'gpu' and 'nvidia' in f'{device.device_kind} {device.client.platform_version}'.lower()
  if nvidia and warp_installed():
    if trouble := warp_trouble():
      return ('mjx',), f'jax runs on {device.device_kind}; {trouble}'
    return ('mjx-warp', 'mjx'), f'{device.device_kind} with warp installed'
  return ('mjx',), f'jax runs on {device.device_kind}'


def warp_installed() -> bool:
  """Whether there is a package of that name; it is not imported."""
  return importlib.util.find_spec('warp') is not None


def warp_trouble() -> str:
  """Why the warp that is installed cannot use this machine's GPU; '' if it can."""
  try:
    with quiet_imports():
      warp = importlib.import_module('warp')
      usable = warp.is_cuda_available()
  except Exception as error:  # of another package, of whatever kind
    return f'warp cannot be imported ({type(error).__name__}: {error})'
  return '' if usable else 'warp finds no CUDA device, as where the driver of the GPU is older than its CUDA'


def make_engine(
  name: str,
  model: mujoco.MjModel,
  num_envs: int,
  substeps: int,
  num_threads: int = 0,
  fields: Mapping[str, np.ndarray] = NOTHING,
  graph_mode: str = '',
) -> Engine[Any]:
  """The engine `name` (not 'auto') for `num_envs` environments of `model`.

  Args:
    substeps: physics steps per control step.
    num_threads: threads of the native engine; 0 for one per core.
    fields: model fields that differ between environments, [B, ...] each; see physics/randomize.py.
    graph_mode: config.physics.graph_mode, for mjx-warp on a GPU; empty for MJX's default.
  """
  if name == 'native':
    from mjx_humanoid.physics.native import NativeEngine

    return NativeEngine(model, num_envs, substeps, num_threads, fields)
  from mjx_humanoid.physics.mjx import MjxEngine

  impl = 'warp' if name == 'mjx-warp' else 'jax'
  mode = graph_mode.upper() if impl == 'warp' and backend() == 'gpu' else ''  # Warp on a CPU has no graphs
  return MjxEngine(model, substeps, impl=impl, num_envs=num_envs, fields=fields, graph_mode=mode)
