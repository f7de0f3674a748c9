"""Protects landmarks: their order and axes are those of MediaPipe, and files that are none are refused in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.landmarks import NAMES, from_rows, read_landmarks, to_rows

# Numbers of landmarks in the documentation of MediaPipe's pose landmarker.
NUMBERS = {
  'nose': 0,
  'right_eye': 5,
  'left_ear': 7,
  'mouth_right': 10,
  'left_shoulder': 11,
  'right_elbow': 14,
  'left_wrist': 15,
  'left_pinky': 17,
  'right_index': 20,
  'left_thumb': 21,
  'left_hip': 23,
  'right_knee': 26,
  'left_ankle': 27,
  'right_heel': 30,
  'left_foot_index': 31,
  'right_foot_index': 32,
}


def rows():
  return [[0.1 * i, 0.2 * i, 0.3 * i, 1.0] for i in range(33)]


def test_the_order_is_that_of_the_detector():
  assert len(NAMES) == len(set(NAMES)) == 33
  assert {name: NAMES.index(name) for name in NUMBERS} == NUMBERS


def test_axes_by_hand():
  """The camera sees x to the right, y down, z away; the world has x towards it, y to the right of the picture, z up."""
  found = from_rows([[1.0, 2.0, 3.0, 0.5]] * 33, 'rows')
  np.testing.assert_array_equal(found.points[0], [-3, 1, -2])
  np.testing.assert_array_equal(found.visibility, 0.5)
  assert to_rows(found) == [[1.0, 2.0, 3.0, 0.5]] * 33


@pytest.mark.parametrize('content', [rows(), {'landmarks': rows(), 'name': 'mine'}])
def test_a_file_holds_rows_or_an_object(tmp_path, content):
  path = tmp_path / 'l.json'
  path.write_text(json.dumps(content))
  np.testing.assert_allclose(read_landmarks(path).points[2], [-0.6, 0.2, -0.4])


def with_row(row):
  return [*rows()[:-1], row]


MISTAKES = {
  'no file': (None, 'not a readable landmarks file'),
  'no JSON': ('{', 'not a readable landmarks file'),
  'a word': ('"left"', 'must be a list, 33 x'),
  'an object without them': ('{"points": []}', "has no entry 'landmarks'"),
  'too few': (json.dumps(rows()[:32]), 'shape 32 x 4; they must be 33 x [x, y, z, visibility]'),
  'no visibility': (json.dumps([row[:3] for row in rows()]), 'shape 33 x 3'),
  'ragged': (json.dumps(with_row([1.0])), 'must be numbers'),
  'words': (json.dumps(with_row(['a', 'b', 'c', 'd'])), 'must be numbers'),
  'null': (json.dumps(with_row([None, 0, 0, 1])), 'not finite'),
  'NaN': (json.dumps(with_row([float('nan'), 0, 0, 1])), 'right_foot_index has a number that is not finite'),
  'too visible': (json.dumps(with_row([0, 0, 0, 1.5])), 'the visibility of right_foot_index is 1.5'),
  'pixels': (json.dumps(with_row([640, 480, 0, 1])), 'coordinates are in metres'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_file_that_is_none_is_refused(tmp_path, case):
  content, words = MISTAKES[case]
  path = tmp_path / 'l.json'
  if content is not None:
    path.write_text(content)
  with pytest.raises(UserError) as error:
    read_landmarks(path)
  assert words in str(error.value)
  assert '\n' not in str(error.value)
