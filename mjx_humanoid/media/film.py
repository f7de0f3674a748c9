"""Video frames of recorded episodes in real time, policies one after the other or side by side."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mjx_humanoid.core.opengl import choose_gl
from mjx_humanoid.media.marks import arrows, labelled
from mjx_humanoid.media.render import frame_times
from mjx_humanoid.physics.camera import Camera
from mjx_humanoid.playback.chain import Played, Stage, make_stages, play_chain
from mjx_humanoid.playback.policy import Policy

MAX_BESIDE = 3  # videos in one row

Progress = Callable[[Iterable[np.ndarray], int], Iterable[np.ndarray]]  # (frames, their number) -> the same frames


@dataclass(frozen=True)
class Look:
  """Camera, size and frame rate of a video."""

  camera: str = 'track'
  width: int = 640  # pixels
  height: int = 480
  framerate: int = 30  # frames/s
  software: bool = False  # rendered by the CPU: without antialiasing and reflections, which are slow there
  marks: bool = True  # arrows for pushes and commands, and a clock


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
  for episode in episodes:
    begun = 0.0  # s, of this policy in the episode
    for played in episode:
      pictures += film_part(played, look, progress, begun, label=label)
      begun += played.paths.terminated.shape[1] * played.stage.task.body.control_step
  return pictures


def film_part(played: Played, look: Look, progress: Progress, begun: float, *, label: bool) -> list[np.ndarray]:
  """The frames of one policy in an episode; `begun` is when it began, in s. See `film`."""
  stage, paths, body = played.stage, played.paths, played.stage.task.body
  qpos = paths.views.qpos[0]
  rows = frame_times(len(qpos), body.control_step, look.framerate)
  marks = [arrows(paths, body, row) for row in rows] if look.marks else None
  with Camera(stage.model, look.camera, look.width, look.height, software=look.software) as camera:
    shown = list(progress(camera.frames(qpos[rows], marks), len(rows)))
  name = stage.name if label else ''
  clocks = [f'{begun + (row + 1) * body.control_step:.1f} s' if look.marks else '' for row in rows]
  return [labelled(image, name, clock) if name or clock else image for image, clock in zip(shown, clocks, strict=True)]


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
  """Several videos side by side, more than MAX_BESIDE in rows; shorter ones keep their last frame.

  Args:
    films: frames uint8 [height, width, 3] of each.

  Returns:
    Frames [rows * height, columns * width, 3]; places without a film are black.
  """
  length = max(map(len, films))
  columns = len(films) if len(films) <= MAX_BESIDE else math.ceil(math.sqrt(len(films)))
  empty = [np.zeros_like(films[0][0])]
  places = [*films, *([empty] * (-len(films) % columns))]

  def frame(step: int) -> np.ndarray:
    images = [film[min(step, len(film) - 1)] for film in places]
    return np.concatenate([np.concatenate(images[i : i + columns], axis=1) for i in range(0, len(images), columns)])

  return [frame(step) for step in range(length)]
