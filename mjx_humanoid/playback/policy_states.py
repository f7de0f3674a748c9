"""Plays policies for start states: a skill that is trained from them can follow those skills."""

from __future__ import annotations

import numpy as np

from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions import given_states
from mjx_humanoid.motions.given_states import States
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.model import same_model
from mjx_humanoid.playback.cards import episode_of_card
from mjx_humanoid.playback.find import load
from mjx_humanoid.playback.rollout import check_fit, rollout, start_states, task_and_model
from mjx_humanoid.tasks.task import make_task

EPISODES, SECONDS = 64, 5.0
FIRST = 1.0  # s, from where on states are taken: before, the robot is still near its start
EVERY = 5  # control steps between two states


def give_states(config: TaskConfig, body: Body, seed: int) -> None:
  """Plays the policies that the start of a task names, and gives their states; nothing for another start.

  Raises:
    UserError: there is no such policy, it is of another robot, or it falls in every episode.
  """
  if not given_states.is_of_policies(config.start):
    return
  names = given_states.policies_of(config.start)
  parts = [states_of(name, body, seed) for name in names]
  fewest = min(len(part.qpos) for part in parts)  # as many of each policy
  rng = np.random.default_rng(seed)
  rows = [rng.choice(len(part.qpos), fewest, replace=False) for part in parts]
  qpos, qvel = (
    np.concatenate([part[i][chosen] for part, chosen in zip(parts, rows, strict=True)])
    for i in range(len(States._fields))
  )
  given_states.give(config.start, States(qpos, qvel))


def states_of(name: str, body: Body, seed: int) -> States:
  """States of a policy in the episodes of its own card, from 1 s on, at which it has not fallen."""
  policy = load(name)
  task, model = task_and_model(policy.task)
  if not same_model(task.body.robot, body.robot):
    raise UserError(
      f'config.task.start: {name} is a policy of {policy.task.robot}, whose model is not that of {body.robot.name}.'
    )
  check_fit(policy, task, model)
  task = make_task(replaced(policy.task, episode_of_card(policy.task), 'config.task'), task.body)
  rng, steps = np.random.default_rng(seed), round(SECONDS / task.body.control_step)
  paths = rollout(task, model, policy, *start_states(task, model, rng, EPISODES), steps, rng=rng)
  alive = ~np.logical_or.accumulate(paths.terminated, axis=1)
  kept = alive[:, round(FIRST / task.body.control_step) :: EVERY]
  qpos, qvel = (
    x[:, round(FIRST / task.body.control_step) :: EVERY][kept] for x in (paths.views.qpos, paths.views.qvel)
  )
  if not len(qpos):
    raise UserError(f'config.task.start: {name} falls within {FIRST:g} s in every episode, so it leads to no states.')
  return States(qpos.astype(np.float64), qvel.astype(np.float64))
