"""What a report card is: how its episodes differ from those of training, and the conditions that they must meet."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.motions.library import is_library
from mjx_humanoid.physics.body import Body
from mjx_humanoid.playback.figures import Figures
from mjx_humanoid.playback.rollout import Trajectories
from mjx_humanoid.tasks.context import Context
from mjx_humanoid.tasks.context.context import MOVING
from mjx_humanoid.tasks.trials import attempt

Judge = Callable[[Figures, Trajectories, Body], np.ndarray]  # which episodes pass, bool [N]
EPISODE = ('start', 'start_strength', 'termination')  # settings of a task: how its episodes start and end
FAILED = 'failed'  # what is said of episodes that a judge without named conditions does not pass


@dataclass(frozen=True)
class Conditions:
  """A judge made of conditions, each under what is said of episodes that do not meet it: {'fell': survived}."""

  by_failure: Mapping[str, Judge]

  def __call__(self, figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
    """Which episodes meet all conditions, bool [N]."""
    all_pass = np.ones(len(paths.terminated), bool)
    return np.logical_and.reduce([all_pass, *(holds(figures, paths, body) for holds in self.by_failure.values())])


@dataclass(frozen=True)
class Card:
  """One kind of report card."""

  description: str
  seconds: float
  judge: Judge  # which episodes pass; Conditions also say why others do not
  task: Mapping[str, Any] = field(default_factory=dict)  # settings of the task that the card fixes, by dotted name
  goal: Callable[[Trajectories, Body], np.ndarray] | None = (
    None  # steps at which the goal is reached, bool [N, T]; None: the skill has no end
  )
  figures: tuple[str, ...] = ()  # that mean something for this card, beside what its judge adds; (): all
  # Where the policy's task has no fixed command to move, which the card judges by; None: `task` says all.
  command: tuple[float, float, float] | None = None
  criteria: Callable[[Sequence[float]], str] | None = None  # the description for a command
  steps: int = 0  # length of an episode in control steps, in place of `seconds`
  by_return: bool = False  # passed by the mean return of the episodes: config.task.target_return or more
  own_library: bool = False  # a pose library that the policy's task starts from replaces the card's start

  def settings(self, config: TaskConfig) -> dict[str, Any]:
    """The settings that the card fixes in the task of a policy, by dotted name."""
    fixed = dict(self.task)
    if self.own_library and is_library(config.start):
      fixed['start'] = config.start
    if self.command is None:
      return fixed
    return {**fixed, 'command.kind': 'fixed', 'command.value': self.command_of(config)}

  def command_of(self, config: TaskConfig) -> tuple[float, float, float]:
    """The command that a policy is judged by; only for cards that have one."""
    asked = config.command
    own = asked.kind == 'fixed' and max(map(abs, asked.value[:2])) > MOVING
    return asked.value if own or self.command is None else self.command

  def episode(self, config: TaskConfig) -> dict[str, Any]:
    """How episodes of the card start, are pushed and end in the task of a policy, as settings by dotted name."""
    fixed = self.settings(config)
    pushes = {name: value for name, value in fixed.items() if name.startswith('push.')}
    return {**{name: fixed.get(name, getattr(config, name)) for name in EPISODE}, **pushes}

  def words(self, config: TaskConfig) -> str:
    """What passing asks for, with the command of a task."""
    if self.by_return:
      return f'{self.description}: {config.target_return:,.0f} or more'
    return self.criteria(self.command_of(config)) if self.criteria else self.description

  def length(self, control_step: float) -> int:
    """Control steps of an episode, for control steps of so many seconds."""
    return self.steps or round(self.seconds / control_step)


class Episode(NamedTuple):
  """One episode, as a user's own function of one argument judges it; T control steps, up to where it ended."""

  view: View  # [T, ...] after each control step
  context: Context  # [T, ...] that each view is judged by
  body: Body
  survived: bool  # it lasted to the end
  figures: dict[str, float]


def reasons(judge: Judge, figures: Figures, paths: Trajectories, body: Body) -> dict[str, np.ndarray]:
  """Which episodes do not pass, bool [N], by the first condition that each of them does not meet."""
  named = judge.by_failure if isinstance(judge, Conditions) else {FAILED: judge}
  left, found = np.ones(len(paths.terminated), bool), {}
  for name, holds in named.items():
    held = holds(figures, paths, body)
    found[name] = left & ~held
    left = left & held
  return found


def checked(what: str, judge: Callable[..., Any]) -> Judge:
  """A judge of the user's own, whose mistakes become a UserError that names `what`."""
  if isinstance(judge, Conditions):
    return Conditions(
      {name: checked(f'{what}, condition {name!r},', holds) for name, holds in judge.by_failure.items()}
    )
  of_episode = _arguments(judge) == 1

  def call(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
    if of_episode:
      return _one_by_one(what, judge, figures, paths, body)
    passed = np.asarray(attempt(what, judge, judge, figures, paths, body))
    if passed.dtype != bool or passed.shape != (len(paths.terminated),):
      raise UserError(f'{what} returns {passed.dtype} {passed.shape}; it must be bool [N], one for each episode.')
    return passed

  return call


def _arguments(function: Callable[..., Any]) -> int:
  """How many arguments a function must be given."""
  try:
    parameters = inspect.signature(function).parameters.values()
  except (TypeError, ValueError):  # of a built-in
    return 0
  return sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _one_by_one(
  what: str, function: Callable[..., Any], figures: Figures, paths: Trajectories, body: Body
) -> np.ndarray:
  """Which episodes pass by a function of one Episode; the figures that it returns are added."""
  known = dict(figures)
  results = [
    _verdict(what, attempt(what, function, function, _episode(known, paths, body, i)))
    for i in range(len(paths.terminated))
  ]
  for name in {name for _, own in results for name in own}:
    figures[name] = np.array([own.get(name, np.nan) for _, own in results])
  return np.array([passed for passed, _ in results])


def _episode(figures: Figures, paths: Trajectories, body: Body, i: int) -> Episode:
  ends = paths.terminated[i]
  steps = int(np.argmax(ends)) + 1 if ends.any() else len(ends)

  def of_one(part: Any) -> Any:
    if isinstance(part, dict):
      return {name: of_one(x) for name, x in part.items()}
    return part[i, :steps]

  view, context = View(*map(of_one, paths.views)), Context(*map(of_one, paths.contexts))
  own = {name: float(values[i]) for name, values in figures.items()}
  return Episode(view, context, body, bool(figures['survived'][i] == 1), own)


def _verdict(what: str, result: Any) -> tuple[bool, dict[str, float]]:
  """(passed, figures) from what a function returned. Raises UserError where it is neither that nor a bool."""
  passed, own = result if isinstance(result, tuple) and len(result) == 2 else (result, {})
  good = isinstance(passed, bool | np.bool_) and isinstance(own, Mapping)
  try:
    numbers = {str(name): float(value) for name, value in own.items()} if good else {}
  except (TypeError, ValueError):
    good = False
  if not good:
    raise UserError(
      f'{what} returns {str(result)[:60]!r}; of one episode it must be a bool, or (bool, figures) with a number for'
      ' each name.'
    )
  return bool(passed), numbers
