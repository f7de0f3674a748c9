"""A task: a robot, what it is rewarded for, what it observes, how its episodes start and end.

Built once from its config and a body, and used by training, playback, Gymnasium and Brax alike. All of it but the
reward is free of JAX.
"""

from __future__ import annotations

import dataclasses
import functools
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
from mjx_humanoid.physics.datasheet import datasheet_of
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
  """Pure functions, and the numbers they need."""

  config: TaskConfig
  body: Body
  observe: ObserveFn
  terminate: TerminateFn
  start: StartFn
  context: ContextMaker
  pusher: Pusher
  action_delay: int  # the most control steps by which an action may arrive late
  sensor_noise: float  # rad, standard deviation of the noise on observed joint angles
  episode_steps: int  # control steps until the time limit

  @functools.cached_property
  def reward(self) -> RewardFn:
    """The reward of one environment, in JAX. Raises UserError for an unknown reward or term."""
    from mjx_humanoid.tasks.skills import make_reward

    return make_reward(self.config.reward, self.config.weights)

  def starts(
    self, rng: np.random.Generator, count: int, settle: SettleFn, strength: float | None = None
  ) -> tuple[np.ndarray, np.ndarray]:
    """Start states qpos [count, nq], qvel [count, nv].

    Args:
      settle: where limp robots come to rest; see physics/states.py.
      strength: of the perturbations; None takes the config's.
    """
    strength = self.config.start_strength if strength is None else strength
    return self.start(self.body, rng, np.full(count, strength), settle)

  def mirror(self) -> Mirror | None:
    """How observations and actions look in the mirror; None without symmetry. Raises UserError like mirror_of."""
    return mirror_of(self.observe, self.body, self.context)


def make_task(config: TaskConfig, body: Body) -> Task:
  """The task of a config for a body. Raises UserError for a name that does not exist, or a value out of range."""
  randomize.check(config.randomization)
  return Task(
    config=config,
    body=body,
    observe=observe_all(config.observations),
    terminate=TERMINATIONS[config.termination],
    start=make_start(config.start),
    context=make_context(config, body),
    pusher=make_pusher(config.push, body.control_step, body.total_mass),
    action_delay=round(config.randomization.get('action_delay', 0)),
    sensor_noise=config.randomization.get('sensor_noise', 0.0),
    episode_steps=max(1, round(config.episode_length / body.control_step)),
  )


def find_robot(name: str) -> Robot:
  """The datasheet that config.task.robot names, or of a path/to/model.xml. Raises UserError where there is none.

  The MJCF file of a datasheet in a user's file is looked for beside that file.
  """
  if name.endswith('.xml'):
    return datasheet_of(Path(name))
  robot = robots()[name]
  if not is_own(name):
    return robot
  beside = split(name)[0].expanduser().resolve().parent / robot.file
  return dataclasses.replace(robot, file=str(beside)) if beside.is_file() else robot
