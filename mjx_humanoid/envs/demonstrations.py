"""Demonstrations of the leap with which a robot gets up: its controls, in states near it.

A reverse curriculum alone stopped at the push-off. The controls of the leap are up to 1, which is five standard
deviations of the exploration noise, and leaving the floor takes many such controls at once.
"""

from __future__ import annotations

import numpy as np

from mjx_humanoid.core.types import Demonstrations
from mjx_humanoid.motions.rising import leap
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.native import NativeEngine
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.tasks.starts import perturbed
from mjx_humanoid.tasks.task import Task

ENVIRONMENTS = 512
STEPS = 12  # control steps of each demonstration along the leap
PERTURBED = 2.0  # largest strength of perturbations of their start states
NOISES = (0.0, 0.1, 0.2)  # standard deviations of noise on applied controls; recorded controls are without noise


def demonstrate(task: Task, rng: np.random.Generator) -> Demonstrations:
  """Follows the leap of the task's robot from random states on it, up to where it rises fastest.

  The flight and the landing after that are left to the policy. With noise the robot leaves the leap, and the
  demonstrated controls lead it back (Laskey et al., 2017).

  Returns:
    obs [N, O] and action [N, nu], N up to ENVIRONMENTS * STEPS for each of NOISES.

  Raises:
    UserError: the robot has no leap.
  """
  body, motion = task.body, leap(task.body)
  model = build_model(body.robot)
  engine = NativeEngine(model, ENVIRONMENTS, body.substeps)
  climb = body.root.linear_velocity(motion.qvel)[:, 2]
  last = min(int(climb.argmax()), len(motion.ctrl) - 1)
  rows: list[tuple[np.ndarray, np.ndarray]] = []
  for noise in NOISES:
    at = rng.integers(last + 1, size=ENVIRONMENTS)
    qpos, qvel = perturbed(motion.qpos[at], body, rng, rng.uniform(0, PERTURBED, ENVIRONMENTS), motion.qvel[at])
    state, view = engine.init(qpos, qvel), view_states(model, qpos, qvel)
    context = task.context.start(view, rng.random((ENVIRONMENTS, task.context.draws)))
    context = context._replace(phase=rng.random(ENVIRONMENTS, np.float32))
    for step in range(STEPS):
      on_it, ctrl = at + step <= last, motion.ctrl[np.minimum(at + step, last)]
      rows.append((task.observe(view, body, context)[on_it], ctrl[on_it]))
      state, view = engine.step(state, np.clip(ctrl + noise * rng.normal(size=ctrl.shape), -1, 1))
      context = task.context.advance(context, view, rng.random((ENVIRONMENTS, task.context.draws)))
  obs, action = (np.concatenate(x).astype(np.float32) for x in zip(*rows, strict=True))
  finite = np.isfinite(obs).all(axis=1)
  return Demonstrations(obs[finite], action[finite])
