"""Protects the figures of report cards: each by hand arithmetic on episodes made up for it."""

from __future__ import annotations

import numpy as np
import pytest
from made_up import at_rest, ended, face, sensor

from mjx_humanoid.playback.figures import GOING, SETTLING, STRIDE, after, mean, measure, most, smoothed

DT = 0.025  # s, a control step of the humanoid
SECOND = 40  # steps


@pytest.fixture
def paths(body):
  """Two episodes of four steps."""
  return at_rest(body)


# Of a constant error over four steps: the mean over the last 40 steps holds 1 to 4 of them, 2.5 on average.
SHORT = 2.5 / SECOND


@pytest.fixture
def long(body):
  """One episode of four seconds."""
  return at_rest(body, 1, 4 * SECOND)


def test_the_times_below_are_those_of_the_humanoid(body):
  assert body.control_step == pytest.approx(DT)
  assert (STRIDE, SETTLING) == (SECOND * DT, 2 * SECOND * DT)


# Survival and posture


def test_standing_still_for_the_whole_episode(paths, body):
  figures = {name: values.tolist() for name, values in measure(paths, body).items()}
  assert figures.pop('survived') == [1, 1]
  assert figures.pop('survival_seconds') == pytest.approx([4 * DT] * 2)
  assert figures.pop('mean_height') == pytest.approx([body.robot.standing_height] * 2)
  for name, values in figures.items():
    assert values == pytest.approx([0, 0], abs=1e-5), name


def test_survival_ends_at_the_first_terminal_step_for_good(paths, body):
  paths.terminated[1] = [False, False, True, False]  # a body that bounces back up has fallen all the same
  figures = measure(paths, body)
  assert figures['survived'].tolist() == [1, 0]
  assert figures['survival_seconds'] == pytest.approx([4 * DT, 2 * DT])


def test_heights_are_means_over_the_steps_alive(paths, body):
  top = body.robot.standing_height
  height = sensor(paths, body, 'torso_pos')[..., 2]
  height[0] = [top + 0.1, top - 0.1, top + 0.2, top]
  height[1] = [top, top - 0.4, 0.1, 0.1]
  figures = measure(ended(paths, 1, 2), body)
  assert figures['mean_height'] == pytest.approx([top + 0.05, top - 0.2], rel=1e-5)
  assert figures['height_error'] == pytest.approx([0.1, 0.2], rel=1e-4)


def test_tilt_is_the_angle_of_the_torso_axis_in_degrees(paths, body):
  up = sensor(paths, body, 'torso_up')
  up[0] = [[0, 0, 1], [0.5, 0, np.sqrt(0.75)], [0, 1, 0], [0, 0, 1]]  # 0, 30, 90 and 0 degrees
  up[1] = [0, 0, 1.0001]  # rounding of a unit vector
  assert measure(paths, body)['tilt'] == pytest.approx([30, 0], abs=1e-3)


def test_joint_speed_is_the_root_mean_square_of_the_hinges_alone(paths, body):
  """All 21 hinges at 2 rad/s in half of the steps; one at 21 rad/s is sqrt(21^2 / 21)."""
  paths.views.qvel[..., :6] = 50
  paths.views.qvel[0, :2, 6:] = -2
  paths.views.qvel[1, :, 9] = 21
  assert measure(paths, body)['joint_speed'] == pytest.approx([1, np.sqrt(21)])


# Motion


def test_drift_is_the_farthest_from_the_start_over_the_ground(paths, body):
  paths.start.qpos[:, :2] = [[1, 1], [0, 0]]
  # 5 m away at most; height counts for nothing
  paths.views.qpos[0, :, :3] = [[1, 1, 9], [4, 5, 0], [1, 1, 0], [1, 2, 0]]
  paths.views.qpos[1, :, 0] = [0.1, 0.2, 50, 50]
  assert measure(ended(paths, 1, 2), body)['drift'] == pytest.approx([5.0, 0.2])


def test_sideways_is_the_farthest_across_where_the_robot_faced_at_the_start(paths, body):
  """Episode 0 faces along x, episode 1 along y: the same path leads 2 m aside, and 5 m."""
  paths.start.qpos[1, 3:7] = [np.sqrt(0.5), 0, 0, np.sqrt(0.5)]
  paths.start.qpos[:, :2] = [10, 10]
  paths.views.qpos[:, :, :2] = np.array([10, 10]) + np.array([[1, 0], [5, -2], [4, 1], [0, 0]])
  assert measure(paths, body)['sideways'] == pytest.approx([2, 5], rel=1e-5)


