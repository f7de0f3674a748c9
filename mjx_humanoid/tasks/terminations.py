"""Terminations: conditions that end an episode early, by name. JAX and NumPy, on any leading axes.

To add one, write a function here under `@TERMINATIONS.register()`.
"""

from __future__ import annotations

import math

import numpy as np

from mjx_humanoid.core.registry import Registry
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.rotations import inverse, product
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.context.reference_motion import ORIENTATION, PLACE, entry
from mjx_humanoid.tasks.functions import TerminateFn

TERMINATIONS: Registry[TerminateFn] = Registry('termination')

COLLAPSED = 0.3  # of standing height
TIPPED = 0.5**0.5  # cosine of 45 degrees
TIME_TO_RISE = 3.0  # s
OFF_HEIGHT, OFF_ANGLE = 0.2, math.radians(60)  # from a clip: share of standing height, rad


def lower_than(height: float, view: View, body: Body) -> Array:
  """Whether the root is lower than this height in m; never for a robot that cannot fall."""
  return body.height(view) < (height if body.robot.fallen_height else -np.inf)


@TERMINATIONS.register()
def fallen(view: View, body: Body, context: Context) -> Array:
  """The root is below the fallen height of the datasheet."""
  return lower_than(body.robot.fallen_height, view, body)


@TERMINATIONS.register()
def off_balance(view: View, body: Body, context: Context) -> Array:
  """The root is below 85 % of standing height, where the robot can hardly recover its balance."""
  return lower_than(body.robot.off_balance_height, view, body)


@TERMINATIONS.register()
def never(view: View, body: Body, context: Context) -> Array:
  """Only the time limit ends an episode."""
  return lower_than(-np.inf, view, body)


@TERMINATIONS.register()
def overdue(view: View, body: Body, context: Context) -> Array:
  """Off balance more than 3 s after the start: the robot should have got up by then."""
  late = context.step * body.control_step > TIME_TO_RISE
  return late & off_balance(view, body, context)


@TERMINATIONS.register()
def tipped(view: View, body: Body, context: Context) -> Array:
  """The root leans by more than 45 degrees, or is below half of standing height."""
  return (body.up(view)[..., 2] < TIPPED) | lower_than(0.5 * body.robot.standing_height, view, body)


@TERMINATIONS.register()
def collapsed(view: View, body: Body, context: Context) -> Array:
  """The root is below 30 % of standing height: lower than a robot can be on upright knees."""
  return lower_than(COLLAPSED * body.robot.standing_height, view, body)


@TERMINATIONS.register()
def unhealthy(view: View, body: Body, context: Context) -> Array:
  """The root is outside the limits of the datasheet: fallen_height, highest, most_tilt. As in Gymnasium's tasks."""
  robot, height = body.robot, body.height(view)
  outside = (height <= robot.fallen_height) | (height >= robot.highest)
  return outside | (body.up(view)[..., 2] <= math.cos(robot.most_tilt))


@TERMINATIONS.register()
def off_clip(view: View, body: Body, context: Context) -> Array:
  """The root is off that of the reference motion: by 20 % of standing height up or down, or tilted by 60 degrees."""
  place, orientation = (entry(context, name, 'termination off_clip') for name in (PLACE, ORIENTATION))
  rotation = product(inverse(body.root.quaternion(view.qpos)), orientation)
  xp = view.qpos.__array_namespace__()
  beside = xp.abs(body.height(view) - place[..., 2]) > OFF_HEIGHT * body.robot.standing_height
  # The scalar part of a unit quaternion is the cosine of half the angle.
  return beside | (xp.abs(rotation[..., 0]) < math.cos(OFF_ANGLE / 2))
