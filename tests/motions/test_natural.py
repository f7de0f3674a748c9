"""Protects the normative gait on a robot: angles, speed and cadence of people, exactly symmetric, on the floor."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.motions.clip import advance_of
from mjx_humanoid.motions.clip_check import check_clip
from mjx_humanoid.motions.clips import find_clip
from mjx_humanoid.motions.natural import speed_of
from mjx_humanoid.motions.normative import ADULTS, JOINTS, curve
from mjx_humanoid.physics.symmetry import joint_map
from mjx_humanoid.robots import robots

LEG = 0.817  # m, hips of the humanoid above the floor
SCALE = math.sqrt(0.9 / LEG)  # of speeds and cadences, from the robot to adults


@pytest.fixture(scope='module')
def gait(robot):
  return find_clip('gait:1.2', robot)


def test_nothing_is_wrong_with_it(gait, robot):
  assert check_clip(gait, robot) == []
  assert (gait.loop, gait.robot, gait.name) == (True, 'humanoid_pd', 'gait:1.2')
  assert 'Schwartz' in gait.source


def test_it_has_exactly_its_speed(gait):
  advance, turn = advance_of(gait.qpos)
  np.testing.assert_allclose(advance / gait.duration, [1.2, 0], atol=1e-3)
  assert turn == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(('speed', 'cadence', 'step', 'stance'), ADULTS)
def test_cadence_and_step_length_are_those_of_adults_within_15_percent(robot, speed, cadence, step, stance):
  """At the speed that the robot's legs make of it: cadences grow, and steps shrink, with the length of the legs."""
  clip = find_clip(f'gait:{speed / SCALE:.4f}', robot)
  assert 120 / clip.duration == pytest.approx(cadence * SCALE, rel=0.15)
  assert advance_of(clip.qpos)[0][0] / 2 == pytest.approx(step / SCALE**2, rel=0.15)


def test_the_joints_are_those_of_people(gait, body):
  """Over the stride of the left foot, and of the right one half a stride later; the ankle lifts the toes more."""
  from mjx_humanoid.playback.strides import flexions  # the measure itself

  class Paths:
    views = View(None, gait.qpos[None].astype(np.float32), None, None, None)

  angles = flexions(Paths, body)[0]
  phase = gait.seconds / gait.duration
  for foot, late in ((0, 0.0), (1, 0.5)):
    for j, joint in enumerate(JOINTS):
      wanted = curve(joint, phase - late)
      assert np.sqrt(np.mean(np.square(angles[:, foot, j] - wanted))) < 4, joint
      assert np.corrcoef(angles[:, foot, j], wanted)[0, 1] > 0.95, joint


def test_left_and_right_are_the_same_half_a_stride_apart(gait, body):
  joints, half = joint_map(body), len(gait) // 2
  angles = gait.qpos[:-1, 7:]
  np.testing.assert_allclose(np.roll(angles, -half, axis=0)[:, joints.sources] * joints.signs, angles, atol=1e-9)


def test_arms_swing_against_the_legs(gait, body):
  """At heel strike of the left foot the left hand is behind the right one."""
  from mjx_humanoid.motions.landmarks import index
  from mjx_humanoid.motions.skeleton import rig_of

  points = rig_of(body.robot).landmarks(gait.qpos[0]).points
  assert points[index('left_wrist'), 0] < points[index('right_wrist'), 0] - 0.1
  assert points[index('left_ankle'), 0] > points[index('right_ankle'), 0] + 0.3


def test_speeds_are_written_behind_a_colon():
  assert (speed_of('gait'), speed_of('gait:0.95')) == (1.2, 0.95)
  with pytest.raises(UserError, match=r"clip 'gait:fast': the normative gait at a speed in m/s is written as gait:1.2"):
    speed_of('gait:fast')


@pytest.mark.parametrize('speed', [0.5, 2.0, -1.0, math.nan])
def test_speeds_beyond_what_was_measured_are_refused(robot, speed):
  with pytest.raises(UserError, match=r'is known from 0.86 to 1.5\d m/s for the legs of robot .humanoid_pd., not at'):
    find_clip(f'gait:{speed}', robot)


def test_a_robot_without_the_anatomy_has_no_such_gait():
  with pytest.raises(UserError, match="robot 'biped' cannot take the pose of a person"):
    find_clip('gait', robots()['biped'])
