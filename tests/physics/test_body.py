"""Names instead of numbers: every index and limit of a Body, against MuJoCo itself."""

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.physics.body import describe


@pytest.fixture
def view(model):
  """Three worlds whose sensor readings are their own numbers: world b, element i reads 1000 b + i."""
  data = np.arange(3)[:, None] * 1000.0 + np.arange(model.nsensordata)
  return View(np.zeros(3), np.zeros((3, model.nq)), np.zeros((3, model.nv)), np.zeros((3, model.nu)), data)


def test_sizes_are_the_models(body, model):
  assert (body.nq, body.nv, body.nu) == (model.nq, model.nv, model.nu) == (28, 27, 21)


def test_standing_pose_is_the_files_own(body, model):
  assert body.default_qpos.dtype == np.float32
  assert body.default_qpos == pytest.approx([0, 0, 1.282, 1, *[0] * 24])


def test_the_relaxed_pose_differs_in_the_joints_of_the_datasheet_only(body, robot, model):
  """Found by MuJoCo itself, which knows joints by name."""
  data = mujoco.MjData(model)
  for part, angle in robot.anatomy.relaxed:
    for side in ('left', 'right'):
      data.joint(f'{part}_{side}').qpos[0] = angle
  np.testing.assert_allclose(body.relaxed_qpos, data.qpos, atol=1e-6)
  assert (body.relaxed_qpos != body.default_qpos).sum() == 6
  assert body.relaxed_qpos[7 + body.joint_index('elbow_left')] == pytest.approx(-1.2)


def test_keyframes_are_those_of_the_file_by_name(body, model):
  assert list(body.keyframes) == [model.key(i).name for i in range(model.nkey)]
  assert 'squat' in body.keyframes
  for name, qpos in body.keyframes.items():
    np.testing.assert_allclose(qpos, model.key(name).qpos, atol=1e-6)
    assert qpos.dtype == np.float32


def test_upper_joints_are_all_but_those_of_the_legs(body):
  names = [body.joint_names[i] for i in body.upper_joints]
  expected = ['abdomen_z', 'abdomen_y', 'abdomen_x']
  expected += [f'{joint}_{side}' for side in ('left', 'right') for joint in ('shoulder1', 'shoulder2', 'elbow')]
  assert sorted(names) == sorted(expected)


def test_total_mass_is_the_sum_over_bodies(body, model):
  assert body.total_mass == pytest.approx(model.body_mass.sum())
  assert body.total_mass == pytest.approx(40.844, abs=1e-3)


def test_control_step_is_timestep_times_frame_skip(body, robot, model):
  assert body.control_step == pytest.approx(0.005 * 5)
  assert describe(robot, model, 2).control_step == pytest.approx(0.005 * 2)
  assert describe(robot, model, 0).control_step == pytest.approx(0.005 * 5)


@pytest.mark.parametrize('name', ['abdomen_z', 'hip_y_right', 'ankle_y_left', 'elbow_left'])
def test_joint_index_finds_angle_and_velocity(body, model, name):
  i = body.joint_index(name)
  assert 7 + i == model.joint(name).qposadr[0]
  assert 6 + i == model.joint(name).dofadr[0]


def test_joint_ranges_are_in_radians_and_in_joint_order(body):
  # The file says degrees: knee -160..2, hip_x -30..10, abdomen_y -75..30.
  for name, degrees in {'knee_left': (-160, 2), 'hip_x_right': (-30, 10), 'abdomen_y': (-75, 30)}.items():
    assert np.degrees(body.joint_range[body.joint_index(name)]) == pytest.approx(degrees, abs=1e-4)


def test_joint_names_are_all_hinges_and_no_root(body):
  assert len(body.joint_names) == len(body.joint_range) == 21
  assert 'root' not in body.joint_names


@pytest.mark.parametrize(('name', 'limit'), [('hip_y_left', 120), ('knee_right', 80), ('ankle_y_left', 20)])
def test_torque_limits_by_name(body, name, limit):
  assert body.torque_limit[body.actuator_names.index(name)] == limit


@pytest.mark.parametrize('i', range(21))
def test_each_motor_drives_its_own_dof_with_its_own_torque(body, model, i):
  """The order of motors is not that of joints: full control of one motor must appear at exactly its element."""
  data = mujoco.MjData(model)
  data.ctrl[i] = 1
  mujoco.mj_forward(model, data)
  expected = np.zeros(model.nv)
  expected[body.actuator_dofs[i]] = body.torque_limit[i]
  assert data.qfrc_actuator == pytest.approx(expected)


def test_sensors_are_read_by_name_from_every_world(body, model, view):
  for i in range(model.nsensor):
    first, width = model.sensor_adr[i], model.sensor_dim[i]
    expected = np.arange(3)[:, None] * 1000.0 + np.arange(first, first + width)
    np.testing.assert_array_equal(body.sensor(view, model.sensor(i).name), expected)


def test_sensors_of_a_single_world(body, view):
  single = View(*(field[1] for field in view))
  np.testing.assert_array_equal(body.sensor(single, 'torso_forward'), [1003, 1004, 1005])


def test_bodies_that_feel_touch_are_those_with_a_shape(body, model):
  shaped = [model.body(i).name for i in range(1, model.nbody) if model.body_geomnum[i]]
  assert list(body.touch_names) == shaped
  assert len(shaped) == 16


def test_unknown_sensor_and_joint_are_refused_with_the_choices(body, view):
  with pytest.raises(UserError, match=r"unknown sensor 'torso_po'. Did you mean 'torso_pos'\? Choices: "):
    body.sensor(view, 'torso_po')
  with pytest.raises(UserError, match=r"unknown joint 'root'.*Choices: .*knee_left"):
    body.joint_index('root')
