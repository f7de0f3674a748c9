"""Velocity commands, and the target heading and position that integrate them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mjx_humanoid.core.config.task import CommandConfig, TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.registry import Registry
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.rotations import to_world, turned
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.context.parts import PARTS

DRAWS = 4  # uniform random numbers for a command
MIRROR = np.array([1, -1, -1], np.float32)  # signs of a mirrored command
MIRROR_XY = np.array([1, -1], np.float32)

# (config.task.command, uniform [..., DRAWS]) -> command [..., 3]
CommandFn: TypeAlias = Callable[[CommandConfig, Array], Array]
COMMANDS: Registry[CommandFn] = Registry('kind of command')


@COMMANDS.register()
def fixed(config: CommandConfig, uniform: Array) -> Array:
  """Always config.task.command.value."""
  xp = uniform.__array_namespace__()
  return xp.zeros_like(uniform[..., :3]) + xp.asarray(config.value, dtype=xp.float32)


@COMMANDS.register()
def sampled(config: CommandConfig, uniform: Array) -> Array:
  """Uniform between command.low and command.high, a new one every command.interval; zero with probability rest."""
  xp = uniform.__array_namespace__()
  low, high = (xp.asarray(x, dtype=xp.float32) for x in (config.low, config.high))
  drawn = low + (high - low) * uniform[..., :3]
  return xp.where(uniform[..., 3:] < config.rest, xp.zeros_like(drawn), drawn)


@dataclass(frozen=True, eq=False)
class VelocityCommand:
  """See ContextPart. Entries: command, requested, heading, target_position."""

  config: CommandConfig
  body: Body
  draw: CommandFn
  draws: int = DRAWS

  @property
  def interval(self) -> int:
    """Control steps between commands."""
    return max(1, round(self.config.interval / self.body.control_step))

  def start(self, context: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """See ContextPart."""
    command = self._draw(uniform, level)
    return context._replace(command=command, requested=command)

  def advance(self, context: Context, before: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """See ContextPart. While the robot is fallen, target heading and position follow the root."""
    xp = view.ctrl.__array_namespace__()
    due = (context.step % self.interval == 0)[..., None]
    requested = xp.where(due, self._draw(uniform, level), before.requested)
    heading = turned(before.heading, before.requested[..., 2:] * self.body.control_step)
    position = before.target_position + to_world(before.requested[..., :2], before.heading) * self.body.control_step
    down = (self.body.height(view) < self.body.robot.fallen_height)[..., None]
    return context._replace(
      command=requested,
      requested=requested,
      heading=xp.where(down, self.body.heading(view), heading),
      target_position=xp.where(down, self.body.position(view)[..., :2], position),
    )

  def at_age(self, context: Context) -> Context:
    """See ContextPart."""
    return context

  def mirror(self, context: Context) -> Context:
    """See ContextPart."""
    return context._replace(
      command=context.command * MIRROR,
      requested=context.requested * MIRROR,
      heading=context.heading * MIRROR_XY,
      target_position=context.target_position * MIRROR_XY,
    )

  def _draw(self, uniform: Array, level: Array | float) -> Array:
    """Sampled commands [..., 3], scaled towards command.value at lower levels of the curriculum."""
    xp = uniform.__array_namespace__()
    first, share = xp.asarray(self.config.value, dtype=xp.float32), xp.asarray(level)[..., None]
    return (1 - share) * first + share * self.draw(self.config, uniform)


@PARTS.register()
def velocity_command(config: TaskConfig, body: Body) -> VelocityCommand:
  """The commanded velocity, and the target heading and position that integrate it."""
  command = config.command
  for low, high, name in zip(command.low, command.high, ('forward', 'sideways', 'yaw'), strict=True):
    if low > high:
      raise UserError(f'config.task.command.low is above config.task.command.high for {name}: {low} > {high}.')
  return VelocityCommand(command, body, COMMANDS[command.kind])
