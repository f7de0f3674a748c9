"""Reward terms one by one against hand arithmetic."""

import math

import numpy as np
import pytest
from reward_tools import exp, feet

from mjx_humanoid.tasks import rewards
from mjx_humanoid.tasks.rewards import TERMS

COSTS = {'energy', 'effort', 'action_rate', 'slip', 'sinking', 'leaping', 'stray_contacts'}
COSTS |= {'joint_limits', 'saturation'}
RATES = {'turning_over'}  # of a potential: negative on the way back


HALF = math.sqrt(0.5)
VELOCITY_SCALE = 0.2  # m/s, of the Gaussian half of the term 'velocity'


def test_alive_is_one_in_any_state(value, make_view, tumbling_view):
  assert value('alive', make_view()) == 1.0
  assert value('alive', tumbling_view) == 1.0


@pytest.mark.parametrize(('z', 'exponent'), [(1.282, 0), (1.132, -1), (1.432, -1), (0.982, -4)])
def test_height(value, make_view, z, exponent):
  """Standing height 1.282 m; 0.15 m off is e^-1, twice that e^-4."""
  assert value('height', make_view(torso_pos=[9, 9, z])) == exp(exponent)


def test_upright_counts_the_horizontal_part_of_the_torso_axis(value, make_view):
  # |(0.252, 0.336)| = 0.42, the scale; the sign of the third does not matter
  assert value('upright', make_view(torso_up=[0.252, 0.336, 0.9])) == exp(-1)
  assert value('upright', make_view(torso_up=[0, 0, 1])) == 1.0


def test_balance_of_a_resting_robot_is_the_offset_from_the_middle_of_its_feet(value, make_view):
  # The feet's middle is (1, 2); the centre of mass is (0.15, 0.2) off it: 0.25, the scale.
  sensors = {'foot_left_pos': [1, 2.5, 0.1], 'foot_right_pos': [1, 1.5, 0.1], 'com_pos': [1.15, 2.2, 1]}
  assert value('balance', make_view(**sensors)) == exp(-1)


def test_on_feet_is_their_share_of_what_rests_on_the_floor_times_height(value, make_view):
  half = {'torso_pos': [9, 9, 0.641]}  # of 1.282 m
  assert value('on_feet', make_view(torso_pos=[9, 9, 1.282], **feet(100, 200))) == pytest.approx(1.0)
  assert value('on_feet', make_view(**half, **feet(100, 200))) == pytest.approx(0.5)
  carried = {'pelvis_touch': 150, 'hand_left_touch': 60}
  assert value('on_feet', make_view(**half, **feet(60, 30), **carried)) == pytest.approx(0.5 * 0.3)
  assert value('on_feet', make_view(**half, **feet(0, 0), pelvis_touch=400)) == 0.0
  assert value('on_feet', make_view(**half, **feet(0, 0))) == 0.0
  # 1 N, where a twentieth of the weight (40.8 kg, 20 N) is the least that it is a share of
  expected = 0.5 * 1 / (0.05 * 40.84 * 9.81)
  assert value('on_feet', make_view(**half, **feet(1, 0))) == pytest.approx(expected, rel=1e-2)


def test_balance_leads_by_the_velocity(value, make_view):
  # Height of the pendulum 1 - 0.019 = 0.981 m: sqrt(0.981 / 9.81) = 0.316228 s. At (0, 0.5) m/s that is 0.158114 m;
  # from -0.1 m it comes to rest at 0.058114 m: exp(-(0.058114 / 0.25)^2) = exp(-0.054036).
  feet = {'foot_left_pos': [0, 0.1, 0.019], 'foot_right_pos': [0, -0.1, 0.019]}
  view = make_view(com_pos=[0, -0.1, 1], com_vel=[0, 0.5, 7], **feet)
  assert value('balance', view) == exp(-0.054036)


def test_balance_upside_down_is_a_number(value, make_view):
  view = make_view(foot_left_pos=[0, 0, 2], foot_right_pos=[0, 0, 2], com_pos=[0, 0, 1], com_vel=[1, 0, 0])
  # The height is taken as 0.1 m at least: 1 m/s leads by sqrt(0.1 / 9.81) = 0.100964 m.
  assert value('balance', view) == exp(-((0.100964 / 0.25) ** 2))


