"""A small run of MJX inside a scan, which doctor uses to check for deadlocks."""

from __future__ import annotations

import jax
import numpy as np

from mjx_humanoid.core.process import COMPILER_OPTIONS
from mjx_humanoid.physics.mjx import MjxEngine
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.robots import robots


def scan_trial(num_envs: int = 128, steps: int = 4) -> np.ndarray:
  """Steps `num_envs` humanoids `steps` control steps inside one scan, with a solver that iterates.

  Returns:
    qpos [num_envs, nq] at the end, finite.
  """
  robot = robots()['humanoid']
  model = build_model(robot)
  model.opt.iterations, model.opt.ls_iterations = 4, 8  # more than one iteration is a while loop inside the scan
  engine = MjxEngine(model, robot.frame_skip, impl='jax', num_envs=num_envs)
  qpos = np.tile(model.qpos0.astype(np.float32), (num_envs, 1))

  def run(qpos: jax.Array) -> jax.Array:
    state = engine.init(qpos, np.zeros((num_envs, model.nv), np.float32))
    ctrl = jax.numpy.zeros((num_envs, model.nu))
    _, views = jax.lax.scan(lambda s, _: engine.step(s, ctrl), state, None, length=steps)
    return views.qpos[-1]

  result = np.asarray(jax.jit(run, compiler_options=COMPILER_OPTIONS)(qpos))
  if not np.isfinite(result).all():
    raise FloatingPointError('MJX under scan gave numbers that are not finite')
  return result
