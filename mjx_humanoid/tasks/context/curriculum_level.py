"""The level of the curriculum: for costs that would keep a policy from learning its task, were they there at once."""

from __future__ import annotations

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.tasks.context.before_step import BeforeStep
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.context.parts import PARTS

LEVEL = 'curriculum_level'  # entry of Context.extra: [...] in (0, 1]; 1 without a curriculum, and on report cards


class CurriculumLevel(BeforeStep):
  """Entry in extra: the level."""

  def seen(self, view: View, level: Array | float) -> dict[str, Array]:
    """See BeforeStep."""
    return {LEVEL: 0 * view.qpos[..., 0] + level}


@PARTS.register()
def curriculum_level(config: TaskConfig, body: Body) -> CurriculumLevel:
  """The level of the curriculum, for the terms in config.task.late_terms."""
  return CurriculumLevel(body)


def level_of(context: Context, user: str) -> Array:
  """The level. Raises UserError if the context lacks it; `user` needs it."""
  if LEVEL not in context.extra:
    raise UserError(f"{user} needs the part 'curriculum_level' in config.task.context.")
  return context.extra[LEVEL]
