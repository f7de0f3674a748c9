"""Protects the figures of joint limits, motors and contact forces: by hand on episodes made up for it."""

from __future__ import annotations

import numpy as np
import pytest
from made_up import at_rest, ended, sensor

from mjx_humanoid.playback.figures import measure

DT = 0.025  # s, a control step of the humanoid


@pytest.fixture
def paths(body):
  """Two episodes of four steps."""
  return at_rest(body)


def joint(paths, body, name):
  return paths.views.qpos[..., body.root.nq + body.joint_index(name)]


def test_the_joint_that_is_longest_at_its_limit_counts(paths, body):
  """A knee at or beyond its upper limit in 3 of 4 steps, an elbow at its lower limit in 1."""
  knee, elbow = (body.joint_range[body.joint_index(name)] for name in ('knee_left', 'elbow_right'))
  joint(paths, body, 'knee_left')[0] = [knee[1], knee[1] + 0.1, knee[1] - 0.009, knee[1] - 0.02]
  joint(paths, body, 'elbow_right')[0] = [elbow[0], 0, 0, 0]
  joint(paths, body, 'elbow_right')[1] = [elbow[0] - 1, 0, elbow[0], 0]
  assert measure(paths, body)['joint_at_limit'].tolist() == [0.75, 0.5]


def test_time_at_a_limit_is_of_the_steps_alive(paths, body):
  joint(paths, body, 'knee_left')[:] = 3.0
  joint(paths, body, 'knee_left')[:, 0] = 0.0
  assert measure(ended(paths, 1, 2), body)['joint_at_limit'].tolist() == [0.75, 0.5]


def test_a_joint_without_limits_is_never_at_one(paths, body):
  import dataclasses

  from mjx_humanoid.physics.body import UNLIMITED

  joint(paths, body, 'knee_left')[:] = 100.0
  ranges = body.joint_range.copy()
  ranges[body.joint_index('knee_left')] = UNLIMITED
  assert measure(paths, dataclasses.replace(body, joint_range=ranges))['joint_at_limit'].tolist() == [0, 0]


def test_the_motor_that_is_longest_at_its_torque_limit_counts(paths, body):
  paths.views.ctrl[0, :, 3] = [1, -1, 0.98, 0]
  paths.views.ctrl[0, :, 5] = [0, 0, 0, 1]
  assert measure(paths, body)['motor_saturated'].tolist() == [0.5, 0]


def test_forces_are_in_body_weights_and_their_rate_is_the_largest_rise(paths, body):
  """On both feet together: 1, 3, 0.5 and 2 body weights; before the first step, 1."""
  weight = body.total_mass * 9.81
  sensor(paths, body, 'foot_left_touch')[0, :, 0] = np.array([0.5, 2.0, 0.5, 2.0]) * weight
  sensor(paths, body, 'hand_left_touch')[0, :, 0] = np.array([0.5, 1.0, 0.0, 0.0]) * weight
  paths.start.sensordata[0, body.sensors['foot_left_touch']] = weight
  figures = measure(paths, body)
  assert figures['peak_force'] == pytest.approx([3, 0], rel=1e-5)
  assert figures['force_rate'] == pytest.approx([2 / DT, 0], rel=1e-5)


def test_the_first_step_is_compared_with_the_start(paths, body):
  sensor(paths, body, 'foot_left_touch')[0, :, 0] = body.total_mass * 9.81
  assert measure(paths, body)['force_rate'] == pytest.approx([1 / DT, 0], rel=1e-5)
