"""Protects the numbers of a trajectory and its tables: torques, power, contacts and sensors by hand, CSV and NumPy."""

from __future__ import annotations

import csv
import dataclasses
import io

import mujoco
import numpy as np
import pytest

from mjx_humanoid.playback import trajectories
from mjx_humanoid.playback.find import load
from mjx_humanoid.playback.keyframes import own_task
from mjx_humanoid.playback.trajectories import to_csv, to_npz, trace

GEAR = {'abdomen': 40, 'hip_x': 40, 'hip_z': 40, 'hip_y': 120, 'knee': 80, 'ankle': 20, 'shoulder': 20, 'elbow': 40}


@pytest.fixture(scope='module')
def stand():
  """(task, model) of the pretrained policy."""
  return own_task(load('stand'), {})[:2]


@pytest.fixture(scope='module')
def model(stand):
  return stand[1]


@pytest.fixture(scope='module')
def trajectory(stand):
  """The first second of the pretrained policy, 51 rows of 20 ms, in which a foot leaves the floor."""
  return trace(*stand, load('stand'), 1.0, np.random.default_rng(3))


@pytest.fixture(scope='module')
def archive(trajectory):
  return np.load(io.BytesIO(to_npz(trajectory)), allow_pickle=False)


@pytest.fixture(scope='module')
def table(trajectory):
  """The CSV as {heading: [T]}."""
  header, *rows = csv.reader(io.StringIO(to_csv(trajectory)))
  return dict(zip(header, np.array(rows, float).T, strict=True))


def test_rows_are_the_control_steps_from_the_first_to_the_last_moment(trajectory):
  np.testing.assert_allclose(trajectory.time, np.arange(51) * 0.02, atol=1e-9)
  assert trajectory.qpos.shape == (51, 28)
  assert trajectory.qvel.shape == (51, 27)
  assert trajectory.ctrl.shape == (51, 21)
  assert {x.dtype for x in (trajectory.time, trajectory.qpos, trajectory.ctrl)} == {np.dtype(float)}
  assert np.abs(trajectory.ctrl).max() <= 1


def test_torque_is_the_control_times_the_gear_of_the_motor(trajectory):
  for motor, name in enumerate(trajectory.body.actuator_names):
    gear = next(gear for part, gear in GEAR.items() if part in name)
    np.testing.assert_array_equal(trajectory.torque[:, motor], trajectory.ctrl[:, motor] * gear)


def test_torque_and_power_are_mujocos_own(model, trajectory):
  """What the actuators put on their joints, and the work that this does."""
  data = mujoco.MjData(model)
  for row in (0, 7, 50):
    data.qpos[:], data.qvel[:], data.ctrl[:] = (getattr(trajectory, x)[row] for x in ('qpos', 'qvel', 'ctrl'))
    mujoco.mj_forward(model, data)
    joints = model.actuator_trnid[:, 0]
    np.testing.assert_allclose(trajectory.torque[row], data.qfrc_actuator[model.jnt_dofadr[joints]], rtol=1e-12)
    assert trajectory.power[row].sum() == pytest.approx(data.qfrc_actuator @ data.qvel)


def test_sensors_are_those_of_the_very_state(model, trajectory):
  data = mujoco.MjData(model)
  for row in (0, 1, 30):
    data.qpos[:], data.qvel[:], data.ctrl[:] = (getattr(trajectory, x)[row] for x in ('qpos', 'qvel', 'ctrl'))
    data.qacc_warmstart[:] = 0
    mujoco.mj_forward(model, data)
    np.testing.assert_array_equal(trajectory.sensordata[row], data.sensordata)


def test_contact_is_what_the_touch_sensor_of_a_foot_feels(trajectory):
  assert trajectory.body.robot.feet == ('foot_left', 'foot_right')
  for column, foot in enumerate(('foot_left', 'foot_right')):
    force = trajectory.sensordata[:, trajectory.body.sensors[f'{foot}_touch']][:, 0]
    np.testing.assert_array_equal(trajectory.contact[:, column], force > 0)
    np.testing.assert_array_equal(trajectory.touch[:, trajectory.body.touch_names.index(foot)], force)
  assert trajectory.contact.any()
  assert not trajectory.contact.all()


