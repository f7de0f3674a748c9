"""The last ten seconds of one environment, and their video."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.opengl import choose_gl
from mjx_humanoid.core.types import View
from mjx_humanoid.media.marks import arrows_at, labelled
from mjx_humanoid.media.render import frame_times, write_video
from mjx_humanoid.physics.camera import Camera
from mjx_humanoid.playback.chain import Stage
from mjx_humanoid.playback.rollout import Frame

SECONDS = 10.0
FRAMERATE = 30
SIZE = (640, 480)  # width, height in pixels


class Moment(NamedTuple):
  """One control step."""

  frame: Frame
  push: np.ndarray  # [3] N, of the task and the user together


class Replay:
  """A ring of the latest control steps. Safe between threads."""

  def __init__(self, stage: Stage) -> None:
    """Args: stage: of the moments."""
    self.stage = stage
    steps = max(1, round(SECONDS / stage.task.body.control_step))
    self._moments: deque[Moment] = deque(maxlen=steps)
    self._lock = threading.Lock()

  def add(self, frame: Frame, push: np.ndarray) -> None:
    """Adds a control step of one environment."""
    with self._lock:
      self._moments.append(Moment(frame, push))

  def moments(self) -> list[Moment]:
    """All, oldest first."""
    with self._lock:
      return list(self._moments)


def save(replay: Replay, folder: Path, camera: str = 'track') -> Path:
  """Renders a replay to an MP4 in a folder, whose name is the policy's with a number that is free.

  Raises:
    UserError: nothing was simulated yet, there is no OpenGL, or the file cannot be written.
  """
  moments, stage = replay.moments(), replay.stage
  if not moments:
    raise UserError('nothing was simulated yet: there is nothing to save.')
  software = choose_gl().software
  path = free_path(folder, stage.name)
  write_video(path, pictures(moments, stage, camera, software=software), FRAMERATE)
  return path


def pictures(moments: list[Moment], stage: Stage, camera: str, *, software: bool) -> list[np.ndarray]:
  """Frames uint8 [height, width, 3] in real time, with arrows for pushes and commands, and a clock."""
  body = stage.task.body
  images = []
  with Camera(stage.model, camera, *SIZE, software=software) as shutter:
    for row in frame_times(len(moments), body.control_step, FRAMERATE):
      frame, push = moments[row]
      view, context = View(*(x[0] for x in frame.view)), frame.context
      marks = arrows_at(view, body, push, context.command[0], context.heading[0])
      clock = f'{context.step[0] * body.control_step:.1f} s'
      images.append(labelled(shutter.picture(view.qpos, marks), '', clock))
  return images


def free_path(folder: Path, name: str) -> Path:
  """<folder>/<name>-<number>.mp4 with the first free number; what a file name cannot hold is left out of the name."""
  plain = ''.join(c for c in name if c.isalnum() or c in '-_') or 'policy'
  number = 1
  while (path := folder / f'{plain}-{number}.mp4').exists():
    number += 1
  return path
