"""Landmarks of a human body: the 33 of MediaPipe's pose model, in the world of the robot, and their JSON files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import read_json

_SIDES = ('left', 'right')
NAMES: tuple[str, ...] = (
  'nose',
  *(f'{side}_eye{part}' for side in _SIDES for part in ('_inner', '', '_outer')),
  *(f'{side}_ear' for side in _SIDES),
  *(f'mouth_{side}' for side in _SIDES),
  *(
    f'{side}_{part}'
    for part in ('shoulder', 'elbow', 'wrist', 'pinky', 'index', 'thumb', 'hip', 'knee', 'ankle', 'heel', 'foot_index')
    for side in _SIDES
  ),
)
VISIBLE = 0.5  # least visibility of a landmark that is used
# From the camera's axes (x to the right of the picture, y down, z away from the camera) to those of the robot's world
# (x towards the camera, y to the right of the picture, z up): somebody who faces the camera faces along x.
CAMERA_TO_WORLD = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
LARGEST = 100.0  # m; no body is larger
SHAPE = f'{len(NAMES)} x [x, y, z, visibility]'
KEY = 'landmarks'  # in a JSON file that holds other things too


class Landmarks(NamedTuple):
  """The landmarks of one body."""

  points: np.ndarray  # [33, 3] m, in the robot's world: x towards the camera, y left, z up; the origin is free
  visibility: np.ndarray  # [33] from 0 to 1

  def point(self, *names: str) -> np.ndarray:
    """The place [3] of a landmark, or the middle of several."""
    return np.asarray(self.points[[index(name) for name in names]].mean(axis=0))

  def seen(self, *names: str) -> bool:
    """Whether all of these are visible."""
    return bool((self.visibility[[index(name) for name in names]] >= VISIBLE).all())


def index(name: str) -> int:
  """The number of a landmark, from 0 to 32."""
  return NAMES.index(name)


def from_camera(points: np.ndarray, visibility: np.ndarray) -> Landmarks:
  """Landmarks from points [33, 3] in the axes of the camera."""
  return Landmarks(np.asarray(points, float) @ CAMERA_TO_WORLD.T, np.asarray(visibility, float))


def from_rows(rows: Any, source: str) -> Landmarks:
  """Landmarks from 33 x [x, y, z, visibility] in the axes of the camera.

  Args:
    source: what they come from, for messages.

  Raises:
    UserError: another shape, numbers that are not finite or above 100 m, or a visibility outside 0 to 1.
  """
  try:
    table = np.array(rows, float)
  except (TypeError, ValueError):
    raise UserError(f'{source}: the landmarks must be numbers, {SHAPE}.') from None
  if table.shape != (len(NAMES), 4):
    raise UserError(f'{source}: the landmarks have shape {_shape(table)}; they must be {SHAPE}.')
  if not np.isfinite(table).all():
    name = NAMES[int(np.argmin(np.isfinite(table).all(axis=1)))]
    raise UserError(f'{source}: the landmark {name} has a number that is not finite.')
  points, visibility = table[:, :3], table[:, 3]
  if ((visibility < 0) | (visibility > 1)).any():
    name = NAMES[int(np.argmax((visibility < 0) | (visibility > 1)))]
    raise UserError(f'{source}: the visibility of {name} is {visibility[index(name)]:g}; it must be from 0 to 1.')
  if np.abs(points).max() > LARGEST:
    raise UserError(f'{source}: a landmark is {np.abs(points).max():g} m away; coordinates are in metres.')
  return from_camera(points, visibility)


def to_rows(landmarks: Landmarks) -> list[list[float]]:
  """The inverse of `from_rows`, rounded to 0.1 mm."""
  table = np.column_stack([landmarks.points @ CAMERA_TO_WORLD, landmarks.visibility])
  return [[float(value) for value in row] for row in table.round(4)]


def read_landmarks(path: Path) -> Landmarks:
  """Landmarks from a JSON file: the rows themselves, or an object whose entry `landmarks` holds them.

  Raises:
    UserError: the file cannot be read, or `from_rows` rejects it.
  """
  content = read_json(path, 'landmarks file')
  if isinstance(content, dict):
    if KEY not in content:
      raise UserError(f'{path} has no entry {KEY!r}; landmarks are {SHAPE}.')
    content = content[KEY]
  if not isinstance(content, Sequence) or isinstance(content, str):
    raise UserError(f'{path}: the landmarks must be a list, {SHAPE}.')
  return from_rows(content, str(path))


def _shape(table: np.ndarray) -> str:
  return ' x '.join(map(str, table.shape)) or 'of a single number'
