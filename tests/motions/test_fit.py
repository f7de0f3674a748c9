"""Protects poses from landmarks: every angle is found again, singular and missing parts are told, left stays left."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from people import angle, hidden, posed, randomly_posed

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Anatomy
from mjx_humanoid.motions.bones import BONES, directions, robot_directions
from mjx_humanoid.motions.fit import fit
from mjx_humanoid.motions.landmarks import NAMES, Landmarks
from mjx_humanoid.motions.skeleton import rig_of
from mjx_humanoid.robots import robots

FEET = tuple(f'{side}_{part}' for side in ('left', 'right') for part in ('heel', 'foot_index'))


def errors(rig, poses, noise=0.0):
  """Errors in degrees [poses, joints] of random poses that are found again from their landmarks."""
  rng, found = np.random.default_rng(1), []
  for _ in range(poses):
    qpos, landmarks = randomly_posed(rig, rng)
    points = landmarks.points + noise * rng.normal(size=landmarks.points.shape)
    again = fit(rig, Landmarks(points, landmarks.visibility)).qpos
    found.append(np.degrees(np.abs(again - qpos)[rig.body.root.nq :]))
  return np.array(found)


def test_random_poses_are_found_again(rig):
  found = errors(rig, 50)
  assert found.max() < 3
  assert np.median(found) < 1


@pytest.mark.slow
def test_a_thousand_random_poses_are_found_again(rig):
  found = errors(rig, 1000)
  assert found.max() < 3
  assert np.median(found) < 1


def test_a_straight_leg_whose_hip_is_at_a_limit_is_found_from_a_second_start(rig):
  """The 190th of the poses above: from the first start, the hip ends 20 degrees off, at another limit."""
  rng = np.random.default_rng(1)
  for _ in range(190):
    qpos, landmarks = randomly_posed(rig, rng)
    rng.normal(size=landmarks.points.shape)
  assert abs(angle(rig, qpos, 'knee_left')) < 1
  assert np.degrees(np.abs(fit(rig, landmarks).qpos - qpos)[rig.body.root.nq :]).max() < 3


def test_noise_of_2_cm_costs_less_than_10_degrees(rig):
  assert np.median(errors(rig, 30, noise=0.02)) < 10


def test_the_orientation_of_the_root_is_found(rig):
  """Both quaternions turn the same way: their product has length 1 up to sign."""
  qpos, landmarks = randomly_posed(rig, np.random.default_rng(3))
  again = fit(rig, landmarks).qpos
  quaternion = rig.body.root.quaternion
  assert abs(quaternion(again) @ quaternion(qpos)) == pytest.approx(1, abs=1e-6)


def test_the_size_and_the_place_of_a_person_do_not_matter(rig):
  qpos, landmarks = randomly_posed(rig, np.random.default_rng(4))
  larger = Landmarks(1.3 * landmarks.points + [5.0, -2.0, 1.0], landmarks.visibility)
  np.testing.assert_allclose(fit(rig, larger).qpos[7:], qpos[7:], atol=1e-3)


def test_left_is_left(rig):
  found = fit(rig, rig.landmarks(posed(rig, knee_left=-60, hip_y_left=-40))).qpos
  assert angle(rig, found, 'knee_left') == pytest.approx(-60, abs=0.5)
  assert angle(rig, found, 'knee_right') == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize('stretched', [-99.9, -70.5])
def test_a_stretched_arm_is_found_at_both_ends_of_its_shoulder(rig, stretched):
  """Near the limit of -100 degrees the arm is nearly straight; with the shoulder at its limit two axes nearly agree."""
  qpos = posed(rig, elbow_left=stretched, shoulder2_left=-84.9, shoulder1_left=20, elbow_right=stretched)
  again = fit(rig, rig.landmarks(qpos)).qpos
  np.testing.assert_allclose(np.degrees(again[7:]), np.degrees(qpos[7:]), atol=1)


def test_a_straight_arm_whose_roll_is_undefined_leaves_elbow_and_shoulder_within_limits(rig):
  """Straight arms to the side: the elbow bends the least that it can, 9.5 degrees, and the arm points to the side."""
  landmarks = rig.landmarks(posed(rig))
  points = landmarks.points.copy()
  for side, sign in (('left', 1), ('right', -1)):
    for i, part in enumerate(('shoulder', 'elbow', 'wrist')):
      row = points[NAMES.index(f'{side}_shoulder')] + np.array([0, sign * 0.3 * i, 0])
      points[[n for n, name in enumerate(NAMES) if name == f'{side}_{part}']] = row
  found = fit(rig, Landmarks(points, landmarks.visibility)).qpos
  assert np.isfinite(found).all()
  for side, sign in (('left', 1), ('right', -1)):
    assert angle(rig, found, f'elbow_{side}') == pytest.approx(-100, abs=6)
    vectors, _ = robot_directions(rig.landmarks(found).points)
    arm = vectors[list(BONES).index(f'{side}_upper_arm')]
    assert arm @ [0, sign, 0] > np.cos(np.radians(12))


def test_a_straight_leg_without_a_foot_keeps_its_hip_from_turning(rig):
  """The knee exactly between hip and ankle: nothing shows how the leg is turned about itself. The rest is found."""
  shown = rig.landmarks(posed(rig, hip_x_left=-20, hip_y_left=-50, hip_z_left=25))
  points = shown.points.copy()
  points[NAMES.index('left_knee')] = 0.5 * (shown.point('left_hip') + shown.point('left_ankle'))
  found = fit(rig, hidden(Landmarks(points, shown.visibility), *FEET))
  assert set(found.missing) == {'left_ankle', 'right_ankle'}
  vectors, _ = robot_directions(rig.landmarks(found.qpos).points)
  leg = shown.point('left_ankle') - shown.point('left_hip')
  for bone in ('left_thigh', 'left_shin'):
    assert vectors[list(BONES).index(bone)] @ leg / np.linalg.norm(leg) > np.cos(np.radians(3))
  assert abs(angle(rig, found.qpos, 'hip_z_left')) < 30
  assert angle(rig, found.qpos, 'ankle_y_left') == 0


def test_what_is_not_visible_stays_at_rest_and_is_named(rig):
  qpos = posed(rig, elbow_right=20, shoulder1_right=-40, knee_left=-50)
  found = fit(rig, hidden(rig.landmarks(qpos), 'right_wrist', 'left_ankle'))
  assert set(found.missing) == {'right_elbow', 'left_knee', 'left_ankle'}
  rest = dict(zip(rig.body.joint_names, np.degrees(rig.body.relaxed_angles), strict=True))
  for joint in ('elbow_right', 'knee_left', 'ankle_y_left'):
    assert angle(rig, found.qpos, joint) == pytest.approx(rest[joint], abs=1e-4)


@pytest.mark.parametrize(
  ('unseen', 'words'),
  [
    (('left_hip',), 'the torso is not all in the picture: left hip is not visible'),
    (('left_shoulder', 'right_shoulder'), 'right shoulder, left shoulder are not visible'),
  ],
)
def test_a_body_without_its_torso_is_refused(rig, unseen, words):
  with pytest.raises(UserError, match=words):
    fit(rig, hidden(rig.landmarks(posed(rig)), *unseen))


def test_landmarks_in_one_place_are_refused(rig):
  with pytest.raises(UserError, match='all in one place'):
    directions(Landmarks(np.zeros((33, 3)), np.ones(33)))


def test_a_robot_without_a_skeleton_is_refused_by_name():
  plain = dataclasses.replace(robots()['humanoid'], name='walker', anatomy=None)
  bodied = dataclasses.replace(plain, anatomy=Anatomy(head='head', shins=(), kneeling_height=0.9))
  for robot in (plain, bodied):
    with pytest.raises(
      UserError, match=r"robot 'walker' cannot take the pose .*Robots that can: humanoid, humanoid_pd"
    ):
      rig_of(robot)


def test_the_skeleton_is_symmetric(rig):
  """Landmarks of the standing pose: right ones are the mirror images of left ones."""
  found = rig.landmarks(posed(rig))
  for name in NAMES:
    other = found.point(name.replace('left', 'right'))
    np.testing.assert_allclose(
      found.point(name) * [1, -1, 1], other if 'left' in name else found.point(name) * [1, -1, 1]
    )
