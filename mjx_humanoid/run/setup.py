"""Builds the environment and the algorithm of a config."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from mjx_humanoid.core.config.schema import AUTO, Config
from mjx_humanoid.core.config.task import PDConfig, TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.precision import single_precision
from mjx_humanoid.core.saved_code import portable
from mjx_humanoid.core.types import Demonstrations, View
from mjx_humanoid.core.user_objects import is_own
from mjx_humanoid.envs.demonstrations import demonstrate
from mjx_humanoid.envs.env import Env
from mjx_humanoid.envs.motion_env import MotionEnv
from mjx_humanoid.motions.around import Around
from mjx_humanoid.motions.features import clip_pairs, motion_features
from mjx_humanoid.motions.gait import Reference
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.choice import choose, make_engine
from mjx_humanoid.physics.model import DENSE, build_model, sparse_replaced
from mjx_humanoid.physics.randomize import FIELDS, randomized_fields
from mjx_humanoid.physics.stability import refuse_unstable
from mjx_humanoid.physics.training import TrainingPhysics, training_physics
from mjx_humanoid.playback.cards import NONE, find_card
from mjx_humanoid.playback.judge import check_card
from mjx_humanoid.playback.policy_states import give_states
from mjx_humanoid.playback.reference import base_of, reach_note, share_out_of_reach
from mjx_humanoid.rl.algorithm import Algorithm, Chosen, Spec, choose_algorithm
from mjx_humanoid.rl.collect import BatchedEnv
from mjx_humanoid.robots import robots
from mjx_humanoid.run import hosts
from mjx_humanoid.run.devices import Devices, choose_devices
from mjx_humanoid.tasks.asymmetry import one_sided
from mjx_humanoid.tasks.checks import check_curriculum, check_task
from mjx_humanoid.tasks.curricula import CURRICULA
from mjx_humanoid.tasks.starts import SEARCHED, SETTLED
from mjx_humanoid.tasks.task import Task, make_task, robot_of

DEMONSTRATIONS = 1_000_033  # separates the generator of demonstrations from that of start states
CHECKED_STARTS = 64  # start states for the check of a reward before training
BANK_ITERATIONS = 32  # iterations after which the bank of start states is replaced
SETTLED_ITERATIONS = 64  # the same for simulated start states, which take a second to make


@dataclass(frozen=True, eq=False)
class Setup:
  """The parts of a training."""

  config: Config
  env: BatchedEnv
  algorithm: Algorithm[Any]
  engine_reason: str  # why this engine was chosen, in words
  task: Task | None = None  # None for environments that do not come from a task of this package
  bank_iterations: int = BANK_ITERATIONS
  devices: Devices = field(default_factory=Devices)  # where all of it is computed
  base: Reference | Around | None = None  # to whose actions those of the network are added
  physics: str = ''  # in words, how the physics of training differs from the robot's; '' if it does not
  substeps: int = 1  # physics steps per control step in training
  out_of_reach: float = 0.0  # share of the targets of feet that the gait of `base` cannot reach

  @property
  def notes(self) -> list[str]:
    """What a user should know before the training starts, a line each."""
    sparse = self.task is not None and sparse_replaced(self.task.body.robot)
    return [*([DENSE] if sparse else []), *filter(None, [reach_note(self.out_of_reach)])]

  @property
  def total_envs(self) -> int:
    """Environments of all processes that train together."""
    return self.env.num_envs if self.env.traceable else self.env.num_envs * hosts.count()

  @property
  def own_envs(self) -> int:
    """Environments that only this process has; 0 if all processes step all environments together."""
    return 0 if self.env.traceable else self.env.num_envs


@single_precision()
def prepare(config: Config, device: jax.Device | None = None) -> Setup:
  """Builds and checks everything that a config names.

  Raises:
    UserError: an unknown name, an engine that this machine lacks, a reward that fails.
  """
  engine_name, reason = choose(config.engine)
  config = dataclasses.replace(config, num_envs=settle_num_envs(config, engine_name))
  chosen = choose_algorithm(config)
  _ = find_card(config.task.card)  # an error is raised now rather than at the end of training
  robot = robot_of(config.task)
  model = build_model(robot)
  if config.task.robot not in robots() or config.task.pd != PDConfig():
    refuse_unstable(robot, model)
  body = describe(robot, model, config.task.frame_skip)
  give_states(config.task, body, config.seed)
  task = make_task(config.task, body)
  refuse_idle(config, task)
  with Devices(device).computing():
    section, settings = config.physics.of(engine_name)
    physics = training_physics(robot, model, body.control_step, settings, f'config.physics.{section}')
    env = make_env(config, task, model, engine_name, physics)
    base = base_of(config.network.residual, task, model)
    share = share_out_of_reach(base, task, model)
    env = dataclasses.replace(env, base=base)
    check_own(task, env, config)  # before anything else calls user code
    batched, algorithm = with_algorithm(chosen, env)
  bank_iterations = SETTLED_ITERATIONS if config.task.start in SETTLED else BANK_ITERATIONS
  devices = choose_devices(config.devices, config.num_envs, engine_name, device)
  return Setup(
    config, batched, algorithm, reason, task, bank_iterations, devices, base, physics.changed, physics.substeps, share
  )


def with_algorithm(chosen: Chosen, env: Env) -> tuple[BatchedEnv, Algorithm[Any]]:
  """The algorithm of a config for an environment, and the environment with what the algorithm needs of it.

  Raises:
    UserError: the environment has not what the algorithm needs, such as a clip or demonstrations.
  """
  config, task = chosen.config, env.task
  spec = Spec(env.observation_size, env.action_size, task.mirror, lambda: demonstrations_of(config, task))
  if not chosen.needs_motion:
    return env, chosen.make(spec)
  features = motion_features(task.body, env.model)
  spec = spec._replace(style=lambda: clip_pairs(task.config, features, mirrored=config.network.symmetric))
  return MotionEnv(env, features), chosen.make(spec)


def settle_num_envs(config: Config, engine_name: str) -> int:
  """Adjusts the number of environments to the engine. Raises UserError where it was not measured."""
  if config.num_envs == AUTO:
    raise UserError('config.num_envs=auto is for training; give a number here.')
  return config.num_envs


def make_env(config: Config, task: Task, model: Any, engine_name: str, physics: TrainingPhysics) -> Env:
  """The environments of a task on an engine. Raises UserError for an unknown curriculum.

  Args:
    model: that of the robot, in whose physics start states settle.
    physics: what the engine steps.
  """
  process = hosts.index() if engine_name == 'native' else 0  # in the others all processes step all environments
  count = hosts.share(config.num_envs) if engine_name == 'native' else config.num_envs
  rng = np.random.default_rng([config.seed, FIELDS, *([process] if process else [])])
  fields = randomized_fields(model, config.task.randomization, rng, count)
  graph_mode = config.physics.graph_mode
  engine = make_engine(engine_name, physics.model, count, physics.substeps, config.num_threads, fields, graph_mode)
  curriculum = CURRICULA[config.curriculum]
  if config.curriculum != 'none':  # without one all starts are at full strength, which needs no search
    announce_search(config.task)
  return Env(task, engine, model, count, curriculum, config.schedule_timesteps / config.num_envs)


def announce_search(task: TaskConfig) -> None:
  """Prints a line if start states need a search."""
  if task.start in SEARCHED:
    print(f'searching for starts {task.start!r}; less than a minute ...', flush=True)


def check_own(task: Task, env: Env, config: Config) -> None:
  """Checks the reward and all of the user's own functions on start states. Raises UserError with the name."""
  views = env.make_bank(np.random.default_rng(config.seed), CHECKED_STARTS).view
  check_task(task, views)
  if config.network.symmetric and (is_own(config.task.reward) or any(map(is_own, config.task.weights))):
    warn_of_asymmetry(task, views)
  if is_own(config.curriculum):
    check_curriculum(CURRICULA[config.curriculum], config.curriculum)
  if is_own(config.task.card):
    check_card(config.task)


