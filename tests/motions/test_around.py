"""Protects PD targets around a clip: an action that asks for an angle makes the motor pull to that angle."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.around import around_clip, from_lists, kind_of, to_lists

PLACES = {'joint_positions': (0, 25), 'joint_velocities': (25, 52), 'clip_phase': (52, 54), 'clip_targets': (54, 75)}


@pytest.fixture
def base(body):
  return around_clip(body, PLACES)


def test_the_action_is_the_target_in_units_of_the_action_scale(base, body):
  """All groups of humanoid_pd have an action scale of 2 rad: target = standing + 2 * action."""
  obs = np.random.default_rng(0).normal(size=(3, 75)).astype(np.float32)
  expected = (obs[:, 54:75][:, body.actuator_joints] - body.default_angles[body.actuator_joints]) / 2
  np.testing.assert_allclose(base.action(obs), expected, atol=1e-5)


def test_the_motor_does_not_pull_where_the_joint_is_at_its_target(base, body):
  """By the actuation itself: no torque at the target, at rest."""
  obs = np.zeros(75, np.float32)
  angles = np.linspace(-0.5, 0.5, 21).astype(np.float32)
  obs[54:75] = angles
  joints = body.actuator_joints
  torque = body.actuation.torque(base.action(obs), angles[joints] - body.default_angles[joints], np.zeros(21))
  np.testing.assert_allclose(torque, 0, atol=1e-3)


def test_torque_motors_are_servoed_to_the_target():
  from mjx_humanoid.physics.body import describe
  from mjx_humanoid.physics.model import build_model
  from mjx_humanoid.robots import robots

  robot = robots()['humanoid']
  body = describe(robot, build_model(robot))
  base = around_clip(body, PLACES)
  obs = np.zeros(75, np.float32)
  obs[54 + 9] = 0.2  # a joint that should be 0.2 rad further, at rest: 1.5 / rad
  wanted = np.where(body.actuator_joints == 9, 0.3, 0.0)
  np.testing.assert_allclose(base.action(obs), wanted, atol=1e-5)
  obs[4 + 9], obs[25 + 6 + 9] = 0.2, 2.0  # there, but moving: -0.015 per rad/s
  np.testing.assert_allclose(base.action(obs), np.where(body.actuator_joints == 9, -0.03, 0.0), atol=1e-5)


def test_its_numbers_survive_a_policy_file(base):
  found = from_lists(json.loads(json.dumps(to_lists(base))))
  for name, value in base._asdict().items():
    np.testing.assert_array_equal(getattr(found, name), value)
  assert (kind_of(found), kind_of(None)) == ('clip', '')


def test_a_task_that_does_not_observe_the_clip_is_refused(body):
  places = {name: place for name, place in PLACES.items() if name != 'clip_targets'}
  with pytest.raises(UserError, match='residual=clip reads observations that this task does not have: clip_targets'):
    around_clip(body, places)
