"""Pictures of poses: a photograph with its landmarks beside the robot in that pose, and contact sheets of them."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mjx_humanoid.core.files import write_files
from mjx_humanoid.core.opengl import choose_gl
from mjx_humanoid.media.marks import labelled
from mjx_humanoid.motions.bones import BONES
from mjx_humanoid.motions.landmarks import CAMERA_TO_WORLD, VISIBLE, Landmarks, index
from mjx_humanoid.motions.person import BodyPose
from mjx_humanoid.motions.skeleton import rig_of
from mjx_humanoid.physics.camera import Camera
from mjx_humanoid.robots import robots

HEIGHT = 480  # pixels
WIDEST = 800  # pixels of a photograph of that height; a wider one is made smaller
COLUMNS = 3  # of a contact sheet
PAPER = 245  # grey of what is no photograph
COLOURS = {'left': (255, 140, 0), 'right': (0, 170, 255), '': (250, 250, 250)}  # by side of the body


def pose_picture(pose: BodyPose) -> np.ndarray:
  """The person beside the robot, uint8 [480, width, 3]. Raises UserError if nothing can be rendered here."""
  person = _person(pose)
  robot = robot_picture(pose)
  below = f'at rest: {", ".join(name.replace("_", " ") for name in pose.missing)}' if pose.missing else ''
  return np.concatenate([labelled(person, pose.name), labelled(robot, pose.robot, below)], axis=1)


def robot_picture(pose: BodyPose, width: int = HEIGHT, height: int = HEIGHT) -> np.ndarray:
  """The robot in a pose as the camera of the photograph sees it, uint8 [height, width, 3]."""
  software = choose_gl().software
  model = rig_of(robots()[pose.robot]).model
  with Camera(model, 'front', width, height, software=software) as camera:
    return camera.picture(pose.qpos)


def write_picture(path: Path, image: np.ndarray) -> None:
  """Writes a picture as PNG, whole or not at all. Raises UserError where that is impossible."""
  from PIL import Image

  buffer = io.BytesIO()
  Image.fromarray(image).save(buffer, 'PNG')
  write_files({path: buffer.getvalue()}, 'the picture')


def sheet(pictures: Sequence[np.ndarray]) -> np.ndarray:
  """Pictures of one height in rows of three, each at half size; empty places are grey."""
  from PIL import Image

  halves = [np.asarray(Image.fromarray(p).resize((p.shape[1] // 2, p.shape[0] // 2))) for p in pictures]
  columns = min(COLUMNS, len(halves))
  width = max(half.shape[1] for half in halves)
  places = [_padded(half, width) for half in halves]
  empty = np.full_like(places[0], PAPER)
  places += [empty] * (math.ceil(len(places) / columns) * columns - len(places))
  rows = [np.concatenate(places[i : i + columns], axis=1) for i in range(0, len(places), columns)]
  return np.concatenate(rows, axis=0)


def draw_landmarks(image: np.ndarray, places: np.ndarray, visibility: np.ndarray) -> np.ndarray:
  """A copy of a picture with the bones between landmarks at places [33, 2]: left orange, right blue.

  Args:
    visibility: [33]; bones of landmarks that are not visible are left out.
  """
  from PIL import Image, ImageDraw

  picture = Image.fromarray(image)
  draw = ImageDraw.Draw(picture)
  width = max(2, image.shape[0] // 160)
  for name, bone in BONES.items():
    rows = [[index(mark) for mark in ends] for ends in (bone.start, bone.end)]
    if (visibility[[*rows[0], *rows[1]]] >= VISIBLE).all():
      start, end = (tuple(places[row].mean(axis=0)) for row in rows)
      draw.line([start, end], fill=_colour(name), width=width)
  for place, seen in zip(places, visibility, strict=True):
    if seen >= VISIBLE:
      x, y = place
      draw.ellipse([x - width, y - width, x + width, y + width], fill=(255, 40, 40))
  return np.asarray(picture)


def stick_figure(landmarks: Landmarks, width: int = HEIGHT, height: int = HEIGHT) -> np.ndarray:
  """Landmarks without a photograph, as their camera sees them, uint8 [height, width, 3]."""
  places = (landmarks.points @ CAMERA_TO_WORLD)[:, :2]
  low, high = places.min(axis=0), places.max(axis=0)
  scale = 0.8 * min(width, height) / max(float((high - low).max()), 1e-3)
  pixels = (places - (low + high) / 2) * scale + [width / 2, height / 2]
  return draw_landmarks(np.full((height, width, 3), PAPER - 120, np.uint8), pixels, landmarks.visibility)


def _person(pose: BodyPose) -> np.ndarray:
  from PIL import Image

  if pose.photo is None or pose.pixels is None:
    return stick_figure(pose.landmarks)
  height, width, _ = pose.photo.shape
  scale = min(HEIGHT / height, WIDEST / width)
  size = max(1, round(width * scale)), max(1, round(height * scale))
  small = np.asarray(Image.fromarray(pose.photo).resize(size))
  return _padded(draw_landmarks(small, pose.pixels * scale, pose.landmarks.visibility), size[0], HEIGHT)


def _padded(image: np.ndarray, width: int, height: int = 0) -> np.ndarray:
  """A picture in the middle of a larger grey one."""
  rows, columns = max(height, image.shape[0]), max(width, image.shape[1])
  found = np.full((rows, columns, 3), PAPER, np.uint8)
  top, left = (rows - image.shape[0]) // 2, (columns - image.shape[1]) // 2
  found[top : top + image.shape[0], left : left + image.shape[1]] = image
  return found


def _colour(bone: str) -> tuple[int, int, int]:
  return COLOURS[next((side for side in ('left', 'right') if bone.startswith(side)), '')]
