"""Videos and contact sheets from frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import replacing, write_files

SHEET_FRAMES = 10
SHEET_WIDTH = 1600  # pixels, at most
STRIP = 2.5  # width of a frame over its height, from which two are in a row


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


def sheet_frames(count: int, framerate: int, frequency: float = 0.0) -> np.ndarray:
  """Which SHEET_FRAMES of a video's `count` frames its contact sheet shows.

  Args:
    frequency: strides per second; then they are one stride from the middle of the video: frames evenly spaced over
      the whole of it would show the same instant of different strides. 0: from first to last.
  """
  span = framerate / frequency * (SHEET_FRAMES - 1) / SHEET_FRAMES if frequency else np.inf
  first, last = (count // 2, count // 2 + span) if span <= (count - 1) / 2 else (0, count - 1)
  return np.linspace(first, last, SHEET_FRAMES).round().astype(int)


def contact_sheet(images: list[np.ndarray], picks: np.ndarray | None = None) -> np.ndarray:
  """Ten frames, by default evenly spaced from first to last: uint8 [rows h, columns w, 3].

  In two rows; in five rows of two, where the frames are wider than STRIP times their height.
  """
  chosen = sheet_frames(len(images), 1) if picks is None else picks
  height, width, _ = images[0].shape
  columns = 2 if width > STRIP * height else 5
  rows = [np.concatenate([images[i] for i in row], axis=1) for row in chosen.reshape(-1, columns)]
  return np.concatenate(rows, axis=0)


def write_sheet(path: Path, images: list[np.ndarray], picks: np.ndarray | None = None) -> None:
  """Writes a contact sheet as PNG at half size, or less: at most SHEET_WIDTH wide.

  Raises:
    UserError: it cannot be written.
  """
  import mediapy
  from PIL import Image

  sheet = Image.fromarray(contact_sheet(images, picks))
  factor = max(2.0, sheet.width / SHEET_WIDTH)
  size = max(1, round(sheet.width / factor)), max(1, round(sheet.height / factor))
  small = np.asarray(sheet.resize(size, Image.Resampling.BOX))
  write_files({path: mediapy.compress_image(small)}, 'the contact sheet')
