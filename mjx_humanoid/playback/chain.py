"""Chains of policies: each policy starts in the state where the previous one ended."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import mujoco
import numpy as np

from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.saved_code import portable
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.model import same_model
from mjx_humanoid.playback.cards import episode_of_card, find_card
from mjx_humanoid.playback.find import RANDOM
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.playback.rollout import Controller, Trajectories, check_fit, rollout, start_states, task_and_model
from mjx_humanoid.tasks.task import Task, make_task, robot_of

HELD = 1.0  # s; a policy is done after its goal has been held for this time
# The next policy takes over at a moment from which it stays on its feet: s from the end of the one before, s between
# the moments that are tried, s that each is tried for.
AROUND, APART, TRIAL = 1.0, 0.06, 3.0


class Stage(NamedTuple):
  """One policy of a chain, with its task."""

  name: str
  task: Task
  model: mujoco.MjModel
  controller: Controller


class Played(NamedTuple):
  """The recorded part of one policy of a chain."""

  stage: Stage
  paths: Trajectories  # [N = 1, T, ...] until the next policy takes over
  done: bool  # True: its goal was reached; False: its time was over


def make_stages(
  policies: Sequence[Policy | None],
  changes: Mapping[str, Any],
  rng: np.random.Generator | None = None,
  *,
  noise: np.random.Generator | None = None,
  compare: bool = False,
) -> list[Stage]:
  """The stages of policies: their tasks with `changes` by dotted name, from start states of their report cards.

  Args:
    policies: at least one; None stands for random actions, in the task of the first policy.
    rng: if given, actions are sampled with it.
    noise: generator of random actions.
    compare: all begin at start states of the first policy's report card rather than of their own.

  Raises:
    UserError: a policy does not fit its robot, or its robot has another model than the first policy's.
  """
  first = next(policy for policy in policies if policy)
  if compare:
    changes = {**episode_of_card(first.task), **changes}
  for policy in filter(None, policies):
    _check_model(policy, first, compare=compare)
  stages = [_stage(policy, changes, rng) if policy else None for policy in policies]
  template = next(stage for stage in stages if stage)
  return [stage or random_stage(template, noise or np.random.default_rng(0)) for stage in stages]


def _check_model(policy: Policy, first: Policy, *, compare: bool) -> None:
  """Raises UserError if the robots of two policies have other models; their motors may differ."""
  if same_model(robot_of(policy.task), robot_of(first.task)):
    return
  robots = portable(policy.task.robot), portable(first.task.robot)
  if compare:
    raise UserError(
      f'{policy.name} is a policy of {robots[0]} and {first.name} of {robots[1]}: policies are compared from the same'
      ' start states, so that all must be of one robot; play them one by one.'
    )
  raise UserError(
    f'{policy.name} is a policy of {robots[0]} and cannot go on where {first.name}, of {robots[1]}, ends.'
  )


def _stage(policy: Policy, changes: Mapping[str, Any], rng: np.random.Generator | None) -> Stage:
  task, model = task_and_model(policy.task)
  check_fit(policy, task, model)
  task = make_task(replaced(policy.task, {**episode_of_card(policy.task), **changes}, 'config.task'), task.body)
  return Stage(policy.name, task, model, functools.partial(policy, rng=rng))


def random_stage(stage: Stage, rng: np.random.Generator) -> Stage:
  """The same task under uniformly random actions."""
  return Stage(RANDOM, stage.task, stage.model, lambda obs: rng.uniform(-1, 1, (len(obs), stage.task.body.nu)))


def play_chain(stages: Sequence[Stage], rng: np.random.Generator, seconds: float) -> list[Played]:
  """Plays one episode: each stage until its goal has been held or its time is over; the last ignores its goal.

  The next stage takes over up to a second later or earlier; see take_overs.

  Args:
    rng: generator of the first start state, commands and pushes.
    seconds: time limit of each stage.
  """
  first = stages[0]
  qpos, qvel = start_states(first.task, first.model, rng, 1)
  played = []
  for stage, following in zip(stages, [*stages[1:], None], strict=True):
    steps = steps_of(seconds, stage.task.body)
    paths = rollout(stage.task, stage.model, stage.controller, qpos, qvel, steps, rng=rng, stop_at_end=False)
    done = None
    if following is not None:
      done = done_after(stage.task, paths)
      (moments,) = take_overs(stage, following, paths, [done or steps], later=done is not None)
      paths = cut(paths, moments)
    played.append(Played(stage, paths, done is not None))
    qpos, qvel = (x[:, -1].astype(np.float64) for x in (paths.views.qpos, paths.views.qvel))
  return played


def take_overs(stage: Stage, following: Stage, paths: Trajectories, wanted: Sequence[int], *, later: bool) -> list[int]:
  """After how many steps of each episode the next policy takes over.

  A gait begins with its clock at the same phase, which rarely fits where the feet are. So moments up to a second from
  the wanted one are tried in physics, and the closest is taken from which the next policy stays on its feet; else the
  wanted one. Commands and pushes of a trial are not those that follow.

  Args:
    paths: [N, T, ...] episodes of `stage`.
    wanted: N numbers of steps, 1 to T.
    later: try later moments, not earlier ones.
  """
  body, length = stage.task.body, paths.terminated.shape[1]
  reach, apart = steps_of(AROUND, body), steps_of(APART, body)
  shifts = [apart * k * (1 if later else -1) for k in range(reach // apart + 1)]
  tried = [(n, end + shift) for n, end in enumerate(wanted) for shift in shifts if 1 <= end + shift <= length]
  rows, steps = np.array(tried).T
  qpos, qvel = (x[rows, steps - 1].astype(np.float64) for x in (paths.views.qpos, paths.views.qvel))
  good = on_feet(following, qpos, qvel, TRIAL)
  closest = dict(zip(rows[good][::-1].tolist(), steps[good][::-1].tolist(), strict=True))  # the last of a row is kept
  return [closest.get(n, end) for n, end in enumerate(wanted)]


def on_feet(stage: Stage, qpos: np.ndarray, qvel: np.ndarray, seconds: float) -> np.ndarray:
  """Whether a policy neither meets its termination from states [N, ...], nor is low at the end: [N] bool."""
  body, rng = stage.task.body, np.random.default_rng(1)
  steps = steps_of(seconds, body)
  paths = rollout(stage.task, stage.model, stage.controller, qpos, qvel, steps, rng=rng, stop_at_end=False)
  low = body.root.height(paths.views.qpos[:, -1]) < body.robot.fallen_height
  return ~(paths.terminated.any(axis=1) | low)


def done_after(task: Task, paths: Trajectories) -> int | None:
  """Number of steps until the goal of the task's card had been held for HELD seconds; None if never."""
  goal = find_card(task.config.card).goal
  if goal is None:
    return None
  reached, wanted = goal(paths, task.body)[0], steps_of(HELD, task.body)
  held = 0
  for step, now in enumerate(reached, 1):
    held = held + 1 if now else 0
    if held >= wanted:
      return step
  return None


def steps_of(seconds: float, body: Body) -> int:
  """Control steps in some seconds, at least one."""
  return max(1, round(seconds / body.control_step))


def cut(paths: Trajectories, steps: int) -> Trajectories:
  """The first `steps` steps."""

  def first(part: Any) -> Any:
    if isinstance(part, dict):
      return {name: first(x) for name, x in part.items()}
    if part is None:
      return None
    return part[:, :steps] if isinstance(part, np.ndarray) else type(part)(*map(first, part))

  changed = {name: first(getattr(paths, name)) for name in ('views', 'contexts', 'terminated', 'pushes')}
  return paths._replace(**changed)