@pytest.mark.parametrize(
  ('away', 'near'),
  [
    ((0, 0), 1.0),
    ((0.15, 0.2), 0.5 * math.exp(-1) + 0.5 * (1 - 0.25 / 0.8)),  # 0.25 m off
    ((0, -0.6), 0.5 * math.exp(-5.76) + 0.5 * 0.25),
    ((3, 0), 0.0),
  ],
)
def test_balanced_rise_is_height_times_nearness_to_the_feet(value, make_view, away, near):
  """At half of standing height."""
  sensors = {'foot_left_pos': [1, 2.5, 0.1], 'foot_right_pos': [1, 1.5, 0.1], 'torso_pos': [9, 9, 0.641]}
  view = make_view(com_pos=[1 + away[0], 2 + away[1], 1], **sensors)
  assert value('balanced_rise', view) == pytest.approx(0.5 * near, rel=1e-4, abs=1e-7)


def test_rise_on_feet_is_on_feet_times_nearness(value, make_view):
  """At half of standing height, 0.25 m off, a third of the load on the feet."""
  sensors = {'foot_left_pos': [0, 0.1, 0.1], 'foot_right_pos': [0, -0.1, 0.1], 'com_pos': [0.25, 0, 1]}
  view = make_view(torso_pos=[9, 9, 0.641], **sensors, **feet(60, 60), shin_left_touch=240)
  near = 0.5 * math.exp(-1) + 0.5 * (1 - 0.25 / 0.8)
  assert value('rise_on_feet', view) == pytest.approx(0.5 * near / 3, rel=1e-4)


@pytest.mark.parametrize(('vertical', 'expected'), [(1.5, 0.25), (1.0, 0), (0.9, 0), (-4, 0), (50, 9)])
def test_leaping(value, make_view, vertical, expected):
  assert value('leaping', make_view(torso_linvel=[7, -7, vertical])) == pytest.approx(expected, abs=1e-6)


def test_velocity_is_judged_against_the_command(value, make_view):
  # Heading +y and moving at +y 1 m/s is 1 m/s ahead. Commanded (0.82, 0.24), a speed of 0.854400: off by
  # (0.18, -0.24), length 0.3. Half of exp(-(0.3 / 0.2)^2), and half of 1 - 0.3 / (0.3 + 0.854400).
  view = make_view(com_vel=[0, 1, 0])
  expected = 0.5 * math.exp(-((0.3 / VELOCITY_SCALE) ** 2)) + 0.5 * (1 - 0.3 / 1.1544)
  assert value('velocity', view, heading=(0, 1), command=(0.82, 0.24, 5)) == pytest.approx(expected, rel=1e-4)
  assert value('velocity', view, heading=(0, 1), command=(1, 0, 5)) == pytest.approx(1, abs=1e-6)


def test_velocity_pays_for_the_first_steps_on_the_way(value, make_view):
  # Commanded 1.2 m/s; its linear half reaches zero only beyond standing: 1 - 1.2 / 1.5 = 0.2, and 1 - 1.6 / 1.5 < 0.
  def at(speed):
    return value('velocity', make_view(com_vel=[speed, 0, 0]), command=(1.2, 0, 0))

  assert at(0.0) == pytest.approx(0.5 * 0.2, abs=1e-4)
  assert at(0.3) == pytest.approx(0.5 * 0.4, abs=1e-4)
  assert at(-0.4) == pytest.approx(0, abs=1e-4)


def test_turning_is_judged_against_the_command(value, make_view):
  view = make_view(torso_angvel=[7, 7, 1.0])
  assert value('turning', view, command=(9, 9, 0.5)) == exp(-1)
  assert value('turning', view, command=(9, 9, 1.0)) == 1.0


