"""Films of played episodes: frames in real time, one policy after the other or side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mjx_humanoid.media.render import frame_times
from mjx_humanoid.physics.camera import Camera
from mjx_humanoid.playback.chain import Played

LABEL_MARGIN = 8  # pixels

Progress = Callable[[Iterable[np.ndarray], int], Iterable[np.ndarray]]  # passes frames on, told how many will come


@dataclass(frozen=True)
class Look:
  """How a film looks."""

  camera: str = 'track'
  width: int = 640  # pixels
  height: int = 480
  framerate: int = 30  # frames/s
  software: bool = False  # leave out what takes a CPU most of its time


def film(episodes: Sequence[Sequence[Played]], look: Look, progress: Progress, label: bool = False) -> list[np.ndarray]:
  """Frames uint8 [height, width, 3] of these episodes, one after the other.

  Args:
    label: write the name of the policy into the picture.
  """
  pictures: list[np.ndarray] = []
  for played in (stage for episode in episodes for stage in episode):
    stage, qpos = played.stage, played.paths.views.qpos[0]
    rows = frame_times(len(qpos), stage.task.body.control_step, look.framerate)
    with Camera(stage.model, look.camera, look.width, look.height, software=look.software) as camera:
      shown = list(progress(camera.frames(qpos[rows]), len(rows)))
    pictures += [labelled(image, stage.name) for image in shown] if label else shown
  return pictures


def side_by_side(films: Sequence[list[np.ndarray]]) -> list[np.ndarray]:
  """One film of several: [h, w1 + w2 + ..., 3]; the shorter ones stand still at their end."""
  length = max(map(len, films))
  return [np.concatenate([f[min(i, len(f) - 1)] for f in films], axis=1) for i in range(length)]


def labelled(image: np.ndarray, text: str) -> np.ndarray:
  """The picture with a text in its upper left corner."""
  from PIL import Image, ImageDraw, ImageFont

  picture = Image.fromarray(image)
  size = max(12, image.shape[0] // 24)
  draw = ImageDraw.Draw(picture)
  font = ImageFont.load_default(size)
  draw.text((LABEL_MARGIN, LABEL_MARGIN), text, font=font, fill='white', stroke_width=2, stroke_fill='black')
  return np.asarray(picture)
