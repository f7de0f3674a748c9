"""What a task is made of, tried on start states before hours are spent on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.tasks.task import Task


def own_code(config: TaskConfig) -> list[str]:
  """References to a user's own code in a task."""
  names = [config.robot, config.reward, *config.observations, config.termination, config.start, *config.context]
  return [name for name in (*names, config.command.kind, config.push.kind, config.card) if '.py:' in name]


def check_task(task: Task, views: View) -> None:
  """Tries the reward on start states [B, ...]. Raises UserError that names the term."""
  import jax
  import jax.numpy as jnp

  count, name = len(views.qpos), task.config.reward
  context = task.context.start(jax.tree.map(jnp.asarray, views), jnp.full((count, task.context.draws), 0.5))
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
