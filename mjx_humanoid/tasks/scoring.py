"""What a reward would have given for recorded episodes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from mjx_humanoid.config import TaskConfig
from mjx_humanoid.physics.body import Body
from mjx_humanoid.tasks.rewards import make_reward
from mjx_humanoid.types import Context, Terms, View


def score(
  config: TaskConfig, body: Body, start_ctrl: np.ndarray, views: View, terminated: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
  """Undiscounted returns of N recorded episodes of T steps, each up to and with its terminal step.

  Args:
    start_ctrl: [N, nu] in force before the first step.
    views: [N, T, ...].
    terminated: [N, T] bool.

  Returns:
    Total [N], and each term [N].
  """
  reward = make_reward(config.reward, config.weights)
  last = np.concatenate([start_ctrl[:, None], views.ctrl[:, :-1]], axis=1)
  count, length = terminated.shape
  command = np.broadcast_to(np.asarray(config.command, np.float32), (count, length, 3))
  steps = np.broadcast_to(np.arange(1, length + 1, dtype=np.int32), (count, length))
  # The terminal step itself is rewarded; what follows it is not.
  before = np.concatenate([np.zeros((count, 1), bool), np.logical_or.accumulate(terminated, axis=1)[:, :-1]], axis=1)
  counted = jnp.asarray(~before)

  def one(view: View, context: Context) -> tuple[jax.Array, Terms]:
    total, terms = reward(view, body, context)
    finite = jnp.isfinite(total)  # a step that diverged earns nothing, as in training
    return jnp.where(finite, total, 0.0), {name: jnp.where(finite, value, 0.0) for name, value in terms.items()}

  total, terms = jax.jit(jax.vmap(jax.vmap(one)))(views, Context(steps, last, command))
  by_term = {name: np.asarray(jnp.where(counted, value, 0).sum(axis=1)) for name, value in terms.items()}
  return np.asarray(jnp.where(counted, total, 0).sum(axis=1)), by_term
