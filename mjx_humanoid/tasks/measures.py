"""What several reward terms are made of: balance, velocity along the heading, contact. Pure JAX, one world each."""

from __future__ import annotations

import jax.numpy as jnp

from mjx_humanoid.physics.body import Body
from mjx_humanoid.tasks.context.guide import resolve_along
from mjx_humanoid.tasks.shaping import gaussian
from mjx_humanoid.core.types import Array, Context, View

GRAVITY = 9.81  # m/s^2
OUT_OF_REACH = 0.8  # m, from which on a centre of mass is nowhere near the feet


def lead_over_feet(view: View, body: Body) -> Array:
  """Extrapolated centre of mass [2], from the middle of the feet, in m: where it would come to rest above the floor.

  That of a falling inverted pendulum: x + v / sqrt(g / h) (Hof et al., 2005).
  """
  feet = jnp.stack([body.sensor(view, f'{foot}_pos') for foot in body.robot.feet]).mean(axis=0)
  com = body.sensor(view, 'com_pos')
  lead = jnp.sqrt(jnp.maximum(com[2] - feet[2], 0.1) / GRAVITY)
  return (com + lead * body.sensor(view, 'com_vel') - feet)[:2]


def nearness(view: View, body: Body) -> Array:
  """How near [] the extrapolated centre of mass is to the feet: half within about 0.25 m, half for the last 0.8 m."""
  away = lead_over_feet(view, body)
  return 0.5 * gaussian(away, 0.25) + 0.5 * jnp.maximum(1.0 - jnp.linalg.norm(away) / OUT_OF_REACH, 0.0)


def heading_velocity(view: View, body: Body, context: Context) -> Array:
  """Velocity of the centre of mass [2] in m/s: along the wanted heading, and to the left of it."""
  return resolve_along(body.sensor(view, 'com_vel')[:2], context.heading)


def touching(view: View, body: Body, name: str) -> Array:
  """Normal force [] of the floor on a body, in units of body weight."""
  return body.sensor(view, f'{name}_touch')[0] / (body.total_mass * GRAVITY)


def rms(x: Array) -> Array:
  """Root mean square of [n]."""
  return jnp.sqrt(jnp.mean(jnp.square(x)) + 1e-8)
