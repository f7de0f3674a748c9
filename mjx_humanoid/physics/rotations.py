"""Rotations: quaternions (w x y z), headings on the floor, vectors in the frame of the root.

The first functions use the array library of their arguments; those that make start states are NumPy.
"""

from __future__ import annotations

import numpy as np

from mjx_humanoid.core.types import Array


def heading_of(quaternion: Array) -> Array:
  """Direction that the x axis of an orientation [..., 4] points to, as a unit vector on the floor [..., 2]."""
  xp = quaternion.__array_namespace__()
  w, x, y, z = (quaternion[..., i] for i in range(4))
  forward = xp.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z)], axis=-1)
  return forward / xp.maximum((forward * forward).sum(axis=-1, keepdims=True) ** 0.5, 1e-6)


def vertical_of(quaternion: Array) -> list[Array]:
  """The upward direction in the frame of an orientation [..., 4], as three arrays [..., 1]: last row of its matrix."""
  w, x, y, z = (quaternion[..., i : i + 1] for i in range(4))
  return [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]


def in_frame(quaternion: Array, vector: Array) -> list[Array]:
  """A world vector [..., 3] in the frame of an orientation [..., 4], as three arrays [..., 1].

  That is the inverse rotation v + 2 u x (u x v - w v), for the unit quaternion (w, u).
  """
  w, x, y, z = (quaternion[..., i : i + 1] for i in range(4))
  a, b, c = (vector[..., i : i + 1] for i in range(3))
  tx, ty, tz = y * c - z * b - w * a, z * a - x * c - w * b, x * b - y * a - w * c
  return [a + 2 * (y * tz - z * ty), b + 2 * (z * tx - x * tz), c + 2 * (x * ty - y * tx)]


def product(a: Array, b: Array) -> Array:
  """Hamilton product of quaternions [..., 4]: the rotation b, then a."""
  xp = a.__array_namespace__()
  (w, x, y, z), (p, q, r, s) = ([c[..., i : i + 1] for i in range(4)] for c in (a, b))
  return xp.concatenate(
    [
      w * p - x * q - y * r - z * s,
      w * q + x * p + y * s - z * r,
      w * r - x * s + y * p + z * q,
      w * s + x * r - y * q + z * p,
    ],
    axis=-1,
  )


def inverse(quaternion: Array) -> Array:
  """The inverse rotation of a unit quaternion [..., 4]."""
  return quaternion * np.array([1, -1, -1, -1], np.float32)


def rotated(quaternion: Array, vector: Array) -> Array:
  """A vector [..., 3] in the frame of an orientation [..., 4], in world coordinates."""
  return quaternion.__array_namespace__().concatenate(in_frame(inverse(quaternion), vector), axis=-1)


def about_z(heading: Array) -> Array:
  """The quaternion [..., 4] that turns the x axis to a heading [..., 2], a unit vector on the floor.

  With angle a: (cos(a / 2), 0, 0, sin(a / 2)), from cos a and sin a by the half-angle formulas.
  """
  xp = heading.__array_namespace__()
  c, s = heading[..., 0:1], heading[..., 1:2]
  half_cos = ((1 + c) / 2).clip(0.0, 1.0) ** 0.5
  half_sin = ((1 - c) / 2).clip(0.0, 1.0) ** 0.5
  return xp.concatenate([half_cos, 0 * c, 0 * c, xp.where(s < 0, -half_sin, half_sin)], axis=-1)


def to_world(vector: Array, heading: Array) -> Array:
  """A vector [..., 2] along and to the left of a heading [..., 2], converted to world coordinates."""
  xp = vector.__array_namespace__()
  ahead, left, c, s = vector[..., 0], vector[..., 1], heading[..., 0], heading[..., 1]
  return xp.stack([c * ahead - s * left, s * ahead + c * left], axis=-1)


def along(vector: Array, heading: Array) -> Array:
  """The components of a world vector [..., 2] along and to the left of a heading [..., 2]."""
  xp = vector.__array_namespace__()
  x, y, c, s = vector[..., 0], vector[..., 1], heading[..., 0], heading[..., 1]
  return xp.stack([c * x + s * y, c * y - s * x], axis=-1)


def turned(heading: Array, angle: Array) -> Array:
  """A heading [..., 2] turned to the left by angle [..., 1] in rad."""
  xp = heading.__array_namespace__()
  return to_world(heading, xp.concatenate([xp.cos(angle), xp.sin(angle)], axis=-1))


def quaternion_about_z(angle: np.ndarray) -> np.ndarray:
  """Unit quaternions [n, 4] that turn by angle [n] rad about the vertical."""
  zero = np.zeros_like(angle)
  return np.stack([np.cos(angle / 2), zero, zero, np.sin(angle / 2)], axis=1)


def quaternion_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """Hamilton products [n, 4]: first b, then a."""
  (w, x, y, z), (p, q, r, s) = a.T, b.T
  return np.stack(
    [
      w * p - x * q - y * r - z * s,
      w * q + x * p + y * s - z * r,
      w * r - x * s + y * p + z * q,
      w * s + x * r - y * q + z * p,
    ],
    axis=1,
  )


def tilted_heading(heading: np.ndarray, tilt: np.ndarray) -> np.ndarray:
  """Unit quaternions [n, 4] that tilt about x and y by tilt [n, 2], then turn about z by heading [n]; rad."""
  angle = np.linalg.norm(tilt, axis=1)
  axis = tilt / np.maximum(angle, 1e-12)[:, None]
  c, s = np.cos(angle / 2), np.sin(angle / 2)
  cz, sz = np.cos(heading / 2), np.sin(heading / 2)
  # The product of (cz, 0, 0, sz) and (c, s ax, s ay, 0), written out.
  x, y = s * axis[:, 0], s * axis[:, 1]
  return np.stack([cz * c, cz * x - sz * y, cz * y + sz * x, sz * c], axis=1)
