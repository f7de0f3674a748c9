"""From a resolved config to the environment and the algorithm it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mjx_humanoid.config import Config
from mjx_humanoid.envs.env import Env
from mjx_humanoid.errors import UserError
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.engine import choose, make_engine
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.randomize import OF_THE_ENV, randomized_fields
from mjx_humanoid.playback.cards import CARDS
from mjx_humanoid.rl.algorithm import Algorithm, Mirror, Spec, make_algorithm
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.curricula import CURRICULA
from mjx_humanoid.tasks.demonstrations import demonstrate
from mjx_humanoid.tasks.episodes import SEARCHED
from mjx_humanoid.tasks.mirror import action_map, observation_map
from mjx_humanoid.tasks.task import Task, check_reward, make_task
from mjx_humanoid.types import Demonstrations

FIELDS, SHOWN = 1_000_003, 1_000_033  # tell the generators of model fields and demonstrations from that of start states
CHECKED_STARTS = 64  # start states that a reward is tried on before training


@dataclass(frozen=True, eq=False)
class Setup:
  """What a training is made of."""

  config: Config
  env: Env
  algorithm: Algorithm[Any]
  engine_reason: str


def prepare(config: Config) -> Setup:
  """Builds everything a config names, and checks it.

  Raises:
    UserError: a name that does not exist, an engine this machine lacks, a reward that does not work.
  """
  robot = robots()[config.task.robot]
  _ = CARDS[config.task.card]  # refused now rather than at the end of the training
  engine_name, reason = choose(config.engine)
  model = build_model(robot)
  body = describe(robot, model, config.task.frame_skip)
  task = make_task(config.task, body)
  substeps = config.task.frame_skip or robot.frame_skip
  varied = {name: x for name, x in config.task.randomization.items() if name not in OF_THE_ENV}
  fields = randomized_fields(model, varied, np.random.default_rng([config.seed, FIELDS]), config.num_envs)
  engine = make_engine(engine_name, model, config.num_envs, substeps, config.num_threads, fields)
  lifetime = config.schedule_timesteps / config.num_envs
  curriculum = CURRICULA[config.curriculum]
  # Without a curriculum all starts are the hardest, for which none is needed.
  if config.task.start in SEARCHED and (config.curriculum != 'none' or config.ppo.imitation_coef):
    print(f'searching for starts {config.task.start!r}; less than a minute ...', flush=True)
  env = Env(task, engine, model, config.num_envs, curriculum, lifetime)
  spec = Spec(env.observation_size, env.action_size, lambda: mirror_of(task), lambda: shown_by(config, task))
  algorithm = make_algorithm(config, spec)
  check_reward(task, env.make_bank(np.random.default_rng(config.seed), CHECKED_STARTS).view, config.task.reward)
  return Setup(config, env, algorithm, reason)


def mirror_of(task: Task) -> Mirror:
  """How the task's observations and actions look in a mirror. Raises UserError where they have no image."""
  return Mirror(*observation_map(task.observe, task.body), *action_map(task.body))


def shown_by(config: Config, task: Task) -> Demonstrations:
  """What the start of a config's task shows to a policy. Raises UserError where it shows nothing."""
  if config.task.start not in SEARCHED:
    raise UserError(
      f'config.ppo.imitation_coef needs a start that shows how ({", ".join(sorted(SEARCHED))}); set it to 0 for'
      f' {config.task.start!r}.'
    )
  return demonstrate(task, np.random.default_rng([config.seed, SHOWN]))
