"""Videos and contact sheets from frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import replacing, write_files

SHEET_COLUMNS = 5
SHEET_ROWS = 2


def frame_times(steps: int, control_step: float, framerate: int) -> np.ndarray:
  """The recorded step [frames] that each video frame shows, in real time."""
  seconds = steps * control_step
  moments = np.arange(max(1, round(seconds * framerate))) / framerate
  return np.clip(np.round(moments / control_step).astype(int), 0, steps - 1)


def write_video(path: Path, images: list[np.ndarray], framerate: int) -> None:
  """Writes an H.264 MP4 with mediapy, using the ffmpeg of imageio-ffmpeg if the system has none.

  Raises:
    UserError: the file cannot be written, or ffmpeg fails.
  """
  import mediapy

  use_bundled_ffmpeg()
  try:
    with replacing(path, 'the video') as partial:
      mediapy.write_video(partial, images, fps=framerate, qp=23)
  except RuntimeError as error:  # the message of ffmpeg, with the name of the temporary file
    reason = (str(error).splitlines() or ['ffmpeg failed'])[0].replace(str(partial), path.name)
    raise UserError(f'the video cannot be written to {path}: {reason}') from error


def use_bundled_ffmpeg() -> str:
  """Sets the ffmpeg of mediapy, and returns its path."""
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
  """Writes a contact sheet as PNG at half size. Raises UserError if it cannot be written."""
  import mediapy

  write_files({path: mediapy.compress_image(contact_sheet(images)[::2, ::2])}, 'the contact sheet')
