"""Reward terms that bring a motion nearer to that of people. JAX functions of one environment.

Those that cost something name a habit of learned motions: joints against their stops, motors at their limits, hard
landings. Lengths are shares of standing height; the metres in the descriptions are those of a humanoid of 1.282 m.
Steps, heels, arms and head are those of people: for robots without their anatomy these terms are always 1.
"""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np

from mjx_humanoid.core.types import Array, View
from mjx_humanoid.motions.upper_body import upper_body
from mjx_humanoid.physics.body import UNLIMITED, Body
from mjx_humanoid.physics.rotations import along
from mjx_humanoid.tasks.context.contact_force import contact_force, force_before
from mjx_humanoid.tasks.context.context import Context, swing
from mjx_humanoid.tasks.measures import rms
from mjx_humanoid.tasks.rewards import TermFn
from mjx_humanoid.tasks.shaping import gaussian
from mjx_humanoid.tasks.tracking import TERMS

NEAR_LIMIT = 0.05  # rad (3 degrees) before a joint limit, from where it costs
NEAR_TORQUE = 0.8  # share of the torque limit, from where it costs
RISE = 0.3  # body weights in a control step, from where a rise of the contact force costs; walking needs 0.2
HARDEST = 15.0  # body weights, of a rise that counts: a robot that drops onto its shins lands with 10
WIDTH, WIDTH_ERROR = 0.11 / 1.282, 0.05 / 1.282  # of people's steps, and the scale of errors
TOES_UP, TOES_ERROR = 0.3, 0.2  # rad (17 degrees), pitch of the sole of people at heel strike, and the scale of errors
LATE_SWING = 0.75  # share of the swing, from where the toes should be up
HANDS_PER_FOOT = 0.4  # how far hands swing, against the feet
HAND_ERROR = 0.2 / 1.282
HEAD_ERROR = 0.1 / 1.282


def of_people(term: TermFn) -> TermFn:
  """The term for robots with two feet, and with head and arms where people have them; 1 for others."""

  @functools.wraps(term)
  def value(view: View, body: Body, context: Context) -> Array:
    anatomy = body.robot.anatomy
    like_people = anatomy is not None and anatomy.skeleton is not None and len(body.robot.feet) == 2
    return term(view, body, context) if like_people else jnp.ones(())

  return value


@TERMS.register()
def joint_limits(view: View, body: Body, context: Context) -> Array:
  """Sum over joints of how deep each is in the last 3 degrees before its limit, 1 at the limit; a cost."""
  limited = ~np.isclose(body.joint_range, UNLIMITED).all(axis=1)
  angles, (low, high) = body.joint_angles(view), body.joint_range.T
  depth = jnp.maximum(low - angles, angles - high) / NEAR_LIMIT + 1.0
  return jnp.sum(jnp.square(jnp.clip(depth, 0.0, 2.0)) * limited)


@TERMS.register()
def saturation(view: View, body: Body, context: Context) -> Array:
  """Mean over motors of the square of the torque beyond 80 % of its limit, 1 at the limit; a cost."""
  share = jnp.abs(body.torque(view)) / body.torque_limit
  return jnp.mean(jnp.square(jnp.clip((share - NEAR_TORQUE) / (1 - NEAR_TORQUE), 0.0, 1.0)))


@TERMS.register()
def landing(view: View, body: Body, context: Context) -> Array:
  """Square of the rise of the contact force in a control step beyond 0.3 body weights, in body weights^2; a cost."""
  rise = contact_force(view, body) - force_before(context, 'reward term landing')
  return jnp.square(jnp.clip(rise - RISE, 0.0, HARDEST))


@TERMS.register()
@of_people
def step_width(view: View, body: Body, context: Context) -> Array:
  """Feet beside each other as far as people's, 0.11 m across the heading: 0.37 at an error of 0.05 m."""
  left, right = (body.sensor(view, f'{foot}_pos')[:2] for foot in body.robot.feet)
  across = along(left - right, context.heading)[1]
  return gaussian(across - WIDTH * body.robot.standing_height, WIDTH_ERROR * body.robot.standing_height)


@TERMS.register()
@of_people
def heel_strike(view: View, body: Body, context: Context) -> Array:
  """Toes up by 17 degrees at the end of a swing of the gait clock, within about 11 degrees; 1 at other times."""
  values = []
  for foot, offset in zip(body.robot.feet, body.robot.offsets, strict=True):
    pitch = -along(body.sensor(view, f'{foot}_up')[:2], context.heading)[0]  # the sine of it
    late = swing(context, offset) > LATE_SWING
    values.append(jnp.where(late, gaussian(pitch - jnp.sin(TOES_UP), TOES_ERROR), 1.0))
  return jnp.stack(values).mean()


@TERMS.register()
@of_people
def arm_swing(view: View, body: Body, context: Context) -> Array:
  """Hands swinging against the feet, 0.4 times as far: 0.37 at a difference of 0.2 m."""
  left, right = (body.sensor(view, f'{foot}_pos')[:2] for foot in body.robot.feet)
  feet = along(left - right, context.heading)[0]
  left_hand, right_hand = upper_body(body.robot).levers @ (body.joint_angles(view) - body.relaxed_angles)
  return gaussian(left_hand - right_hand + HANDS_PER_FOOT * feet, HAND_ERROR * body.robot.standing_height)


@TERMS.register()
@of_people
def head_height(view: View, body: Body, context: Context) -> Array:
  """Head as high as when standing: 0.37 at 0.1 m."""
  head = body.robot.body_parts('head_height').head
  error = body.sensor(view, f'{head}_pos')[2] - upper_body(body.robot).head_height
  return gaussian(error, HEAD_ERROR * body.robot.standing_height)


@TERMS.register()
def relaxed(view: View, body: Body, context: Context) -> Array:
  """Joints near the relaxed stance, arms hanging: 0.37 at a root mean square of 0.5 rad."""
  return gaussian(rms(body.joint_angles(view) - body.relaxed_angles), 0.5)
