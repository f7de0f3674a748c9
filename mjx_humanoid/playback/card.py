"""Report cards: what counts as passing, and the figures of many episodes judged in plain C MuJoCo."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mjx_humanoid.physics.body import Body
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.playback.rollout import Controller, Scene, Trajectories, rollout
from mjx_humanoid.registry import Registry
from mjx_humanoid.tasks.episodes import STARTS, TERMINATIONS

PASS_RATE = 0.95  # of the episodes
Figures = dict[str, np.ndarray]  # each [N], one number an episode


@dataclass(frozen=True)
class Card:
  """One kind of report card: how episodes start and end, and which figures they need to pass."""

  description: str
  seconds: float
  judge: Callable[[Figures, Body], np.ndarray]  # bool [N]
  start: str = 'standing'
  start_strength: float = 1.0
  termination: str = 'fallen'


CARDS: Registry[Card] = Registry('report card')


def _card(name: str, card: Card) -> None:
  CARDS.add(name, card, card.description)


def _stands(figures: Figures, body: Body) -> np.ndarray:
  level = np.abs(figures['mean_height'] - body.robot.standing_height) < 0.05
  return (figures['survived'] == 1) & level & (figures['drift'] < 0.5)


_card('stand', Card('20 s on its feet, mean height within 5 cm of standing, drift below 0.5 m', 20.0, _stands))


def measure(paths: Trajectories, body: Body) -> Figures:
  """The figures of each episode [N], over the steps until it ended.

  Units: s, m, degrees, N m, W, m/s.
  """
  views, ended = paths.views, paths.terminated
  alive = ~np.logical_or.accumulate(ended, axis=1)
  steps = np.maximum(alive.sum(axis=1), 1)

  def mean(values: np.ndarray) -> np.ndarray:
    return np.where(alive, np.nan_to_num(values), 0).sum(axis=1) / steps

  height = body.sensor(views, 'torso_pos')[..., 2]
  tilt = np.degrees(np.arccos(np.clip(body.sensor(views, 'torso_up')[..., 2], -1, 1)))
  torque = np.abs(views.ctrl * body.torque_limit)
  power = np.abs(views.ctrl * body.torque_limit * views.qvel[..., body.actuator_dofs]).sum(axis=-1)
  away = np.linalg.norm(views.qpos[..., :2] - paths.start.qpos[:, None, :2], axis=-1)
  velocity = body.sensor(views, 'com_vel')
  return {
    'survived': alive.all(axis=1).astype(float),
    'survival_seconds': alive.sum(axis=1) * body.control_step,
    'mean_height': mean(height),
    'height_error': mean(np.abs(height - body.robot.standing_height)),
    'tilt': mean(tilt),
    'drift': np.where(alive, np.nan_to_num(away), 0).max(axis=1),
    'speed': mean(np.linalg.norm(velocity[..., :2], axis=-1)),
    'mean_torque': mean(torque.mean(axis=-1)),
    'mean_power': mean(power),
  }


def judge(scene: Scene, controller: Controller, episodes: int, seed: int) -> tuple[dict[str, Any], Trajectories]:
  """Plays and judges `episodes` perturbed starts.

  Returns:
    The card, as JSON's own types, and the trajectories it was read from.
  """
  card = CARDS[scene.task.card]
  scene = dataclasses.replace(scene, terminate=TERMINATIONS[card.termination])
  qpos, qvel = STARTS[card.start](scene.body, np.random.default_rng(seed), episodes, card.start_strength)
  steps = round(card.seconds / scene.body.control_step)
  paths = rollout(scene, controller, qpos, qvel, steps)
  figures = measure(paths, scene.body)
  if paths.terminated.shape[1] < steps:  # all fell: the rest was not played
    figures['survived'][:] = 0
  passed = card.judge(figures, scene.body)
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


def judge_policy(policy: Policy, scene: Scene, episodes: int, seed: int) -> dict[str, Any]:
  """The card of a policy's deterministic actions."""
  return judge(scene, policy, episodes, seed)[0]
