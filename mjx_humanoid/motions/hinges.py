"""Angles of hinges in closed form: one, two or three hinges that turn a direction or a frame into another.

The problems of one and two hinges are those of Paden and Kahan; see Murray, Li and Sastry, A Mathematical Introduction
to Robotic Manipulation (1994), section 3.2. All vectors have length 1. Axes are those at angle zero, in one frame; the
first hinge carries the second, which carries the third.
"""

from __future__ import annotations

import numpy as np

PARALLEL = 1e-6  # length of a cross product below which two directions count as parallel


def rotation(axis: np.ndarray, angle: float) -> np.ndarray:
  """The matrix [3, 3] that turns by an angle in rad about an axis [3] (Rodrigues)."""
  x, y, z = axis
  turning = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
  return np.asarray(np.eye(3) + np.sin(angle) * turning + (1 - np.cos(angle)) * turning @ turning)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """The cross product of two vectors [3]; several times as fast as that of NumPy, which takes any shapes."""
  (p, q, r), (x, y, z) = a, b
  return np.array([q * z - r * y, r * x - p * z, p * y - q * x])


def one_hinge(axis: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
  """The angle about `axis` that brings `start` nearest to `end`, in rad; 0 where any angle is as good."""
  a, b = start - axis * (axis @ start), end - axis * (axis @ end)
  if min(np.linalg.norm(a), np.linalg.norm(b)) < PARALLEL:
    return 0.0
  return float(np.arctan2(axis @ cross(a, b), a @ b))


def two_hinges(first: np.ndarray, second: np.ndarray, start: np.ndarray, end: np.ndarray) -> list[np.ndarray]:
  """The angles [2] that bring `start` to `end`: both solutions, or one nearest to it where it cannot be reached."""
  cosine = first @ second
  normal = cross(first, second)
  square = normal @ normal
  if square < PARALLEL:  # one axis: the first hinge does it all
    return [np.array([one_hinge(first, start, end), 0.0])]
  # The point between the two turns lies on both circles: `start` about the second axis, `end` about the first.
  along_first = (first @ end - cosine * (second @ start)) / square
  along_second = (second @ start - cosine * (first @ end)) / square
  rest = (1.0 - along_first**2 - along_second**2 - 2 * along_first * along_second * cosine) / square
  middle = along_first * first + along_second * second
  offsets = [np.sqrt(rest), -np.sqrt(rest)] if rest > 0 else [0.0]
  found = []
  for offset in offsets:
    between = middle + offset * normal
    between = between / max(float(np.linalg.norm(between)), PARALLEL)
    found.append(np.array([one_hinge(first, between, end), one_hinge(second, start, between)]))
  return found


def three_hinges(axes: np.ndarray, target: np.ndarray) -> list[np.ndarray]:
  """The angles [3] about three axes [3, 3] (rows) whose product is the rotation matrix `target` [3, 3].

  The first two angles bring the third axis to where the target has it; the third is what remains.
  """
  found = []
  for pair in two_hinges(axes[0], axes[1], axes[2], target @ axes[2]):
    rest = (rotation(axes[0], pair[0]) @ rotation(axes[1], pair[1])).T @ target
    beside = cross(axes[2], np.eye(3)[np.argmin(np.abs(axes[2]))])
    beside /= np.linalg.norm(beside)
    found.append(np.array([*pair, one_hinge(axes[2], beside, rest @ beside)]))
  return found


def within(solutions: list[np.ndarray], limits: np.ndarray) -> list[np.ndarray]:
  """The solutions, those that violate the limits [n, 2] least first, each clipped to the limits."""

  def excess(angles: np.ndarray) -> float:
    return float(np.abs(angles - np.clip(angles, limits[:, 0], limits[:, 1])).sum())

  return [np.clip(angles, limits[:, 0], limits[:, 1]) for angles in sorted(solutions, key=excess)]


def frame(along: np.ndarray, towards: np.ndarray) -> np.ndarray:
  """The rotation matrix whose z axis is `along` and whose y axis is as near to `towards` as possible."""
  z = along / np.linalg.norm(along)
  y = towards - z * (z @ towards)
  length = np.linalg.norm(y)
  if length < PARALLEL:
    y = cross(z, np.eye(3)[np.argmin(np.abs(z))])
    length = np.linalg.norm(y)
  y = y / length
  return np.column_stack([cross(y, z), y, z])
