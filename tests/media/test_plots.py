"""Protects the plot of a trajectory: its contents, its colours, and that it is drawn at all."""

from __future__ import annotations

import dataclasses
import sys

import mediapy
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.media import plots
from mjx_humanoid.playback.find import load
from mjx_humanoid.playback.keyframes import own_task
from mjx_humanoid.playback.trajectories import trace


@pytest.fixture(scope='module')
def trajectory():
  task, model, _ = own_task(load('stand'), {})
  return trace(task, model, load('stand'), 1.0, np.random.default_rng(0))


@pytest.fixture
def axes():
  from matplotlib.figure import Figure

  return Figure().subplots(1, 2)


def pixels_of(image, colour):
  wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
  return int((np.abs(image[..., :3].astype(int) - wanted).max(axis=-1) < 12).sum())


@pytest.fixture(scope='module')
def picture(trajectory):
  return plots.plot(trajectory, 'stand')


def test_the_picture_is_large_not_blank_and_in_all_three_colours(picture):
  image = mediapy.decompress_image(picture)
  assert 1200 < image.shape[1] < 4000
  assert 900 < image.shape[0] < 3000
  assert 0.6 < (image[..., :3] > 250).all(axis=-1).mean() < 0.97  # white paper, and something on it
  assert all(pixels_of(image, colour) > 2000 for colour in plots.COLOURS)


def test_the_same_trajectory_is_the_same_picture(picture, trajectory):
  assert plots.plot(trajectory, 'stand') == picture


def test_two_rows_are_enough(trajectory):
  rows = [field.name for field in dataclasses.fields(trajectory)][2:]
  brief = dataclasses.replace(trajectory, **{name: getattr(trajectory, name)[:2] for name in rows})
  assert plots.plot(brief, 'brief').startswith(b'\x89PNG')


def test_joints_are_grouped_by_legs_and_others_with_their_mirror_image(trajectory):
  legs, others = plots.grouped(trajectory.body)
  assert list(legs) == ['hip_x', 'hip_z', 'hip_y', 'knee', 'ankle_y', 'ankle_x']
  assert list(others) == ['abdomen_z', 'abdomen_y', 'abdomen_x', 'shoulder1', 'shoulder2', 'elbow']
  names = trajectory.body.joint_names
  assert {side: names[i] for side, i in legs['knee'].items()} == {'left': 'knee_left', 'right': 'knee_right'}
  assert {side: names[i] for side, i in others['abdomen_z'].items()} == {'middle': 'abdomen_z'}


def test_each_side_has_its_colour(trajectory):
  body = trajectory.body
  assert [plots.colour_of(side) for side in ('left', 'right', 'middle')] == list(plots.COLOURS)
  lopsided = dataclasses.replace(body, robot=dataclasses.replace(body.robot, symmetry=()))
  assert plots.side_of('knee_left', lopsided) == ('knee_left', 'middle')
  assert len(plots.grouped(lopsided)) == 4  # 12 joints of legs and 9 others, six in a row


@pytest.mark.parametrize(
  ('symmetry', 'name', 'expected'),
  [
    ((('left', 'right'),), 'knee_right', ('knee', 'right')),
    ((('left', 'right'),), 'abdomen_z', ('abdomen_z', 'middle')),
    ((('thigh_left', 'thigh'), ('leg_left', 'leg')), 'leg_left_joint', ('leg_joint', 'left')),
    ((('thigh_left', 'thigh'), ('leg_left', 'leg')), 'thigh_joint', ('thigh_joint', 'right')),
    ((('LF', 'RF'), ('LH', 'RH')), 'RH_KFE', ('H_KFE', 'right')),
    ((('LF', 'RF'), ('LH', 'RH')), 'LF_KFE', ('F_KFE', 'left')),
  ],
)
def test_sides_are_those_of_the_datasheet(trajectory, symmetry, name, expected):
  """As walker2d and anymal_c have them, too."""
  body = dataclasses.replace(trajectory.body, robot=dataclasses.replace(trajectory.body.robot, symmetry=symmetry))
  assert plots.side_of(name, body) == expected


def test_power_is_drawn_by_the_sides_of_the_joints_that_motors_drive(trajectory, axes):
  """Motors may have names of their own, or none."""
  names = tuple(f'motor_{i}' for i in range(trajectory.body.nu))
  plots.draw_power(
    axes[0], dataclasses.replace(trajectory, body=dataclasses.replace(trajectory.body, actuator_names=names))
  )
  assert len(axes[0].collections) == 3  # left, right and middle