def test_heading_is_the_chord_between_wanted_and_real(value, make_view):
  # Facing +y; wanted 2 asin(0.15) = 0.301 rad to the left of it: a chord of 0.3, the scale.
  view = make_view(qpos=[3, 4, 1.2, HALF, 0, 0, HALF, *[0] * 21])
  angle = math.pi / 2 + 2 * math.asin(0.15)
  assert value('heading', view, heading=(math.cos(angle), math.sin(angle))) == exp(-1)
  assert value('heading', view, heading=(0, 1)) == exp(0)
  assert value('heading', view, heading=(0, -1)) == exp(-((2 / 0.3) ** 2))


def test_cross_track_is_the_distance_to_the_side_of_the_line(value, make_view):
  """Heading for (0.6, 0.8), the left is (-0.8, 0.6): 0.3 m of that, and 5 m ahead, which do not count."""
  view = make_view(qpos=[1, 2, 0.1, 1, *[0] * 24])
  assert value('cross_track', view, target_position=(0.76, 2.18), heading=(0.6, 0.8)) == exp(-1)
  assert value('cross_track', view, target_position=(3.76, 6.18), heading=(0.6, 0.8)) == exp(-1)
  assert value('cross_track', view, target_position=(4, 6), heading=(0.6, 0.8)) == 1.0


def test_position_is_the_distance_to_the_target_on_the_floor(value, make_view):
  # (0.18, 0.24) is 0.3 m, the scale; height does not count.
  view = make_view(qpos=[1, 2, 0.1, 1, *[0] * 24])
  assert value('position', view, target_position=(1.18, 2.24)) == exp(-1)
  assert value('position', view, target_position=(1, 2)) == 1.0
  # Commanded to move, or to turn, it has no target position yet; commanded less than 0.05, it stands still.
  assert value('position', view, target_position=(1.18, 2.24), command=(-0.06, 0, 0)) == 1.0
  assert value('position', view, target_position=(1.18, 2.24), command=(0, 0, 0.06)) == 1.0
  assert value('position', view, target_position=(1.18, 2.24), command=(0.04, 0, 0)) == exp(-1)


def test_poise_is_height_times_posture_times_velocity(value, make_view, body):
  # 0.15 m too low: e^-1. Joints off by 0.5 rad: e^-1. Moving at 0.15 m/s: half of exp(-(0.15 / 0.2)^2), and half of
  # 1 - 0.15 / 0.3.
  qpos = body.default_qpos.copy()
  qpos[7:] += 0.5
  moving = {'torso_pos': [0, 0, 1.132], 'com_vel': [0, 0.15, 0]}
  expected = math.exp(-2) * (0.5 * math.exp(-((0.15 / VELOCITY_SCALE) ** 2)) + 0.25)
  assert value('poise', make_view(qpos=qpos, **moving)) == pytest.approx(expected, rel=1e-4)
  assert value('poise', make_view(torso_pos=[0, 0, 1.282])) == pytest.approx(1, rel=1e-5)


def test_arms_are_judged_against_the_relaxed_pose_and_legs_are_not(value, make_view, body):
  assert value('arms', make_view(qpos=body.relaxed_qpos)) == exp(0)
  off = body.relaxed_qpos.copy()
  for name in body.joint_names:
    leg = any(part in name for part in ('hip', 'knee', 'ankle'))
    off[7 + body.joint_index(name)] += 2.0 if leg else 0.5
  assert value('arms', make_view(qpos=off)) == exp(-1)


def test_calm_arms_is_the_root_mean_square_of_arms_and_trunk(value, make_view, body):
  qvel = np.full(body.nv, 50.0)
  for name in body.joint_names:
    if any(part in name for part in ('abdomen', 'shoulder', 'elbow')):
      qvel[6 + body.joint_index(name)] = -2.0
  assert value('calm_arms', make_view(qvel=qvel)) == exp(-1)


def test_posture_is_the_root_mean_square_of_the_joints(value, make_view, body):
  # 21 joints at +-0.5 rad: root mean square 0.5, the scale. Where the torso is does not matter.
  qpos = body.default_qpos.copy()
  qpos[:7] = 3
  qpos[7:] += 0.5 * np.array([1, -1] * 10 + [1])
  assert value('posture', make_view(qpos=qpos)) == exp(-1)
  assert value('posture', make_view()) == exp(0)


