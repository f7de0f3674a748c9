"""Reward terms of feet, knees and the way up, one by one against hand arithmetic."""

import math

import numpy as np
import pytest
from reward_tools import feet

# Gait: feet that touch the floor and swing by the clock


@pytest.mark.parametrize(
  ('phase', 'duty', 'left', 'right', 'expected'),
  [
    (0.1, 0.6, 0, 300, 1.0),  # the left foot swings while the phase is below 1 - 0.6
    (0.1, 0.6, 300, 300, 0.5),
    (0.1, 0.6, 300, 0, 0.0),
    (0.1, 0.6, 0, 0, 0.5),
    (0.45, 0.6, 300, 300, 1.0),  # both stand until half a stride
    (0.45, 0.6, 0, 300, 0.5),
    (0.55, 0.6, 300, 0, 1.0),  # then the right one swings
    (0.95, 0.6, 300, 300, 1.0),
    (0.1, 0.35, 0, 0, 1.0),  # running: 0.65 of a stride in the air, so that at 0.1 and 0.6 both are
    (0.1, 0.35, 0, 300, 0.5),
    (0.1, 1.0, 300, 300, 1.0),  # no gait: both stand at any phase
    (0.1, 1.0, 0, 300, 0.5),
    (0.1, 0.6, 0, 1e-3, 1.0),  # any force is a touch
  ],
)
def test_gait(value, make_view, phase, duty, left, right, expected):
  assert value('gait', make_view(**feet(left, right)), phase=phase, duty=duty) == expected


@pytest.mark.parametrize(
  ('phase', 'left', 'expected'),
  [
    # In the middle of a swing, at half of 1 - 0.6, a foot should be 0.1 m up: its frame at 0.127 m.
    (0.2, 0.127, 1.0),
    (0.2, 0.077, (math.exp(-1) + 1) / 2),  # 0.05 m too low
    (0.2, 0.027, (math.exp(-4) + 1) / 2),
    (0.2, 0.5, 1.0),  # too high costs nothing
    (0.1, 0.077, 1.0),  # a quarter: sin(45 degrees)^2 = 1/2 of it
    (0.1, 0.027, (math.exp(-1) + 1) / 2),
    (0.0, 0.027, 1.0),  # lifting off
    (0.45, 0.027, 1.0),  # standing
  ],
)
def test_clearance(value, make_view, phase, left, expected):
  view = make_view(foot_left_pos=[0, 0, left], foot_right_pos=[0, 0, 0.027])
  assert value('clearance', view, phase=phase, duty=0.6) == pytest.approx(expected, rel=1e-4)


def test_clearance_of_the_right_foot_comes_half_a_stride_later(value, make_view):
  view = make_view(foot_left_pos=[0, 0, 0.027], foot_right_pos=[0, 0, 0.077])
  assert value('clearance', view, phase=0.7, duty=0.6) == pytest.approx((1 + math.exp(-1)) / 2, rel=1e-4)
  assert value('clearance', view, phase=0.7, duty=1.0) == 1.0


def test_slip_is_the_squared_speed_of_feet_on_the_floor(value, make_view):
  # Left: 0.3^2 + 0.4^2 = 0.25, upwards does not count. Right: 1 m/s, but in the air.
  moving = {'foot_left_linvel': [0.3, -0.4, 9], 'foot_right_linvel': [1, 0, 0]}
  assert value('slip', make_view(**moving, **feet(300, 0))) == pytest.approx(0.25)
  assert value('slip', make_view(**moving, **feet(300, 1))) == pytest.approx(1.25)
  assert value('slip', make_view(**moving, **feet(0, 0))) == 0.0


def test_slip_is_limited(value, make_view):
  fast = {'foot_left_linvel': [30, 0, 0], 'foot_right_linvel': [0, 1, 0]}
  assert value('slip', make_view(**fast, **feet(1, 1))) == pytest.approx(4 + 1)


def test_level_feet_count_the_horizontal_part_of_the_sole_axis(value, make_view):
  # |(0.252, 0.336)| = 0.42, the scale
  view = make_view(foot_left_up=[0.252, 0.336, 0.9], foot_right_up=[0, 0, 1])
  assert value('level_feet', view) == pytest.approx((math.exp(-1) + 1) / 2, rel=1e-4)


# Kneeling and getting up


