"""Legs: inverse kinematics against forward kinematics and against C MuJoCo, over the whole workspace."""

import dataclasses

import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import LegJoints
from mjx_humanoid.motions.kinematics import MARGIN, abduct, place, reach
from mjx_humanoid.motions.legs import legs_of
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.robots import robots

WITH_LEGS = [name for name in robots() if robots()[name].leg_joints]
THIGH, SHANK = 0.33, 0.28


def targets(thigh, shank):
  """Positions all around the hip, from folded to stretched."""
  r = np.linspace(abs(thigh - shank), thigh + shank, 41)[:, None] + np.zeros(73)
  angle = np.linspace(-np.pi, np.pi, 73) + np.zeros((41, 1))
  return r * np.sin(angle), -r * np.cos(angle)


@pytest.mark.parametrize('bend', [1.0, -1.0])
def test_the_foot_is_where_it_is_asked_for_in_the_whole_workspace(bend):
  x, z = targets(THIGH, SHANK)
  a, b, within = reach(x, z, np.array(THIGH), np.array(SHANK), np.array(bend))
  distance = np.hypot(x, z)
  longest, shortest = (1 - MARGIN) * (THIGH + SHANK), THIGH - SHANK + MARGIN * (THIGH + SHANK)
  inside = (distance > shortest + 1e-9) & (distance < longest - 1e-9)
  assert inside.mean() > 0.9
  assert within[inside].all()
  found = np.array(place(a, b, THIGH, SHANK))
  assert np.abs(found - (x, z))[:, inside].max() < 1e-12
  # The knee is on the side that was asked for: to the left of the line from hip to foot, seen from the side.
  knee = THIGH * np.sin(a), -THIGH * np.cos(a)
  side = x * knee[1] - z * knee[0]
  assert (np.sign(side[inside]) == bend).all()


def test_targets_out_of_reach_are_moved_to_the_nearest_distance_and_reported():
  x, z = np.array([0.0, 0.6, 0.0, 0.0]), np.array([-1.0, -0.8, -0.01, -0.5])
  a, b, within = reach(x, z, np.array(THIGH), np.array(SHANK), np.array(1.0))
  assert within.tolist() == [False, False, False, True]
  found = np.array(place(a, b, THIGH, SHANK))
  # 0.61 m is the whole leg, of which a thousandth is kept; 0.05 m is its folded length.
  assert np.hypot(*found) == pytest.approx([0.60939, 0.60939, 0.05061, 0.5])
  assert found[0] == pytest.approx([0, 0.6 * 0.60939, 0, 0])  # in the same direction: (0.6, -0.8) has length 1


def test_a_right_angle_at_the_knee_is_solved_by_pythagoras():
  """Links of 3 and 4: the foot is at distance 5."""
  a, b, within = reach(np.array(0.0), np.array(-5.0), np.array(3.0), np.array(4.0), np.array(1.0))
  assert within
  assert (a, b) == (pytest.approx(np.arccos(3 / 5)), pytest.approx(-np.arccos(4 / 5)))


def test_it_is_the_same_in_jax():
  x, z = targets(THIGH, SHANK)
  plain = reach(x, z, np.array(THIGH), np.array(SHANK), np.array(1.0))
  traced = reach(*map(jnp.asarray, (x, z, THIGH, SHANK, 1.0)))
  inside = np.array(plain[2]) & np.array(traced[2]) & (np.hypot(x, z) < 0.6)
  assert np.abs(np.sin(plain[0]) - np.sin(traced[0]))[inside].max() < 2e-3  # of float32 near a stretched leg


@pytest.mark.parametrize('lateral', [0.2, -0.2])
def test_abduction_brings_the_plane_of_the_leg_to_the_foot(lateral):
  y, z = np.meshgrid(np.linspace(-0.6, 0.6, 31), np.linspace(-0.8, -0.25, 23))
  angle, depth, within = abduct(y, z, lateral)
  assert within.all()
  # A point beside and below the axis, turned about x.
  assert np.allclose(lateral * np.cos(angle) - depth * np.sin(angle), y)
  assert np.allclose(lateral * np.sin(angle) + depth * np.cos(angle), z)


def test_a_target_nearer_to_the_abduction_axis_than_the_plane_of_the_leg_is_reported():
  """3-4-5: a plane 0.3 m from the axis gets to a foot at a distance of 0.5 m 0.4 m below it, and to none nearer."""
  y, z = np.array([0.05, 0.3, 0.0, 0.18]), np.array([-0.05, -0.4, -0.5, -0.23])
  _, depth, within = abduct(y, z, 0.3)
  assert within.tolist() == [False, True, True, False]  # the last is at 0.292 m
  assert depth == pytest.approx([-0.001, -0.4, -0.4, -0.001])


@pytest.mark.parametrize('name', WITH_LEGS)
def test_the_model_puts_its_feet_where_the_angles_say(name):
  """In C MuJoCo: each leg bent to reach its own target, relative to its hip."""
  pytest.importorskip(robots()[name].package)
  robot = robots()[name]
  model, legs = build_model(robot), legs_of(robot)
  body, data = describe(robot, model), mujoco.MjData(model)
  start = body.root.nq
  rng = np.random.default_rng(0)
  length = legs.thigh + legs.shank
  for _ in range(20):
    x, z = rng.uniform(-0.3, 0.3, len(length)) * length, -rng.uniform(0.6, 0.95, len(length)) * length
    a, b, within = reach(x, z, legs.thigh, legs.shank, legs.bend)
    assert within.all()
    data.qpos[:] = body.default_qpos
    hip, knee = a - legs.angles[:, 0], b - legs.angles[:, 1]
    for leg, joints in enumerate(legs.joints):
      data.qpos[start + joints[0]] -= legs.signs[leg, 0] * hip[leg]
      data.qpos[start + joints[1]] -= legs.signs[leg, 1] * (knee[leg] - hip[leg])
    mujoco.mj_kinematics(model, data)
    for leg, joints in enumerate(robot.leg_joints):
      end = data.joint(joints.ankle).xanchor if joints.ankle else data.body(robot.feet[leg]).xpos
      offset = end - data.joint(joints.hip).xanchor
      assert offset[[0, 2]] == pytest.approx([x[leg], z[leg]], abs=1e-5)


def test_a_robot_without_named_legs_is_refused():
  sheet = dataclasses.replace(robots()['biped'], leg_joints=())
  with pytest.raises(
    UserError, match=r"robot 'biped' has no reference gait: its datasheet names no leg_joints, the hip and the knee of"
  ):
    legs_of(sheet)


def test_joints_that_do_not_fit_are_refused():
  biped = robots()['biped']
  right = biped.leg_joints[1]
  typo = dataclasses.replace(biped, leg_joints=(LegJoints('left_hipp', 'left_knee'), right))
  with pytest.raises(UserError, match=r"joint in leg_joints of robot 'biped': 'left_hipp'. Did you mean 'left_hip'"):
    legs_of(typo)
  sideways = dataclasses.replace(robots()['anymal_c'], leg_joints=(LegJoints('LF_HAA', 'LF_KFE'),) * 4)
  with pytest.raises(UserError, match="joint 'LF_HAA' in leg_joints does not turn about the y axis"):
    legs_of(sideways)
  with pytest.raises(UserError, match='leg_joints has 1 legs for 2 feet'):
    dataclasses.replace(biped, leg_joints=(right,))
