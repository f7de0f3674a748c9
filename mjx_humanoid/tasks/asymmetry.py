"""Whether a reward treats left and right alike, tried on start states and their mirror images."""

from __future__ import annotations

from typing import Any

import numpy as np

from mjx_humanoid.core.types import Array, Terms, View
from mjx_humanoid.physics.symmetry import mirror_view
from mjx_humanoid.tasks.context import Context
from mjx_humanoid.tasks.task import Task

TOLERANCE = 1e-3  # absolute and relative, of a state and its mirror image: float32, and feet that just touch
DIFFERING = 0.1  # share of start states that differ from their mirror images, above which a reward is one-sided


def one_sided(task: Task, views: View) -> list[str]:
  """Names of reward terms that differ in the mirror; 'the total' where no term does. Empty if all is symmetric.

  Controls, actions and the phase of the gait clock are drawn at random, as start states have none.

  Args:
    views: [B, ...] of start states.
  """
  import jax

  if not task.body.robot.symmetry:
    return []
  views, contexts = _varied(task, jax.tree.map(np.asarray, views))
  images = mirror_view(views, task.body), task.context.mirror(contexts)

  def one(view: View, context: Context) -> tuple[Array, Terms]:
    return task.reward(view, task.body, context)

  reward = jax.jit(jax.vmap(one))
  (total, terms), (other, others) = reward(views, contexts), reward(*images)
  found = [name for name in terms if _differ(terms[name], others[name])]
  return found or ['the total'] * _differ(total, other)


def _varied(task: Task, views: View) -> tuple[View, Context]:
  """Start states under random controls, and their contexts. NumPy."""
  import jax

  rng, count = np.random.default_rng(0), len(views.qpos)

  def uniform(low: float, *shape: int) -> np.ndarray:
    return rng.uniform(low, 1.0, shape).astype(np.float32)

  views = views._replace(ctrl=uniform(-1, count, task.body.nu))
  contexts: Context = jax.tree.map(np.asarray, task.context.start(views, uniform(0, count, task.context.draws)))
  return views, contexts._replace(last_action=uniform(-1, count, task.body.nu), phase=uniform(0, count))


def _differ(values: Any, images: Any) -> bool:
  """Whether numbers [B] differ from those of the mirror images in more than a few states."""
  close = np.isclose(np.asarray(values), np.asarray(images), atol=TOLERANCE, rtol=TOLERANCE, equal_nan=True)
  return bool((~close).mean() > DIFFERING)
