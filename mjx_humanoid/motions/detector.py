"""Finds people in photographs with MediaPipe's PoseLandmarker, which the extra `pose` installs."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.landmarks import VISIBLE, Landmarks, from_camera

MOST_PEOPLE = 6
CONFIDENCE = 0.5  # least confidence in a detected person
INSTALL = "finding people in photos needs MediaPipe: pip install 'mjx_humanoid[pose]'"
LIBRARIES = 'on Debian or Ubuntu: apt-get install libgles2 libegl1'


class Person(NamedTuple):
  """A person in a photograph."""

  landmarks: Landmarks  # in the robot's world; those outside the picture count as not visible
  pixels: np.ndarray  # [33, 2] x to the right and y down in the picture

  @property
  def size(self) -> float:
    """Diagonal of the smallest box around the landmarks, in pixels."""
    return float(np.linalg.norm(np.ptp(self.pixels, axis=0)))


class Detector:
  """MediaPipe's detector, loaded once for any number of photographs."""

  def __init__(self, model: Path) -> None:
    """Loads the model.

    Raises:
      UserError: MediaPipe or a library of the system is missing, or it rejects the model.
    """
    self._mediapipe = _mediapipe()
    vision, base = self._mediapipe.tasks.vision, self._mediapipe.tasks.BaseOptions
    options = vision.PoseLandmarkerOptions(
      base_options=base(model_asset_path=str(model)),
      num_poses=MOST_PEOPLE,
      min_pose_detection_confidence=CONFIDENCE,
    )
    try:
      with _silent():
        self._landmarker = vision.PoseLandmarker.create_from_options(options)
    except (RuntimeError, ValueError, OSError) as error:
      reason = str(error).strip().split('\n')[0]
      missing = f'; {LIBRARIES}' if '.so' in reason or 'GLES' in reason or 'EGL' in reason else ''
      raise UserError(f'MediaPipe cannot load {model}: {reason}{missing}.') from None

  def people(self, image: np.ndarray) -> list[Person]:
    """The people in a picture uint8 [height, width, 3], the largest first."""
    height, width, _ = image.shape
    picture = self._mediapipe.Image(
      image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image, np.uint8)
    )
    with _silent():
      result = self._landmarker.detect(picture)
    found = []
    for flat, world in zip(result.pose_landmarks, result.pose_world_landmarks, strict=True):
      places = np.array([[mark.x, mark.y] for mark in flat])
      inside = ((places >= 0) & (places <= 1)).all(axis=1)
      visibility = np.clip([mark.visibility or 0.0 for mark in flat], 0.0, 1.0) * inside
      pixels = places * [width, height]
      points = as_pictured(np.array([[mark.x, mark.y, mark.z] for mark in world]), pixels, visibility)
      found.append(Person(from_camera(points, visibility), pixels))
    return sorted(found, key=lambda person: -person.size)

  def close(self) -> None:
    """Frees the model."""
    with _silent():
      self._landmarker.close()

  def __enter__(self) -> Detector:
    return self

  def __exit__(self, *error: object) -> None:
    self.close()


def as_pictured(points: np.ndarray, pixels: np.ndarray, visibility: np.ndarray) -> np.ndarray:
  """Points [33, 3] in m, in the axes of the camera, moved across the picture to where the landmarks are in it.

  The detector's places in the picture are more accurate than its places in m, of which only the depth is kept. The
  picture is taken to be seen from afar: a pixel is as long at every depth.
  """
  seen = visibility >= VISIBLE
  if seen.sum() < 2:
    return points
  flat, metres = pixels - pixels[seen].mean(axis=0), points[:, :2] - points[seen, :2].mean(axis=0)
  size = np.square(flat[seen]).sum()
  scale = np.sqrt(np.square(metres[seen]).sum() / size) if size > 0 else 0.0
  return np.column_stack([scale * flat, points[:, 2]])


def _mediapipe() -> Any:
  """MediaPipe. Raises UserError with what to install if it, or a library that it needs, is missing."""
  os.environ.setdefault('GLOG_minloglevel', '2')
  try:
    with _silent():
      import mediapipe
  except ModuleNotFoundError as error:
    raise UserError(f'{INSTALL} ({error}).') from None
  except (ImportError, OSError) as error:
    raise UserError(f'MediaPipe cannot be loaded: {str(error).splitlines()[0]}; {LIBRARIES}.') from None
  if not hasattr(getattr(mediapipe, 'tasks', None), 'vision'):
    raise UserError(f'this MediaPipe has no PoseLandmarker; {INSTALL}.')
  return mediapipe


@contextlib.contextmanager
def _silent() -> Iterator[None]:
  """Keeps what native code writes to stderr, such as notes on its delegate, out of the terminal."""
  try:
    sys.stderr.flush()
    kept = os.dup(2)
  except (OSError, ValueError):
    yield
    return
  try:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    yield
  finally:
    os.dup2(kept, 2)
    os.close(kept)
