"""A task: a robot, what it is rewarded for, what it sees, how it starts and when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mjx_humanoid.core.config.schema import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics import randomize
from mjx_humanoid.physics.body import Body
from mjx_humanoid.tasks.context import guide
from mjx_humanoid.tasks.starts import TERMINATIONS, make_start
from mjx_humanoid.tasks.context.guide import Guide, make_guide
from mjx_humanoid.tasks.observations import observe_all
from mjx_humanoid.tasks.pushes import Pusher, make_pusher
from mjx_humanoid.tasks.skills import make_reward
from mjx_humanoid.core.types import ObserveFn, RewardFn, StartFn, TerminateFn, View


@dataclass(frozen=True, eq=False)
class Task:
  """Pure functions of one world, and the numbers they need."""

  body: Body
  reward: RewardFn
  observe: ObserveFn
  terminate: TerminateFn
  start: StartFn
  start_strength: float
  guide: Guide
  pusher: Pusher
  action_delay: int  # the most control steps by which an action may arrive late
  sensor_noise: float  # rad, standard deviation of the joint angles that the policy sees
  episode_steps: int  # control steps until the time limit


def make_task(config: TaskConfig, body: Body) -> Task:
  """The task that a config names. Raises UserError for a name that does not exist, or a value out of range."""
  randomize.check(config.randomization)
  return Task(
    body=body,
    reward=make_reward(config.reward, config.weights),
    observe=observe_all(config.observations),
    terminate=TERMINATIONS[config.termination],
    start=make_start(config.start),
    start_strength=config.start_strength,
    guide=make_guide(config, body.control_step, body.robot),
    pusher=make_pusher(config, body.control_step, body.total_mass),
    action_delay=round(config.randomization.get('action_delay', 0)),
    sensor_noise=config.randomization.get('sensor_noise', 0.0),
    episode_steps=max(1, round(config.episode_length / body.control_step)),
  )


def check_reward(task: Task, views: View, name: str) -> None:
  """Tries the reward on start states before hours are spent on it.

  Args:
    views: a batch of worlds, [N] leading.
    name: of the reward, for the message.

  Raises:
    UserError: it fails, its total or a term has the wrong shape, or is NaN or infinite; names the term.
  """
  count = len(views.qpos)
  qpos = jnp.asarray(views.qpos)
  context = task.guide.start(qpos, task.body.nu, jnp.full((count, guide.DRAWS), 0.5))
  try:
    total, terms = jax.jit(jax.vmap(lambda v, c: task.reward(v, task.body, c)))(views, context)
  except UserError:
    raise
  except Exception as error:
    detail = str(error).split('\n')[0]
    raise UserError(f'reward {name!r} fails on a start state: {type(error).__name__}: {detail}') from error
  if not isinstance(terms, Mapping):
    raise UserError(f'reward {name!r} must return a scalar, or a scalar and a dict of named terms.')
  for label, value in {'the total': total, **{f'term {k!r}': v for k, v in terms.items()}}.items():
    _check_values(np.asarray(value), count, f'reward {name!r}: {label}')


def _check_values(value: np.ndarray[Any, Any], count: int, what: str) -> None:
  if value.shape != (count,):
    raise UserError(f'{what} has shape {value.shape[1:]}; it must be a scalar, shape ().')
  if not np.isfinite(value).all():
    bad = value[~np.isfinite(value)][0]
    raise UserError(f'{what} is {bad} on a start state; it must be finite.')
