"""Station keeping: under a zero command, the robot is commanded back to its target position."""

from __future__ import annotations

from dataclasses import dataclass

from mjx_humanoid.core.config.task import StationConfig, TaskConfig
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.rotations import along
from mjx_humanoid.tasks.context.context import Context, moving
from mjx_humanoid.tasks.context.parts import PARTS

ARRIVED = 0.05  # m from the target position, where a correction ends
LEAD = 0.3  # s; velocity * LEAD is added to the position: sqrt(height / g) of a mass at a height of 0.9 m
SPEED = 0.5  # m/s, largest speed of a correction


@dataclass(frozen=True, eq=False)
class StationKeeping:
  """See ContextPart. Changes command and target_position; adds no entry."""

  config: StationConfig
  body: Body
  draws: int = 0

  def start(self, context: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """See ContextPart."""
    return context

  def advance(self, context: Context, before: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """See ContextPart.

    The offset is extrapolated with the velocity, so that the correction begins while the robot can still follow it.
    """
    if not self.config.gain:
      return context
    xp = context.requested.__array_namespace__()
    resting = ~moving(context.requested)[..., None]
    position = self.body.position(view)[..., :2]
    down = (self.body.height(view) < self.body.robot.fallen_height)[..., None]
    kept = xp.where(down, position, before.target_position)
    ahead = position + LEAD * self.body.linear_velocity(view)[..., :2]
    target = xp.where(resting, kept, ahead)
    offset = along(target - ahead, context.heading)
    distance = (offset * offset).sum(axis=-1, keepdims=True) ** 0.5
    correcting = moving(before.command)[..., None]
    radius = xp.where(correcting, ARRIVED, self.config.radius)
    speed = (self.config.gain * distance).clip(0.0, SPEED) * (distance > radius)
    back = offset * (speed / xp.maximum(distance, 1e-6))
    command = xp.where(resting, xp.concatenate([back, 0 * back[..., :1]], axis=-1), context.requested)
    return context._replace(target_position=target, command=command.astype(xp.float32))

  def at_age(self, context: Context) -> Context:
    """See ContextPart."""
    return context

  def mirror(self, context: Context) -> Context:
    """See ContextPart."""
    return context


@PARTS.register()
def station_keeping(config: TaskConfig, body: Body) -> StationKeeping:
  """Commands the robot back to its target position under a zero command; see config.task.station."""
  return StationKeeping(config.station, body)


def correction(context: Context) -> Array:
  """Strength of the correction by station keeping [...], from 0 to 1 at its largest speed.

  It is squared, so that the robot steps slowly when it steps on the spot.
  """
  share = (context.command[..., :2] ** 2).sum(axis=-1) / SPEED**2
  return ~moving(context.requested) * share.clip(0.0, 1.0)
