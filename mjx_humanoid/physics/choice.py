"""Chooses and makes the physics engine."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.precision import backend
from mjx_humanoid.physics.engine import NOTHING, Engine

# One line for each; 'auto' chooses the fastest for the machine.
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
  import jax

  if name != 'auto' and name not in ENGINES:
    raise unknown('engine', name, ENGINES)
  platform = backend()
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
  return name, 'as configured'


def make_engine(
  name: str,
  model: mujoco.MjModel,
  num_envs: int,
  substeps: int,
  num_threads: int = 0,
  fields: Mapping[str, np.ndarray] = NOTHING,
) -> Engine[Any]:
  """The engine `name` (not 'auto') for `num_envs` environments of `model`.

  Args:
    substeps: physics steps per control step.
    num_threads: threads of the native engine; 0 for one per core.
    fields: model fields that differ between environments, [B, ...] each; see physics/randomize.py.
  """
  if name == 'native':
    from mjx_humanoid.physics.native import NativeEngine

    return NativeEngine(model, num_envs, substeps, num_threads, fields)
  from mjx_humanoid.physics.mjx import MjxEngine

  return MjxEngine(model, substeps, impl='warp' if name == 'mjx-warp' else 'jax', num_envs=num_envs, fields=fields)
