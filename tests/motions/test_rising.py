"""The path from the floor up to standing: its parts by hand, and what the search found, by C MuJoCo."""

import dataclasses
import math

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions import rising
from mjx_humanoid.motions.rising import both_sides_alike, cost_of_ending, cost_of_speed, leap, rise_path
from mjx_humanoid.motions.search import Motion
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.physics.symmetry import MirrorMap, action_map

SEARCHED = pytest.mark.slow  # a search for the leap takes a minute
POSES = slice(0, 17)  # rows of the datasheet's descent: two poses after standing, eight rows each


@pytest.fixture(scope='module')
def path(body):
  """The humanoid's."""
  return rise_path(body)


def forward(qpos):
  """Vertical part of the torso's forward axis: 1 on the back, -1 face down."""
  matrix = np.zeros(9)
  mujoco.mju_quat2Mat(matrix, qpos[3:7] / np.linalg.norm(qpos[3:7]))
  return matrix[6]


def leaping(path):
  return path.qpos[17:], path.qvel[17:]


@SEARCHED
def test_the_path_first_leads_down_over_the_poses_of_the_datasheet(body, path):
  np.testing.assert_array_equal(path.qpos[POSES], body.descent)
  np.testing.assert_allclose(path.depth[POSES], 0.25 * np.arange(17) / 16)
  assert not path.qvel[POSES].any()


@SEARCHED
def test_then_from_a_squat_to_the_face(body, path):
  """1.6 s at 50 Hz: 81 states."""
  np.testing.assert_allclose(path.depth[17:], 0.25 + 0.75 * np.arange(81) / 80)
  assert forward(path.qpos[-1]) < -0.95
  assert path.qpos[-1, 2] < 0.2


@SEARCHED
def test_the_leap_ends_at_rest_on_the_feet(model, body, path):
  """By C MuJoCo: nothing but the feet on the floor, the centre of mass above them, as high as in the deep squat."""
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:] = leaping(path)[0][0], leaping(path)[1][0]
  mujoco.mj_forward(model, data)
  floor = model.geom('floor').id
  touching = {int(geom) for contact in data.contact for geom in contact.geom} - {floor}
  assert {model.body(model.geom_bodyid[geom]).name for geom in touching} == {'foot_left', 'foot_right'}
  feet = (data.body('foot_left').xpos + data.body('foot_right').xpos) / 2
  assert np.linalg.norm(data.subtree_com[0, :2] - feet[:2]) < 0.2
  assert data.qpos[2] == pytest.approx(body.descent[-1][2], abs=0.1)
  assert np.linalg.norm(data.qvel[:3]) < 0.5


@SEARCHED
def test_the_leap_goes_up(body, path):
  """By finite differences: positions, read upward, change at the velocities; by more than half a metre in 1.6 s."""
  qpos, qvel = leaping(path)
  moved = -np.diff(qpos[:, :3], axis=0) / body.control_step
  mean = (qvel[1:, :3] + qvel[:-1, :3]) / 2
  assert qpos[0, 2] - qpos[-1, 2] > 0.5
  assert qvel[:, 2].max() > 1
  error = np.linalg.norm(moved - mean, axis=1)
  assert np.median(error) < 0.1 * np.linalg.norm(mean, axis=1).max()


@SEARCHED
def test_left_and_right_legs_leap_alike(body, path):
  left, right = (
    [7 + i for i, name in enumerate(body.joint_names) if side in name and name.startswith(('hip_y', 'knee'))]
    for side in ('left', 'right')
  )
  qpos, _ = leaping(path)
  np.testing.assert_allclose(qpos[:, left], qpos[:, right], atol=0.02)


@SEARCHED
def test_a_policy_that_follows_the_controls_inexactly_gets_there_too(model, body):
  """In C MuJoCo, with noise of 0.1 on every control: the torso ends within 0.25 m of the leap's own height."""
  rng, motion, heights = np.random.default_rng(3), leap(body), []
  for _ in range(20):
    data = mujoco.MjData(model)
    data.qpos[:] = motion.qpos[0]
    for ctrl in motion.ctrl:
      data.ctrl[:] = np.clip(ctrl + 0.1 * rng.normal(size=model.nu), -1, 1)
      mujoco.mj_step(model, data, 4)
    heights.append(data.qpos[2])
  assert np.mean(np.abs(np.array(heights) - motion.qpos[-1, 2]) < 0.25) >= 0.8


@SEARCHED
def test_a_leap_is_searched_for_once(body):
  assert leap(dataclasses.replace(body)) is leap(body)


def test_a_leap_that_is_not_found_is_said_in_one_line(body, monkeypatch):
  """No robot gets up without controls."""

  def still(model, start, seconds, substeps, end, along, basis, noise, rng):
    tries.append(seconds)
    return Motion(np.tile(start, (3, 1)), np.zeros((3, model.nv)), np.zeros((2, model.nu)), rising.ARRIVED + 0.1)

  tries = []
  monkeypatch.setattr(rising, 'find_motion', still)
  robot = dataclasses.replace(body.robot, name='stiff')
  with pytest.raises(UserError, match="start 'rising' found no motion to get up for robot") as error:
    rise_path(dataclasses.replace(body, robot=robot))
  assert tries == [rising.LEAP_SECONDS] * rising.TRIES
  assert '\n' not in str(error.value)


def test_a_robot_without_a_descent_is_refused_in_one_line(body):
  bare = dataclasses.replace(body, descent=body.descent[:0])
  with pytest.raises(
    UserError, match="'rising' needs an anatomy with a descent in the datasheet of robot 'humanoid_pd'"
  ) as error:
    rise_path(bare)
  assert '\n' not in str(error.value)


