"""Pushes: disturbances on the root body, by name. Functions work in JAX and NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from mjx_humanoid.core.config.task import PushConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.registry import Registry
from mjx_humanoid.core.types import Array, Inputs

DRAWS = 2  # uniform random numbers for a push

# (horizontal force [..., 3] in N, seconds, mass in kg, bool [...]: first step of the push) -> force, kick [..., 3]
PushFn = Callable[[Array, float, float, Array], tuple[Array | None, Array | None]]
PUSHES: Registry[PushFn] = Registry('kind of push')


@PUSHES.register()
def none(force: Array, seconds: float, mass: float, first: Array) -> tuple[Array | None, Array | None]:
  """No pushes."""
  return None, None


@PUSHES.register('force')
def by_force(force: Array, seconds: float, mass: float, first: Array) -> tuple[Array | None, Array | None]:
  """A horizontal force on the root for push.duration, every push.interval, in a random direction."""
  return force, None


@PUSHES.register('kick')
def by_kick(force: Array, seconds: float, mass: float, first: Array) -> tuple[Array | None, Array | None]:
  """The same impulse as a jump of the root's velocity, for the robot's nominal mass."""
  return None, force * first[..., None] * (seconds / mass)


@PUSHES.register('lift')
def by_lift(force: Array, seconds: float, mass: float, first: Array) -> tuple[Array | None, Array | None]:
  """A steady upward force on the root that fades as the curriculum rises to full difficulty."""
  return force, None


@dataclass(frozen=True, eq=False)
class Pusher:
  """Pushes of one task, during the last push.duration of every push.interval; a lift is constant."""

  config: PushConfig
  control_step: float  # s
  mass: float  # kg
  apply: PushFn

  @property
  def ever(self) -> bool:
    """Whether there are any pushes."""
    return self.apply is not none

  @property
  def interval(self) -> int:
    """Control steps from one push to the next."""
    return max(1, round(self.config.interval / self.control_step))

  @property
  def duration(self) -> int:
    """Control steps of a push."""
    return min(self.interval, max(1, round(self.config.duration / self.control_step)))

  def draw(self, step: Array, before: Array, uniform: Array, strength: Array | float = 1.0) -> Array:
    """The force [..., 3] of the control step that begins at `step` [...].

    Args:
      before: [..., 3] the force of the previous step, which stays the same during a push.
      uniform: [..., DRAWS] in [0, 1).
      strength: [...] factor on the force.
    """
    xp = uniform.__array_namespace__()
    low, high = self.config.force
    if self.apply is by_lift:
      pull = (1 - strength) * high + uniform[..., 0] * 0
      return xp.stack([0 * pull, 0 * pull, pull], axis=-1).astype(xp.float32)
    size = (low + (high - low) * uniform[..., 0]) * strength
    angle = 2 * math.pi * uniform[..., 1]
    new = xp.stack([size * xp.cos(angle), size * xp.sin(angle), 0 * size], axis=-1)
    active = self._since(step) >= 0
    force = xp.where(self._first(step)[..., None], new, before)
    return xp.where(active[..., None], force, xp.zeros_like(force)).astype(xp.float32)

  def inputs(self, ctrl: Array, step: Array, force: Array) -> Inputs:
    """Controls and disturbances of the control step that begins at `step`."""
    return Inputs(ctrl, *self.apply(force, self.duration * self.control_step, self.mass, self._first(step)))

  def _since(self, step: Array) -> Array:
    """Control steps since the push of this interval began; negative before it."""
    return step % self.interval - (self.interval - self.duration)

  def _first(self, step: Array) -> Array:
    return self._since(step) == 0


def make_pusher(config: PushConfig, control_step: float, mass: float) -> Pusher:
  """The pushes of a task. Raises UserError for an unknown kind, or a range whose low end is above its high end."""
  low, high = config.force
  if low > high:
    raise UserError(f'config.task.push.force is upside down: {low} > {high}.')
  return Pusher(config, control_step, mass, PUSHES[config.kind])
