"""Evaluation: many episodes of a policy in C MuJoCo, and their report card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mujoco
import numpy as np

from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.saved_code import portable
from mjx_humanoid.motions import clips
from mjx_humanoid.playback.card import Card, Conditions, Judge, reasons
from mjx_humanoid.playback.cards import CARDS, NONE, find_card
from mjx_humanoid.playback.figures import Figures, measure
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.playback.rollout import Controller, Trajectories, rollout, start_states, task_and_model
from mjx_humanoid.tasks.task import Task, make_task

PASS_RATE = 0.95  # of the episodes
TRIED = 2  # episodes for the check of a card before training
Player = Callable[..., Trajectories]  # signature of playback.rollout.rollout


def judge(
  task: Task,
  model: mujoco.MjModel,
  controller: Controller,
  episodes: int,
  seed: int,
  player: Player = rollout,
  **changes: Any,
) -> tuple[dict[str, Any], Trajectories]:
  """Plays and judges `episodes` episodes from perturbed start states.

  Args:
    player: plays the episodes; by default rollout in C MuJoCo.
    changes: further changes of the task's settings, by dotted name, such as {'push.kind': 'force'}.

  Returns:
    The card, as JSON's own types, and the trajectories it was read from. 'failed' counts the episodes that do not pass
    by the first condition that each does not meet; 'figures' are those that mean something for this card.

  Raises:
    UserError: the task has no report card.
  """
  card = card_of(task.config)
  criteria = card.words(task.config)
  task = make_task(replaced(task.config, {**card.settings(task.config), **changes}, 'config.task'), task.body)
  rng = np.random.default_rng(seed)
  qpos, qvel = start_states(task, model, rng, episodes)
  steps = card.length(task.body.control_step)
  paths = player(task, model, controller, qpos, qvel, steps, rng=rng)
  figures = measure(paths, task.body)
  if paths.terminated.shape[1] < steps:  # all episodes have terminated, so the rest was not played
    figures['survived'][:] = 0
  if card.by_return:
    figures['episode_return'] = episode_returns(task, paths)
  return _summary(task, card, criteria, figures, paths) | {'seed': seed}, paths


def episode_returns(task: Task, paths: Trajectories) -> np.ndarray:
  """The undiscounted return [N] of each episode. Raises UserError for an unknown reward or term."""
  from mjx_humanoid.tasks.scoring import score

  return score(task, paths.views, paths.contexts, paths.terminated)[0]


def _summary(task: Task, card: Card, criteria: str, figures: Figures, paths: Trajectories) -> dict[str, Any]:
  """The card as JSON types, but for its seed; `figures` are changed."""
  measured = set(figures)
  failed = reasons(_judge_of(card, task.config), figures, paths, task.body)
  passed = ~np.logical_or.reduce(list(failed.values()))
  enough = figures['episode_return'].mean() >= task.config.target_return if card.by_return else None
  return {
    'card': portable(task.config.card),
    'criteria': criteria,
    **({'clip': clips.described(task.config.clip, task.config.robot)} if task.config.clip else {}),
    'passed': bool(passed.mean() >= PASS_RATE if enough is None else enough),
    'episodes': len(passed),
    'success_rate': float(passed.mean()),
    'failed': {name: int(which.sum()) for name, which in failed.items() if which.any()},
    'survival_rate': float(figures.pop('survived').mean()),
    'figures': [name for name in figures if not card.figures or name in card.figures or name not in measured],
    **{name: float(values.mean()) for name, values in figures.items()},
    'worst': {name: [float(values.min()), float(values.max())] for name, values in figures.items()},
  }


def _judge_of(card: Card, config: TaskConfig) -> Judge:
  """The judge of a card; where returns are judged, episodes below the target do not pass."""
  if not card.by_return:
    return card.judge
  return Conditions({'below the target': lambda figures, *_: figures['episode_return'] >= config.target_return})


def card_of(config: TaskConfig) -> Card:
  """The report card of a task. Raises UserError where it has none."""
  if config.card == NONE:
    choices = ', '.join(name for name in CARDS if name != NONE)
    raise UserError(f"this policy's task has no report card (card={NONE}); name one to judge it by: {choices}.")
  return find_card(config.card)


def pushed(force: float) -> dict[str, Any]:
  """Settings of a task with pushes of this force [N] for 0.2 s, every 4 s."""
  return {'push.kind': 'force', 'push.force': (force, force), 'push.duration': 0.2, 'push.interval': 4.0}


def commanded(command: Sequence[float]) -> dict[str, Any]:
  """Settings of a task with one fixed command: forward, sideways [m/s] and yaw [rad/s] velocity."""
  return {'command.kind': 'fixed', 'command.value': tuple(map(float, command))}


def check_card(config: TaskConfig) -> None:
  """Checks a report card on episodes with zero controls. Raises UserError if a user's own card fails."""
  task, model = task_and_model(config)
  judge(task, model, lambda obs: np.zeros((len(obs), task.body.nu), np.float32), TRIED, 0)


def judge_policy(policy: Policy, episodes: int, seed: int) -> dict[str, Any]:
  """The card of a policy's deterministic actions."""
  return judge(*task_and_model(policy.task), policy, episodes, seed)[0]


def task_changes(
  command: Sequence[float] | None = None, push: float | None = None, start_strength: float | None = None
) -> dict[str, Any]:
  """Settings of a task with a fixed command, pushes and a strength of start states, if given."""
  strength = {} if start_strength is None else {'start_strength': start_strength}
  return {**(commanded(command) if command else {}), **({} if push is None else pushed(push)), **strength}
