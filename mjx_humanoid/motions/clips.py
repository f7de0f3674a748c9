"""Clips by name: where they are found, and the clip of a robot that a config names."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.motions import natural
from mjx_humanoid.motions.capture import Capture, read_deepmimic
from mjx_humanoid.motions.clip import Clip
from mjx_humanoid.motions.clip_files import FORMATS, OF_ROBOTS, read_poses
from mjx_humanoid.motions.retarget import retarget
from mjx_humanoid.robots import robots

PACKAGE, FOLDER, PREFIX = 'pybullet_data', 'data/motions', 'humanoid3d_'
VARIABLE = 'MJX_HUMANOID_CLIPS'  # environment variable: a folder of clips
CARRIED = 'carried:'  # prefix of references to clips that came inside a policy file
HOW_TO_GET = (
  f'clips of motion capture come with the package pybullet (pip install pybullet; its wheels are for Python 3.11 and'
  f' older); a folder of clips, named by the environment variable {VARIABLE}, or a file will do as well'
)
KEY, TIMES, POSES = 'clip', 'clip.seconds', 'clip.qpos'  # in a policy file: what the clip is, and its arrays
_carried: dict[str, Clip] = {}  # by reference
_found: dict[str, Clip] = {}  # the same, of the latest robot that asked for it


def folders() -> list[Path]:
  """The folders in which clips are looked for, in this order: that of the environment variable, and pybullet_data's."""
  found = [Path(os.environ[VARIABLE]).expanduser()] if os.environ.get(VARIABLE) else []
  spec = importlib.util.find_spec(PACKAGE)
  installed = [Path(place) / FOLDER for place in (spec.submodule_search_locations or [])] if spec else []
  return [folder for folder in (*found, *installed) if folder.is_dir()]


def clips_in(folder: Path) -> dict[str, Path]:
  """The clips of a folder by name, such as `walk` for humanoid3d_walk.txt."""
  files = sorted(path for path in folder.iterdir() if path.suffix in FORMATS and path.is_file())
  return {path.stem.removeprefix(PREFIX): path for path in files}


def clips_at(place: str = '') -> dict[str, Path]:
  """The clips at a place by name: a folder or a file, or '' for where clips are looked for. Raises UserError."""
  if place:
    path = Path(place).expanduser()
    if not path.exists():
      raise UserError(f'there is no folder or file {place!r}; {HOW_TO_GET}.')
    found = clips_in(path) if path.is_dir() else {path.stem.removeprefix(PREFIX): path}
    if not found:
      raise UserError(f'{place} has no clips: no files that end in {", ".join(FORMATS)}.')
    return found
  found = {name: path for folder in reversed(folders()) for name, path in clips_in(folder).items()}
  if not found:
    raise UserError(f'no clips are installed: {HOW_TO_GET}.')
  return found


def path_of(reference: str) -> Path:
  """The file of a clip: a file, or the name of one that is found. Raises UserError if there is none."""
  path = Path(reference).expanduser()
  if path.suffix in FORMATS:
    if not path.is_file():
      raise UserError(f'clip {reference!r}: there is no such file; {HOW_TO_GET}.')
    return path
  found = clips_at()
  if reference not in found:
    raise unknown('clip', reference, [*found, natural.NAME], 'A file will do as well: path/to/clip.txt, .npz or .csv.')
  return found[reference]


def find_clip(reference: str, robot: Robot) -> Clip:
  """The clip of a reference for a robot: a file, a name, `gait`, or one that came inside a policy file.

  A person's motion is retargeted to the robot.

  Raises:
    UserError: there is no such clip, it is damaged, or the robot cannot move so.
  """
  if reference in _carried:
    return _carried[reference]
  if natural.is_gait(reference):
    clip = _gait(reference, robot)
  else:
    path = path_of(reference)
    clip = _clip(path, path.stat().st_mtime_ns, robot)
  _found[reference] = clip
  return clip


@functools.lru_cache(maxsize=8)
def _clip(path: Path, changed: int, robot: Robot) -> Clip:
  """The clip in a file; `changed` is when it was written, so that a new file is read anew."""
  if path.suffix in OF_ROBOTS:
    return read_poses(path)
  return retarget(read_capture(path), robot, path.name)


@functools.lru_cache(maxsize=8)
def _gait(reference: str, robot: Robot) -> Clip:
  return natural.gait_clip(reference, robot)


def read_capture(path: Path) -> Capture:
  """A person's motion, called by its name without the prefix of its file. Raises UserError."""
  capture = read_deepmimic(path)
  return dataclasses.replace(capture, name=path.stem.removeprefix(PREFIX))


def carry(clip: Clip, typed: str) -> str:
  """Keeps a clip that came inside a policy file, for this process; returns what configs call it.

  Args:
    typed: what the user called the clip in training.
  """
  reference = f'{CARRIED}{clip.digest[:16]}:{typed}'
  _carried[reference] = clip
  return reference


def typed(reference: str) -> str:
  """What the user called a clip that came inside a policy file; any other reference as it is."""
  return reference.removeprefix(CARRIED).partition(':')[2] if reference in _carried else reference


def packed(clip: Clip) -> tuple[dict[str, np.ndarray], str]:
  """A clip as arrays by name, and what else there is to say as JSON, for a policy file."""
  words = {name: getattr(clip, name) for name in ('name', 'robot', 'joints', 'loop', 'source', 'held')}
  return {TIMES: clip.seconds, POSES: clip.qpos}, json.dumps(words)


def unpacked(arrays: Mapping[str, np.ndarray], words: str) -> Clip:
  """The clip of `packed`. Raises KeyError, TypeError or ValueError if it is damaged."""
  said, (seconds, qpos) = json.loads(words), (arrays[name].astype(float) for name in (TIMES, POSES))
  joints = tuple(map(str, said['joints']))
  if qpos.shape != (len(seconds), 7 + len(joints)) or not np.isfinite(qpos).all() or (np.diff(seconds) <= 0).any():
    raise ValueError('its clip is no motion')
  loop, held = bool(said['loop']), bool(said.get('held'))
  if loop and held:
    raise ValueError('its clip is a loop and held at its end')
  return Clip(str(said['name']), str(said['robot']), joints, seconds, qpos, loop, str(said['source']), held)


def kept_clip(reference: str, robot: str) -> Clip | None:
  """The clip of a task, to be put into a policy file; None where the task has none, or nobody can find it any more.

  Args:
    robot: name of the robot in the registry, for a clip that this process has not used yet.
  """
  if not reference or reference in _carried:
    return _carried.get(reference)
  if reference in _found:
    return _found[reference]
  try:
    return find_clip(reference, robots()[robot])
  except UserError:
    return None


def described(reference: str, robot: str) -> dict[str, Any]:
  """What a report card says of a task's clip, as JSON types: its name, its source, and whether it loops."""
  clip = kept_clip(reference, robot)
  if clip is None:
    return {'name': typed(reference)}
  held = {'held': True} if clip.held else {}
  return {'name': typed(reference), 'source': clip.source or clip.name, 'loop': clip.loop, **held}
