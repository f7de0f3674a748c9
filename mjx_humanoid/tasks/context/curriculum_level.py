"""The level of the curriculum: for costs that would keep a policy from learning its task, were they there at once."""

from __future__ import annotations

from dataclasses import dataclass

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.context.parts import PARTS

LEVEL = 'curriculum_level'  # entry of Context.extra: [...] in (0, 1]; 1 without a curriculum, and on report cards


@dataclass(frozen=True, eq=False)
class CurriculumLevel:
  """See ContextPart. Entry in extra: the level."""

  draws: int = 0

  def start(self, context: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """See ContextPart."""
    return context._replace(extra={**context.extra, LEVEL: 0 * context.phase + level})

  def advance(self, context: Context, before: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """See ContextPart."""
    return self.start(context, view, uniform, level)

  def at_age(self, context: Context) -> Context:
    """See ContextPart."""
    return context

  def mirror(self, context: Context) -> Context:
    """See ContextPart: the same in the mirror."""
    return context


@PARTS.register()
def curriculum_level(config: TaskConfig, body: Body) -> CurriculumLevel:
  """The level of the curriculum, for the terms in config.task.late_terms."""
  return CurriculumLevel()


def level_of(context: Context, user: str) -> Array:
  """The level. Raises UserError if the context lacks it; `user` needs it."""
  if LEVEL not in context.extra:
    raise UserError(f"{user} needs the part 'curriculum_level' in config.task.context.")
  return context.extra[LEVEL]
