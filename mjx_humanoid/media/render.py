"""From trajectories to frames, videos and contact sheets."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError, unknown

SHEET_COLUMNS = 5
SHEET_ROWS = 2


def frame_times(steps: int, control_step: float, framerate: int) -> np.ndarray:
  """Which recorded step [frames] each video frame shows, in real time."""
  seconds = steps * control_step
  moments = np.arange(max(1, round(seconds * framerate))) / framerate
  return np.clip(np.round(moments / control_step).astype(int), 0, steps - 1)


def frames(
  model: mujoco.MjModel, qpos: np.ndarray, *, camera: str, width: int, height: int, software: bool = False
) -> Iterator[np.ndarray]:
  """Renders one frame for each row of qpos [F, nq]: uint8 [height, width, 3].

  Args:
    software: leave out smoothing and reflections, which take a CPU most of its time.

  Raises:
    UserError: the model has no such camera.
  """
  cameras = [model.camera(i).name for i in range(model.ncam)]
  if camera not in cameras:
    raise unknown('camera', camera, cameras)
  model = copy.copy(model)  # its buffers and quality are changed below
  model.vis.global_.offwidth = max(model.vis.global_.offwidth, width)
  model.vis.global_.offheight = max(model.vis.global_.offheight, height)
  model.vis.quality.offsamples = 0 if software else model.vis.quality.offsamples
  data = mujoco.MjData(model)
  with mujoco.Renderer(model, height=height, width=width) as renderer:
    renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = not software
    for row in qpos:
      data.qpos[:] = np.nan_to_num(row)
      mujoco.mj_forward(model, data)
      renderer.update_scene(data, camera=camera)
      yield renderer.render().copy()


def write_video(path: Path, images: list[np.ndarray], framerate: int) -> None:
  """An H.264 MP4, by mediapy, with the ffmpeg that imageio-ffmpeg carries where the system has none.

  Raises:
    UserError: the file cannot be written.
  """
  import mediapy

  use_bundled_ffmpeg()
  partial = path.with_name(f'.{path.stem}.partial{path.suffix}')
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    mediapy.write_video(partial, images, fps=framerate, qp=23)
    partial.replace(path)
  except (OSError, RuntimeError) as error:
    partial.unlink(missing_ok=True)
    raise UserError(f'the video {path} cannot be written: {str(error).splitlines()[0]}') from error


def use_bundled_ffmpeg() -> str:
  """Points mediapy at an ffmpeg and returns its path."""
  import shutil

  import imageio_ffmpeg
  import mediapy

  path = shutil.which('ffmpeg') or imageio_ffmpeg.get_ffmpeg_exe()
  mediapy.set_ffmpeg(path)
  return str(path)


def contact_sheet(images: list[np.ndarray]) -> np.ndarray:
  """Ten frames, evenly spaced from first to last, in two rows: uint8 [2 h, 5 w, 3]."""
  picks = np.linspace(0, len(images) - 1, SHEET_COLUMNS * SHEET_ROWS).round().astype(int)
  rows = [np.concatenate([images[i] for i in row], axis=1) for row in picks.reshape(SHEET_ROWS, SHEET_COLUMNS)]
  return np.concatenate(rows, axis=0)


def write_sheet(path: Path, images: list[np.ndarray]) -> None:
  """A contact sheet as PNG, half size."""
  import mediapy

  mediapy.write_image(path, contact_sheet(images)[::2, ::2])


def writable(path: Path) -> None:
  """Raises UserError, before any work is done, where a file cannot be made at `path`."""
  folder = path.parent
  while not folder.exists() and folder != folder.parent:
    folder = folder.parent
  if path.is_dir() or not os.access(folder, os.W_OK) or not folder.is_dir():
    raise UserError(f'{path} cannot be written.')
