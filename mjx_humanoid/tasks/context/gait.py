"""The gait clock: phase of the stride, and the duty factor for the command."""

from __future__ import annotations

from dataclasses import dataclass

from mjx_humanoid.core.config.task import GaitConfig, TaskConfig
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.rotations import along
from mjx_humanoid.tasks.context.context import Context, moving
from mjx_humanoid.tasks.context.parts import PARTS
from mjx_humanoid.tasks.context.station import correction


@dataclass(frozen=True, eq=False)
class GaitClock:
  """See ContextPart. Entries: phase and duty."""

  config: GaitConfig
  body: Body
  draws: int = 0

  def start(self, context: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """See ContextPart."""
    duty = self._duty(context.command, self.body.height(view))
    return context._replace(phase=0 * duty, duty=duty)

  def advance(self, context: Context, before: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """See ContextPart. A stride that has begun is finished before the robot stands still.

    The first swing after standing is of the foot on the side that the robot moves to, as is necessary after a push.
    """
    xp = context.command.__array_namespace__()
    duty = self._duty(context.command, self.body.height(view))
    rate = self.config.frequency * self.body.control_step
    stride = rate * (1.0 + self.config.speedup * correction(context))
    phase = (before.phase + xp.asarray(stride, dtype=xp.float32)) % 1.0
    finishing = (before.duty < 1) & (phase > before.phase)
    duty = xp.where(finishing, before.duty, duty)
    starting = (before.duty == 1) & (duty < 1)
    rightward = along(self.body.linear_velocity(view)[..., :2], context.heading)[..., 1] < 0
    first = xp.where(rightward, xp.asarray(0.5, dtype=xp.float32), xp.asarray(0.0, dtype=xp.float32))
    return context._replace(phase=xp.where(starting, first, phase), duty=duty)

  def at_age(self, context: Context) -> Context:
    """See ContextPart."""
    xp = context.command.__array_namespace__()
    strides = context.step * xp.asarray(self.config.frequency * self.body.control_step, dtype=xp.float32)
    return context._replace(phase=strides % 1.0)

  def mirror(self, context: Context) -> Context:
    """See ContextPart: left and right feet are half a stride apart."""
    return context._replace(phase=(context.phase + 0.5) % 1.0)

  def _duty(self, command: Array, height: Array) -> Array:
    """Duty factor [...] under a command [..., 3], at a height [...] in m.

    An off-balance robot steps under any command: to get up from both knees, one foot must step first, and a symmetric
    policy needs the clock to choose the foot.
    """
    xp = command.__array_namespace__()
    stepping = moving(command) | (height < self.body.robot.off_balance_height)
    duty = self.config.duty if self.config.frequency else 1.0
    return xp.where(stepping, xp.asarray(duty, dtype=xp.float32), xp.asarray(1.0, dtype=xp.float32))


@PARTS.register()
def gait_clock(config: TaskConfig, body: Body) -> GaitClock:
  """A clock for the term gait and the observation gait_phase; see config.task.gait."""
  return GaitClock(config.gait, body)
