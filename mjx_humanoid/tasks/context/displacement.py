"""Where the robot was before the control step: for rewards of the distance that a step covers."""

from __future__ import annotations

import numpy as np

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.tasks.context.before_step import BeforeStep
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.context.parts import PARTS

ROOT, COM = 'last_position', 'last_com'  # entries of Context.extra: [..., 3] m
MIRROR = np.array([1, -1, 1], np.float32)  # signs of a mirrored position


class LastPosition(BeforeStep):
  """Entries in extra: the positions of the root and of the centre of mass before the control step."""

  def seen(self, view: View, level: Array | float) -> dict[str, Array]:
    """See BeforeStep."""
    return {ROOT: self.body.position(view), COM: self.body.sensor(view, 'com_pos')}

  def mirror(self, context: Context) -> Context:
    """See ContextPart."""
    places = {name: context.extra[name] * MIRROR for name in (ROOT, COM)}
    return context._replace(extra={**context.extra, **places})


@PARTS.register()
def last_position(config: TaskConfig, body: Body) -> LastPosition:
  """Where the root and the centre of mass were before the control step, for the terms progress and com_progress."""
  return LastPosition(body)


def place_before(context: Context, entry: str, user: str) -> Array:
  """A position [..., 3] before the control step. Raises UserError if the context lacks it; `user` needs it."""
  if entry not in context.extra:
    raise UserError(f"{user} needs the part 'last_position' in config.task.context.")
  return context.extra[entry]
