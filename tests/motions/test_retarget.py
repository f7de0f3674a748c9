"""Protects retargeting: the robot's bones point as the person's, on the floor, without sliding, in a closed loop."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from clip_tools import rows, stepping, write_person

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions import clips
from mjx_humanoid.motions.bones import BONES, directions, robot_directions
from mjx_humanoid.motions.capture import read_deepmimic
from mjx_humanoid.motions.clip_check import check_clip
from mjx_humanoid.motions.random_poses import clearance
from mjx_humanoid.motions.retarget import leg_length, on_the_floor, retarget, within_limits, without_sliding
from mjx_humanoid.motions.skeleton import rig_of
from mjx_humanoid.robots import robots

FOLDER = os.environ.get(clips.VARIABLE, '')  # real clips, where this machine has some


@pytest.fixture(scope='module')
def rig(robot):
  return rig_of(robot)


@pytest.fixture(scope='module')
def person(tmp_path_factory):
  return read_deepmimic(write_person(tmp_path_factory.mktemp('clips') / 'walk.txt', stepping()))


@pytest.fixture(scope='module')
def walk(person, robot):
  return retarget(person, robot, 'walk.txt')


def test_bones_point_as_those_of_the_person(walk, person, rig):
  """Thighs and shins in the middle of the clip, which the closing of the loop leaves as it is."""
  wanted = directions(person.landmarks(10))
  found, _ = robot_directions(rig.landmarks(walk.qpos[len(walk) // 2]).points)
  for name in ('left_thigh', 'left_shin', 'right_thigh', 'right_shin', 'trunk'):
    cosine = wanted[name] @ found[list(BONES).index(name)]
    assert np.degrees(np.arccos(min(cosine, 1.0))) < 3, name


def test_nothing_is_wrong_with_a_walk(walk, robot):
  """But for the feet of this made-up person, of which at times two are on the floor and move apart."""
  assert {finding.fault for finding in check_clip(walk, robot)} <= {'slides'}
  assert walk.loop
  assert (walk.robot, walk.source, walk.duration) == ('humanoid_pd', 'walk.txt', pytest.approx(1.0))


def test_the_robot_is_on_the_floor_in_every_frame(walk, body):
  gaps = clearance(body, walk.qpos)
  assert gaps.min() > -0.002
  assert gaps.max() < 0.01


def test_the_loop_is_closed_and_leads_ahead(walk):
  np.testing.assert_allclose(walk.qpos[-1, 2:], walk.qpos[0, 2:], atol=1e-6)
  assert walk.qpos[-1, 0] > 0.4
  assert abs(walk.qpos[-1, 1]) < 0.05


def test_legs_of_the_robot_are_as_long_as_in_its_model(rig):
  """Hips at 0.817 m in the standing pose, with the soles on the floor."""
  assert leg_length(rig) == pytest.approx(0.817, abs=0.002)


def test_a_pose_in_the_floor_is_raised_and_one_above_it_lowered(rig):
  standing = np.repeat(rig.body.default_qpos[None].astype(float), 40, axis=0)
  standing[:, 2] -= 0.1
  found = on_the_floor(rig, standing, np.zeros(40, bool), 1 / 60)
  np.testing.assert_allclose(clearance(rig.body, found), 0, atol=1e-6)
  np.testing.assert_allclose(
    clearance(rig.body, on_the_floor(rig, found + 0.0, np.zeros(40, bool), 1 / 60)), 0, atol=1e-6
  )


def test_in_the_air_the_height_is_kept(rig):
  """A hop of 0.2 m between two times on the floor."""
  hop = np.repeat(rig.body.default_qpos[None].astype(float), 60, axis=0)
  airborne = (np.arange(60) > 20) & (np.arange(60) < 40)
  hop[airborne, 2] += 0.2
  gaps = clearance(rig.body, on_the_floor(rig, hop, airborne, 1 / 60))
  assert gaps[30] == pytest.approx(0.2, abs=0.005)
  assert np.abs(gaps[~airborne]).max() < 0.005


def test_feet_that_carry_the_robot_stay_where_they_are(rig):
  """The standing pose, moved along by 1 m in 20 frames: all of it is sliding."""
  moved = np.repeat(rig.body.default_qpos[None].astype(float), 20, axis=0)
  moved[:, 0] = np.linspace(0, 1, 20)
  np.testing.assert_allclose(without_sliding(rig, moved)[:, 0], 0, atol=1e-9)
  moved[:, 2] += 0.5  # in the air it is none
  np.testing.assert_allclose(without_sliding(rig, moved)[:, 0], moved[:, 0])


def test_a_robot_without_a_skeleton_cannot_move_so(person):
  with pytest.raises(UserError, match=r"robot 'biped' cannot take the pose of a person.*Robots that can: .*humanoid"):
    retarget(person, robots()['biped'])


# What is wrong with a clip


def fault(clip, robot, change):
  qpos = clip.qpos.copy()
  change(qpos)
  import dataclasses

  return {(f.fault, f.part, f.frame) for f in check_clip(dataclasses.replace(clip, qpos=qpos), robot)}


def test_faults_are_found_with_joint_and_frame(walk, robot, body):
  knee = 7 + body.joint_index('knee_left')

  def bend(qpos):
    qpos[12, knee] = 0.3

  assert {('out of limits', 'knee_left', 12)} <= fault(walk, robot, bend)

  def jump(qpos):
    qpos[30:, 7] += 0.7  # in one frame of 1/60 s: 42 rad/s

  found = fault(walk, robot, jump)
  assert ('jumps', 'abdomen_z', 29) in found
  assert ('loop does not close', 'abdomen_z', len(walk) - 1) in found

  def sink(qpos):
    qpos[20, 2] -= 0.05

  assert {('sinks', 'lowest part', 20)} <= fault(walk, robot, sink)

  def slide(qpos):
    qpos[:, 0] += np.linspace(0, 1, len(qpos))

  assert 'left_heel' in {part for kind, part, _ in fault(walk, robot, slide) if kind == 'slides'}

  def float_(qpos):
    qpos[:, 2] += 0.05

  assert {kind for kind, _, _ in fault(walk, robot, float_)} == {'floats'}


# Real clips


@pytest.mark.slow
@pytest.mark.skipif(not FOLDER, reason=f'{clips.VARIABLE} names no folder of clips')
@pytest.mark.parametrize('name', ['walk', 'run', 'jump', 'cartwheel', 'spinkick'])
def test_motion_capture_is_sound_on_the_humanoid(name, robot):
  capture = clips.read_capture(clips.clips_in(Path(FOLDER))[name])
  assert check_clip(retarget(capture, robot), robot) == []


def test_standing_is_the_standing_pose(tmp_path, robot, rig):
  """A person who stands straight on flat feet makes the robot stand straight, arms hanging."""
  capture = read_deepmimic(write_person(tmp_path / 'stand.txt', rows(3), loop='none'))
  found = retarget(capture, robot).qpos[1]
  angles = dict(zip(rig.body.joint_names, np.degrees(found[7:]), strict=True))
  assert max(abs(angles[name]) for name in ('hip_y_left', 'hip_x_left', 'knee_left', 'ankle_y_left')) < 8
  assert found[2] == pytest.approx(1.282, abs=0.01)


def test_joints_keep_three_degrees_from_their_limits(rig):
  low, high = rig.body.joint_range.T.astype(float)
  beyond = np.repeat(rig.body.default_qpos[None].astype(float), 2, axis=0)
  beyond[0, 7:], beyond[1, 7:] = low - 1, high + 1
  np.testing.assert_allclose(within_limits(rig, beyond)[:, 7:], [low + 0.05, high - 0.05])
