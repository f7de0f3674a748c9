"""The contact force before the control step: for rewards of how hard a robot lands."""

from __future__ import annotations

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import GRAVITY, Body
from mjx_humanoid.tasks.context.before_step import BeforeStep
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.context.parts import PARTS

FORCE = 'last_force'  # entry of Context.extra: [...] body weights


class LastForce(BeforeStep):
  """Entry in extra: the normal force of all contacts before the control step, in body weights."""

  def seen(self, view: View, level: Array | float) -> dict[str, Array]:
    """See BeforeStep. The sum over both sides is the same in the mirror."""
    return {FORCE: contact_force(view, self.body)}


@PARTS.register()
def last_force(config: TaskConfig, body: Body) -> LastForce:
  """The contact force before the control step, for the term landing."""
  return LastForce(body)


def contact_force(view: View, body: Body) -> Array:
  """Normal forces [...] of all contacts together, in units of body weight."""
  total = sum(body.sensor(view, f'{name}_touch')[..., 0] for name in body.touch_names)
  return total / (body.total_mass * GRAVITY)


def force_before(context: Context, user: str) -> Array:
  """The force before the control step. Raises UserError if the context lacks it; `user` needs it."""
  if FORCE not in context.extra:
    raise UserError(f"{user} needs the part 'last_force' in config.task.context.")
  return context.extra[FORCE]
