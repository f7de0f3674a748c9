"""Pictures of clips: the person as a stick figure beside the robot, at several times of the clip."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mjx_humanoid.core.opengl import choose_gl
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.media.marks import labelled
from mjx_humanoid.media.pose_picture import draw_landmarks
from mjx_humanoid.motions.capture import Capture
from mjx_humanoid.motions.clip import Clip, resampled
from mjx_humanoid.physics.camera import Camera
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.scenery import CAMERAS

WIDTH, HEIGHT = 320, 360  # pixels of one picture
PAPER = 125  # grey behind the stick figure
TALLEST = 2.4  # m that a picture of a person shows
FRAMES = 8  # of a contact sheet
CAMERA = 'track'


def clip_pictures(clip: Clip, capture: Capture | None, robot: Robot, seconds: np.ndarray) -> Iterator[np.ndarray]:
  """Person and robot, one above the other, at these times: uint8 [height, 320, 3] each.

  Args:
    capture: the person's motion; None for a clip of the robot alone.

  Raises:
    UserError: nothing can be rendered here.
  """
  software = choose_gl().software
  with Camera(build_model(robot), CAMERA, WIDTH, HEIGHT, software=software) as camera:
    for time, pose in zip(seconds, resampled(clip, seconds), strict=True):
      image = labelled(camera.picture(pose), f'{time:.2f} s')
      yield image if capture is None else np.concatenate([_person(capture, time), image], axis=0)


def clip_sheet(clip: Clip, capture: Capture | None, robot: Robot) -> np.ndarray:
  """Eight times within the clip side by side, uint8 [height, width, 3]. Raises UserError like clip_pictures."""
  seconds = np.linspace(0.0, clip.duration, FRAMES, endpoint=not clip.loop)
  return np.concatenate(list(clip_pictures(clip, capture, robot, seconds)), axis=1)


def _person(capture: Capture, time: float) -> np.ndarray:
  """The person as the camera of the robot sees it, in parallel projection."""
  frame = int(np.abs(capture.seconds - time).argmin())
  landmarks = capture.landmarks(frame)
  middle = np.array([WIDTH / 2, HEIGHT / 2])
  pixels = middle + (landmarks.points - capture.place[frame]) @ _axes().T * [1, -1] * HEIGHT / TALLEST
  return draw_landmarks(np.full((HEIGHT, WIDTH, 3), PAPER, np.uint8), pixels, landmarks.visibility)


def _axes() -> np.ndarray:
  """Directions [2, 3] to the right and upward of the picture, in the world."""
  axes = np.array(CAMERAS[CAMERA][1], float).reshape(2, 3)
  right = axes[0] / np.linalg.norm(axes[0])
  up = axes[1] - right * (right @ axes[1])
  return np.stack([right, up / np.linalg.norm(up)])
