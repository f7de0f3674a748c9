"""Judging: many episodes of a policy in plain C MuJoCo, and the report card that sums them up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mjx_humanoid.playback.cards import CARDS
from mjx_humanoid.playback.figures import measure
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.playback.rollout import Controller, Scene, Trajectories, change_task, rollout

PASS_RATE = 0.95  # of the episodes
Player = Callable[..., Trajectories]  # like playback.rollout.rollout


def judge(
  scene: Scene, controller: Controller, episodes: int, seed: int, player: Player = rollout, **changes: Any
) -> tuple[dict[str, Any], Trajectories]:
  """Plays and judges `episodes` perturbed starts.

  Args:
    player: what plays them; by default C MuJoCo.
    changes: settings of the task in which this card shall differ, such as push_force.

  Returns:
    The card, as JSON's own types, and the trajectories it was read from.
  """
  card = CARDS[scene.task.card]
  scene = change_task(scene, {**card.task, **changes})
  rng = np.random.default_rng(seed)
  qpos, qvel = scene.starts(rng, episodes, scene.task.start_strength)
  steps = round(card.seconds / scene.body.control_step)
  paths = player(scene, controller, qpos, qvel, steps, rng=rng)
  figures = measure(paths, scene.body)
  if paths.terminated.shape[1] < steps:  # all fell: the rest was not played
    figures['survived'][:] = 0
  passed = card.judge(figures, paths, scene.body)
  summary = {
    'card': scene.task.card,
    'criteria': card.description,
    'passed': bool(passed.mean() >= PASS_RATE),
    'episodes': episodes,
    'success_rate': float(passed.mean()),
    'survival_rate': float(figures.pop('survived').mean()),
    **{name: float(values.mean()) for name, values in figures.items()},
    'worst': {name: [float(values.min()), float(values.max())] for name, values in figures.items()},
    'seed': seed,
  }
  return summary, paths


def pushed(force: float) -> dict[str, Any]:
  """Settings of a task in which somebody pushes with this force [N] for 0.2 s, every 4 s."""
  return {'pushes': 'force', 'push_force': (force, force), 'push_duration': 0.2, 'push_interval': 4.0}


def judge_policy(policy: Policy, scene: Scene, episodes: int, seed: int) -> dict[str, Any]:
  """The card of a policy's deterministic actions."""
  return judge(scene, policy, episodes, seed)[0]
