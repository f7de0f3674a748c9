"""Files of clips: poses of a robot over time as .npz or .csv, or a person's motion in DeepMimic's format.

An .npz holds `time` [T] in s, `joints` [J] names, and `qpos` [T, 7 + J]: place of the root [m], its quaternion w x y z,
angles of the joints [rad]; optional are `loop` and `held` (bool), `robot` and `source`. A .csv has the columns time, x,
y, z, qw, qx, qy, qz and one for each joint, by its name; a first line such as `# loop=true robot=humanoid` may go
before them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.clip import QUATERNION, Clip

ROOT = ('x', 'y', 'z', 'qw', 'qx', 'qy', 'qz')
TIME = 'time'
FORMATS = ('.txt', '.json', '.npz', '.csv')
OF_ROBOTS = ('.npz', '.csv')
MOST_FRAMES = 100_000
COMMENT = '#'


def read_poses(path: Path) -> Clip:
  """The clip in an .npz or .csv file. Raises UserError, with frame and joint, if it is none; nothing in it is run."""
  seconds, qpos, joints, words = (_read_csv if path.suffix == '.csv' else _read_npz)(path)
  names = [*ROOT, *joints]
  if qpos.ndim != 2 or qpos.shape[1] != len(names) or seconds.shape != (len(qpos),) or len(qpos) < 2:
    raise UserError(
      f'{path}: time has the shape {seconds.shape} and qpos {qpos.shape}; with {len(joints)} joints they need [T] and'
      f' [T, {len(names)}], and T of 2 or more.'
    )
  if len(qpos) > MOST_FRAMES:
    raise UserError(f'{path} has {len(qpos)} frames; the most is {MOST_FRAMES}.')
  if len(set(joints)) != len(joints):
    raise UserError(f'{path} names a joint twice.')
  bad = ~np.isfinite(np.concatenate([seconds[:, None], qpos], axis=1))
  if bad.any():
    frame, column = np.argwhere(bad)[0]
    raise UserError(f'{path}: frame {frame} of {[TIME, *names][column]} is not a finite number.')
  if (np.diff(seconds) <= 0).any():
    frame = int(np.argmax(np.diff(seconds) <= 0)) + 1
    raise UserError(f'{path}: time goes back at frame {frame}, from {seconds[frame - 1]:g} to {seconds[frame]:g} s.')
  lengths = np.linalg.norm(qpos[:, QUATERNION], axis=1)
  if (lengths < 0.5).any():
    raise UserError(f'{path}: frame {int(np.argmin(lengths))} has an orientation, qw to qz, that is no quaternion.')
  qpos[:, QUATERNION] /= lengths[:, None]
  loop, held = (words.get(name, '').lower() in ('true', '1') for name in ('loop', 'held'))
  if loop and held:
    raise UserError(f'{path} is a loop and held at its end; it can be one of them.')
  robot, source = words.get('robot', ''), words.get('source', '')
  return Clip(path.stem, robot, tuple(joints), seconds - seconds[0], qpos, loop, source, held)


def csv_content(clip: Clip) -> bytes:
  """The clip as the content of a .csv file."""
  file = io.StringIO()
  held = ' held=true' if clip.held else ''
  file.write(f'{COMMENT} loop={str(clip.loop).lower()} robot={clip.robot}{held}\n')
  rows = csv.writer(file, lineterminator='\n')
  rows.writerow([TIME, *ROOT, *clip.joints])
  for time, pose in zip(clip.seconds, clip.qpos, strict=True):
    rows.writerow([f'{time:.6f}', *(f'{value:.8g}' for value in pose)])
  return file.getvalue().encode()


Content = tuple[np.ndarray, np.ndarray, Sequence[str], dict[str, str]]


def _read_npz(path: Path) -> Content:
  try:
    with np.load(path, allow_pickle=False) as file:
      seconds, qpos = (np.asarray(file[name], np.float64) for name in (TIME, 'qpos'))
      joints = [str(name) for name in np.atleast_1d(file['joints'])]
      words = {name: str(file[name]) for name in ('loop', 'held', 'robot', 'source') if name in file}
  except (OSError, EOFError, TypeError, ValueError, KeyError, BadZipFile) as error:
    detail = str(error).split('. ')[0].split('\n')[0]
    raise UserError(f'{path} is not a clip, an .npz with time [T], joints [J] and qpos [T, 7 + J]: {detail}') from None
  return seconds, qpos, joints, words


def _read_csv(path: Path) -> Content:
  try:
    lines = path.read_text(encoding='utf-8').splitlines()
  except (OSError, UnicodeDecodeError) as error:
    raise UserError(f'{path} is not a clip, a .csv of times and joint angles: {error}.') from None
  said = [line for line in lines if line.startswith(COMMENT)]
  words = dict(pair.split('=', 1) for line in said for pair in line[1:].split() if '=' in pair)
  rows = list(csv.reader(line for line in lines if line.strip() and not line.startswith(COMMENT)))
  header = [name.strip() for name in rows[0]] if rows else []
  if missing := [name for name in (TIME, *ROOT) if name not in header]:
    raise UserError(
      f'{path} is not a clip, a .csv of times and joint angles: it lacks the columns {", ".join(missing)}.'
    )
  joints = [name for name in header if name not in (TIME, *ROOT)]
  for row, values in enumerate(rows[1:]):
    if len(values) != len(header):
      raise UserError(f'{path}: frame {row} has {len(values)} values for {len(header)} columns.')
  try:
    table = np.array(rows[1:], float).reshape(-1, len(header))
  except ValueError as error:
    raise UserError(f'{path} is not a clip, a .csv of times and joint angles: {error}.') from None
  order = [header.index(name) for name in (*ROOT, *joints)]
  return table[:, header.index(TIME)], table[:, order], joints, words
