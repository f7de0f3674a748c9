"""Pose libraries: named poses of a robot in one .npz file, for start states."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.files import write_files
from mjx_humanoid.physics.body import Body

if TYPE_CHECKING:
  from mjx_humanoid.motions.person import BodyPose

CARRIED = 'carried:'  # prefix of references to libraries that came inside a policy file
MOST_POSES = 100_000
LONGEST = 200  # characters of a name


@dataclass(frozen=True, eq=False)
class Library:
  """Poses with their names. A file of poses without names, robot and joints is accepted too."""

  qpos: np.ndarray  # [K, nq]
  names: tuple[str, ...]  # [K]; () where the file has none
  robot: str  # the robot that they were made for; '' where the file does not say
  joints: tuple[str, ...]  # its joints, in the order of qpos; () where the file does not say

  def pose(self, name: str, source: str) -> np.ndarray:
    """The pose [nq] of a name. Raises UserError if there is none; lists the names."""
    if name not in self.names:
      if not self.names:
        raise UserError(f'{source} has poses without names.')
      raise unknown(f'pose in {source}:', name, self.names)
    return np.asarray(self.qpos[self.names.index(name)])

  def check(self, body: Body, source: str) -> None:
    """Raises UserError if the library is empty, not finite, or of a robot with other joints."""
    if self.joints and self.joints != body.joint_names:
      raise UserError(
        f'{source} is a library of poses of robot {self.robot!r}, whose joints are not those of {body.robot.name!r}.'
      )
    fits = self.qpos.ndim == 2 and self.qpos.shape[1] == body.nq and len(self.qpos) > 0
    if not fits or not np.isfinite(self.qpos).all():
      detail = '' if not fits or not self.names else f' The pose {self.names[_bad_row(self.qpos)]!r} is not.'
      empty = ' It is empty.' if self.qpos.ndim == 2 and not len(self.qpos) else ''
      raise UserError(
        f'{source} holds qpos of shape {self.qpos.shape}; {body.robot.name} needs [K, {body.nq}], all finite.'
        f'{empty}{detail}'
      )

  def content(self) -> bytes:
    """The library as the content of an .npz file."""
    buffer = io.BytesIO()
    names, joints = np.array(self.names, str), np.array(self.joints, str)
    np.savez_compressed(buffer, qpos=self.qpos, names=names, joints=joints, robot=np.array(self.robot))
    return buffer.getvalue()

  @property
  def digest(self) -> str:
    """SHA-256 of poses and names."""
    text = '\0'.join((self.robot, *self.names, *self.joints))
    return hashlib.sha256(np.ascontiguousarray(self.qpos, np.float32).tobytes() + text.encode()).hexdigest()


_carried: dict[str, Library] = {}  # by reference


def read_library(path: Path) -> Library:
  """The library in an .npz file. Raises UserError if it is none; nothing in the file is run."""
  try:
    with np.load(path, allow_pickle=False) as file:
      qpos = np.asarray(file['qpos'], np.float64)
      words = {key: np.atleast_1d(file[key]) if key in file else np.array([], str) for key in ('names', 'joints')}
      robot = str(file['robot']) if 'robot' in file else ''
  except (OSError, EOFError, TypeError, ValueError, KeyError, BadZipFile) as error:
    detail = str(error).split('. ')[0].split('\n')[0]
    raise UserError(f'{path} is not a pose file, an .npz with an array qpos [K, nq]: {detail}') from None
  names, joints = (tuple(map(str, words[key])) for key in ('names', 'joints'))
  if names and (qpos.ndim != 2 or len(names) != len(qpos)):
    raise UserError(f'{path} has {len(names)} names for qpos of shape {qpos.shape}.')
  if len(set(names)) != len(names) or any(not name or len(name) > LONGEST for name in names):
    raise UserError(f'{path}: names of poses must differ, and have 1 to {LONGEST} characters.')
  if qpos.ndim == 2 and len(qpos) > MOST_POSES:
    raise UserError(f'{path} has {len(qpos)} poses; the most is {MOST_POSES}.')
  return Library(qpos, names, robot, joints)


def write_library(library: Library, path: Path) -> None:
  """Writes a library, whole or not at all. Raises UserError where that is impossible."""
  write_files({path: library.content()}, 'the pose library')


def library_of(poses: Sequence[BodyPose]) -> Library:
  """The library of poses, of one robot. Names that are there twice get a number."""
  names: list[str] = []
  for pose in poses:
    own = pose.name[: LONGEST - 10]  # file names may be longer than `read_library` accepts
    name, number = own, 1
    while name in names:
      number += 1
      name = f'{own}-{number}'
    names.append(name)
  return Library(np.stack([pose.qpos for pose in poses]), tuple(names), poses[0].robot, tuple(poses[0].joints))


def find_library(reference: str) -> Library:
  """The library of a reference: a file, or one that came inside a policy file. Raises UserError if there is none."""
  if reference in _carried:
    return _carried[reference]
  return read_library(Path(reference))


def kept_library(start: str) -> Library | None:
  """The library of a start, to be put into a policy file; None where the start is none, or its file is gone."""
  if start in _carried or (is_library(start) and Path(start).is_file()):
    return find_library(start)
  return None


def carry(library: Library, typed: str) -> str:
  """Keeps a library that came inside a policy file, for this process; returns what configs call it.

  Args:
    typed: what the user called the file in training.
  """
  reference = f'{CARRIED}{library.digest[:16]}:{typed}'
  _carried[reference] = library
  return reference


def typed(reference: str) -> str:
  """What the user called a library that came inside a policy file; any other reference as it is."""
  return reference.removeprefix(CARRIED).partition(':')[2] if reference in _carried else reference


def is_library(reference: str) -> bool:
  """Whether a start is a pose library."""
  return reference.endswith('.npz')


def _bad_row(qpos: np.ndarray) -> int:
  return int(np.argmin(np.isfinite(qpos).all(axis=1)))
