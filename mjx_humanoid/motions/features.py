"""Features of a robot's motion, by which a discriminator tells a policy from a clip (Peng et al., 2021).

They do not depend on where the robot is on the floor, nor on its heading. A clip and a policy have the same features
where they move alike: all of them follow from qpos and qvel.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Array
from mjx_humanoid.motions.clip_table import clip_table
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.ends import Ends, ends_of
from mjx_humanoid.physics.rotations import along, heading_of, rotated, vertical_of
from mjx_humanoid.physics.symmetry import joint_map

BETWEEN = 4  # pairs of a clip for each of its control steps, evenly spaced: a policy is anywhere in between


@dataclass(frozen=True, eq=False)
class MotionFeatures:
  """Features of states, in the array library of its arguments.

  Those of Peng et al. (2021), section 6.1, with angles of hinges in place of rotations: height of the root, upward
  direction in its frame, its linear velocity along the heading, to the left of it and up, its angular velocity in its
  own frame, joint angles, joint velocities, and places of the ends of the limbs seen from the root, ahead, to the left
  and up.
  """

  body: Body
  ends: Ends

  @property
  def size(self) -> int:
    """Number of features, F."""
    return 10 + 2 * len(self.body.joint_names) + 3 * len(self.ends.indices)

  def __call__(self, qpos: Array, qvel: Array) -> Array:
    """Features [..., F] of states qpos [..., nq] and qvel [..., nv], in m, rad and s."""
    xp, root = qpos.__array_namespace__(), self.body.root
    quaternion, angles = root.quaternion(qpos), qpos[..., root.nq :]
    heading, velocity = heading_of(quaternion), root.linear_velocity(qvel)
    ends = rotated(quaternion[..., None, :], self.ends.places(angles))
    ends = xp.concatenate([along(ends[..., :2], heading[..., None, :]), ends[..., 2:]], axis=-1)
    parts = [
      root.height(qpos)[..., None],
      *vertical_of(quaternion),
      along(velocity[..., :2], heading),
      velocity[..., 2:],
      root.angular_velocity(qvel),
      angles,
      qvel[..., root.nv :],
      ends.reshape((*ends.shape[:-2], -1)),
    ]
    return xp.concatenate(parts, axis=-1)


def motion_features(body: Body, model: mujoco.MjModel) -> MotionFeatures:
  """The features of a robot's motion."""
  return MotionFeatures(body, ends_of(model, body.root))


def clip_pairs(config: TaskConfig, features: MotionFeatures, *, mirrored: bool) -> np.ndarray:
  """Features of a clip at the beginning and the end of control steps.

  Args:
    config: names the clip, and whether it is played once.
    mirrored: adds the mirror image of the clip, for a policy that is the same for left and right.

  Returns:
    [N, 2, F] float32.

  Raises:
    UserError: the task names no clip, there is no such clip, or the robot cannot move so.
  """
  if not config.clip:
    raise UserError('config.algorithm: the style comes from a clip; name it by config.task.clip, such as gait.')
  table = clip_table(config.clip, features.body, once=config.clip_once)
  found = _pairs(features(table.qpos, table.qvel), table.loop)
  if mirrored and features.body.robot.symmetry:
    image = features(*mirror_states(features.body, table.qpos, table.qvel))
    found = np.concatenate([found, _pairs(image, table.loop)])
  return found.astype(np.float32)


def mirror_states(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """The mirror image of states qpos [N, nq], qvel [N, nv] in the plane y = 0. Raises UserError like joint_map."""
  joints = joint_map(body)

  def image(x: np.ndarray, signs: np.ndarray) -> np.ndarray:
    first = len(signs)
    return np.concatenate([x[:, :first] * signs, x[:, first:][:, joints.sources] * joints.signs], axis=1)

  signs = body.root.mirror_signs
  return image(qpos, signs[0]), image(qvel, signs[1])


def _pairs(rows: np.ndarray, loop: bool) -> np.ndarray:
  """Pairs [N, 2, F] one control step apart, from features [K, F] of each control step: linear between them."""
  rows = np.concatenate([rows, rows[:2]]) if loop else rows
  found = []
  for share in np.arange(BETWEEN) / BETWEEN:
    between = (1 - share) * rows[:-1] + share * rows[1:]
    found.append(np.stack([between[:-1], between[1:]], axis=1))
  return np.concatenate(found)
