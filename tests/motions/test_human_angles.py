"""Protects the twelve angles: by hand, of poses in which they are plain."""

from __future__ import annotations

import numpy as np
import pytest
from people import hidden, posed

from mjx_humanoid.motions.human_angles import ANGLES, human_angles
from mjx_humanoid.motions.landmarks import Landmarks


def test_there_are_twelve_and_each_has_its_joint(rig):
  assert len(ANGLES) == 12
  assert {angle.joint for angle in ANGLES.values()} <= set(rig.joints)


def test_angles_of_a_pose_by_hand(rig):
  """A right angle at the left knee, 30 degrees at the right hip, whose leg is otherwise straight."""
  found = human_angles(rig.landmarks(posed(rig, knee_left=-90, hip_y_right=-30)))
  assert found['left_knee'] == pytest.approx(90, abs=2)  # the thigh is 1.4 degrees off the vertical
  assert found['right_hip'] == pytest.approx(30, abs=2)
  assert found['right_knee'] == pytest.approx(1.4, abs=1)
  assert found['chest_forward'] == pytest.approx(0, abs=2)
  # The arms of the file's pose, from its numbers: upper arms along (1, -1, -1), forearms along (1, 1, 1).
  assert found['left_shoulder'] == pytest.approx(np.degrees(np.arccos(3**-0.5)), abs=2)
  assert found['left_elbow'] == pytest.approx(np.degrees(np.arccos(-1 / 3)), abs=1)


@pytest.mark.parametrize(('degrees', 'expected'), [(-20, 20), (15, -15)])
def test_toes_up_is_positive(rig, degrees, expected):
  """The axis of the ankle points to the left: a negative angle raises the toes."""
  rest = human_angles(rig.landmarks(posed(rig)))['left_ankle']
  assert human_angles(rig.landmarks(posed(rig, ankle_y_left=degrees)))['left_ankle'] - rest == pytest.approx(
    expected, abs=1e-3
  )


@pytest.mark.parametrize(('axis', 'name'), [([0, 1, 0], 'chest_forward'), ([-1, 0, 0], 'chest_left')])
def test_leaning_by_20_degrees(rig, axis, name):
  """Turned about the axis to the left it leans forward; about the one that points back, to its left."""
  quaternion = np.array([np.cos(np.radians(10)), *(np.sin(np.radians(10)) * np.array(axis))])
  qpos = rig.body.root.placed(posed(rig)[None], quaternion, 1.0)[0]
  found = human_angles(rig.landmarks(qpos))
  assert found[name] == pytest.approx(20, abs=1.5)
  assert found['chest_left' if name == 'chest_forward' else 'chest_forward'] == pytest.approx(0, abs=1.5)


def test_what_is_not_visible_is_not_a_number(rig):
  found = human_angles(hidden(rig.landmarks(posed(rig)), 'left_wrist', 'right_hip'))
  assert {name for name, value in found.items() if np.isnan(value)} == {
    'chest_forward',
    'chest_left',
    'left_elbow',
    'left_shoulder',
    'right_shoulder',
    'left_hip',
    'right_hip',
    'right_knee',
  }


def test_size_and_place_do_not_matter(rig):
  landmarks = rig.landmarks(posed(rig, knee_left=-40))
  moved = Landmarks(1.2 * landmarks.points + 3.0, landmarks.visibility)
  assert human_angles(moved) == pytest.approx(human_angles(landmarks), abs=1e-6)
