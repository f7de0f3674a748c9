"""Observations: what a policy may see, by name. Indexing only, so that the same functions serve JAX and NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mjx_humanoid.physics.body import Body
from mjx_humanoid.core.registry import Registry
from mjx_humanoid.tasks.context.guide import heading_of, resolve_along
from mjx_humanoid.core.types import Array, Context, ObserveFn, View

OBSERVATIONS: Registry[ObserveFn] = Registry('observation')


@OBSERVATIONS.register()
def joint_positions(view: View, body: Body, context: Context) -> Array:
  """Torso height [m], the vertical in the torso's frame, joint angles [rad] [4 + joints]."""
  return _join([view.qpos[..., 2:3], *vertical(view.qpos), view.qpos[..., 7:]], view)


@OBSERVATIONS.register()
def posture(view: View, body: Body, context: Context) -> Array:
  """joint_positions once more [4 + joints], for a training from a policy whose scale of them ends near standing."""
  return joint_positions(view, body, context)


@OBSERVATIONS.register()
def joint_velocities(view: View, body: Body, context: Context) -> Array:
  """Torso linear [m/s] and angular [rad/s] velocity in its own frame, joint velocities [6 + joints]."""
  return _join([*in_torso_frame(view, view.qvel[..., 0:3]), view.qvel[..., 3:]], view)


@OBSERVATIONS.register()
def center_of_mass(view: View, body: Body, context: Context) -> Array:
  """Centre of mass from the torso [m] and its velocity [m/s], in the torso's frame [6]."""
  offset = body.sensor(view, 'com_pos') - body.sensor(view, 'torso_pos')
  return _join([*in_torso_frame(view, offset), *in_torso_frame(view, body.sensor(view, 'com_vel'))], view)


@OBSERVATIONS.register()
def contact_forces(view: View, body: Body, context: Context) -> Array:
  """Normal contact force on each body that can touch, in units of body weight [bodies]."""
  weight = body.total_mass * 9.81
  return _join([body.sensor(view, f'{name}_touch') / weight for name in body.touch_names], view)


@OBSERVATIONS.register()
def actuator_states(view: View, body: Body, context: Context) -> Array:
  """The motor commands now in force, in [-1, 1] [nu]."""
  return view.ctrl


@OBSERVATIONS.register()
def command(view: View, body: Body, context: Context) -> Array:
  """Wanted forward, sideways and turning velocity [3]."""
  return context.command


@OBSERVATIONS.register()
def heading_error(view: View, body: Body, context: Context) -> Array:
  """Where the torso should face, seen from where it faces: forward and left parts of a unit vector [2]."""
  return _join([resolve_along(context.heading, heading_of(view.qpos))], view)


@OBSERVATIONS.register()
def place_error(view: View, body: Body, context: Context) -> Array:
  """Where the torso should be: metres ahead of and to the left of where it is, up to 1 m each [2]."""
  away = resolve_along(context.place - view.qpos[..., :2], heading_of(view.qpos))
  return _join([away.clip(-1.0, 1.0)], view)


@OBSERVATIONS.register()
def course_error(view: View, body: Body, context: Context) -> Array:
  """How far to its left lies the line that it was asked to go along [m], up to 1 m [1].

  Unlike place_error, it does not grow with the time that a robot walks a little faster or slower than asked.
  """
  offset = resolve_along(context.place - view.qpos[..., :2], context.heading)[..., 1:]
  return _join([offset.clip(-1.0, 1.0)], view)


@OBSERVATIONS.register()
def gait_phase(view: View, body: Body, context: Context) -> Array:
  """The clock of the stride as sine and cosine; zero where no gait is wanted [2]."""
  return gait_clock(view, body, context) * (context.duty[..., None] < 1)


@OBSERVATIONS.register()
def gait_clock(view: View, body: Body, context: Context) -> Array:
  """The clock of the stride as sine and cosine, also where no gait is wanted: for steps that nobody asked for [2]."""
  xp = context.phase.__array_namespace__()
  angle = 2 * math.pi * context.phase[..., None]
  return _join([xp.sin(angle), xp.cos(angle)], view)


def observe_all(names: Sequence[str]) -> ObserveFn:
  """The observation that joins these, in order. Raises UserError for a name that does not exist."""
  functions = [OBSERVATIONS[name] for name in names]

  def observe(view: View, body: Body, context: Context) -> Array:
    return _join([function(view, body, context) for function in functions], view)

  return observe


def slices(names: Sequence[str], view: View, body: Body, context: Context) -> dict[str, tuple[int, int]]:
  """Where each named observation lies in the joined one: (first element, one past its last)."""
  found, start = {}, 0
  for name in names:
    width = OBSERVATIONS[name](view, body, context).shape[-1]
    found[name] = (start, start + width)
    start += width
  return found


def vertical(qpos: Array) -> list[Array]:
  """The upward direction seen from the torso, as three arrays [..., 1]: the last row of its rotation."""
  w, x, y, z = (qpos[..., i : i + 1] for i in range(3, 7))
  return [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]


def in_torso_frame(view: View, vector: Array) -> list[Array]:
  """A world vector [..., 3] seen from the torso, as three arrays [..., 1].

  That is the inverse rotation v + 2 u x (u x v - w v), for the unit quaternion (w, u).
  """
  w, x, y, z = (view.qpos[..., i : i + 1] for i in range(3, 7))
  a, b, c = (vector[..., i : i + 1] for i in range(3))
  tx, ty, tz = y * c - z * b - w * a, z * a - x * c - w * b, x * b - y * a - w * c
  return [a + 2 * (y * tz - z * ty), b + 2 * (z * tx - x * tz), c + 2 * (x * ty - y * tx)]


def _join(parts: Sequence[Array], view: View) -> Array:
  """Concatenates along the last axis, in the array library that the view is made of."""
  xp = view.qpos.__array_namespace__()
  return xp.concatenate(parts, axis=-1).astype(xp.float32)
