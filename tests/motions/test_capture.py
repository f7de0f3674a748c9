"""Protects what is read of motion capture: places of a person's joints by hand, and mistakes with frame and joint."""

from __future__ import annotations

import json

import numpy as np
import pytest
from clip_tools import about_z, rows, stepping, write_person

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.capture import WIDTH, read_deepmimic

SECONDS = 0.05


def person(tmp_path, frame=0, **columns):
  return read_deepmimic(write_person(tmp_path / 'a.txt', rows(2, **columns))).landmarks(frame)


def test_a_frame_has_44_numbers():
  assert WIDTH == 44


def test_a_person_who_stands_straight(tmp_path):
  """Above the pelvis at 0.9 m: chest 0.236151, shoulder 0.2435; arm 0.274788 + 0.258947, leg 0.421546 + 0.40987."""
  found = person(tmp_path, place=[1.0, 0.9, -2.0])
  expected = {
    'left_shoulder': (1 - 0.02405, 2 + 0.18311, 0.9 + 0.479651),
    'left_wrist': (1 - 0.02405, 2 + 0.18311, 0.9 + 0.479651 - 0.533735),
    'right_shoulder': (1 - 0.02405, 2 - 0.18311, 0.9 + 0.479651),
    'left_hip': (1, 2 + 0.084887, 0.9),
    'right_knee': (1, 2 - 0.084887, 0.9 - 0.421546),
    'right_ankle': (1, 2 - 0.084887, 0.9 - 0.831416),
    'left_foot_index': (1 + 0.1335, 2 + 0.084887, 0.9 - 0.881416),
  }
  for name, place in expected.items():
    np.testing.assert_allclose(found.point(name), place, atol=1e-9, err_msg=name)
    assert found.seen(name)
  assert not found.seen('nose')


def test_a_bent_knee_carries_the_shin_backward_and_a_bent_elbow_the_forearm_ahead(tmp_path):
  found = person(tmp_path, left_knee=[-np.pi / 2], right_elbow=[np.pi / 2])
  np.testing.assert_allclose(found.point('left_ankle') - found.point('left_knee'), (-0.40987, 0, 0), atol=1e-9)
  np.testing.assert_allclose(found.point('right_wrist') - found.point('right_elbow'), (0.258947, 0, 0), atol=1e-9)


def test_a_bent_hip_carries_the_thigh_ahead_and_what_hangs_from_it(tmp_path):
  found = person(tmp_path, left_hip=about_z(np.pi / 2), left_knee=[-np.pi / 2])
  np.testing.assert_allclose(found.point('left_knee') - found.point('left_hip'), (0.421546, 0, 0), atol=1e-9)
  np.testing.assert_allclose(found.point('left_ankle') - found.point('left_knee'), (0, 0, -0.40987), atol=1e-9)


def test_who_turns_to_the_left_looks_along_y(tmp_path):
  """Up is DeepMimic's y axis, and our y axis points to the left."""
  found = person(tmp_path, root=[np.sqrt(0.5), 0, np.sqrt(0.5), 0])
  ahead = found.point('left_foot_index') - found.point('left_ankle')
  np.testing.assert_allclose(ahead[:2], (0, 0.1335), atol=1e-9)


def test_times_are_sums_of_durations_and_the_last_lasts_for_nothing(tmp_path):
  motion = read_deepmimic(write_person(tmp_path / 'walk.txt', stepping(5), loop='none'))
  np.testing.assert_allclose(motion.seconds, SECONDS * np.arange(5))
  assert (len(motion), motion.loop, motion.name) == (5, False, 'walk')


def test_quaternions_that_are_not_quite_of_length_one_are_rotations(tmp_path):
  """As in published clips."""
  found = person(tmp_path, left_hip=1.12 * about_z(np.pi / 2))
  np.testing.assert_allclose(found.point('left_knee') - found.point('left_hip'), (0.421546, 0, 0), atol=1e-9)


def changed(frame, column, value):
  frames = stepping(5)
  frames[frame, column] = value
  return frames


MISTAKES = {
  'no JSON': ('walk', 'is not a clip of DeepMimic'),
  'no frames': ('{"Loop": "wrap"}', "there is no 'Frames'"),
  'an unknown loop': ('{"Loop": "perhaps", "Frames": [[1], [2]]}', "there is no 'perhaps'"),
  'another list': ('[1, 2]', 'is not a clip of DeepMimic'),
  'words': ('{"Loop": "wrap", "Frames": [["a"]]}', 'is not a clip of DeepMimic'),
  'too few numbers': ('{"Loop": "wrap", "Frames": [[1, 2], [3, 4]]}', r'shape \(2, 2\); they need \[2 or more, 44\]'),
  'one frame': (rows(1), r'shape \(1, 44\)'),
  'NaN': (changed(2, 20, np.nan), 'frame 2 of right_knee is not a finite number'),
  'time that goes back': (changed(3, 0, -0.05), 'frame 3 lasts -0.05 s; time must go forward'),
  'no rotation': (changed(1, slice(30, 34), 0), 'frame 1 of left_hip is no rotation: its quaternion has the length 0'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_told_with_its_frame(tmp_path, case):
  content, words = MISTAKES[case]
  path = tmp_path / 'a.txt'
  path.write_text(content if isinstance(content, str) else json.dumps({'Loop': 'wrap', 'Frames': content.tolist()}))
  with pytest.raises(UserError, match=words):
    read_deepmimic(path)


def test_a_file_that_is_missing(tmp_path):
  with pytest.raises(UserError, match='No such file'):
    read_deepmimic(tmp_path / 'none.txt')
