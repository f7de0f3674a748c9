"""Demonstrations of the leap that gets a robot up: its controls, in states near it.

A reverse curriculum alone came down to the push-off and stayed there. The controls of the leap are up to 1, which is
five standard deviations of a policy's exploration noise, and it takes many of them at once to leave the floor.
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
STEPS = 12  # control steps that each follows the leap
PERTURBED = 2.0  # strength of the perturbations of their starts, at most
NOISES = (0.0, 0.1, 0.2)  # standard deviations of noise on the controls; the demonstrated controls are without it


def demonstrate(task: Task, rng: np.random.Generator) -> Demonstrations:
  """Follows the leap of the task's robot from anywhere on it, up to where it rises fastest.

  What comes after is a flight, whose landing a policy learns by itself. Noise leads beside the leap, from where the
  demonstrated controls lead back (Laskey et al., 2017).

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
