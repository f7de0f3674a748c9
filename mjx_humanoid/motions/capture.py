"""Motion capture of a person: how a body of fifteen parts moves, and its landmarks; DeepMimic's text files.

A file is JSON with "Loop" ("wrap" or "none") and "Frames", rows of 44 numbers (Peng et al., DeepMimic, 2018): duration
of the frame [s]; place of the pelvis, y up [m] 3; quaternions w x y z of pelvis, chest, neck and right hip; right knee
[rad]; quaternion of the right ankle and shoulder; right elbow; and the same of the left side. Places and rotations are
changed to the axes of this package here: x ahead, y to the left, z up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.hinges import rotation
from mjx_humanoid.motions.landmarks import NAMES, Landmarks, index

SIDES = ('right', 'left')
BALLS = ('hip', 'ankle', 'shoulder')  # joints of a side that are quaternions
HINGES = ('knee', 'elbow')  # joints of a side that are angles
_OF_SIDE = (('hip', 4), ('knee', 1), ('ankle', 4), ('shoulder', 4), ('elbow', 1))
COLUMNS: tuple[tuple[str, int], ...] = (
  ('duration', 1),
  ('place', 3),
  ('root', 4),
  ('chest', 4),
  ('neck', 4),
  *((f'{side}_{joint}', width) for side in SIDES for joint, width in _OF_SIDE),
)
WIDTH = sum(width for _, width in COLUMNS)
AXES = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # from DeepMimic's axes to ours
LOOPS = {'wrap': True, 'none': False}
# The person's body in m, as DeepMimic's humanoid: joints from the part that carries them, left side.
CHEST = (0.0, 0.0, 0.236151)  # from the pelvis
NECK = (0.0, 0.0, 0.223894)  # from the chest, as what follows but for the hip
SHOULDER, ELBOW, WRIST = (-0.02405, 0.18311, 0.2435), (0.0, 0.0, -0.274788), (0.0, 0.0, -0.258947)
HIP, KNEE, ANKLE = (0.0, 0.084887, 0.0), (0.0, 0.0, -0.421546), (0.0, 0.0, -0.40987)
HEEL, TOE = (-0.0435, 0.0, -0.05), (0.1335, 0.0, -0.05)  # from the ankle: the ends of a sole of 0.177 m
EAR = (-0.02405, 0.09, 0.42)  # from the chest: the robot cannot turn its head, so a turned head counts for nothing
HIP_HEIGHT = -(KNEE[2] + ANKLE[2] + HEEL[2])  # of straight legs
WHOLE = 0.5  # a quaternion whose length differs by more from 1 is a mistake; published clips have some of 1.12
FASTEST_FRAME, SLOWEST_FRAME = 1e-4, 10.0  # s


@dataclass(frozen=True, eq=False)
class Capture:
  """A motion of a person, T frames."""

  name: str
  seconds: np.ndarray  # [T] time of each frame, from 0 on
  loop: bool
  place: np.ndarray  # [T, 3] m, of the pelvis
  rotations: dict[str, np.ndarray]  # [T, 3, 3] of each part against the one that carries it; `root` against the world

  def __len__(self) -> int:
    """Number of frames."""
    return len(self.seconds)

  def landmarks(self, frame: int) -> Landmarks:
    """The landmarks of one frame, in the world; those of face and fingers are not visible."""
    turn = {name: each[frame] for name, each in self.rotations.items()}
    root, pelvis = turn['root'], self.place[frame]
    chest, trunk = root @ turn['chest'], pelvis + root @ np.array(CHEST)
    points, seen = np.zeros((len(NAMES), 3)), np.zeros(len(NAMES))
    for side, sign in (('left', 1.0), ('right', -1.0)):
      here = {'ear': trunk + chest @ _sided(EAR, sign)}
      _limb(here, turn, side, trunk + chest @ _sided(SHOULDER, sign), chest, ('shoulder', 'elbow'), (ELBOW, WRIST))
      _limb(here, turn, side, pelvis + root @ _sided(HIP, sign), root, ('hip', 'knee', 'ankle'), (KNEE, ANKLE, TOE))
      for name, point in here.items():
        points[index(f'{side}_{name}')], seen[index(f'{side}_{name}')] = point, 1.0
    return Landmarks(points, seen)


ENDS = {'shoulder': 'elbow', 'elbow': 'wrist', 'hip': 'knee', 'knee': 'ankle', 'ankle': 'foot_index'}


def _limb(
  found: dict[str, np.ndarray],
  turn: dict[str, np.ndarray],
  side: str,
  start: np.ndarray,
  carrier: np.ndarray,
  joints: tuple[str, ...],
  offsets: tuple[tuple[float, float, float], ...],
) -> None:
  """Adds the places of the joints of one limb, and of its end, to `found`."""
  found[joints[0]] = place = start
  for joint, offset in zip(joints, offsets, strict=True):
    carrier = carrier @ turn[f'{side}_{joint}']
    if joint == 'ankle':
      found['heel'] = place + carrier @ np.array(HEEL)
    found[ENDS[joint]] = place = place + carrier @ np.array(offset)


def _sided(offset: tuple[float, float, float], sign: float) -> np.ndarray:
  return np.array([offset[0], sign * offset[1], offset[2]])


def read_deepmimic(path: Path) -> Capture:
  """The motion in a file of DeepMimic's format.

  Raises:
    UserError: it is no such file, or a frame holds something that is no motion: the frame and the joint are named.
  """
  what = "a clip of DeepMimic's format, JSON with Loop and Frames of 44 numbers"
  try:
    content: Any = json.loads(path.read_text(encoding='utf-8'))
    frames = np.array(content['Frames'], float)
    loop = LOOPS[str(content['Loop'])]
  except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, RecursionError) as error:
    detail = f'there is no {error}' if isinstance(error, KeyError) else str(error).split('\n')[0][:120]
    raise UserError(f'{path} is not {what}: {detail}.') from None
  if frames.ndim != 2 or frames.shape[1] != WIDTH or len(frames) < 2:
    raise UserError(f'{path} is not {what}: its frames have the shape {frames.shape}; they need [2 or more, {WIDTH}].')
  return _capture(path, frames, loop=loop)


def _capture(path: Path, frames: np.ndarray, *, loop: bool) -> Capture:
  parts, first = {}, 0
  for name, width in COLUMNS:
    parts[name] = frames[:, first : first + width]
    first += width
    if not np.isfinite(parts[name]).all():
      row = int(np.argmin(np.isfinite(parts[name]).all(axis=1)))
      raise UserError(f'{path}: frame {row} of {name} is not a finite number.')
  durations = parts.pop('duration')[:-1, 0]
  if (durations < FASTEST_FRAME).any() or (durations > SLOWEST_FRAME).any():
    row = int(np.argmax((durations < FASTEST_FRAME) | (durations > SLOWEST_FRAME)))
    raise UserError(f'{path}: frame {row} lasts {durations[row]:g} s; time must go forward.')
  place = parts.pop('place') @ AXES.T
  rotations = {name: _matrices(path, name, values) for name, values in parts.items()}
  return Capture(path.stem, np.concatenate([[0.0], np.cumsum(durations)]), loop, place, rotations)


def _matrices(path: Path, name: str, values: np.ndarray) -> np.ndarray:
  """Rotation matrices [T, 3, 3] in our axes, from quaternions [T, 4] or the angles [T, 1] of a hinge."""
  if values.shape[1] == 1:  # about DeepMimic's z axis, which points to the right
    return np.array([rotation(np.array([0.0, -1.0, 0.0]), float(angle)) for angle in values[:, 0]])
  lengths = np.linalg.norm(values, axis=1)
  if (np.abs(lengths - 1) > WHOLE).any():
    row = int(np.argmax(np.abs(lengths - 1)))
    raise UserError(f'{path}: frame {row} of {name} is no rotation: its quaternion has the length {lengths[row]:.3g}.')
  w, vectors = values[:, 0] / lengths, values[:, 1:] / lengths[:, None] @ AXES.T
  size = np.linalg.norm(vectors, axis=1)
  axes = vectors / np.maximum(size, 1e-12)[:, None]
  return np.array([rotation(axis, float(angle)) for axis, angle in zip(axes, 2 * np.arctan2(size, w), strict=True)])
