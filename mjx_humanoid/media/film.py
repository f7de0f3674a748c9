"""Video frames of recorded episodes in real time, policies one after the other or side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mjx_humanoid.core.opengl import choose_gl
from mjx_humanoid.media.render import frame_times
from mjx_humanoid.physics.camera import Camera
from mjx_humanoid.playback.chain import Played, Stage, make_stages, play_chain
from mjx_humanoid.playback.policy import Policy

LABEL_MARGIN = 8  # pixels

Progress = Callable[[Iterable[np.ndarray], int], Iterable[np.ndarray]]  # (frames, their number) -> the same frames


@dataclass(frozen=True)
class Look:
  """Camera, size and frame rate of a video."""

  camera: str = 'track'
  width: int = 640  # pixels
  height: int = 480
  framerate: int = 30  # frames/s
  software: bool = False  # rendered by the CPU: without antialiasing and reflections, which are slow there


def film(episodes: Sequence[Sequence[Played]], look: Look, progress: Progress, label: bool = False) -> list[np.ndarray]:
  """Frames uint8 [height, width, 3] of these episodes, one after the other.

  Args:
    episodes: each a sequence of policies, one after the other.
    progress: shows the progress of rendering.
    label: write the name of the policy into each frame.

  Raises:
    UserError: the robot has no such camera.
  """
  pictures: list[np.ndarray] = []
  for played in (stage for episode in episodes for stage in episode):
    stage, qpos = played.stage, played.paths.views.qpos[0]
    rows = frame_times(len(qpos), stage.task.body.control_step, look.framerate)
    with Camera(stage.model, look.camera, look.width, look.height, software=look.software) as camera:
      shown = list(progress(camera.frames(qpos[rows]), len(rows)))
    pictures += [labelled(image, stage.name) for image in shown] if label else shown
  return pictures


def film_policies(
  policies: Sequence[Policy | None],
  changes: Mapping[str, Any],
  look: Look,
  seconds: float,
  seed: int,
  *,
  compare: bool,
) -> list[np.ndarray]:
  """Frames uint8 [height, width, 3] of policies, each for `seconds`, one after the other or side by side.

  Args:
    policies: None means random actions.
    changes: settings of their tasks, by dotted name.
    compare: side by side, from the same start.

  Raises:
    UserError: there is no OpenGL, or a policy does not fit its robot.
  """
  look = dataclasses.replace(look, software=choose_gl().software)
  stages = make_stages(policies, changes, noise=np.random.default_rng(seed), compare=compare)
  films = []
  for lane in lanes(stages, compare=compare):
    episode = play_chain(lane, np.random.default_rng(seed), seconds)
    films.append(film([episode], look, lambda images, count: images, label=len(stages) > 1))
  return side_by_side(films)


def lanes(stages: Sequence[Stage], *, compare: bool) -> list[Sequence[Stage]]:
  """The chains that are shown side by side: one per policy if they are compared, else one chain of all."""
  return [[stage] for stage in stages] if compare else [stages]


def side_by_side(films: Sequence[list[np.ndarray]]) -> list[np.ndarray]:
  """Frames [height, w1 + w2 + ..., 3] of several videos side by side; shorter ones keep their last frame."""
  length = max(map(len, films))
  return [np.concatenate([f[min(i, len(f) - 1)] for f in films], axis=1) for i in range(length)]


def labelled(image: np.ndarray, text: str) -> np.ndarray:
  """A copy of the image with a text in its upper left corner."""
  from PIL import Image, ImageDraw, ImageFont

  picture = Image.fromarray(image)
  size = max(12, image.shape[0] // 24)
  draw = ImageDraw.Draw(picture)
  font = ImageFont.load_default(size)
  draw.text((LABEL_MARGIN, LABEL_MARGIN), text, font=font, fill='white', stroke_width=2, stroke_fill='black')
  return np.asarray(picture)