def warn_of_asymmetry(task: Task, views: View) -> None:
  """Says that a reward treats left and right differently, which a symmetric network cannot. views: [B, ...]."""
  if terms := one_sided(task, views):
    print(
      f'warning: the reward {portable(task.config.reward)!r} is not the same for the mirror image of the robot'
      f' ({", ".join(terms)}), and a'
      ' symmetric policy treats left and right alike: set config.network.symmetric=False.',
      flush=True,
    )


def refuse_idle(config: Config, task: Task) -> None:
  """Raises UserError for settings without effect in this training, or that its policy could not observe."""
  section, pusher = config.task, task.pusher
  if section.push.kind == 'lift':
    if config.curriculum == 'none':
      raise UserError('config.task.push.kind=lift fades as the curriculum rises; set config.curriculum.')
  elif pusher.ever and pusher.interval - pusher.duration >= task.episode_steps:
    first = (pusher.interval - pusher.duration) * task.body.control_step
    raise UserError(
      f'config.task.push.kind={section.push.kind}: the first push would come after {first:g} s, when episodes of'
      f' {section.episode_length:g} s are over; set config.task.push.interval to less,'
      ' or config.task.push.kind to none.'
    )
  if section.late_terms and config.curriculum == 'none':
    raise UserError('config.task.late_terms grow as the curriculum rises; set config.curriculum.')
  unseen = {'command.kind=sampled': section.command.kind == 'sampled', 'station.gain': section.station.gain > 0}
  for name in (name for name, used in unseen.items() if used):
    if 'command' not in section.observations:
      raise UserError(
        f"config.task.{name} gives commands that the policy would not observe: add 'command' to"
        ' config.task.observations.'
      )
  if section.gait.speedup and not (section.station.gain and section.gait.frequency):
    raise UserError('config.task.gait.speedup needs config.task.station.gain and config.task.gait.frequency above 0.')
  if config.task.card == NONE and (config.stop_when_passed or config.evaluation_interval):
    raise UserError('config.task.card=none judges nothing: leave out evaluation_interval and stop_when_passed.')
  if config.stop_when_passed and not config.evaluation_interval:
    raise UserError('config.stop_when_passed needs report cards during training: set config.evaluation_interval.')


def demonstrations_of(config: Config, task: Task) -> Demonstrations:
  """The demonstrations for the start distribution of a task. Raises UserError if it has none."""
  if config.task.start not in SEARCHED:
    raise UserError(
      f'config.task.start={config.task.start!r} has no demonstrations to imitate; those that have:'
      f' {", ".join(sorted(SEARCHED))}.'
    )
  if config.curriculum == 'none':  # otherwise make_env has announced and done the search
    announce_search(config.task)
  return demonstrate(task, np.random.default_rng([config.seed, DEMONSTRATIONS]))
