"""What guides an episode: velocity commands, the heading and place they add up to, station keeping, the gait clock.

The same arithmetic serves JAX in training and NumPy in playback; random numbers come from the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mjx_humanoid.core.config.schema import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.registry import Registry
from mjx_humanoid.core.types import Array, Context, Robot, View

DRAWS = 4  # uniform random numbers that a command is made from
HOLD_ARRIVED = 0.05  # m off its place, where a robot on its way back is there
HOLD_LEAD = 0.3  # s, that its velocity is counted ahead: sqrt(height / g) of a centre of mass 0.9 m high
HOLD_SPEED = 0.5  # m/s, of the way back
MOVING = 0.05  # m/s and rad/s; a command below it means: stand still

# (config, uniform [..., DRAWS]) -> command [..., 3]
CommandFn = Callable[[TaskConfig, Array], Array]
COMMANDS: Registry[CommandFn] = Registry('kind of command')


@COMMANDS.register()
def fixed(config: TaskConfig, uniform: Array) -> Array:
  """config.task.command, always."""
  xp = uniform.__array_namespace__()
  return xp.zeros_like(uniform[..., :3]) + xp.asarray(config.command, dtype=xp.float32)


@COMMANDS.register()
def sampled(config: TaskConfig, uniform: Array) -> Array:
  """Anything between command_low and command_high, anew every command_interval; now and then a rest."""
  xp = uniform.__array_namespace__()
  low, high = (xp.asarray(x, dtype=xp.float32) for x in (config.command_low, config.command_high))
  drawn = low + (high - low) * uniform[..., :3]
  return xp.where(uniform[..., 3:] < config.command_rest, xp.zeros_like(drawn), drawn)


@dataclass(frozen=True, eq=False)
class Guide:
  """Makes the Context of each control step. Batches lead with any axes."""

  config: TaskConfig
  control_step: float  # s
  fallen_height: float  # m
  off_balance_height: float  # m
  draw: CommandFn

  @property
  def interval(self) -> int:
    """Control steps between commands."""
    return max(1, round(self.config.command_interval / self.control_step))

  def start(self, qpos: Array, action_size: int, uniform: Array, level: Array | float = 1.0) -> Context:
    """The context of episodes that begin at qpos [B, nq], from uniform numbers [B, DRAWS] in [0, 1).

    Args:
      level: [B] of the curriculum: commands lie that far on the way from config.task.command to what is drawn.
    """
    xp = qpos.__array_namespace__()
    step = xp.zeros(qpos.shape[:-1], dtype=xp.int32)
    last = xp.zeros((*qpos.shape[:-1], action_size), dtype=xp.float32)
    command = self._draw(uniform, level)
    duty = self._duty(command, qpos[..., 2])
    return Context(step, last, command, heading_of(qpos), qpos[..., :2], xp.zeros_like(duty), duty, command)

  def advance(self, context: Context, view: View, uniform: Array, level: Array | float = 1.0) -> Context:
    """The context one control step later, when `view` is what that step led to; a new command where one is due."""
    xp = view.ctrl.__array_namespace__()
    step = context.step + 1
    due = (step % self.interval == 0)[..., None]
    asked = xp.where(due, self._draw(uniform, level), context.asked)
    ahead = turn(context.heading, context.asked[..., 2:] * self.control_step)
    place = context.place + rotate(context.asked[..., :2], context.heading) * self.control_step
    # Who is down has no heading and no place to keep: both are those with which it gets up.
    down = (view.qpos[..., 2] < self.fallen_height)[..., None]
    ahead = xp.where(down, heading_of(view.qpos), ahead)
    before, place = (xp.where(down, view.qpos[..., :2], p) for p in (context.place, place))
    following = context._replace(
      step=step, last_action=view.ctrl, command=asked, heading=ahead, place=place, asked=asked
    )
    following = self._held(following, context.command, before, view) if self.config.hold else following
    return self._clocked(following, context, view)

  def timed(self, context: Context) -> Context:
    """The context with the clock of its step."""
    xp = context.command.__array_namespace__()
    strides = context.step * xp.asarray(self.config.gait_frequency * self.control_step, dtype=xp.float32)
    return context._replace(phase=strides % 1.0)

  def _duty(self, command: Array, height: Array) -> Array:
    """Share of a stride [...] that each foot is to be on the floor under a command [..., 3], at a height [...] in m.

    Who is off balance steps, whatever it is asked for: to get up from both knees, one foot must come first, and where
    left and right are the same only the clock says which.
    """
    xp = command.__array_namespace__()
    moving = (xp.abs(command).max(axis=-1) > MOVING) | (height < self.off_balance_height)
    duty = self.config.gait_duty if self.config.gait_frequency else 1.0
    return xp.where(moving, xp.asarray(duty, dtype=xp.float32), xp.asarray(1.0, dtype=xp.float32))

  def _clocked(self, context: Context, before: Context, view: View) -> Context:
    """The context with its clock a control step after the one before, and the gait that its command asks for."""
    xp = context.command.__array_namespace__()
    duty = self._duty(context.command, view.qpos[..., 2])
    stride = self.config.gait_frequency * self.control_step * (1.0 + self.config.gait_hurry * self._urgency(context))
    phase = (before.phase + xp.asarray(stride, dtype=xp.float32)) % 1.0
    # Who is told to stop finishes the stride: nobody can stand on the spot in the middle of one.
    finishing = (before.duty < 1) & (phase > before.phase)
    duty = xp.where(finishing, before.duty, duty)
    # Who sets out begins with the foot of the side that it is moving to: shoved, it must put that one there at once.
    setting_out = (before.duty == 1) & (duty < 1)
    rightward = resolve_along(view.qvel[..., :2], context.heading)[..., 1] < 0
    first = xp.where(rightward, xp.asarray(0.5, dtype=xp.float32), xp.asarray(0.0, dtype=xp.float32))
    return context._replace(phase=xp.where(setting_out, first, phase), duty=duty)

  def _urgency(self, context: Context) -> Array:
    """How far a robot that is asked for nothing is being carried off its place [...], from 0 to 1 at HOLD_SPEED.

    Squared, so that who steps on the spot does so calmly.
    """
    xp = context.asked.__array_namespace__()
    resting = xp.abs(context.asked).max(axis=-1) <= MOVING
    led = (context.command[..., :2] ** 2).sum(axis=-1) / HOLD_SPEED**2
    return resting * led.clip(0.0, 1.0)

  def _held(self, context: Context, last: Array, before: Array, view: View) -> Context:
    """The context in which a robot that is asked for nothing stays at the place `before` [..., 2], or walks back.

    What counts is where its momentum carries it, so that the command comes while the robot can still follow it. The
    `last` command [..., 3] says whether it is on its way: then it stops nearer to its place than it set out.
    """
    xp = context.asked.__array_namespace__()
    resting = (xp.abs(context.asked).max(axis=-1) <= MOVING)[..., None]
    there = view.qpos[..., :2] + HOLD_LEAD * view.qvel[..., :2]
    place = xp.where(resting, before, there)
    off = resolve_along(place - there, context.heading)
    distance = (off * off).sum(axis=-1, keepdims=True) ** 0.5
    on_its_way = xp.abs(last).max(axis=-1, keepdims=True) > MOVING
    radius = xp.where(on_its_way, HOLD_ARRIVED, self.config.hold_radius)
    speed = (self.config.hold * distance).clip(0.0, HOLD_SPEED) * (distance > radius)
    back = off * (speed / xp.maximum(distance, 1e-6))
    command = xp.where(resting, xp.concatenate([back, 0 * back[..., :1]], axis=-1), context.asked)
    return context._replace(place=place, command=command.astype(xp.float32))

  def _draw(self, uniform: Array, level: Array | float) -> Array:
    xp = uniform.__array_namespace__()
    first, share = xp.asarray(self.config.command, dtype=xp.float32), xp.asarray(level)[..., None]
    return (1 - share) * first + share * self.draw(self.config, uniform)


def make_guide(config: TaskConfig, control_step: float, robot: Robot) -> Guide:
  """The guide of a task for a robot.

  Raises:
    UserError: an unknown kind of command, or ranges upside down.
  """
  draw = COMMANDS[config.commands]
  for low, high, name in zip(config.command_low, config.command_high, ('forward', 'sideways', 'turning'), strict=True):
    if low > high:
      raise UserError(f'config.task.command_low is above config.task.command_high for {name}: {low} > {high}.')
  return Guide(config, control_step, robot.fallen_height, robot.off_balance_height, draw)


def heading_of(qpos: Array) -> Array:
  """Where the torso faces, as a unit vector on the floor [..., 2], from qpos [..., nq]."""
  xp = qpos.__array_namespace__()
  w, x, y, z = (qpos[..., i] for i in range(3, 7))
  forward = xp.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z)], axis=-1)
  return forward / xp.maximum((forward * forward).sum(axis=-1, keepdims=True) ** 0.5, 1e-6)


def rotate(vector: Array, heading: Array) -> Array:
  """A vector [..., 2] given along and to the left of a heading [..., 2], in the world."""
  xp = vector.__array_namespace__()
  ahead, left, c, s = vector[..., 0], vector[..., 1], heading[..., 0], heading[..., 1]
  return xp.stack([c * ahead - s * left, s * ahead + c * left], axis=-1)


def resolve_along(vector: Array, heading: Array) -> Array:
  """A vector [..., 2] of the world as its parts along and to the left of a heading [..., 2]."""
  xp = vector.__array_namespace__()
  x, y, c, s = vector[..., 0], vector[..., 1], heading[..., 0], heading[..., 1]
  return xp.stack([c * x + s * y, c * y - s * x], axis=-1)


def turn(heading: Array, angle: Array) -> Array:
  """A heading [..., 2] turned to the left by angle [..., 1] in rad."""
  xp = heading.__array_namespace__()
  return rotate(heading, xp.concatenate([xp.cos(angle), xp.sin(angle)], axis=-1))


def swing(context: Context, foot: int, feet: int) -> Array:
  """How far foot `foot` of `feet` is in its swing, in [0, 1), [...]; negative while it should stand."""
  xp = context.phase.__array_namespace__()
  through = (context.phase + foot / feet) % 1.0
  length = 1.0 - context.duty
  return xp.where(through < length, through / xp.maximum(length, 1e-6), -1.0)
