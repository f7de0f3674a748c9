"""The way up from the floor: the poses of a robot's datasheet from standing down to it, and their mirror images."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from mjx_humanoid.errors import UserError
from mjx_humanoid.physics.body import Body
from mjx_humanoid.tasks.mirror import mirror_qpos
from mjx_humanoid.tasks.observations import vertical
from mjx_humanoid.types import Array

# How far one pose is from another that is worth 0.37 of it.
LEGS, UPPER = 0.75, 1.5  # rad, root mean square of the joints
TILT = 0.75  # of the vertical in the torso's frame, a unit vector
HEIGHT = 0.3  # m of the torso
FLOOR_WORTH = 0.3  # of the last pose; standing is worth 1


def worth_on_the_way(qpos: Array, body: Body) -> Array:
  """What the pose qpos [nq] is worth [], in (0, 1]: the higher up the way, and the nearer to it, the more.

  Raises:
    UserError: the robot's datasheet has no descent.
  """
  if not len(body.descent):
    raise UserError(f"the reward term 'ascent' needs the poses of a descent in the datasheet of {body.robot.name}.")
  height = np.tile(np.linspace(1.0, FLOOR_WORTH, len(body.descent)), 2)
  poses = features(jnp.asarray(np.concatenate([body.descent, mirror_qpos(body.descent, body)])), body)
  away = jnp.sqrt(jnp.sum(jnp.square(poses - features(qpos, body)), axis=-1) + 1e-6)
  return jnp.max(height * jnp.exp(-away))


def features(qpos: Array, body: Body) -> Array:
  """A pose [..., nq] as [..., joints + 4] numbers that say how it looks from any side: distances are as above."""
  upper = len(body.upper_joints)
  scale = np.full(len(body.joint_names), LEGS * (len(body.joint_names) - upper) ** 0.5, np.float32)
  scale[body.upper_joints] = UPPER * upper**0.5
  upward = jnp.concatenate(vertical(qpos), axis=-1)
  return jnp.concatenate([qpos[..., 7:] / scale, upward / TILT, qpos[..., 2:3] / HEIGHT], axis=-1)