@pytest.mark.parametrize(('left', 'right', 'expected'), [(0, 0, 1.0), (200, 0, 0.5), (0, 9, 0.5), (200, 9, 0.0)])
def test_air_time_counts_lifted_feet_of_a_robot_that_is_to_move(value, make_view, left, right, expected):
  view = make_view(foot_left_touch=left, foot_right_touch=right)
  assert value('air_time', view, command=(0.0, -0.3, 0.0)) == expected
  assert value('air_time', view) == 0  # asked to stand


def test_symmetry_is_of_the_joints_and_their_mirror_image(value, make_view, body):
  def bent(**angles):
    qpos = body.default_qpos.copy()
    for name, angle in angles.items():
      qpos[7 + body.joint_index(name)] += angle
    return value('symmetry', make_view(qpos=qpos))

  assert bent() == bent(knee_left=-1.0, knee_right=-1.0) == bent(abdomen_y=0.5) == exp(0)
  assert bent(knee_left=-1.0) == exp(-(2 / 21) / 0.25)  # both knees are 1 rad off; 21 joints
  assert bent(abdomen_x=0.3) == exp(-(0.6**2 / 21) / 0.25)  # bent to a side, it is twice as far from its image


def test_quiet_is_the_root_mean_square_of_the_joint_velocities(value, make_view, body):
  qvel = np.full(body.nv, -2.0)
  qvel[:6] = 50
  assert value('quiet', make_view(qvel=qvel)) == exp(-1)


def test_energy_is_the_power_of_every_motor_at_its_own_joint(value, make_view, body):
  # hip_y_left: 0.5 x 120 N m x 2 rad/s = 120 W; abdomen_y: |1 x 40 x -3| = 120 W. Together 0.24 kW. ankle_x_left moves
  # at 9 rad/s without torque, and knee_left pulls without moving: nothing.
  ctrl, qvel = np.zeros(body.nu), np.zeros(body.nv)
  for name, c in {'hip_y_left': 0.5, 'abdomen_y': 1.0, 'knee_left': 1.0}.items():
    ctrl[body.actuator_names.index(name)] = c
  for name, v in {'hip_y_left': 2.0, 'abdomen_y': -3.0, 'ankle_x_left': 9.0}.items():
    qvel[6 + body.joint_index(name)] = v
  assert value('energy', make_view(ctrl=ctrl, qvel=qvel)) == pytest.approx(0.24)


def test_effort_is_the_mean_square_of_the_control(value, make_view, body):
  ctrl = np.zeros(body.nu)
  ctrl[:7] = [3, -3, 0, 0, 0, 0, 0]
  assert value('effort', make_view(ctrl=ctrl)) == pytest.approx(18 / 21)


def test_action_rate_is_the_mean_square_change_of_the_control(value, make_view, body):
  view = make_view(ctrl=np.full(body.nu, 0.5))
  assert value('action_rate', view, last_action=np.full(body.nu, -0.5)) == pytest.approx(1.0)
  assert value('action_rate', view, last_action=np.full(body.nu, 0.5)) == 0.0


# These need parts of the context, or of the datasheet, of their own; their own tests have those.
OF_THE_STATE = [
  name for name in TERMS if 'clip' not in name and name not in ('progress', 'com_progress', 'impact', 'landing')
]


@pytest.mark.parametrize('name', OF_THE_STATE)
@pytest.mark.parametrize('place', ['in the air', 'on the floor', 'in the floor'])
def test_every_term_is_a_finite_scalar_in_any_pose(name, place, body, tumbling_view, crumpled_views, make_context):
  view = tumbling_view if place == 'in the air' else crumpled_views[place]
  found = TERMS[name](view, body, make_context(command=(1, 0, 0), phase=0.1, duty=0.6))
  assert found.shape == ()
  assert np.isfinite(found)
  assert found >= 0 or name in RATES
  assert name in COSTS | RATES or found <= 1


@pytest.mark.parametrize('name', list(TERMS))
def test_every_term_describes_itself(name):
  assert rewards.describe_terms()[name].endswith('.') or rewards.describe_terms()[name].endswith('a cost.')
