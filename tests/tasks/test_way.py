"""The way up from the floor: its parts by hand, and what the search found by C MuJoCo."""

import dataclasses
import math

import mujoco
import numpy as np
import pytest

from mjx_humanoid.errors import UserError
from mjx_humanoid.tasks import way as room
from mjx_humanoid.tasks.mirror import MirrorMap, action_map
from mjx_humanoid.tasks.way import both_sides_alike, cost_of_ending, jerks, way_up

POSES, SQUAT = slice(0, 41), 16  # rows of the datasheet's: five poses after standing, eight steps each; the deep squat


@pytest.fixture(scope='module')
def way(servo_body):
  """The humanoid's."""
  return way_up(servo_body)


def forward(qpos):
  """Height of what is ahead of the torso: 1 on the back, -1 face down."""
  matrix = np.zeros(9)
  mujoco.mju_quat2Mat(matrix, qpos[3:7] / np.linalg.norm(qpos[3:7]))
  return matrix[6]


def sprung(way):
  return way.qpos[41:], way.qvel[41:]


def test_it_leads_down_over_the_poses_of_the_datasheet_first(servo_body, way):
  np.testing.assert_array_equal(way.qpos[POSES], servo_body.descent)
  np.testing.assert_allclose(way.depth[POSES], 0.45 * np.arange(41) / 40)
  assert not way.qvel[POSES].any()


def test_then_from_a_squat_to_the_face(servo_body, way):
  """1.2 s at 50 Hz: 61 states."""
  np.testing.assert_allclose(way.depth[41:], 0.45 + 0.55 * np.arange(61) / 60)
  assert forward(way.qpos[-1]) < -0.95
  assert way.qpos[-1, 2] < 0.2


def test_the_spring_ends_near_the_deep_squat_and_there_at_rest(servo_body, way):
  end, speed = sprung(way)[0][0], sprung(way)[1][0]
  assert abs(forward(end) - forward(servo_body.descent[SQUAT])) < 0.3
  assert abs(end[2] - servo_body.descent[SQUAT][2]) < 0.1
  assert np.linalg.norm(speed[:3]) < 0.5


def test_the_spring_goes_up(servo_body, way):
  """By finite differences: its places, read upward, move at its velocities; by more than half a metre within 1.2 s."""
  qpos, qvel = sprung(way)
  moved = -np.diff(qpos[:, :3], axis=0) / servo_body.control_step
  mean = (qvel[1:, :3] + qvel[:-1, :3]) / 2
  assert qpos[0, 2] - qpos[-1, 2] > 0.5
  assert qvel[:, 2].max() > 1
  error = np.linalg.norm(moved - mean, axis=1)
  assert np.median(error) < 0.1 * np.linalg.norm(mean, axis=1).max()


def test_left_and_right_spring_alike(servo_body, way):
  left, right = (
    [7 + i for i, name in enumerate(servo_body.joint_names) if side in name and name.startswith(('hip_y', 'knee'))]
    for side in ('left', 'right')
  )
  qpos, _ = sprung(way)
  np.testing.assert_allclose(qpos[:, left], qpos[:, right], atol=0.02)


def test_it_is_found_once(servo_body, way):
  assert way_up(dataclasses.replace(servo_body)) is way


def test_a_way_that_is_not_found_is_said_in_one_line(servo_body, monkeypatch):
  """Nobody gets up by no controls at all."""

  def still(model, start, seconds, substeps, end, along, basis, rng):
    tries.append(seconds)
    return np.tile(start, (3, 1)), np.zeros((3, model.nv))

  tries = []
  monkeypatch.setattr(room, 'find_motion', still)
  robot = dataclasses.replace(servo_body.robot, name='stiff')
  with pytest.raises(UserError, match='found no way up for stiff') as error:
    way_up(dataclasses.replace(servo_body, robot=robot))
  assert tries == [room.SPRING] * room.TRIES
  assert '\n' not in str(error.value)


def test_a_robot_without_a_descent_is_refused_in_one_line(body):
  bare = dataclasses.replace(body, descent=body.descent[:0])
  with pytest.raises(UserError, match="'rising' needs the poses of a descent in the datasheet of humanoid") as error:
    way_up(bare)
  assert '\n' not in str(error.value)


# Costs


def cost(body, qpos, qvel=None):
  qvel = np.zeros(body.nv) if qvel is None else qvel
  return cost_of_ending(qpos[None], qvel[None], np.array(body.default_qpos, float), body)[0]


def standing(body):
  return np.array(body.default_qpos, float)


def test_at_rest_at_the_goal_costs_nothing_wherever_it_is_and_faces(body):
  qpos = standing(body)
  qpos[:2], qpos[3:7] = (4, -7), (math.cos(0.6), 0, 0, math.sin(0.6))
  assert cost(body, qpos) == pytest.approx(0, abs=1e-6)


def test_poses_cost_by_how_far_they_are_away(body):
  """By hand: 0.15 m too high is 1; 0.75 rad at one of twelve joints of the legs 1 / sqrt(12), both their hypotenuse."""
  high, turned = standing(body), standing(body)
  high[2] += 0.15
  turned[7 + body.joint_index('hip_z_left')] -= 0.75
  both = turned.copy()
  both[2] += 0.15
  assert cost(body, high) == pytest.approx(1, rel=1e-5)
  assert cost(body, turned) == pytest.approx(1 / math.sqrt(12), rel=1e-5)
  assert cost(body, both) == pytest.approx(math.sqrt(13 / 12), rel=1e-5)


def test_lying_instead_of_standing_costs_the_way_of_the_vertical(body):
  """On the back at standing height: the vertical is one and the same, a right angle apart: sqrt(2) of 0.75."""
  qpos = standing(body)
  qpos[3:7] = [0.5**0.5, 0, -(0.5**0.5), 0]
  assert cost(body, qpos) == pytest.approx(math.sqrt(2) / 0.75, rel=1e-5)


def test_speed_costs(body):
  """2 m/s in any direction cost 1; 27 - 3 speeds of 15 rad/s half as much."""
  sliding, whirling = np.zeros(body.nv), np.zeros(body.nv)
  sliding[:3], whirling[3:] = (2 / 3**0.5, -2 / 3**0.5, 2 / 3**0.5), 15.0
  assert cost(body, standing(body), sliding) == pytest.approx(1, rel=1e-5)
  assert cost(body, standing(body), whirling) == pytest.approx(0.5, rel=1e-5)


def test_only_what_is_quicker_than_muscles_is_a_jerk():
  qvel = np.zeros((3, 27))
  qvel[:, 4] = 100.0  # of the torso: no joint
  qvel[1, 9], qvel[2, 20] = 16.0, -26.0
  np.testing.assert_allclose(jerks(np.zeros((3, 28)), qvel), [0, 0, 0.2])


def test_both_sides_are_moved_as_one():
  """Of a waist that bends, one that turns, and two pairs, of which one is mounted the other way round."""
  motors = MirrorMap(np.array([0, 1, 3, 2, 5, 4]), np.array([1, -1, 1, 1, -1, -1], np.float32))
  expected = [[1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, -1]]
  np.testing.assert_array_equal(both_sides_alike(motors), expected)


def test_the_humanoid_has_ten_ways_to_move_alike(body):
  """abdomen_y; of each leg hip_x, hip_z, hip_y, knee, ankle_y, ankle_x; of each arm shoulder1, shoulder2, elbow."""
  basis = both_sides_alike(action_map(body))
  assert basis.shape == (10, 21)
  assert sorted(np.abs(basis).sum(axis=1)) == [1] + [2] * 9