def test_the_archive_holds_every_row_without_pickle(trajectory, archive):
  for name in ('time', 'qpos', 'qvel', 'ctrl', 'torque', 'power', 'touch', 'contact', 'command', 'sensordata'):
    np.testing.assert_array_equal(archive[name], getattr(trajectory, name))
  assert archive['joint_names'].tolist() == list(trajectory.body.joint_names)
  assert archive['actuator_names'].tolist()[0] == 'abdomen_y'
  assert archive['foot_names'].tolist() == ['foot_left', 'foot_right']
  assert int(archive['substeps']) == 4


def test_sensors_of_the_archive_are_found_by_name(trajectory, archive):
  names = archive['sensor_names'].tolist()
  start = archive['sensor_starts'][names.index('torso_pos')]
  np.testing.assert_allclose(archive['sensordata'][:, start : start + 3], trajectory.qpos[:, :3], atol=1e-12)


def test_the_table_holds_the_numbers_of_the_archive(table, archive):
  def block(name):
    return np.stack([column for heading, column in table.items() if heading.startswith(f'{name}/')], axis=1)

  np.testing.assert_array_equal(table['time [s]'], archive['time'])
  for name in ('qpos', 'qvel', 'ctrl', 'torque', 'power', 'touch', 'contact', 'command'):
    np.testing.assert_array_equal(block(name), archive[name])


def test_headings_name_joint_and_unit(table, trajectory):
  body = trajectory.body
  knee = body.joint_names.index('knee_left')
  np.testing.assert_array_equal(table['qpos/knee_left [rad]'], trajectory.qpos[:, 7 + knee])
  np.testing.assert_array_equal(table['qvel/knee_left [rad/s]'], trajectory.qvel[:, 6 + knee])
  motor = body.actuator_names.index('knee_left')
  np.testing.assert_array_equal(table['torque/knee_left [N m]'], trajectory.ctrl[:, motor] * 80)
  np.testing.assert_array_equal(
    table['power/knee_left [W]'], table['torque/knee_left [N m]'] * table['qvel/knee_left [rad/s]']
  )
  expected = {'qpos/root_z [m]', 'qpos/root_qw', 'qvel/root_wz [rad/s]', 'ctrl/knee_left', 'touch/foot_left [N]'}
  assert expected | {'contact/foot_right', 'command/forward [m/s]'} <= set(table)
  assert len(table) == 1 + 28 + 27 + 3 * 21 + 16 + 2 + 3


def test_the_seed_decides_the_episode(stand):
  first, again, other = (trace(*stand, load('stand'), 0.1, np.random.default_rng(seed)) for seed in (0, 0, 1))
  assert to_npz(first) == to_npz(again)
  assert not np.array_equal(first.qpos, other.qpos)


@pytest.mark.filterwarnings('ignore:invalid value')
def test_an_episode_that_diverges_ends_with_its_last_finite_row(stand, monkeypatch):
  advance = trajectories.advance
  calls = []

  def diverges_at_the_third_step(model, data, ctrl, substeps):
    result = advance(model, data, ctrl, substeps)
    calls.append(1)
    if len(calls) == 3:
      data.qvel[0] = np.inf
    return result

  monkeypatch.setattr(trajectories, 'advance', diverges_at_the_third_step)
  trajectory = trace(*stand, load('stand'), 0.2, np.random.default_rng(0))
  assert trajectory.time.tolist() == pytest.approx([0, 0.02, 0.04])
  assert {len(getattr(trajectory, f.name)) for f in dataclasses.fields(trajectory)[3:]} == {3}
  assert np.isfinite(np.concatenate([x.ravel() for x in (trajectory.qpos, trajectory.qvel, trajectory.ctrl)])).all()