def test_sideways_does_not_turn_with_the_robot(paths, body):
  face(paths, 90)
  paths.views.qpos[:, -1, :2] = [3, 1]
  assert measure(paths, body)['sideways'] == pytest.approx([1, 1], rel=1e-5)


def test_speed_is_horizontal_and_of_the_centre_of_mass(paths, body):
  sensor(paths, body, 'com_vel')[0] = [[3, 4, 9], [0, 0, 9], [0, 1, 0], [2, 0, 0]]
  assert measure(paths, body)['speed'] == pytest.approx([2.0, 0.0])


@pytest.mark.parametrize('angle', [-120, -30, 45])
def test_heading_error_is_the_angle_between_where_the_torso_faces_and_where_it_should(paths, body, angle):
  face(paths, angle)
  assert measure(paths, body)['heading_error'] == pytest.approx([abs(angle)] * 2, rel=1e-4)


def test_a_heading_that_turns_as_commanded_is_no_error(paths, body):
  angles = np.array([0, 20, 40, 60])
  face(paths, angles)
  paths.contexts.heading[0] = np.stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))], axis=-1)
  # Episode 1 should have gone on straight: the mean of its four headings is 30 degrees aside.
  assert measure(paths, body)['heading_error'] == pytest.approx([0, 30], abs=1e-3)


def test_swaying_within_a_stride_is_no_heading_error(long, body):
  """Straight for a second, then 20 degrees left and right in turns: one of the 40 that are averaged has no partner."""
  face(long, np.where(np.arange(160) < SECOND, 0, np.where(np.arange(160) % 2, -20, 20)))
  assert measure(long, body)['heading_error'][0] == pytest.approx(20 / 40, abs=0.05)


def test_the_largest_heading_error_counts(long, body):
  """A second in which it faces 12 degrees aside, once in the episode."""
  face(long, np.where((np.arange(160) >= 60) & (np.arange(160) < 100), 12, 0))
  assert measure(long, body)['heading_error'][0] == pytest.approx(12, rel=1e-4)


def test_facing_backwards_is_a_heading_error_of_180_degrees(long, body):
  """After a first step ahead: angles of 178 and -178 degrees are 4 apart, and their mean is 180 rather than 0."""
  steps = np.arange(160)
  face(long, np.where(steps == 0, 0, np.where(steps % 2, -178, 178)))
  assert measure(long, body)['heading_error'][0] == pytest.approx(180, abs=0.2)


def test_forward_speed_is_along_the_heading_after_two_seconds(body):
  """Episode 0: 1.2 m/s along its heading, y. Episode 1 goes as fast, but across it."""
  paths = at_rest(body, 2, 3 * SECOND)
  paths.contexts.heading[0] = [0, 1]
  sensor(paths, body, 'com_vel')[:, : 2 * SECOND] = [0, -7, 0]
  sensor(paths, body, 'com_vel')[:, 2 * SECOND :] = [0, 1.2, 0]
  assert measure(paths, body)['forward_speed'] == pytest.approx([1.2, 0], rel=1e-5)


def test_an_episode_that_ended_within_two_seconds_has_no_forward_speed(long, body):
  sensor(long, body, 'com_vel')[..., 0] = 1.0
  assert measure(ended(long, 0, 2 * SECOND), body)['forward_speed'] == [0]


def test_velocity_error_is_the_distance_to_the_command_in_the_frame_of_the_heading(paths, body):
  """Wanted is 1 forward and 0.5 to the left of y: in the world (-0.5, 1). Episode 1 has 0.4 and 0.3 too little."""
  paths.contexts.heading[:] = [0, 1]
  paths.contexts.requested[:] = [1, 0.5, 9]
  sensor(paths, body, 'com_vel')[0] = [-0.5, 1, 3]
  sensor(paths, body, 'com_vel')[1] = [-0.2, 0.6, 3]
  assert measure(paths, body)['velocity_error'] == pytest.approx([0, 0.5 * SHORT], abs=1e-6)


def test_velocity_error_is_that_of_the_mean_of_a_second(long, body):
  """Too fast by 0.4 for two seconds, then too slow by as much.

  The mean of the last second goes from 0.01 to 0.4 in 40 steps, which sum to 8.2, and from 0.4 to -0.4 in 40 steps of
  0.02, whose sizes sum to 8; the other 80 steps are 0.4 off: (8.2 + 8 + 80 x 0.4) / 160 = 0.30125.
  """
  long.contexts.requested[..., 0] = 1
  sensor(long, body, 'com_vel')[..., 0] = np.where(np.arange(160) < 80, 1.4, 0.6)
  assert measure(long, body)['velocity_error'][0] == pytest.approx(0.30125, rel=1e-5)


