"""Bones: lines between landmarks, whose directions a pose has to reproduce. Lengths do not matter, so that a person's
proportions need not be the robot's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.landmarks import Landmarks, index

SIDES = ('left', 'right')
SHORT = 1e-3  # m; a shorter bone has no direction
BOTH_EARS, BOTH_SHOULDERS, BOTH_HIPS = (tuple(f'{s}_{part}' for s in SIDES) for part in ('ear', 'shoulder', 'hip'))


class Bone(NamedTuple):
  """A line from the middle of some landmarks to the middle of others."""

  start: tuple[str, ...]
  end: tuple[str, ...]
  trust: float = 1.0  # how much its direction says about the robot's, whose body is stiffer than a person's

  @property
  def ends(self) -> tuple[str, ...]:
    """All its landmarks."""
    return (*self.start, *self.end)


def _limbs(side: str) -> dict[str, Bone]:
  def bone(start: str, end: str, trust: float = 1.0) -> Bone:
    return Bone((f'{side}_{start}',), (f'{side}_{end}',), trust)

  return {
    f'{side}_upper_arm': bone('shoulder', 'elbow'),
    f'{side}_forearm': bone('elbow', 'wrist'),
    f'{side}_thigh': bone('hip', 'knee'),
    f'{side}_shin': bone('knee', 'ankle'),
    f'{side}_foot': bone('heel', 'foot_index', 0.5),  # of shoes
    f'{side}_heel': bone('ankle', 'heel', 0.25),
  }


BONES: dict[str, Bone] = {
  'shoulders': Bone(('right_shoulder',), ('left_shoulder',)),
  'hips': Bone(('right_hip',), ('left_hip',)),
  'trunk': Bone(BOTH_HIPS, BOTH_SHOULDERS),
  'neck': Bone(BOTH_SHOULDERS, BOTH_EARS, 0.3),  # a person can turn the head, the robot cannot
  **{name: bone for side in SIDES for name, bone in _limbs(side).items()},
}
TORSO = ('shoulders', 'hips', 'trunk')  # without which there is no pose
OF_TORSO = (*TORSO, 'neck')  # which tell the angles of the root and the spine
# The bones by which the angles of a human joint are known; its side goes before them.
OF_JOINT = {
  'hip': ('thigh',),
  'knee': ('thigh', 'shin'),
  'ankle': ('shin', 'foot'),
  'shoulder': ('upper_arm',),
  'elbow': ('upper_arm', 'forearm'),
}


@dataclass(frozen=True, eq=False)
class Directions:
  """The directions of a body's bones, in the order of BONES."""

  vectors: np.ndarray  # [bones, 3] of length 1; zero for bones that are not known
  weights: np.ndarray  # [bones] m: length times trust, so that errors are those of the landmarks; 0 where not known

  def __getitem__(self, name: str) -> np.ndarray:
    """The direction [3] of a bone."""
    return np.asarray(self.vectors[list(BONES).index(name)])

  def only(self, names: Sequence[str]) -> Directions:
    """The same with the weights of all other bones zero."""
    return Directions(self.vectors, self.weights * [name in names for name in BONES])

  def known(self, *names: str) -> bool:
    """Whether all of these bones are known."""
    return all(self.weights[list(BONES).index(name)] > 0 for name in names)

  def joint_known(self, joint: str) -> bool:
    """Whether the angles of a human joint such as `left_knee` or `spine` can be told."""
    side, _, name = joint.rpartition('_')
    return name == 'spine' or self.known(*(f'{side}_{bone}' for bone in OF_JOINT[name]))


def directions(landmarks: Landmarks) -> Directions:
  """The directions of the bones between visible landmarks.

  Raises:
    UserError: shoulders or hips are not visible, or in one place.
  """
  vectors, weights = np.zeros((len(BONES), 3)), np.zeros(len(BONES))
  for i, bone in enumerate(BONES.values()):
    line = landmarks.point(*bone.end) - landmarks.point(*bone.start)
    length = float(np.linalg.norm(line))
    if landmarks.seen(*bone.ends) and length > SHORT:
      vectors[i], weights[i] = line / length, bone.trust * length
  found = Directions(vectors, weights)
  for name in TORSO:
    if not found.known(name):
      unseen = [n.replace('_', ' ') for n in BONES[name].ends if not landmarks.seen(n)]
      raise UserError(
        f'the torso is not all in the picture: {", ".join(unseen)} {"is" if len(unseen) == 1 else "are"} not visible.'
        ' A pose needs both shoulders and both hips.'
        if unseen
        else f'the landmarks of the {name} are all in one place.'
      )
  return found


def robot_directions(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """The directions [bones, 3] and lengths [bones] of the bones between landmarks at points [33, 3]."""
  lines = MATRIX @ points
  lengths = np.maximum(np.linalg.norm(lines, axis=1), SHORT)
  return lines / lengths[:, None], lengths


def _matrix() -> np.ndarray:
  found = np.zeros((len(BONES), 33))
  for i, bone in enumerate(BONES.values()):
    found[i, [index(n) for n in bone.end]] += 1 / len(bone.end)
    found[i, [index(n) for n in bone.start]] -= 1 / len(bone.start)
  return found


MATRIX = _matrix()  # [bones, 33]: bone lines = MATRIX @ points
USED = np.flatnonzero(np.abs(MATRIX).any(axis=0))  # landmarks that bones have as ends
