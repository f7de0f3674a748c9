"""Reward terms that track a reference motion, as DeepMimic's (Peng et al., 2018). JAX, one environment each.

Each is 1 on the reference and falls as a Gaussian of the error. Errors of joints are root mean squares over hinges, so
that the scales hold for robots with other numbers of joints.
"""

from __future__ import annotations

import jax.numpy as jnp

from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.rotations import inverse, product
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.context.reference_motion import ANGLES, FEET, ORIENTATION, PLACE, RATES, VELOCITY, entry
from mjx_humanoid.tasks.measures import rms
from mjx_humanoid.tasks.shaping import gaussian
from mjx_humanoid.tasks.step_rewards import TERMS

ANGLE, RATE = 0.3, 5.0  # rad, rad/s: errors of joints at which a term is 0.37
FOOT = 0.15 / 1.282  # of standing height, as the next
HEIGHT, BESIDE = 0.15 / 1.282, 0.4 / 1.282
TURN = 0.6  # rad
SPEED = 0.6  # m/s


@TERMS.register()
def clip_pose(view: View, body: Body, context: Context) -> Array:
  """Joints at the angles of the reference motion: 0.37 at a root mean square of 0.3 rad."""
  return gaussian(rms(body.joint_angles(view) - entry(context, ANGLES, 'reward term clip_pose')), ANGLE)


@TERMS.register()
def clip_rates(view: View, body: Body, context: Context) -> Array:
  """Joints at the velocities of the reference motion: 0.37 at a root mean square of 5 rad/s."""
  return gaussian(rms(body.joint_velocities(view) - entry(context, RATES, 'reward term clip_rates')), RATE)


@TERMS.register()
def clip_feet(view: View, body: Body, context: Context) -> Array:
  """Feet where those of the reference motion are, seen from the root: 0.37 at a root mean square of 0.15 m."""
  wanted = entry(context, FEET, 'reward term clip_feet').reshape(-1, 3)
  root = body.root_sensor(view, 'pos')
  feet = jnp.stack([body.sensor(view, f'{foot}_pos') - root for foot in body.robot.with_feet('clip_feet')])
  apart = jnp.sqrt(jnp.mean(jnp.sum(jnp.square(feet - wanted), axis=-1)) + 1e-8)
  return gaussian(apart, FOOT * body.robot.standing_height)


@TERMS.register()
def clip_root(view: View, body: Body, context: Context) -> Array:
  """Root at the height and the orientation of the reference motion: 0.37 at 0.15 m, and at 0.6 rad."""
  rotation = product(inverse(body.root.quaternion(view.qpos)), entry(context, ORIENTATION, 'reward term clip_root'))
  # |vector part| is the sine of half the angle, which is enough for angles within a radian.
  angle = 2.0 * rotation[1:]
  height = body.height(view) - entry(context, PLACE, 'reward term clip_root')[2]
  return gaussian(angle, TURN) * gaussian(height, HEIGHT * body.robot.standing_height)


@TERMS.register()
def clip_place(view: View, body: Body, context: Context) -> Array:
  """Root above the place on the floor of the reference motion: 0.37 at 0.4 m."""
  offset = body.position(view)[:2] - entry(context, PLACE, 'reward term clip_place')[:2]
  return gaussian(offset, BESIDE * body.robot.standing_height)


@TERMS.register()
def clip_velocity(view: View, body: Body, context: Context) -> Array:
  """Centre of mass at the velocity of the reference motion: 0.37 at 0.6 m/s."""
  return gaussian(body.sensor(view, 'com_vel') - entry(context, VELOCITY, 'reward term clip_velocity'), SPEED)
