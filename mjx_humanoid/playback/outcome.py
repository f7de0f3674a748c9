"""What became of an episode, in words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mjx_humanoid.core.saved_code import portable
from mjx_humanoid.physics.body import Body
from mjx_humanoid.playback.cards import CARDS
from mjx_humanoid.playback.chain import Played
from mjx_humanoid.playback.rollout import Trajectories
from mjx_humanoid.tasks.task import Task

ENDINGS = {  # by termination
  'fallen': 'fell',
  'collapsed': 'collapsed',
  'off_balance': 'lost its balance',
  'off_clip': 'lost its clip',
}


def outcome(played: Played) -> str:
  """What became of one policy in its episode: 'fell after 3.2 s, 1.4 m from its start'."""
  task, paths = played.stage.task, played.paths
  step, body = task.body.control_step, task.body
  last = paths.terminated.shape[1]
  if paths.terminated[0].any():
    last = int(np.argmax(paths.terminated[0])) + 1
    finite = np.isfinite(paths.views.qpos[0, last - 1]).all()
    name = task.config.termination
    ending = ENDINGS.get(name, f'ended ({portable(name)})') if finite else 'diverged'
    said = f'{ending} after {last * step:.1f} s'
  else:
    said = f'did not fall in {last * step:.1f} s' if task.config.termination in ENDINGS else f'{last * step:.1f} s'
  if not paths.terminated[0].any() and (reached := goal_reached(played)) is not None:
    said += f', {reached}'
  moved = np.linalg.norm(body.position(paths.views)[0, last - 1, :2] - body.position(paths.start)[0, :2])
  return f'{said}, {moved:.1f} m from its start' if np.isfinite(moved) else said


def goal_of(task: Task) -> Callable[[Trajectories, Body], np.ndarray] | None:
  """The goal of the task's card, for a chain; None where it has none, as gaits."""
  return CARDS[task.config.card].goal if task.config.card in CARDS else None


def goal_reached(played: Played) -> str | None:
  """From when on the goal of the policy's card was reached, in words; None where the card has no goal."""
  task, paths = played.stage.task, played.paths
  goal = goal_of(task)
  if goal is None:
    return None
  reached = goal(paths, task.body)[0]
  if not reached[-1]:
    return 'its goal not reached at the end'
  since = len(reached) - int(np.argmin(reached[::-1])) if not reached.all() else 0
  return f'its goal reached from {since * task.body.control_step:.1f} s on'