@pytest.mark.parametrize(
  ('z', 'exponent', 'way'), [(0.91, 0, 1), (0.81, -1, 0.73118), (1.282, -13.8384, 0), (0.4, -26, 0)]
)
def test_kneeling_height(value, make_view, z, exponent, way):
  """0.1 m off it: exp(-1), and 1 - 0.1 / 0.372 of the way from standing height, 1.282 m, to 0.91 m is gone."""
  expected = 0.5 * np.exp(exponent) + 0.5 * way
  assert value('kneeling_height', make_view(torso_pos=[9, 9, z])) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(('left', 'right', 'expected'), [(0, 0, 0), (50, 0, 0.5), (0, 50, 0.5), (50, 1, 1)])
def test_share_of_shins_that_are_down(value, make_view, left, right, expected):
  view = make_view(shin_left_touch=left, shin_right_touch=right, foot_left_touch=9, pelvis_touch=200)
  assert value('shins_down', view) == expected


@pytest.mark.parametrize(
  ('shins', 'feet', 'expected'), [((9, 9), (1, 1), 1), ((9, 9), (0, 1), 0.5), ((9, 0), (0, 9), 0), ((0, 0), (9, 9), 0)]
)
def test_a_lower_leg_is_down_with_shin_and_foot(value, make_view, shins, feet, expected):
  readings = zip(('shin_left', 'shin_right', 'foot_left', 'foot_right'), (*shins, *feet), strict=True)
  assert value('lower_legs_down', make_view(**{f'{name}_touch': force for name, force in readings})) == expected


@pytest.mark.parametrize(
  ('vertical', 'expected'),
  [(-1.5, 1.0), (-0.9, 0.16), (-0.5, 0), (-0.1, 0), (0, 0), (4, 0), (-50, 9)],  # at most (3 m/s)^2
)
def test_sinking(value, make_view, vertical, expected):
  assert value('sinking', make_view(torso_linvel=[7, -7, vertical])) == pytest.approx(expected, abs=1e-6)


def test_stray_contacts_are_all_but_feet_and_shins(value, make_view, body):
  carrying = {f'{part}_{side}_touch': 100 for part in ('foot', 'shin') for side in ('left', 'right')}
  assert value('stray_contacts', make_view(**carrying)) == 0.0
  assert value('stray_contacts', make_view(**carrying, hand_left_touch=1, pelvis_touch=300)) == 2.0
  everything = {f'{name}_touch': 1 for name in body.touch_names}
  assert value('stray_contacts', make_view(**everything)) == 16 - 4


@pytest.mark.parametrize(('z', 'expected'), [(1.282, 1), (0.641, 0.5), (0.1282, 0.1), (2.0, 1), (-0.5, 0)])
def test_rise(value, make_view, z, expected):
  assert value('rise', make_view(torso_pos=[9, 9, z])) == pytest.approx(expected, rel=1e-5)


PRONE, SUPINE, ASIDE = (1, 0, 1, 0), (1, 0, -1, 0), (1, 1, 0, 0)  # times the square root of 1/2


@pytest.mark.parametrize(
  ('rotation', 'height', 'spin', 'climb', 'expected'),
  [
    (ASIDE, 0, (0, 0, -3), 0, 1.5),  # nose to the floor at 3 rad/s: turned by 1/2, and by 3/2 a second more
    (ASIDE, 0, (0, 0, 3), 0, -1.5),
    (ASIDE, 0, (5, 5, 0), 0, 0),  # about the axes that leave the nose level
    (ASIDE, 0.25, (0, 0, -3), 0, 1.125),  # of standing height: half risen, which forgives a quarter
    (ASIDE, 0.25, (0, 0, 0), 1.282, 1.5),  # climbing by 2 half heights a second: 2 x 1/2 x 2 x 3/4
    (SUPINE, 0.25, (0, 0, 0), 1.282, 2),  # nothing of which the face has paid already
    (PRONE, 0.25, (0, 3, 3), 1.282, 0),
    (SUPINE, 0.6, (0, 3, 3), 1.282, 0),  # from half height on all is paid
  ],
)
def test_turning_over(value, make_view, body, rotation, height, spin, climb, expected):
  """By hand, the rate of 1 - (1 - turned^2) (1 - risen^2); on its right side the torso's z is level, and turns x."""
  qpos, qvel = body.default_qpos.copy(), np.zeros(body.nv)
  qpos[3:7], qpos[2] = np.array(rotation) * 0.5**0.5, height * 1.282
  qvel[2], qvel[3:6] = climb, spin
  assert value('turning_over', make_view(qpos=qpos, qvel=qvel)) == pytest.approx(expected, abs=1e-5)