def test_turning_error_is_about_the_vertical_and_of_either_sign(paths, body):
  paths.contexts.requested[0, :, 2] = 0.5
  paths.contexts.requested[1, :, 2] = -0.5
  sensor(paths, body, 'torso_angvel')[:] = [7, 7, 0.2]
  assert measure(paths, body)['turning_error'] == pytest.approx([0.3 * SHORT, 0.7 * SHORT])


# Economy


def test_torque_and_power_by_hand(paths, body):
  """Half control on one motor: half its limit; power is torque times the speed of the joint it drives."""
  motor = 4
  limit, dof = float(body.torque_limit[motor]), int(body.actuator_dofs[motor])
  paths.views.ctrl[0, :, motor] = [0.5, -0.5, 0, 0]
  paths.views.qvel[0, :, dof] = [2, 2, 2, 2]
  figures = measure(paths, body)
  assert figures['mean_torque'][0] == pytest.approx((0.5 * limit + 0.5 * limit) / 4 / 21, rel=1e-5)
  assert figures['mean_power'][0] == pytest.approx((limit + limit) / 4, rel=1e-5)


def drive(paths, body, watts):
  """One motor at full torque and the speed that makes this power."""
  paths.views.ctrl[..., 0] = 1
  paths.views.qvel[..., body.actuator_dofs[0]] = watts / body.torque_limit[0]


def test_cost_of_transport_is_power_over_weight_times_speed(paths, body):
  drive(paths, body, 300)
  sensor(paths, body, 'com_vel')[0] = [1.5, 0, 0]
  sensor(paths, body, 'com_vel')[1] = [[0, 2, 0], [0, 2, 0], [0, 0, 0], [0, 0, 0]]
  expected = [300 / (body.total_mass * 9.81 * speed) for speed in (1.5, 1.0)]
  assert measure(paths, body)['cost_of_transport'] == pytest.approx(expected, rel=1e-5)


def test_a_robot_that_stays_where_it_is_has_no_cost_of_transport(paths, body):
  drive(paths, body, 300)
  sensor(paths, body, 'com_vel')[0] = [GOING - 0.01, 0, 0]
  sensor(paths, body, 'com_vel')[1] = [GOING + 0.01, 0, 0]
  still, going = measure(paths, body)['cost_of_transport']
  assert still == 0
  assert going == pytest.approx(300 / (body.total_mass * 9.81 * (GOING + 0.01)), rel=1e-5)


# Ends


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('value', [np.nan, np.inf, 1e30])
def test_what_comes_after_the_end_counts_for_nothing_even_where_it_is_not_finite(paths, body, value):
  expected = measure(ended(paths, 1, 2), body)
  for field in (paths.views.qpos, paths.views.qvel, paths.views.ctrl, paths.views.sensordata):
    field[1, 2:] = value
  for name, values in measure(paths, body).items():
    np.testing.assert_allclose(values, expected[name], err_msg=name)


def test_an_episode_that_ends_at_once_divides_by_no_zero(paths, body):
  figures = measure(ended(paths, 1, 0), body)
  assert figures['survival_seconds'][1] == 0
  assert all(np.isfinite(values).all() for values in figures.values())


# The small functions beneath


def test_means_over_what_is_counted():
  counted = np.array([[True, False, True], [False, False, False]])
  assert mean(np.array([[1, 50, 3], [7, 8, 9]]), counted).tolist() == [2, 0]
  assert most(np.array([[1, 50, 3], [7, 8, 9]]), counted).tolist() == [3, 0]


def test_smoothed_is_the_mean_of_the_last_steps_and_of_zeros_before_the_start():
  assert smoothed(np.array([[2.0, 4, 9, 1]]), 2).tolist() == [[1, 3, 6.5, 5]]
  assert smoothed(np.array([[2.0, 4, 9, 1]]), 8).tolist() == [[0.25, 0.75, 1.875, 2]]
  assert smoothed(np.array([[[2.0, 1], [4, 1]]]), 2).tolist() == [[[1, 0.5], [3, 1]]]


def test_steps_after_some_seconds(body):
  alive = np.array([[True, True, True, False], [True] * 4])
  assert after(alive, 2 * DT, body).tolist() == [[False, False, True, False], [False, False, True, True]]
  assert not after(alive, 4 * DT, body).any()
