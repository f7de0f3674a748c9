"""Reward terms of single control steps: distance covered, limits kept, forces suffered. JAX, one environment each.

They are those of Gymnasium's locomotion tasks.
"""

from __future__ import annotations

import jax.numpy as jnp

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.external import FORCE, TORQUE
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.context.displacement import COM, ROOT, place_before
from mjx_humanoid.tasks.rewards import TERMS
from mjx_humanoid.tasks.terminations import unhealthy

MOST_IMPACT = 2e7  # N^2 and (N m)^2; 10 at the weight of Humanoid-v5


@TERMS.register()
def progress(view: View, body: Body, context: Context) -> Array:
  """Mean velocity of the root along the x axis of the world during the control step, in m/s."""
  before = place_before(context, ROOT, 'reward term progress')
  return (body.position(view)[0] - before[0]) / body.control_step


@TERMS.register()
def com_progress(view: View, body: Body, context: Context) -> Array:
  """Mean velocity of the centre of mass along the x axis of the world during the control step, in m/s."""
  before = place_before(context, COM, 'reward term com_progress')
  return (body.sensor(view, 'com_pos')[0] - before[0]) / body.control_step


@TERMS.register()
def healthy(view: View, body: Body, context: Context) -> Array:
  """1 while the root is within the limits of the datasheet: see the termination unhealthy."""
  return jnp.where(unhealthy(view, body, context), 0.0, 1.0)


@TERMS.register()
def impact(view: View, body: Body, context: Context) -> Array:
  """Sum of the squares of external forces [N] and torques [N m] on all bodies, at most 2e7; a cost."""
  names = [name for name in body.sensors if name.endswith((TORQUE, FORCE))]
  if not names:
    raise UserError(f'reward term impact needs external_forces=True in the datasheet of robot {body.robot.name!r}.')
  squares = jnp.stack([jnp.sum(jnp.square(body.sensor(view, name))) for name in names])
  return jnp.minimum(squares.sum(), MOST_IMPACT)
