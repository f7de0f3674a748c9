"""Observations of the policy, by name. Functions work in JAX and NumPy, on any leading axes.

To add one, write a function here under `@OBSERVATIONS.register()`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mjx_humanoid.core.registry import Registry
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import GRAVITY, Body
from mjx_humanoid.physics.rotations import along, inverse, product
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.context.reference_motion import ANGLES, ORIENTATION, PHASE, PLACE, entry
from mjx_humanoid.tasks.functions import ObserveFn

OBSERVATIONS: Registry[ObserveFn] = Registry('observation')

MOST_VELOCITY = 10.0  # m/s and rad/s, as in Gymnasium's walker


@OBSERVATIONS.register()
def joint_positions(view: View, body: Body, context: Context) -> Array:
  """Height of the root [m], the upward direction in its frame, joint angles [rad] [4 + joints]."""
  return _join([body.height(view)[..., None], body.up(view), body.joint_angles(view)], view)


@OBSERVATIONS.register()
def posture(view: View, body: Body, context: Context) -> Array:
  """The same as joint_positions [4 + joints], with a new normaliser when training starts from another policy."""
  return joint_positions(view, body, context)


@OBSERVATIONS.register()
def joint_velocities(view: View, body: Body, context: Context) -> Array:
  """Linear [m/s] and angular [rad/s] velocity of the root in its frame, joint velocities [6 + joints]."""
  velocity = body.in_root_frame(view, body.linear_velocity(view))
  return _join([velocity, body.angular_velocity(view), body.joint_velocities(view)], view)


@OBSERVATIONS.register()
def center_of_mass(view: View, body: Body, context: Context) -> Array:
  """Centre of mass relative to the root [m] and its velocity [m/s], in the frame of the root [6]."""
  offset = body.sensor(view, 'com_pos') - body.root_sensor(view, 'pos')
  return _join([body.in_root_frame(view, x) for x in (offset, body.sensor(view, 'com_vel'))], view)


@OBSERVATIONS.register()
def contact_forces(view: View, body: Body, context: Context) -> Array:
  """Normal contact force on each body that has a touch sensor, in units of the robot's weight [bodies]."""
  weight = body.total_mass * GRAVITY
  return _join([body.sensor(view, f'{name}_touch') / weight for name in body.touch_names], view)


@OBSERVATIONS.register()
def actuator_states(view: View, body: Body, context: Context) -> Array:
  """The applied controls, in [-1, 1] [nu]."""
  return view.ctrl


@OBSERVATIONS.register()
def command(view: View, body: Body, context: Context) -> Array:
  """Commanded forward, sideways and yaw velocity [3]."""
  return context.command


@OBSERVATIONS.register()
def heading_error(view: View, body: Body, context: Context) -> Array:
  """The target heading relative to the heading: forward and left components of a unit vector [2]."""
  return _join([along(context.heading, body.heading(view))], view)


@OBSERVATIONS.register()
def position_error(view: View, body: Body, context: Context) -> Array:
  """The target position relative to the root: metres ahead and to the left, clipped to 1 m [2]."""
  away = along(context.target_position - body.position(view)[..., :2], body.heading(view))
  return _join([away.clip(-1.0, 1.0)], view)


@OBSERVATIONS.register()
def cross_track_error(view: View, body: Body, context: Context) -> Array:
  """Distance of the commanded line to the left of the root [m], clipped to 1 m [1].

  Unlike position_error, it does not grow with time if the robot is a little faster or slower than commanded.
  """
  offset = along(context.target_position - body.position(view)[..., :2], context.heading)[..., 1:]
  return _join([offset.clip(-1.0, 1.0)], view)


@OBSERVATIONS.register()
def gait_phase(view: View, body: Body, context: Context) -> Array:
  """Phase of the stride as sine and cosine; zero while standing is commanded [2]."""
  return gait_clock(view, body, context) * (context.duty[..., None] < 1)


@OBSERVATIONS.register()
def gait_clock(view: View, body: Body, context: Context) -> Array:
  """Phase of the stride as sine and cosine, also while standing is commanded: for recovery steps [2]."""
  xp = context.phase.__array_namespace__()
  angle = 2 * math.pi * context.phase[..., None]
  return _join([xp.sin(angle), xp.cos(angle)], view)


@OBSERVATIONS.register()
def clip_phase(view: View, body: Body, context: Context) -> Array:
  """Where in the clip the reference motion is, as sine and cosine of a turn; of half a turn if it is no loop [2]."""
  return entry(context, PHASE, 'observation clip_phase')


@OBSERVATIONS.register()
def clip_targets(view: View, body: Body, context: Context) -> Array:
  """Joint angles of the reference motion at the end of the coming control step [rad] [joints]."""
  return entry(context, ANGLES, 'observation clip_targets')


@OBSERVATIONS.register()
def clip_offset(view: View, body: Body, context: Context) -> Array:
  """The reference root seen from the root: place [m], clipped to 1 m, and the vector part of its rotation [6]."""
  offset = entry(context, PLACE, 'observation clip_offset') - body.position(view)
  here = body.root.quaternion(view.qpos)
  rotation = product(inverse(here), entry(context, ORIENTATION, 'observation clip_offset'))
  near = rotation[..., 1:] * (2.0 * (rotation[..., :1] >= 0) - 1.0)  # of the two quaternions, that of the shorter way
  return _join([body.in_root_frame(view, offset).clip(-1.0, 1.0), near], view)


@OBSERVATIONS.register()
def positions(view: View, body: Body, context: Context) -> Array:
  """qpos without the place of the root on the floor: m, unit quaternion, rad [nq - 2; nq - 1 in a plane]."""
  places = body.root.on_floor
  kept = [i for i in range(body.nq) if i not in places]
  # A slice where the place comes first, as it nearly always does.
  return view.qpos[..., kept[0] :] if kept == list(range(kept[0], body.nq)) else view.qpos[..., kept]


@OBSERVATIONS.register()
def velocities(view: View, body: Body, context: Context) -> Array:
  """qvel: velocity of the root in the world [m/s], its turning, joint velocities [rad/s] [nv]."""
  return view.qvel


@OBSERVATIONS.register()
def bounded_velocities(view: View, body: Body, context: Context) -> Array:
  """The same as velocities, each clipped to 10 m/s or rad/s [nv]."""
  return view.qvel.clip(-MOST_VELOCITY, MOST_VELOCITY)


def observe_all(names: Sequence[str]) -> ObserveFn:
  """The concatenation of these observations, in order. Raises UserError for an unknown name."""
  functions = [OBSERVATIONS[name] for name in names]

  def observe(view: View, body: Body, context: Context) -> Array:
    return _join([function(view, body, context) for function in functions], view)

  return observe


def slices(names: Sequence[str], view: View, context: Context, body: Body) -> dict[str, tuple[int, int]]:
  """The slice of each named observation in the concatenation: (first element, one past its last)."""
  found, start = {}, 0
  for name in names:
    width = OBSERVATIONS[name](view, body, context).shape[-1]
    found[name] = (start, start + width)
    start += width
  return found


def _join(parts: Sequence[Array], view: View) -> Array:
  """Concatenates along the last axis, in the array library of the view."""
  xp = view.qpos.__array_namespace__()
  return xp.concatenate(parts, axis=-1).astype(xp.float32)
