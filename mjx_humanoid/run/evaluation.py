"""Evaluation of a policy for users: with a chosen number of episodes, report card, engine and push."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from mjx_humanoid.core import saved_code
from mjx_humanoid.core.config.schema import MOST_EPISODES
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.playback.judge import judge, pushed
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.playback.rollout import Trajectories, check_fit, rollout, task_and_model
from mjx_humanoid.tasks.task import Task

ENGINES = ('native', 'mjx')
REWARDS = ('reward', 'reward term')  # kinds of user code that only the returns need
LIMITS = {  # least, most, and the same in words
  'episodes': (1, MOST_EPISODES, f'1 to {MOST_EPISODES}'),
  'seed': (0, float('inf'), '0 or more'),
  'push': (0, 10_000, '0 to 10000 N'),
}


class Evaluation(NamedTuple):
  """The report card of a policy, and the episodes behind it."""

  card: dict[str, Any]  # the report card, as JSON types
  task: Task
  paths: Trajectories  # the episodes that the card was read from


def check(engine: str, **numbers: float | None) -> None:
  """Raises UserError for an engine that cannot evaluate, or a number out of its LIMITS."""
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
) -> Evaluation:
  """Plays a policy's deterministic actions and judges them.

  Args:
    seed: seed of the start states, commands and pushes.
    card: another report card than that of the policy's task; a user's own card is allowed to run.
    push: force in N of a push of 0.2 s every 4 s, instead of the pushes of the card.
    engine: physics of the evaluation, 'native' (C MuJoCo with a converged solver) or 'mjx' (with the training solver).

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
  if push is not None:  # the card must report the pushes that were applied
    extra, summary['criteria'] = {'push': push}, f'{summary["criteria"]}; here with pushes of {push:g} N'
  said = {'policy': policy.name, 'engine': engine, **extra, **summary, **returns(task, paths), 'info': policy.info}
  return Evaluation(said, task, paths)


def returns(task: Task, paths: Trajectories) -> dict[str, Any]:
  """The mean undiscounted return of an episode, in total and by term.

  If the reward is user code that is missing or that this user has not allowed, the returns are left out, and
  'return_note' says why.
  """
  rewards = [(kind, name) for kind, name in saved_code.references(task.config) if kind in REWARDS]
  if why := next(filter(None, (saved_code.unavailable(*reward) for reward in rewards)), None):
    return {'return': None, 'return_by_term': {}, 'return_note': why}
  from mjx_humanoid.tasks.scoring import score

  totals, terms = score(task, paths.views, paths.contexts, paths.terminated)
  return {'return': float(totals.mean()), 'return_by_term': {name: float(v.mean()) for name, v in terms.items()}}
