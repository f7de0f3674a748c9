"""Judging a policy as a person asks for it: how many episodes, by which card and physics, with which push."""

from __future__ import annotations

import dataclasses
from typing import Any

from mjx_humanoid.core import saved_code
from mjx_humanoid.core.config.schema import MOST_EPISODES
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.playback.judge import judge, pushed
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.playback.rollout import Trajectories, check_fit, rollout, task_and_model
from mjx_humanoid.tasks.task import Task

ENGINES = ('native', 'mjx')
REWARDS = ('reward', 'reward term')  # kinds of code of the user's own that returns need, and nothing else does
LIMITS = {  # least, most, and the same in words
  'episodes': (1, MOST_EPISODES, f'1 to {MOST_EPISODES}'),
  'seed': (0, float('inf'), '0 or more'),
  'push': (0, 10_000, '0 to 10000 N'),
}


def check(engine: str, **numbers: float | None) -> None:
  """Raises UserError for an engine that judges nothing, or a number out of its LIMITS."""
  for name, value in numbers.items():
    low, high, words = LIMITS[name]
    if value is not None and not low <= value <= high:
      raise UserError(f'{name}={value} is out of range: {words}.')
  if engine not in ENGINES:
    raise unknown('engine to judge with:', engine, ENGINES)


def evaluate_policy(
  policy: Policy,
  *,
  episodes: int = 100,
  seed: int = 0,
  card: str | None = None,
  push: float | None = None,
  engine: str = 'native',
) -> dict[str, Any]:
  """The report card of a policy's deterministic actions, as JSON's own types.

  Args:
    seed: of the start states, commands and pushes.
    card: another one than the policy's own task names; of the user's own, it is code that the user typed.
    push: force in N of a push of 0.2 s every 4 s, in place of the pushes that the card asks for.
    engine: the physics that judges, 'native' (C MuJoCo with a converged solver) or 'mjx' (with the training solver).

  Raises:
    UserError: a number out of range, an unknown card or engine, a policy that does not fit its robot.
  """
  check(engine, episodes=episodes, seed=seed, push=push)
  if card:
    saved_code.allow(TaskConfig(card=card))
  task, model = task_and_model(dataclasses.replace(policy.task, card=card or policy.task.card))
  check_fit(policy, task, model)
  player = rollout
  if engine == 'mjx':
    from mjx_humanoid.run.mjx_rollout import mjx_rollout as player
  summary, paths = judge(task, model, policy, episodes, seed, player, **({} if push is None else pushed(push)))
  extra = {}
  if push is not None:  # the criteria must say what was asked of the policy
    extra, summary['criteria'] = {'push': push}, f'{summary["criteria"]}; here with pushes of {push:g} N'
  return {'policy': policy.name, 'engine': engine, **extra, **summary, **returns(task, paths), 'info': policy.info}


def returns(task: Task, paths: Trajectories) -> dict[str, Any]:
  """The mean return of an episode, in all and by term, undiscounted.

  Where the reward is code of the trainer's own that is not at hand, or that this user has not allowed, they are left
  out, and 'return_note' says why.
  """
  rewards = [(kind, name) for kind, name in saved_code.references(task.config) if kind in REWARDS]
  if why := next(filter(None, (saved_code.unavailable(*reward) for reward in rewards)), None):
    return {'return': None, 'return_by_term': {}, 'return_note': why}
  from mjx_humanoid.tasks.scoring import score

  totals, terms = score(task, paths.views, paths.contexts, paths.terminated)
  return {'return': float(totals.mean()), 'return_by_term': {name: float(v.mean()) for name, v in terms.items()}}
