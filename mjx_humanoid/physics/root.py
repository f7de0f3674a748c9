"""The root of a robot: its joint to the world (free, planar or fixed), and functions of its coordinates.

Only this file knows the positions of the root's coordinates in qpos and qvel. Functions of state use the array library
of their arguments; functions that make start states are NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Array
from mjx_humanoid.physics.rotations import quaternion_product, tilted_heading

TINY = 1e-6
AXES = np.eye(3)


@dataclass(frozen=True, eq=False)
class Root:
  """A root with a free joint; the subclasses have other joints."""

  body: int  # id of the root body
  rest: np.ndarray  # [3] m, position of the root body when all coordinates are zero
  kind = 'free'
  nq = 7  # number of the root's coordinates in qpos, which are the first ones
  nv = 6  # the same in qvel

  def position(self, qpos: Array) -> Array:
    """World position [..., 3] in m."""
    return qpos[..., 0:3]

  def height(self, qpos: Array) -> Array:
    """Height above the floor [...] in m."""
    return qpos[..., 2]

  def quaternion(self, qpos: Array) -> Array:
    """Orientation [..., 4], a unit quaternion w x y z."""
    return qpos[..., 3:7]

  def linear_velocity(self, qvel: Array) -> Array:
    """World velocity [..., 3] in m/s."""
    return qvel[..., 0:3]

  def angular_velocity(self, qvel: Array) -> Array:
    """Angular velocity [..., 3] in the frame of the root, in rad/s."""
    return qvel[..., 3:6]

  @property
  def on_floor(self) -> tuple[int, ...]:
    """Elements of qpos that are the place of the root on the floor."""
    return (0, 1)

  @property
  def coordinate_names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names with units of the root's elements of qpos and of qvel."""
    return (
      ('x [m]', 'y [m]', 'z [m]', 'qw', 'qx', 'qy', 'qz'),
      ('vx [m/s]', 'vy [m/s]', 'vz [m/s]', 'wx [rad/s]', 'wy [rad/s]', 'wz [rad/s]'),
    )

  @property
  def mirror_signs(self) -> tuple[np.ndarray, np.ndarray]:
    """Signs of the root's elements of qpos and qvel in the mirror y = 0."""
    return np.array([1, -1, 1, 1, -1, 1, -1], np.float32), np.array([1, -1, 1, -1, 1, -1], np.float32)

  @property
  def kicks(self) -> tuple[list[int], np.ndarray]:
    """Elements [n] of qvel to which a world velocity [3] is added, and the matrix [n, 3] that maps it to them."""
    return [0, 1, 2], AXES

  def rotated(self, qpos: np.ndarray, heading: np.ndarray, tilt: np.ndarray) -> np.ndarray:
    """qpos [n, nq] tilted about x and y by tilt [n, 2], then turned to the left by heading [n], in rad."""
    qpos = qpos.copy()
    qpos[:, 3:7] = quaternion_product(tilted_heading(heading, tilt), qpos[:, 3:7])
    return qpos

  def velocity_turned(self, qvel: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """qvel [n, nv] with the horizontal velocity turned to the left by heading [n] in rad."""
    qvel = qvel.copy()
    forward, left = qvel[:, 0].copy(), qvel[:, 1].copy()
    qvel[:, 0] = np.cos(heading) * forward - np.sin(heading) * left
    qvel[:, 1] = np.sin(heading) * forward + np.cos(heading) * left
    return qvel

  def placed(self, qpos: np.ndarray, quaternion: np.ndarray, height: np.ndarray | float) -> np.ndarray:
    """qpos [n, nq] with another orientation [n, 4] or [4], and height [n] in m."""
    qpos = qpos.copy()
    qpos[:, 3:7], qpos[:, 2] = quaternion, height
    return qpos

  def normalized(self, qpos: np.ndarray, source: str) -> np.ndarray:
    """qpos [n, nq] with quaternions of length 1. Raises UserError with the row of a zero quaternion."""
    qpos = qpos.copy()
    lengths = np.linalg.norm(qpos[:, 3:7], axis=1)
    if lengths.min() < TINY:
      row = lengths.argmin()
      raise UserError(f'{source}: row {row} of qpos has an orientation, elements 3 to 6, that is no quaternion.')
    qpos[:, 3:7] /= lengths[:, None]
    return qpos


@dataclass(frozen=True, eq=False)
class PlanarRoot(Root):
  """A root in the plane y = 0: slides along x and z in either order, and then a hinge about y."""

  x: int  # elements of qpos and of qvel
  z: int
  pitch: int
  sign: float  # of the hinge's axis along y
  kind = 'planar'
  nq = 3
  nv = 3

  def position(self, qpos: Array) -> Array:
    """See Root."""
    xp = qpos.__array_namespace__()
    x, z = qpos[..., self.x], qpos[..., self.z]
    return xp.stack([x + float(self.rest[0]), 0 * x + float(self.rest[1]), z + float(self.rest[2])], axis=-1)

  def height(self, qpos: Array) -> Array:
    """See Root."""
    return qpos[..., self.z] + float(self.rest[2])

  def quaternion(self, qpos: Array) -> Array:
    """See Root."""
    xp = qpos.__array_namespace__()
    half = 0.5 * self.sign * qpos[..., self.pitch]
    return xp.stack([xp.cos(half), 0 * half, xp.sin(half), 0 * half], axis=-1)

  def linear_velocity(self, qvel: Array) -> Array:
    """See Root."""
    xp = qvel.__array_namespace__()
    x, z = qvel[..., self.x], qvel[..., self.z]
    return xp.stack([x, 0 * x, z], axis=-1)

  def angular_velocity(self, qvel: Array) -> Array:
    """See Root."""
    xp = qvel.__array_namespace__()
    rate = self.sign * qvel[..., self.pitch]
    return xp.stack([0 * rate, rate, 0 * rate], axis=-1)

  @property
  def on_floor(self) -> tuple[int, ...]:
    """See Root."""
    return (self.x,)

  @property
  def coordinate_names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """See Root."""
    names = {self.x: ('x [m]', 'vx [m/s]'), self.z: ('z [m]', 'vz [m/s]'), self.pitch: ('pitch [rad]', 'wy [rad/s]')}
    return tuple(names[i][0] for i in range(3)), tuple(names[i][1] for i in range(3))

  @property
  def mirror_signs(self) -> tuple[np.ndarray, np.ndarray]:
    """See Root: the plane is its own mirror image."""
    return np.ones(3, np.float32), np.ones(3, np.float32)

  @property
  def kicks(self) -> tuple[list[int], np.ndarray]:
    """See Root."""
    return [self.x, self.z], AXES[[0, 2]]

  def rotated(self, qpos: np.ndarray, heading: np.ndarray, tilt: np.ndarray) -> np.ndarray:
    """See Root. The robot always faces along x; only the tilt about y is used."""
    qpos = qpos.copy()
    qpos[:, self.pitch] += self.sign * tilt[:, 1]
    return qpos

  def velocity_turned(self, qvel: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """See Root."""
    return qvel

  def placed(self, qpos: np.ndarray, quaternion: np.ndarray, height: np.ndarray | float) -> np.ndarray:
    """See Root. Only the pitch of the orientation is used."""
    qpos = qpos.copy()
    quaternion = np.broadcast_to(quaternion, (len(qpos), 4))
    qpos[:, self.pitch] = self.sign * 2 * np.arctan2(quaternion[:, 2], quaternion[:, 0])
    qpos[:, self.z] = height - self.rest[2]
    return qpos

  def normalized(self, qpos: np.ndarray, source: str) -> np.ndarray:
    """See Root: there is no quaternion."""
    return qpos


@dataclass(frozen=True, eq=False)
class FixedRoot(Root):
  """A root without joints, as that of an arm."""

  orientation: np.ndarray  # [4]
  kind = 'fixed'
  nq = 0
  nv = 0

  def position(self, qpos: Array) -> Array:
    """See Root."""
    return self._constant(qpos, self.rest)

  def height(self, qpos: Array) -> Array:
    """See Root."""
    return self._constant(qpos, self.rest)[..., 2]

  def quaternion(self, qpos: Array) -> Array:
    """See Root."""
    return self._constant(qpos, self.orientation)

  def linear_velocity(self, qvel: Array) -> Array:
    """See Root."""
    return self._constant(qvel, np.zeros(3))

  def angular_velocity(self, qvel: Array) -> Array:
    """See Root."""
    return self._constant(qvel, np.zeros(3))

  @property
  def on_floor(self) -> tuple[int, ...]:
    """See Root."""
    return ()

  @property
  def coordinate_names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """See Root."""
    return (), ()

  @property
  def mirror_signs(self) -> tuple[np.ndarray, np.ndarray]:
    """See Root."""
    return np.ones(0, np.float32), np.ones(0, np.float32)

  @property
  def kicks(self) -> tuple[list[int], np.ndarray]:
    """See Root."""
    return [], np.zeros((0, 3))

  def rotated(self, qpos: np.ndarray, heading: np.ndarray, tilt: np.ndarray) -> np.ndarray:
    """See Root."""
    return qpos

  def velocity_turned(self, qvel: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """See Root."""
    return qvel

  def placed(self, qpos: np.ndarray, quaternion: np.ndarray, height: np.ndarray | float) -> np.ndarray:
    """See Root."""
    return qpos

  def normalized(self, qpos: np.ndarray, source: str) -> np.ndarray:
    """See Root."""
    return qpos

  def _constant(self, like: Array, values: np.ndarray) -> Array:
    xp = like.__array_namespace__()
    return xp.broadcast_to(xp.asarray(values, dtype=like.dtype), (*like.shape[:-1], len(values)))
