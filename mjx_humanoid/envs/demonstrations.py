"""What the spring of the way up shows a policy: which controls follow it, in states near it.

A reverse curriculum alone came down to the push-off and stayed there. Its controls are up to 1, which is five standard
deviations of what a policy explores with, and it takes many of them at once to leave the floor.
"""

from __future__ import annotations

import numpy as np

from mjx_humanoid.physics.engine import view_states
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.native import NativeEngine
from mjx_humanoid.tasks.context import guide
from mjx_humanoid.tasks.starts import perturbed
from mjx_humanoid.tasks.task import Task
from mjx_humanoid.motions.rising import spring_up
from mjx_humanoid.core.types import Demonstrations

WORLDS = 512
STEPS = 12  # control steps that each world follows the spring
PERTURBED = 2.0  # strength of what perturbs their starts, at most
NOISES = (0.0, 0.1, 0.2)  # standard deviations of what is added to the controls; what is shown is without it


def demonstrate(task: Task, rng: np.random.Generator) -> Demonstrations:
  """Follows the spring of the task's robot from anywhere on it, up to where it rises fastest.

  What comes after is a flight, of which a policy finds the end by itself. Noise leads it beside the spring, from where
  what is shown leads back (Laskey et al., 2017).

  Returns:
    obs [N, O] and action [N, nu], N up to WORLDS * STEPS for each of NOISES.

  Raises:
    UserError: the robot has no spring.
  """
  body, spring = task.body, spring_up(task.body)
  model = build_model(body.robot)
  engine = NativeEngine(model, WORLDS, round(body.control_step / body.robot.timestep))
  last = min(int(spring.qvel[:, 2].argmax()), len(spring.ctrl) - 1)
  rows: list[tuple[np.ndarray, np.ndarray]] = []
  for noise in NOISES:
    at = rng.integers(last + 1, size=WORLDS)
    qpos, qvel = perturbed(spring.qpos[at], body, rng, rng.uniform(0, PERTURBED, WORLDS), spring.qvel[at])
    state, view = engine.init(qpos, qvel), view_states(model, qpos, qvel)
    context = task.guide.start(view.qpos, body.nu, rng.random((WORLDS, guide.DRAWS)))
    context = context._replace(phase=rng.random(WORLDS, np.float32))
    for step in range(STEPS):
      on_it, ctrl = at + step <= last, spring.ctrl[np.minimum(at + step, last)]
      rows.append((task.observe(view, body, context)[on_it], ctrl[on_it]))
      state, view = engine.step(state, np.clip(ctrl + noise * rng.normal(size=ctrl.shape), -1, 1))
      context = task.guide.advance(context, view, rng.random((WORLDS, guide.DRAWS)))
  obs, action = (np.concatenate(x).astype(np.float32) for x in zip(*rows, strict=True))
  sound = np.isfinite(obs).all(axis=1)
  return Demonstrations(obs[sound], action[sound])
