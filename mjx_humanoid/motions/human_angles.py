"""The twelve angles by which people describe a pose, in degrees, from landmarks: of a person or of the robot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mjx_humanoid.motions.bones import BONES, SIDES, TORSO, robot_directions
from mjx_humanoid.motions.landmarks import Landmarks


class HumanAngle(NamedTuple):
  """One of the twelve angles."""

  meaning: str
  joint: str  # the human joint of the skeleton whose hinges make it


def _of_side(side: str) -> dict[str, HumanAngle]:
  return {
    f'{side}_shoulder': HumanAngle('upper arm from the trunk: 0 hanging, 90 level, 180 up', f'{side}_shoulder'),
    f'{side}_elbow': HumanAngle('bend of the elbow: 0 straight', f'{side}_elbow'),
    f'{side}_hip': HumanAngle('thigh from the trunk, forward or aside: 0 straight, 90 sitting', f'{side}_hip'),
    f'{side}_knee': HumanAngle('bend of the knee: 0 straight', f'{side}_knee'),
    f'{side}_ankle': HumanAngle('toes up: 0 at a right angle to the shin, negative on the toes', f'{side}_ankle'),
  }


ANGLES: dict[str, HumanAngle] = {
  'chest_forward': HumanAngle('lean of the trunk forward from the vertical', 'spine'),
  'chest_left': HumanAngle('lean of the trunk to its left from the vertical', 'spine'),
  **{name: angle for side in SIDES for name, angle in _of_side(side).items()},
}
# The two bones between which each angle of a side is.
_BETWEEN = {
  'shoulder': ('trunk', 'upper_arm'),
  'elbow': ('upper_arm', 'forearm'),
  'hip': ('trunk', 'thigh'),
  'knee': ('thigh', 'shin'),
  'ankle': ('shin', 'foot'),
}


def human_angles(landmarks: Landmarks) -> dict[str, float]:
  """The twelve angles in degrees; NaN where a landmark that they need is not visible."""
  vectors, _ = robot_directions(landmarks.points)
  found = dict(zip(BONES, vectors, strict=True))
  seen = {name: landmarks.seen(*bone.ends) for name, bone in BONES.items()}
  forward, left = _lean(found) if all(seen[bone] for bone in TORSO) else (np.nan, np.nan)
  angles = {'chest_forward': forward, 'chest_left': left}
  for name in ANGLES:
    side, _, joint = name.partition('_')
    if side in SIDES:
      bones = [bone if bone == 'trunk' else f'{side}_{bone}' for bone in _BETWEEN[joint]]
      first, second = (found[bone] for bone in bones)
      value = _between(-first if joint in ('shoulder', 'hip') else first, second)
      value = value - 90.0 if joint == 'ankle' else value
      angles[name] = value if all(seen[bone] for bone in bones) else np.nan
  return {name: float(angles[name]) for name in ANGLES}


def _lean(found: dict[str, np.ndarray]) -> tuple[float, float]:
  """How far the trunk leans forward and to its left, in degrees."""
  across = found['shoulders'] + found['hips']
  left = np.array([across[0], across[1], 0.0])
  left /= max(float(np.linalg.norm(left)), 1e-9)
  ahead = np.array([left[1], -left[0], 0.0])
  trunk = found['trunk']
  return tuple(float(np.degrees(np.arcsin(np.clip(trunk @ axis, -1, 1)))) for axis in (ahead, left))  # type: ignore[return-value]


def _between(a: np.ndarray, b: np.ndarray) -> float:
  """The angle between two directions in degrees; exact for small ones too."""
  return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))
