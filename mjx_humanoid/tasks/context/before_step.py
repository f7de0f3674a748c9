"""Context parts that only add entries to extra: something known before the control step."""

from __future__ import annotations

from dataclasses import dataclass

from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.tasks.context.context import Context


@dataclass(frozen=True, eq=False)
class BeforeStep:
  """See ContextPart. The entries in extra are those of `seen`, before the control step. No other part reads them."""

  body: Body
  draws: int = 0

  def seen(self, view: View, level: Array | float) -> dict[str, Array]:
    """What is remembered of a state, and of the level of the curriculum, by its entry in Context.extra."""
    return {}

  def start(self, context: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """See ContextPart."""
    return context._replace(extra={**context.extra, **self.seen(view, level)})

  def advance(self, context: Context, before: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """See ContextPart."""
    return self.start(context, view, uniform, level)

  def at_age(self, context: Context) -> Context:
    """See ContextPart."""
    return context

  def mirror(self, context: Context) -> Context:
    """See ContextPart: the same on both sides, unless a subclass says otherwise."""
    return context
