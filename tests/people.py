"""What tests of poses share: poses by hand, landmarks of them, and the detector where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mjx_humanoid.motions.landmarks import NAMES, Landmarks, to_rows

PHOTOS = 'MJX_HUMANOID_POSE_PHOTOS'  # a folder with arms_up.jpg, star.jpg, walking.jpg and two_people.jpg


def randomly_posed(rig, rng):
  """A pose uniform within the joint limits, its root turned any way, and its landmarks."""
  qpos = rig.body.default_qpos.astype(float)
  turn = rng.normal(size=4)
  qpos = rig.body.root.placed(qpos[None], turn / np.linalg.norm(turn), 1.0)[0]
  low, high = rig.body.joint_range.astype(float).T
  qpos[rig.body.root.nq :] = rng.uniform(low, high)
  return qpos, rig.landmarks(qpos)


def posed(rig, **degrees):
  """The standing pose with these joint angles in degrees."""
  qpos = rig.body.default_qpos.astype(float)
  for name, value in degrees.items():
    qpos[rig.body.root.nq + rig.body.joint_names.index(name)] = np.radians(value)
  return qpos


def angle(rig, qpos, name):
  """A joint angle of a pose in degrees."""
  return float(np.degrees(qpos[rig.body.root.nq + rig.body.joint_names.index(name)]))


def hidden(landmarks, *names):
  """The same landmarks, of which some are not visible."""
  visibility = landmarks.visibility.copy()
  visibility[[NAMES.index(name) for name in names]] = 0.1
  return Landmarks(landmarks.points, visibility)


def landmarks_json(rig, qpos):
  """The content of a landmarks file of a pose."""
  import json

  return json.dumps({'landmarks': to_rows(rig.landmarks(qpos))})


def photo(name):
  """A photograph for the detector; skips the test, with the reason, where it or the detector is not at hand."""
  pytest.importorskip('mediapipe', reason="the extra 'pose' is not installed")
  from mjx_humanoid.motions import bundle

  folder = os.environ.get(PHOTOS)
  if not folder or not (Path(folder) / name).is_file():
    pytest.skip(f'{PHOTOS} does not name a folder with {name}')
  if not (os.environ.get(bundle.VARIABLE) or bundle.cached_model().is_file()):
    pytest.skip(f'there is no model of the detector: {bundle.VARIABLE} is not set and the cache has none')
  return Path(folder) / name
