"""Rollouts of a policy in MJX: the same episodes as in playback/rollout.py, on the other physics engine."""

from __future__ import annotations

import jax
import mujoco
import numpy as np

from mjx_humanoid.core.precision import backend, single_precision
from mjx_humanoid.core.process import COMPILER_OPTIONS
from mjx_humanoid.core.types import Inputs, View
from mjx_humanoid.physics.mjx import MjxEngine
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.randomize import randomized_fields
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.playback.rollout import Controller, Trajectories, collect, record
from mjx_humanoid.tasks.task import Task


@single_precision()
def mjx_rollout(
  task: Task,
  model: mujoco.MjModel,
  controller: Controller,
  qpos: np.ndarray,
  qvel: np.ndarray,
  steps: int,
  *,
  rng: np.random.Generator | None = None,
  stop_at_end: bool = True,
) -> Trajectories:
  """Plays `steps` control steps from each start; see playback.rollout.rollout.

  It uses the training solver, because solver iterations are expensive in MJX.
  """
  rng = rng or np.random.default_rng(0)
  training = build_model(task.body.robot)
  fields = randomized_fields(training, task.config.randomization, rng, len(qpos))
  engine = MjxEngine(training, task.body.substeps, impl='jax', num_envs=len(qpos), fields=fields)
  options = COMPILER_OPTIONS if backend() == 'cpu' else None
  advance = jax.jit(engine.step, compiler_options=options)
  state = engine.init(qpos.astype(np.float32), qvel.astype(np.float32))

  def physics(inputs: Inputs) -> View:
    nonlocal state
    state, view = advance(state, *(None if x is None else np.asarray(x, np.float32) for x in inputs))
    return View(*map(np.asarray, view))

  start = view_states(model, qpos, qvel)
  return collect(start, record(task, controller, start, physics, rng), steps, stop_at_end=stop_at_end)
