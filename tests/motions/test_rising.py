"""The way up from the floor: its parts by hand, and what the search found by C MuJoCo."""

import dataclasses
import math

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions import rising as room
from mjx_humanoid.motions.rising import both_sides_alike, cost_of_ending, jerks, spring_up, way_up
from mjx_humanoid.motions.search import Motion
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.physics.symmetry import MirrorMap, action_map

POSES = slice(0, 17)  # rows of the datasheet's: two poses after standing, eight steps each


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
  return way.qpos[17:], way.qvel[17:]


def test_it_leads_down_over_the_poses_of_the_datasheet_first(servo_body, way):
  np.testing.assert_array_equal(way.qpos[POSES], servo_body.descent)
  np.testing.assert_allclose(way.depth[POSES], 0.25 * np.arange(17) / 16)
  assert not way.qvel[POSES].any()


def test_then_from_a_squat_to_the_face(servo_body, way):
  """1.6 s at 50 Hz: 81 states."""
  np.testing.assert_allclose(way.depth[17:], 0.25 + 0.75 * np.arange(81) / 80)
  assert forward(way.qpos[-1]) < -0.95
  assert way.qpos[-1, 2] < 0.2


def test_the_spring_ends_on_its_feet_and_there_at_rest(servo_body, way):
  """By C MuJoCo: nothing but the feet on the floor, the centre of mass above them, as high as in the deep squat."""
  model = build_model(servo_body.robot)
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:] = sprung(way)[0][0], sprung(way)[1][0]
  mujoco.mj_forward(model, data)
  floor = model.geom('floor').id
  touching = {int(geom) for contact in data.contact for geom in contact.geom} - {floor}
  assert {model.body(model.geom_bodyid[geom]).name for geom in touching} == {'foot_left', 'foot_right'}
  feet = (data.body('foot_left').xpos + data.body('foot_right').xpos) / 2
  assert np.linalg.norm(data.subtree_com[0, :2] - feet[:2]) < 0.2
  assert data.qpos[2] == pytest.approx(servo_body.descent[-1][2], abs=0.1)
  assert np.linalg.norm(data.qvel[:3]) < 0.5


def test_the_spring_goes_up(servo_body, way):
  """By finite differences: its places, read upward, move at its velocities; by more than half a metre within 1.6 s."""
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


def test_who_follows_its_controls_inexactly_gets_there_too(servo_body, way):
  """In C MuJoCo, with noise of 0.1 on every control: near the end of the spring, where its torso is, in 0.25 m."""
  model, rng = build_model(servo_body.robot), np.random.default_rng(3)
  spring, heights = spring_up(servo_body), []
  for _ in range(20):
    data = mujoco.MjData(model)
    data.qpos[:] = spring.qpos[0]
    for ctrl in spring.ctrl:
      data.ctrl[:] = np.clip(ctrl + 0.1 * rng.normal(size=model.nu), -1, 1)
      mujoco.mj_step(model, data, 4)
    heights.append(data.qpos[2])
  assert np.mean(np.abs(np.array(heights) - spring.qpos[-1, 2]) < 0.25) >= 0.8


def test_it_is_found_once(servo_body, way):
  assert spring_up(dataclasses.replace(servo_body)) is spring_up(servo_body)


def test_a_way_that_is_not_found_is_said_in_one_line(servo_body, monkeypatch):
  """Nobody gets up by no controls at all."""

  def still(model, start, seconds, substeps, end, along, basis, noise, rng):
    tries.append(seconds)
    return Motion(np.tile(start, (3, 1)), np.zeros((3, model.nv)), np.zeros((2, model.nu)), room.ARRIVED + 0.1)

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


def seen(body, qpos, qvel=None):
  qvel = np.zeros(body.nv) if qvel is None else qvel
  return view_states(build_model(body.robot), qpos[None], qvel[None])


def cost(body, qpos, qvel=None):
  return cost_of_ending(seen(body, qpos, qvel), np.array(body.default_qpos, float), body)[0]


@pytest.fixture
def weightless(monkeypatch):
  """Where the feet are costs nothing."""
  for scale in ('LEAD', 'LIFTED'):
    monkeypatch.setattr(room, scale, math.inf)


def standing(body):
  return np.array(body.default_qpos, float)


def test_at_rest_at_the_goal_costs_nothing_wherever_it_is_and_faces(body):
  qpos = standing(body)
  qpos[:2], qpos[3:7] = (4, -7), (math.cos(0.6), 0, 0, math.sin(0.6))
  assert cost(body, qpos) == pytest.approx(0, abs=1e-6)


@pytest.mark.usefixtures('weightless')
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


@pytest.mark.usefixtures('weightless')
def test_lying_instead_of_standing_costs_the_way_of_the_vertical(body):
  """On the back at standing height: the vertical is one and the same, a right angle apart: sqrt(2) of 0.75."""
  qpos = standing(body)
  qpos[3:7] = [0.5**0.5, 0, -(0.5**0.5), 0]
  assert cost(body, qpos) == pytest.approx(math.sqrt(2) / 0.75, rel=1e-5)


def test_feet_off_the_floor_cost(body):
  """0.2 m too high: 0.2 / 0.15 for the height, and what the feet are above 0.1 m, in units of 0.05 m."""
  qpos = standing(body)
  qpos[2] += 0.2
  data = mujoco.MjData(build_model(body.robot))
  data.qpos[:] = qpos
  mujoco.mj_kinematics(build_model(body.robot), data)
  lifted = data.body('foot_left').xpos[2] - 0.1
  assert 0.1 < lifted < 0.2
  assert cost(body, qpos) == pytest.approx(0.2 / 0.15 + lifted / 0.05, rel=1e-4)


def test_a_centre_of_mass_beside_the_feet_costs(body, monkeypatch):
  """By C MuJoCo, of a robot that leans by 30 degrees: 0.25 m cost 1, from 0.1 m on."""
  monkeypatch.setattr(room, 'LIFTED', math.inf)
  qpos = standing(body)
  qpos[3:7] = [math.cos(math.radians(15)), 0, math.sin(math.radians(15)), 0]
  data = mujoco.MjData(build_model(body.robot))
  data.qpos[:] = qpos
  mujoco.mj_forward(build_model(body.robot), data)
  feet = (data.body('foot_left').xpos + data.body('foot_right').xpos) / 2
  beside = np.linalg.norm((data.subtree_com[1] - feet)[:2])
  assert beside > 0.3
  with_it = cost(body, qpos)
  monkeypatch.setattr(room, 'LEAD', math.inf)
  assert with_it - cost(body, qpos) == pytest.approx((beside - 0.1) / 0.25, rel=1e-3)


def test_speed_costs(body):
  """2 m/s in any direction cost 1; 27 - 3 speeds of 15 rad/s half as much."""
  sliding, whirling = np.zeros(body.nv), np.zeros(body.nv)
  sliding[:3], whirling[3:] = (2 / 3**0.5, -2 / 3**0.5, 2 / 3**0.5), 15.0
  assert cost(body, standing(body), sliding) == pytest.approx(1, rel=1e-5)
  assert cost(body, standing(body), whirling) == pytest.approx(0.5, rel=1e-5)


def test_only_what_is_quicker_than_muscles_is_a_jerk(body):
  view = seen(body, standing(body))
  qvel = np.zeros((3, 27))
  qvel[:, 4] = 100.0  # of the torso: no joint
  qvel[1, 9], qvel[2, 20] = 16.0, -26.0
  np.testing.assert_allclose(jerks(view._replace(qvel=qvel)), [0, 0, 0.2])


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