def test_angles_in_degrees_above_torques_below(trajectory, axes):
  upper, lower = axes
  pair = plots.grouped(trajectory.body)[0]['knee']
  plots.draw_joint(upper, lower, trajectory, 'knee', pair, first=True)
  angles = {line.get_color(): np.asarray(line.get_ydata()) for line in upper.lines}
  torques = {line.get_color(): np.asarray(line.get_ydata()) for line in lower.lines}
  for side, colour in (('left', plots.COLOURS[0]), ('right', plots.COLOURS[1])):
    joint = trajectory.body.joint_names.index(f'knee_{side}')
    motor = trajectory.body.actuator_names.index(f'knee_{side}')
    np.testing.assert_allclose(angles[colour], trajectory.qpos[:, 7 + joint] * 180 / np.pi)
    np.testing.assert_allclose(torques[colour], 80 * trajectory.ctrl[:, motor])
  assert (upper.get_ylabel(), lower.get_ylabel()) == ('angle [degrees]', 'torque [N m]')
  assert (upper.get_title(loc='left'), lower.get_xlabel()) == ('knee', 'time [s]')


def test_noise_is_not_drawn_as_large_motion(trajectory, axes):
  still = dataclasses.replace(trajectory, qpos=np.full_like(trajectory.qpos, 1e-6))
  plots.draw_joint(*axes, still, 'knee', {'left': 0}, first=True)
  low, high = axes[0].get_ylim()
  assert high - low == pytest.approx(10, abs=0.1)


def test_power_counts_braking_as_effort_and_names_mean_and_peak(trajectory, axes):
  total = np.abs(trajectory.power).sum(axis=1)
  plots.draw_power(axes[0], trajectory)
  expected = f'power of all motors: mean {total.mean():.1f} W (dashed), peak {total.max():.0f} W'
  assert axes[0].get_title(loc='left') == expected
  assert axes[0].get_ylabel() == '|torque x speed| [W]'
  assert axes[0].get_ylim()[0] == 0


def test_one_peak_does_not_hide_the_rest(trajectory, axes):
  """Power of 1 W but for one step of a thousand times that: the axis ends near 1 W."""
  qvel = np.zeros_like(trajectory.qvel)
  qvel[:, trajectory.body.actuator_dofs[0]] = 1
  qvel[3] *= 1000
  ctrl = np.zeros_like(trajectory.ctrl)
  ctrl[:, 0] = 1 / 40  # 1 N m of the first motor, abdomen_y
  many = {'time': np.arange(510) * 0.02, 'qvel': np.concatenate([qvel, *[qvel[4:5].repeat(459, axis=0)]])}
  plots.draw_power(axes[0], dataclasses.replace(trajectory, ctrl=ctrl[:1].repeat(510, axis=0), **many))
  assert axes[0].get_ylim()[1] == pytest.approx(1.3)
  assert 'peak 1000 W' in axes[0].get_title(loc='left')


def test_bars_are_where_the_feet_are_on_the_floor(trajectory, axes):
  sensordata = np.zeros_like(trajectory.sensordata)
  sensordata[10:20, trajectory.body.sensors['foot_left_touch']] = 200.0
  plots.draw_contact(axes[0], dataclasses.replace(trajectory, sensordata=sensordata))
  boxes = [path.get_extents() for bars in axes[0].collections for path in bars.get_paths()]
  assert [(box.x0, box.x1) for box in boxes] == [pytest.approx((0.2, 0.4))]
  assert boxes[0].y0 < 0 < boxes[0].y1  # the first row, the left foot
  assert [label.get_text() for label in axes[0].get_yticklabels()] == ['foot left', 'foot right']


@pytest.mark.parametrize(
  ('touching', 'expected'),
  [([0, 0], []), ([1, 1], [(0, 2)]), ([0, 1, 1, 0, 1], [(1, 3), (4, 5)]), ([1, 0, 0, 1, 0], [(0, 1), (3, 4)])],
)
def test_intervals_of_contact_by_hand(touching, expected):
  assert plots.intervals(np.array(touching, bool)) == expected


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, 'matplotlib.figure', None)
  with pytest.raises(UserError, match='pip install matplotlib'):
    plots.check_matplotlib()
