"""Computes the returns of recorded episodes under a reward."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from mjx_humanoid.core.precision import backend, single_precision
from mjx_humanoid.core.types import Terms, View
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.task import Task


@single_precision()
def score(
  task: Task, views: View, contexts: Context, terminated: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
  """Undiscounted returns of N recorded episodes of T steps, each up to its terminal step (inclusive).

  Args:
    views, contexts: [N, T, ...].
    terminated: [N, T] bool.

  Returns:
    Total [N], and each term [N].
  """
  backend()  # refused in a line where JAX cannot start
  count = len(terminated)
  # The terminal step is rewarded; later steps are not.
  before = np.concatenate([np.zeros((count, 1), bool), np.logical_or.accumulate(terminated, axis=1)[:, :-1]], axis=1)
  counted = jnp.asarray(~before)

  def one(view: View, context: Context) -> tuple[jax.Array, Terms]:
    total, terms = task.reward(view, task.body, context)
    finite = jnp.isfinite(total)  # a step that diverged has reward 0, as in training
    return jnp.where(finite, total, 0.0), {name: jnp.where(finite, value, 0.0) for name, value in terms.items()}

  total, terms = jax.jit(jax.vmap(jax.vmap(one)))(views, contexts)
  by_term = {name: np.asarray(jnp.where(counted, value, 0).sum(axis=1)) for name, value in terms.items()}
  return np.asarray(jnp.where(counted, total, 0).sum(axis=1)), by_term
