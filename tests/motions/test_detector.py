"""Protects the detector's side: what is missing is said in one line; real photos where MediaPipe and its model are."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest
from people import photo, posed

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.bundle import find_model
from mjx_humanoid.motions.detector import Detector, Person, as_pictured
from mjx_humanoid.motions.person import choose_person, pose_of_file, pose_of_landmarks, small_person
from mjx_humanoid.motions.photo import Crop
from mjx_humanoid.robots import robots


@pytest.fixture
def no_mediapipe(monkeypatch):
  """fails(error) -> importing MediaPipe raises it."""
  real = builtins.__import__

  def fails(error):
    def without(name, *args, **kwargs):
      if name.partition('.')[0] == 'mediapipe':
        raise error
      return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without)

  return fails


def test_without_the_extra_it_says_what_to_install(no_mediapipe):
  no_mediapipe(ModuleNotFoundError("No module named 'mediapipe'"))
  with pytest.raises(UserError, match=r"pip install 'mjx_humanoid\[pose\]'"):
    Detector(Path('m.task'))


def test_without_a_library_of_the_system_it_says_what_to_install(no_mediapipe):
  no_mediapipe(ImportError('libGLESv2.so.2: cannot open shared object file'))
  with pytest.raises(UserError, match=r'libGLESv2.so.2: .*; on Debian or Ubuntu: apt-get install libgles2 libegl1'):
    Detector(Path('m.task'))


def person(rig, size):
  pixels = np.linspace([0, 0], [size, size], 33)
  return Person(rig.landmarks(posed(rig)), pixels)


def test_nobody_several_and_which(rig):
  path = Path('photo.jpg')
  with pytest.raises(UserError, match=r'photo.jpg: no person is found in it; where people are small, --crop=x,y,w,h'):
    choose_person([], 1, path, cropped=False)
  with pytest.raises(UserError, match='no person is found in this part of it'):
    choose_person([], 1, path, cropped=True)
  two = [person(rig, 300), person(rig, 100)]
  assert choose_person(two, 1, path, cropped=False) == (
    two[0],
    ['2 people are found; this is the largest. --person=k takes another.'],
  )
  assert choose_person(two, 2, path, cropped=False)[0] is two[1]
  assert choose_person(two[:1], 1, path, cropped=False) == (two[0], [])
  with pytest.raises(UserError, match=r'one person is found in it, so there is no --person=2'):
    choose_person(two[:1], 2, path, cropped=False)


def test_a_small_person_is_noted(rig):
  photo = np.zeros((1000, 500, 3), np.uint8)
  assert '--crop' in small_person(person(rig, 100), photo, Path('a.jpg'))[0]
  assert small_person(person(rig, 400), photo, Path('a.jpg')) == []


def test_a_pose_says_what_is_missing_and_what_leans(rig):
  """Bent forward without balance: the centre of mass is ahead of the toes."""
  landmarks = rig.landmarks(posed(rig, hip_y_left=-60, hip_y_right=-60, abdomen_y=-40))
  turned = landmarks._replace(points=landmarks.points @ np.array([[0.5, 0, 0.866], [0, 1, 0], [-0.866, 0, 0.5]]).T)
  for leaning in (turned, landmarks):
    found = pose_of_landmarks(rig, leaning, 'x')
    if found.placed.off_balance > 0.005:
      assert any('--balance' in note for note in found.notes)
  balanced = pose_of_landmarks(rig, turned, 'x', balance=True)
  assert not any('--balance moves' in note for note in balanced.notes)


def test_places_across_the_picture_are_those_of_the_landmarks_in_it():
  """Two points 1 m apart, 100 pixels in the picture, so that a pixel is 0.01 m; the third, hidden, was 0.5 m off."""
  points = np.array([[-0.5, 0, 0.3], [0.5, 0, -0.2], [0, 1.0, 0.1]])
  pixels = np.array([[200.0, 40], [300, 40], [250, 90]])
  found = as_pictured(points, pixels, np.array([0.9, 0.9, 0.1]))
  np.testing.assert_allclose(found, [[-0.5, 0, 0.3], [0.5, 0, -0.2], [0, 0.5, 0.1]], atol=1e-12)
  np.testing.assert_array_equal(as_pictured(points, pixels, np.array([0.9, 0, 0])), points)


# Angles in the plane of the picture, in degrees, measured by hand in the photos at the middles of the joints. Left out
# are those that the robot's limits keep 18 degrees off: the left elbow of arms_up, whose shoulder is at its limit, and
# the left knee of walking, whose hip is.
HAND = {
  'arms_up.jpg': {'left_shoulder': 133, 'right_shoulder': 130, 'right_elbow': 57, 'left_knee': 18, 'right_knee': 30},
  'star.jpg': {
    'left_shoulder': 37,
    'right_shoulder': 36,
    'left_elbow': 3,
    'right_elbow': 2,
    'left_knee': 2,
    'right_knee': 8,
  },
  'walking.jpg': {'left_shoulder': 6, 'left_elbow': 18, 'right_knee': 63},
}
LINES = {
  'shoulder': ('shoulder', 'hip', 'shoulder', 'elbow'),
  'elbow': ('shoulder', 'elbow', 'elbow', 'wrist'),
  'knee': ('hip', 'knee', 'knee', 'ankle'),
}


def flat(landmarks, name):
  """The angle between two lines of a limb in the plane of the picture, in degrees."""
  side, _, joint = name.partition('_')
  points = [landmarks.point(f'{side}_{part}')[1:] for part in LINES[joint]]  # without the depth
  first, second = points[1] - points[0], points[3] - points[2]
  if joint == 'shoulder':  # from the trunk, not from one side of it
    both = [landmarks.point(f'left_{part}', f'right_{part}')[1:] for part in ('shoulder', 'hip')]
    first = both[1] - both[0]
  return np.degrees(np.arccos(first @ second / np.linalg.norm(first) / np.linalg.norm(second)))


@pytest.mark.parametrize('name', HAND)
def test_the_humanoid_has_the_angles_that_are_measured_in_the_photo_by_hand(name, rig):
  path = photo(name)
  with Detector(find_model()) as detector:
    found = pose_of_file(path, robots()['humanoid'], detector=detector)
  taken = rig.landmarks(found.qpos)
  assert {angle: flat(taken, angle) for angle in HAND[name]} == pytest.approx(HAND[name], abs=15)
  assert found.placed.overlap < 0.003


def test_small_people_in_a_large_photo_are_missed_and_found_in_a_crop():
  path = photo('two_people.jpg')
  with Detector(find_model()) as detector:
    with pytest.raises(UserError, match='--crop'):
      pose_of_file(path, robots()['humanoid'], detector=detector)
    found = pose_of_file(path, robots()['humanoid'], crop=Crop(860, 330, 300, 390), detector=detector)
  assert found.photo.shape == (390, 300, 3)
  assert found.person_angles['chest_forward'] == pytest.approx(0, abs=20)  # the woman who walks, upright
