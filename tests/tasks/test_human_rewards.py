"""Protects the rewards of moving like a person: each by hand on states made up for it."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.upper_body import upper_body
from mjx_humanoid.tasks.context import make_context as maker_of
from mjx_humanoid.tasks.context.contact_force import FORCE
from mjx_humanoid.tasks.human_rewards import TERMS

E = np.exp(-1)


def angles(body, **by_joint):
  """The standing pose with these joints, rad."""
  qpos = body.default_qpos.copy()
  for name, angle in by_joint.items():
    qpos[7 + body.joint_index(name)] = angle
  return qpos


@pytest.fixture
def value(body, make_view, make_context):
  def of(term, view=None, extra=None, **context):
    made = make_context(**context)._replace(extra=extra or {})
    return float(TERMS[term](view or make_view(), body, made))

  return of


def test_joints_cost_from_three_degrees_before_their_limits_on(value, make_view, body):
  """A knee at its limit, 2 degrees, costs 1; half of 0.05 rad before it a quarter; beyond it no more than 4."""
  top = float(body.joint_range[body.joint_index('knee_left'), 1])
  for angle, cost in ((top, 1.0), (top - 0.025, 0.25), (top - 0.05, 0.0), (top + 1.0, 4.0)):
    free = angles(body, knee_left=angle, knee_right=-0.5)
    assert value('joint_limits', make_view(qpos=free)) == pytest.approx(cost, abs=1e-4)


def test_both_limits_count(value, make_view, body):
  bottom = float(body.joint_range[body.joint_index('elbow_left'), 0])
  bent = angles(body, elbow_left=bottom, knee_left=-0.5, knee_right=-0.5)
  assert value('joint_limits', make_view(qpos=bent)) == pytest.approx(1.0, abs=1e-4)


def test_torque_costs_beyond_80_percent(value, make_view, body):
  """One motor of 21 at its limit, one at 90 %, one at 80 %: (1 + 1/4 + 0) / 21."""
  ctrl = np.zeros(21)
  ctrl[[2, 5, 7]] = 1.0, -0.9, 0.8
  assert value('saturation', make_view(ctrl=ctrl)) == pytest.approx(1.25 / 21, rel=1e-4)


def test_landing_is_the_rise_of_the_contact_force(value, make_view, body):
  """From 0.5 to 2.0 body weights: (1.5 - 0.3)^2; a fall of the force costs nothing."""
  weight = body.total_mass * 9.81
  view = make_view(foot_left_touch=[1.5 * weight], hand_left_touch=[0.5 * weight])
  assert value('landing', view, {FORCE: np.float32(0.5)}) == pytest.approx(1.2**2, rel=1e-4)
  assert value('landing', view, {FORCE: np.float32(1.7)}) == pytest.approx(0, abs=1e-5)
  assert value('landing', view, {FORCE: np.float32(9.0)}) == 0
  with pytest.raises(UserError, match=r"reward term landing needs the part 'last_force' in config.task.context"):
    value('landing', view)


def test_the_context_keeps_the_force_before_the_step(body, make_view):
  maker = maker_of(TaskConfig(context=('last_force',)), body)
  weight = body.total_mass * 9.81

  def batch(share):
    view = make_view(foot_left_touch=[share * weight])
    return type(view)(*(np.asarray(x)[None] for x in view))

  context = maker.start(batch(1.0), np.zeros((1, 0)))
  assert context.extra[FORCE] == pytest.approx([1.0], rel=1e-5)
  assert maker.advance(context, batch(2.5), np.zeros((1, 0))).extra[FORCE] == pytest.approx([2.5], rel=1e-5)


def test_steps_are_as_wide_as_those_of_people(value, make_view):
  """0.11 m across the heading; crossed feet are wrong by the width and more."""
  for apart, reward in ((0.11, 1.0), (0.16, E), (-0.11, np.exp(-((0.22 / 0.05) ** 2)))):
    view = make_view(foot_left_pos=[0.3, 1 + apart, 0], foot_right_pos=[0, 1, 0])
    assert value('step_width', view) == pytest.approx(reward, rel=1e-3)
  # Heading along y: the feet are apart along x
  turned = make_view(foot_left_pos=[-0.11, 0.2, 0], foot_right_pos=[0, 0, 0])
  assert value('step_width', turned, heading=(0, 1)) == pytest.approx(1.0, rel=1e-3)


def test_toes_are_up_at_the_end_of_the_swing(value, make_view):
  """Duty 0.6: the left foot swings from phase 0 to 0.4, so at 0.36 it is at 90 % of its swing, the other stands."""
  flat, up = (0, 0, 1), (-np.sin(0.3), 0, np.cos(0.3))
  late = {'phase': 0.36, 'duty': 0.6}
  assert value('heel_strike', make_view(foot_left_up=up, foot_right_up=flat), **late) == pytest.approx(1.0, abs=1e-5)
  missed = (1 + np.exp(-((np.sin(0.3) / 0.2) ** 2))) / 2
  assert value('heel_strike', make_view(foot_left_up=flat, foot_right_up=up), **late) == pytest.approx(missed, rel=1e-4)
  assert value('heel_strike', make_view(foot_left_up=flat, foot_right_up=flat), phase=0.1, duty=0.6) == 1.0


def test_hands_swing_against_the_feet(value, make_view, body):
  """The left foot 0.5 m ahead: the left hand should be 0.2 m behind the right one."""
  relaxed = body.relaxed_qpos
  apart = {'foot_left_pos': [0.5, 0.1, 0], 'foot_right_pos': [0, -0.1, 0]}
  assert value('arm_swing', make_view(qpos=relaxed, **apart)) == pytest.approx(E, rel=1e-3)
  together = {'foot_left_pos': [0.5, 0.1, 0], 'foot_right_pos': [0.5, -0.1, 0]}
  assert value('arm_swing', make_view(qpos=relaxed, **together)) == pytest.approx(1, rel=1e-3)


def test_levers_carry_the_hands_as_c_mujoco_does(body, model):
  """A left shoulder that turns by 0.01 rad carries the left hand as far as its lever says, and no other does."""
  found = upper_body(body.robot)
  data = mujoco.MjData(model)
  hands = []
  for turn in (0.0, 0.01):
    data.qpos[:] = body.relaxed_qpos
    data.qpos[7 + body.joint_index('shoulder1_left')] += turn
    mujoco.mj_kinematics(model, data)
    hands.append([data.body('hand_left').xpos[0], data.body('hand_right').xpos[0]])
  moved = np.subtract(hands[1], hands[0]) / 0.01
  lever = found.levers[:, body.joint_index('shoulder1_left')]
  np.testing.assert_allclose(lever, moved, atol=0.01)
  assert abs(lever[0]) > 0.05
  assert not found.levers[:, [body.joint_index('knee_left'), body.joint_index('hip_y_left')]].any()


def test_the_head_is_as_high_as_when_standing(value, make_view, body, model):
  """The head's frame is 0.19 m above that of the torso."""
  assert upper_body(body.robot).head_height == pytest.approx(1.282 + 0.19, abs=1e-3)
  assert value('head_height', make_view(head_pos=[0, 0, 1.472])) == pytest.approx(1, rel=1e-3)
  assert value('head_height', make_view(head_pos=[0, 0, 1.372])) == pytest.approx(E, rel=1e-2)


def test_the_relaxed_stance_is_rewarded_rather_than_that_of_the_file(value, make_view, body):
  assert value('relaxed', make_view(qpos=body.relaxed_qpos)) == pytest.approx(1, rel=1e-4)
  off = np.sqrt(np.mean(np.square(body.relaxed_angles - body.default_angles)))
  assert value('relaxed') == pytest.approx(np.exp(-((off / 0.5) ** 2)), rel=1e-3)


@pytest.mark.parametrize('term', ['step_width', 'heel_strike', 'arm_swing', 'head_height'])
@pytest.mark.parametrize('change', [{'feet': ('a', 'b', 'c', 'd'), 'leg_joints': ()}, {'anatomy': None}])
def test_terms_of_people_are_1_for_robots_that_are_built_otherwise(term, change, body, make_view, make_context):
  other = dataclasses.replace(body, robot=dataclasses.replace(body.robot, **change))
  assert float(TERMS[term](make_view(), other, make_context())) == 1.0
