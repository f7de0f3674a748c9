"""From a resolved config to the environment and the algorithm it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.envs.env import Env
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.choice import choose, make_engine
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.randomize import FIELDS, randomized_fields
from mjx_humanoid.playback.cards import find_card
from mjx_humanoid.playback.judge import check_card
from mjx_humanoid.rl.algorithm import Algorithm, Spec, make_algorithm
from mjx_humanoid.tasks.curricula import CURRICULA
from mjx_humanoid.envs.demonstrations import demonstrate
from mjx_humanoid.tasks.starts import SEARCHED
from mjx_humanoid.tasks.checks import check_curriculum, check_task
from mjx_humanoid.tasks.task import Task, find_robot, make_task
from mjx_humanoid.core.types import Demonstrations
from mjx_humanoid.core.user_objects import is_own

SHOWN = 1_000_033  # tells the generator of demonstrations from that of start states
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
  robot = find_robot(config.task.robot)
  _ = find_card(config.task.card)  # refused now rather than at the end of the training
  engine_name, reason = choose(config.engine)
  model = build_model(robot)
  body = describe(robot, model, config.task.frame_skip)
  task = make_task(config.task, body)
  refuse_idle(config, task)
  rng = np.random.default_rng([config.seed, FIELDS])
  fields = randomized_fields(model, config.task.randomization, rng, config.num_envs)
  engine = make_engine(engine_name, model, config.num_envs, body.substeps, config.num_threads, fields)
  lifetime = config.schedule_timesteps / config.num_envs
  curriculum = CURRICULA[config.curriculum]
  # Without a curriculum all starts are the hardest, for which no search is needed.
  if config.task.start in SEARCHED and (config.curriculum != 'none' or config.ppo.imitation_coef):
    print(f'searching for starts {config.task.start!r}; less than a minute ...', flush=True)
  env = Env(task, engine, model, config.num_envs, curriculum, lifetime)
  check_own(task, env, config)  # before anything else calls what may be the user's own
  spec = Spec(env.observation_size, env.action_size, task.mirror, lambda: shown_by(config, task))
  algorithm = make_algorithm(config, spec)
  return Setup(config, env, algorithm, reason)


def check_own(task: Task, env: Env, config: Config) -> None:
  """Tries the reward, and all else that is the user's own, on start states. Raises UserError that names it."""
  check_task(task, env.make_bank(np.random.default_rng(config.seed), CHECKED_STARTS).view)
  if is_own(config.curriculum):
    check_curriculum(CURRICULA[config.curriculum], config.curriculum)
  if is_own(config.task.card):
    check_card(config.task)


def refuse_idle(config: Config, task: Task) -> None:
  """Raises UserError for settings that would do nothing in this training, or that its policy could not see."""
  asked, pusher = config.task, task.pusher
  if asked.push.kind == 'lift':
    if config.curriculum == 'none':
      raise UserError('config.task.push.kind=lift fades as the curriculum rises; set config.curriculum.')
  elif pusher.ever and pusher.interval - pusher.duration >= task.episode_steps:
    first = (pusher.interval - pusher.duration) * task.body.control_step
    raise UserError(
      f'config.task.push.kind={asked.push.kind}: the first push would come after {first:g} s, when episodes of'
      f' {asked.episode_length:g} s are over; set config.task.push.interval to less.'
    )
  commanding = {'command.kind=sampled': asked.command.kind == 'sampled', 'station.gain': asked.station.gain > 0}
  for name in (name for name, on in commanding.items() if on and 'command' not in asked.observations):
    raise UserError(
      f"config.task.{name} gives commands that the policy would not see: add 'command' to config.task.observations."
    )
  if asked.gait.speedup and not (asked.station.gain and asked.gait.frequency):
    raise UserError(
      'config.task.gait.speedup needs config.task.station.gain and config.task.gait.frequency to be above 0.'
    )
  if config.stop_when_passed and not config.evaluation_interval:
    raise UserError('config.stop_when_passed needs report cards while training: set config.evaluation_interval.')


def shown_by(config: Config, task: Task) -> Demonstrations:
  """What the start of a config's task shows to a policy. Raises UserError where it shows nothing."""
  if config.task.start not in SEARCHED:
    raise UserError(
      f'config.ppo.imitation_coef needs a start that shows how ({", ".join(sorted(SEARCHED))}); set it to 0 for'
      f' {config.task.start!r}.'
    )
  return demonstrate(task, np.random.default_rng([config.seed, SHOWN]))
