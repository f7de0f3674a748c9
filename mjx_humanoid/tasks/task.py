"""A task: robot, reward, observations, start states, terminations, pushes and commands.

It is built from a config and a body, and used by training, playback, Gymnasium and Brax. Only the reward imports JAX.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.network import Mirror
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.core.user_code import split
from mjx_humanoid.core.user_objects import is_own
from mjx_humanoid.physics import randomize
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.datasheet import adjusted, datasheet_of
from mjx_humanoid.physics.gains import with_actuation
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.context import ContextMaker, make_context
from mjx_humanoid.tasks.functions import ObserveFn, SettleFn, StartFn, TerminateFn
from mjx_humanoid.tasks.mirror import mirror_of
from mjx_humanoid.tasks.observations import observe_all
from mjx_humanoid.tasks.pushes import Pusher, make_pusher
from mjx_humanoid.tasks.starts import make_start
from mjx_humanoid.tasks.terminations import TERMINATIONS

if TYPE_CHECKING:
  from mjx_humanoid.tasks.functions import RewardFn


@dataclass(frozen=True, eq=False)
class Task:
  """The functions and numbers of a task."""

  config: TaskConfig
  body: Body
  observe: ObserveFn
  terminate: TerminateFn
  start: StartFn
  context: ContextMaker
  pusher: Pusher
  action_delay: int  # largest delay of actions in control steps
  sensor_noise: float  # rad, standard deviation of the noise on observed joint angles
  episode_steps: int  # control steps until the time limit

  @functools.cached_property
  def reward(self) -> RewardFn:
    """The reward of one environment, in JAX. Raises UserError for an unknown reward or term."""
    from mjx_humanoid.tasks.skills import make_reward

    return make_reward(self.config.reward, self.config.weights, self.config.late_terms)

  def starts(
    self, rng: np.random.Generator, count: int, settle: SettleFn, strength: float | None = None
  ) -> tuple[np.ndarray, np.ndarray]:
    """Start states qpos [count, nq], qvel [count, nv].

    Args:
      settle: simulates limp robots until they rest; see physics/states.py.
      strength: strength of the perturbations; None uses that of the config.
    """
    strength = self.config.start_strength if strength is None else strength
    return self.start(self.body, rng, np.full(count, strength), settle)

  def mirror(self) -> Mirror | None:
    """Mirror maps of observations and actions; None without symmetry. Raises UserError like mirror_of."""
    return mirror_of(self.observe, self.body, self.context)


def make_task(config: TaskConfig, body: Body) -> Task:
  """The task of a config for a body. Raises UserError for an unknown name, or a value out of range."""
  randomize.check(config.randomization)
  return Task(
    config=config,
    body=body,
    observe=observe_all(config.observations),
    terminate=TERMINATIONS[config.termination],
    start=make_start(config.start, config),
    context=make_context(config, body),
    pusher=make_pusher(config.push, body.control_step, body.total_mass),
    action_delay=round(config.randomization.get('action_delay', 0)),
    sensor_noise=config.randomization.get('sensor_noise', 0.0),
    episode_steps=max(1, round(config.episode_length / body.control_step)),
  )


def robot_of(config: TaskConfig) -> Robot:
  """The datasheet of a task's robot, with the task's actuation. Raises UserError like find_robot and with_actuation."""
  return with_actuation(find_robot(config.robot, config.feet, config.keyframe), config)


def find_robot(name: str, feet: Sequence[str] = (), keyframe: str = '') -> Robot:
  """The datasheet that config.task.robot names, or that of a path/to/model.xml.

  A relative MJCF path in a user's own datasheet is relative to the file of the datasheet.

  Args:
    feet, keyframe: see config.task.

  Raises:
    UserError: there is no such robot, foot or keyframe.
  """
  if name.endswith('.xml'):
    return datasheet_of(Path(name).expanduser(), feet, keyframe)
  robot = robots()[name]
  if is_own(name):
    beside = split(name)[0].expanduser().resolve().parent / robot.file
    robot = dataclasses.replace(robot, file=str(beside)) if beside.is_file() else robot
  return adjusted(robot, feet, keyframe)
