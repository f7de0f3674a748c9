"""Protects the figures of strides: an episode whose legs move exactly as those of people, and variations of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from made_up import at_rest, sensor

from mjx_humanoid.motions.normative import CURVES, JOINTS, curve
from mjx_humanoid.playback.figures import measure
from mjx_humanoid.playback.strides import PHASES, flexions, has_strides, mean_strides, touchdowns

DT = 0.025  # s, a control step of the humanoid
STRIDE, STANCE = 40, 24  # control steps: 1 s, 60 % of it on the floor
# Turns of the humanoid's joints per rad of flexion of hip and knee and dorsiflexion of the ankle, from its MJCF file:
# the axes of hip_y and ankle_y are (0, 1, 0), that of the knee is (0, -1, 0).
AXES = {'hip_y': -1, 'knee': -1, 'ankle_y': -1}


@pytest.fixture
def walk(body):
  """Five seconds: strides of 1 s and 1.2 m, the second foot half a stride later, steps 0.1 m wide."""
  paths = at_rest(body, 1, 5 * STRIDE)
  steps = np.arange(5 * STRIDE)
  for foot, (side, late) in enumerate((('left', 0), ('right', STRIDE // 2))):
    phase = ((steps - late) % STRIDE) / STRIDE
    for joint, name in zip(JOINTS, AXES, strict=True):
      column = body.root.nq + body.joint_index(f'{name}_{side}')
      paths.views.qpos[0, :, column] = np.radians(AXES[name] * curve(joint, phase))
    sensor(paths, body, f'foot_{side}_touch')[0, :, 0] = np.where(phase < STANCE / STRIDE, 300.0, 0.0)
    sensor(paths, body, f'foot_{side}_pos')[0, :, 0] = 1.2 * ((steps - late) // STRIDE)
    sensor(paths, body, f'foot_{side}_pos')[0, :, 1] = 0.05 * (1 - 2 * foot)
  sensor(paths, body, 'com_pos')[0, :, 2] = 0.9 + 0.02 * np.cos(4 * np.pi * steps / STRIDE)
  return paths


def test_the_normative_gait_correlates_with_itself(walk, body):
  figures = measure(walk, body)
  for joint in JOINTS:
    assert figures[f'{joint}_correlation'] == pytest.approx([1.0], abs=1e-3)
    assert figures[f'{joint}_error'] == pytest.approx([0.0], abs=0.3)  # of linear interpolation


def test_timing_and_lengths_by_hand(walk, body):
  """Strides of 1 s are 120 steps a minute."""
  figures = {name: float(values[0]) for name, values in measure(walk, body).items()}
  assert figures['cadence'] == pytest.approx(120)
  assert figures['stride_length'] == pytest.approx(1.2, rel=1e-5)
  assert figures['step_width'] == pytest.approx(0.1, rel=1e-5)
  assert figures['vertical_movement'] == pytest.approx(0.04, rel=1e-3)
  assert figures['asymmetry'] == pytest.approx(0, abs=1e-3)


def test_a_straight_knee_is_off_by_the_root_mean_square_of_the_curve(walk, body):
  for side in ('left', 'right'):
    walk.views.qpos[0, :, body.root.nq + body.joint_index(f'knee_{side}')] = 0
  figures = measure(walk, body)
  assert figures['knee_error'] == pytest.approx([np.sqrt(np.mean(np.square(CURVES['knee'])))], rel=0.01)
  assert figures['knee_correlation'] == [0]


def test_one_leg_that_moves_otherwise_is_asymmetry(walk, body):
  """A left knee bent by 30 degrees more: over three joints the root of 30^2 / 3."""
  walk.views.qpos[0, :, body.root.nq + body.joint_index('knee_left')] -= np.radians(30)
  assert measure(walk, body)['asymmetry'] == pytest.approx([30 / 3**0.5], rel=1e-3)


def test_without_a_whole_stride_figures_are_zero(walk, body):
  walk.terminated[0, 3 * STRIDE - 1 :] = True
  assert measure(walk, body)['cadence'] == [0]
  assert mean_strides(walk, body) is None


def test_mean_strides_are_those_of_both_feet(walk, body):
  curves = mean_strides(walk, body)
  assert curves.shape == (2, 3, 100)
  for j, joint in enumerate(JOINTS):
    np.testing.assert_allclose(curves[:, j], np.tile(curve(joint, PHASES), (2, 1)), atol=1.0)


def test_chatter_of_a_contact_is_no_touchdown():
  contact = np.array([c == '#' for c in '##__##_###___#'])
  assert touchdowns(contact, 2).tolist() == [4, 13]
  assert touchdowns(contact, 3).tolist() == [13]
  assert touchdowns(np.zeros(9, bool), 2).tolist() == []


def test_a_robot_that_stands_with_bent_legs_counts_from_straight_ones():
  """The biped stands with its thighs 0.4 rad forward and its knees bent by 0.8, soles level."""
  from mjx_humanoid.physics.body import describe
  from mjx_humanoid.physics.model import build_model
  from mjx_humanoid.robots import robots

  robot = robots()['biped']
  biped = describe(robot, build_model(robot))
  views = at_rest_views(biped)
  found = flexions(views, biped)[0, 0, 0]
  np.testing.assert_allclose(found, np.degrees([0.4, 0.8, 0.4]), atol=1e-3)


def at_rest_views(body):
  from mjx_humanoid.core.types import View
  from mjx_humanoid.playback.rollout import Trajectories

  qpos = body.default_qpos[None, None]
  zero = np.zeros((1, 1), np.float32)
  view = View(zero, qpos, np.zeros((1, 1, body.nv)), np.zeros((1, 1, body.nu)), np.zeros((1, 1, 1)))
  return Trajectories(view, None, None, None)


def test_robots_without_such_legs_have_no_such_figures(walk, body):
  legless = dataclasses.replace(body, robot=dataclasses.replace(body.robot, leg_joints=()))
  assert has_strides(body)
  assert not has_strides(legless)
  assert {'cadence', 'step_width', 'hip_error'}.isdisjoint(measure(walk, legless))