# Costs


@pytest.fixture
def cost(model, body):
  """Cost of ending in a state where the standing pose is the goal."""

  def of(qpos, qvel=None):
    view = view_states(model, qpos[None], np.zeros((1, body.nv)) if qvel is None else qvel[None])
    return cost_of_ending(view, np.array(body.default_qpos, float), body)[0]

  return of


@pytest.fixture
def without_feet(monkeypatch):
  """The positions of the feet cost nothing."""
  for scale in ('LEAD', 'LIFTED'):
    monkeypatch.setattr(rising, scale, math.inf)


def standing(body):
  return np.array(body.default_qpos, float)


def test_at_rest_in_the_goal_pose_costs_nothing_at_any_position_and_heading(body, cost):
  qpos = standing(body)
  qpos[:2], qpos[3:7] = (4, -7), (math.cos(0.6), 0, 0, math.sin(0.6))
  assert cost(qpos) == pytest.approx(0, abs=1e-6)


@pytest.mark.usefixtures('without_feet')
def test_poses_cost_by_their_distance_from_the_goal(body, cost):
  """By hand: 0.15 m too high is 1; 0.75 rad at one of twelve joints of the legs 1 / sqrt(12), both their hypotenuse."""
  high, turned = standing(body), standing(body)
  high[2] += 0.15
  turned[7 + body.joint_index('hip_z_left')] -= 0.75
  both = turned.copy()
  both[2] += 0.15
  assert cost(high) == pytest.approx(1, rel=1e-5)
  assert cost(turned) == pytest.approx(1 / math.sqrt(12), rel=1e-5)
  assert cost(both) == pytest.approx(math.sqrt(13 / 12), rel=1e-5)


@pytest.mark.usefixtures('without_feet')
def test_lying_costs_by_the_direction_of_the_vertical(body, cost):
  """On the back at standing height: the two verticals are a right angle apart, sqrt(2) in units of 0.75."""
  qpos = standing(body)
  qpos[3:7] = [0.5**0.5, 0, -(0.5**0.5), 0]
  assert cost(qpos) == pytest.approx(math.sqrt(2) / 0.75, rel=1e-5)


def test_feet_off_the_floor_cost(model, body, cost):
  """0.2 m too high: 0.2 / 0.15 for the height, and what the feet are above 0.1 m, in units of 0.05 m."""
  qpos = standing(body)
  qpos[2] += 0.2
  data = mujoco.MjData(model)
  data.qpos[:] = qpos
  mujoco.mj_kinematics(model, data)
  lifted = data.body('foot_left').xpos[2] - 0.1
  assert 0.1 < lifted < 0.2
  assert cost(qpos) == pytest.approx(0.2 / 0.15 + lifted / 0.05, rel=1e-4)


def test_a_centre_of_mass_beside_the_feet_costs(model, body, cost, monkeypatch):
  """By C MuJoCo, of a robot that leans by 30 degrees: 0.25 m cost 1, from 0.1 m on."""
  monkeypatch.setattr(rising, 'LIFTED', math.inf)
  qpos = standing(body)
  qpos[3:7] = [math.cos(math.radians(15)), 0, math.sin(math.radians(15)), 0]
  data = mujoco.MjData(model)
  data.qpos[:] = qpos
  mujoco.mj_forward(model, data)
  feet = (data.body('foot_left').xpos + data.body('foot_right').xpos) / 2
  beside = np.linalg.norm((data.subtree_com[1] - feet)[:2])
  assert beside > 0.3
  with_it = cost(qpos)
  monkeypatch.setattr(rising, 'LEAD', math.inf)
  assert with_it - cost(qpos) == pytest.approx((beside - 0.1) / 0.25, rel=1e-3)


def test_speed_costs(body, cost):
  """2 m/s in any direction cost 1; 27 - 3 speeds of 15 rad/s half as much."""
  sliding, whirling = np.zeros(body.nv), np.zeros(body.nv)
  sliding[:3], whirling[3:] = (2 / 3**0.5, -2 / 3**0.5, 2 / 3**0.5), 15.0
  assert cost(standing(body), sliding) == pytest.approx(1, rel=1e-5)
  assert cost(standing(body), whirling) == pytest.approx(0.5, rel=1e-5)


def test_only_joints_quicker_than_muscles_cost_along_the_motion(model, body):
  """26 rad/s are 10 beyond 16, at 0.02 each."""
  view = view_states(model, standing(body)[None], np.zeros((1, body.nv)))
  qvel = np.zeros((3, 27))
  qvel[:, 4] = 100.0  # of the torso, which is no joint
  qvel[1, 9], qvel[2, 20] = 16.0, -26.0
  np.testing.assert_allclose(cost_of_speed(view._replace(qvel=qvel), body), [0, 0, 0.2])


def test_both_sides_move_as_one():
  """Of a waist that bends, one that turns, and two pairs, of which one is mounted the other way round."""
  motors = MirrorMap(np.array([0, 1, 3, 2, 5, 4]), np.array([1, -1, 1, 1, -1, -1], np.float32))
  expected = [[1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, -1]]
  np.testing.assert_array_equal(both_sides_alike(motors), expected)


def test_the_humanoid_has_ten_ways_to_move_alike(body):
  """abdomen_y; of each leg hip_x, hip_z, hip_y, knee, ankle_y, ankle_x; of each arm shoulder1, shoulder2, elbow."""
  basis = both_sides_alike(action_map(body))
  assert basis.shape == (10, 21)
  assert sorted(np.abs(basis).sum(axis=1)) == [1] + [2] * 9
