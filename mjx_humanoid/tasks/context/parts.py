"""Context parts: each computes some entries of the context, in order, from those of the earlier parts.

Parts work in JAX (training) and NumPy (playback); the caller passes the random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.registry import Registry
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.symmetry import action_map
from mjx_humanoid.tasks.context.context import Context


class ContextPart(Protocol):
  """One part. It returns the context with its own entries replaced. Arrays may have any leading axes."""

  @property
  def draws(self) -> int:
    """Number of uniform random numbers that it needs in each control step."""
    ...

  def start(self, context: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """The context at the start of episodes.

    Args:
      context: as the parts before have made it.
      view: [B, ...] of the start states.
      uniform: [B, draws] in [0, 1).
      level: [B] of the curriculum, in (0, 1].
    """
    ...

  def advance(self, context: Context, before: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """The context one control step later.

    Args:
      context: as the parts before have made it.
      before: the whole context of the previous step.
      view: [B, ...] after the step.
    """
    ...

  def at_age(self, context: Context) -> Context:
    """The context of episodes that begin at context.step instead of 0, as at the start of training."""
    ...

  def mirror(self, context: Context) -> Context:
    """The context of the mirrored environment; see physics/symmetry.py."""
    ...


PartFn: TypeAlias = Callable[[TaskConfig, Body], ContextPart]
PARTS: Registry[PartFn] = Registry('part of the context')


@dataclass(frozen=True, eq=False)
class ContextMaker:
  """Makes the context of each control step, part by part."""

  body: Body
  parts: tuple[ContextPart, ...]

  @property
  def draws(self) -> int:
    """Number of uniform random numbers that all parts need in each control step."""
    return sum(part.draws for part in self.parts)

  def start(self, view: View, uniform: Array, level: Array | float = 1.0) -> Context:
    """The context of episodes that begin at view [B, ...], from uniform numbers [B, draws] in [0, 1).

    Args:
      level: [B] of the curriculum.
    """
    xp = view.qpos.__array_namespace__()
    shape = view.qpos.shape[:-1]
    still = xp.zeros((*shape, 3), dtype=xp.float32)
    context = Context(
      step=xp.zeros(shape, dtype=xp.int32),
      last_action=xp.zeros((*shape, self.body.nu), dtype=xp.float32),
      command=still,
      heading=self.body.heading(view),
      target_position=self.body.position(view)[..., :2],
      phase=xp.zeros(shape, dtype=xp.float32),
      duty=xp.ones(shape, dtype=xp.float32),
      requested=still,
    )
    first = 0
    for part in self.parts:
      context = part.start(context, view, uniform[..., first : first + part.draws], level)
      first += part.draws
    return context

  def advance(self, before: Context, view: View, uniform: Array, level: Array | float = 1.0) -> Context:
    """The context one control step later; `view` is the state after the step."""
    context = before._replace(step=before.step + 1, last_action=view.ctrl)
    first = 0
    for part in self.parts:
      context = part.advance(context, before, view, uniform[..., first : first + part.draws], level)
      first += part.draws
    return context

  def at_age(self, context: Context) -> Context:
    """The context of episodes that begin at context.step instead of 0."""
    for part in self.parts:
      context = part.at_age(context)
    return context

  def mirror(self, context: Context) -> Context:
    """The context of the mirrored environment. NumPy."""
    actions = action_map(self.body)
    context = context._replace(last_action=context.last_action[..., actions.sources] * actions.signs)
    for part in self.parts:
      context = part.mirror(context)
    return context


def make_context(config: TaskConfig, body: Body) -> ContextMaker:
  """The context of a task. Raises UserError for an unknown part, or settings that contradict each other."""
  return ContextMaker(body, tuple(PARTS[name](config, body) for name in config.context))
