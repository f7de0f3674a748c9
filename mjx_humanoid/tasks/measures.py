"""Quantities that several reward terms use: balance, velocity along the heading, contact. JAX, one environment each."""

from __future__ import annotations

import jax.numpy as jnp

from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import GRAVITY, Body
from mjx_humanoid.physics.rotations import along
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.shaping import gaussian

# Lengths are shares of standing height; the metres are those of a humanoid of 1.282 m.
NEAR = 0.25 / 1.282  # distance of the centre of mass from the feet
OUT_OF_REACH = 0.8 / 1.282  # distance at which nearness is 0
LEAST_LEAD = 0.1 / 1.282  # lower bound on the height of the centre of mass over the feet in the time constant


def lead_over_feet(view: View, body: Body) -> Array:
  """Extrapolated centre of mass [2] in m, relative to the middle of the feet.

  x + v / sqrt(g / h) of an inverted pendulum: where the feet must be for it to come to rest (Hof et al., 2005).
  """
  if not body.robot.feet:  # a fixed robot cannot lose its balance
    return jnp.zeros(2)
  feet = jnp.stack([body.sensor(view, f'{foot}_pos') for foot in body.robot.feet]).mean(axis=0)
  com = body.sensor(view, 'com_pos')
  lead = jnp.sqrt(jnp.maximum(com[2] - feet[2], LEAST_LEAD * body.robot.standing_height) / GRAVITY)
  return (com + lead * body.sensor(view, 'com_vel') - feet)[:2]


def nearness(view: View, body: Body) -> Array:
  """Nearness [] of the extrapolated centre of mass to the feet: half of it within NEAR, half within OUT_OF_REACH."""
  away, size = lead_over_feet(view, body), body.robot.standing_height
  distance = jnp.linalg.norm(away) / (OUT_OF_REACH * size)
  return 0.5 * gaussian(away, NEAR * size) + 0.5 * jnp.maximum(1.0 - distance, 0.0)


def heading_velocity(view: View, body: Body, context: Context) -> Array:
  """Velocity of the centre of mass [2] in m/s: along the target heading, and to the left of it."""
  return along(body.sensor(view, 'com_vel')[:2], context.heading)


def touching(view: View, body: Body, name: str) -> Array:
  """Normal contact force [] on a body, in units of the robot's weight."""
  return body.sensor(view, f'{name}_touch')[0] / (body.total_mass * GRAVITY)


def rms(x: Array) -> Array:
  """Root mean square of [n]; 0 where n is 0."""
  return jnp.sqrt(jnp.sum(jnp.square(x)) / max(x.size, 1) + 1e-8)
