"""Protects the features of motions: by hand, without place and heading, alike in NumPy and JAX, and pairs of a clip."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from clip_tools import swaying

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions import clips
from mjx_humanoid.motions.clip_table import clip_table
from mjx_humanoid.motions.features import BETWEEN, clip_pairs, mirror_states, motion_features
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.symmetry import other_side
from mjx_humanoid.robots import robots

JOINTS, ENDS = 21, 5
ROWS = 50  # of a loop of 1 s at 50 control steps per second


@pytest.fixture(scope='module')
def features(body, model):
  return motion_features(body, model)


@pytest.fixture(scope='module')
def states(body):
  """8 random states, float32: qpos, qvel."""
  rng = np.random.default_rng(1)
  qpos = np.tile(body.default_qpos.astype(float), (8, 1))
  qpos[:, 7:] += 0.3 * rng.normal(size=(8, JOINTS))
  qpos = body.root.rotated(qpos, rng.uniform(-3, 3, 8), 0.3 * rng.normal(size=(8, 2)))
  return qpos.astype(np.float32), rng.normal(size=(8, body.nv)).astype(np.float32)


def named(row):
  """The parts of features [F] by name."""
  widths = {'height': 1, 'up': 3, 'velocity': 3, 'turning': 3, 'angles': JOINTS, 'rates': JOINTS, 'ends': 3 * ENDS}
  assert len(row) == sum(widths.values())
  return dict(zip(widths, np.split(row, np.cumsum(list(widths.values()))[:-1]), strict=True))


def test_features_by_hand(features, body, model):
  """Standing, facing along y and moving along y at 1.5 m/s, along x (to the right) at 0.2 m/s: seen from the robot."""
  qpos, qvel = body.default_qpos[None].astype(float), np.zeros((1, body.nv), np.float32)
  qpos = body.root.rotated(qpos, np.array([np.pi / 2]), np.zeros((1, 2)))
  qvel[0, :3], qvel[0, 3:6], qvel[0, 6:] = [0.2, 1.5, -0.1], [1, 2, 3], np.arange(JOINTS)
  found = named(features(qpos.astype(np.float32), qvel)[0])
  assert features.size == len(features(qpos, qvel)[0])
  np.testing.assert_allclose(found['height'], [1.282], atol=1e-3)
  np.testing.assert_allclose(found['up'], [0, 0, 1], atol=1e-5)
  np.testing.assert_allclose(found['velocity'], [1.5, -0.2, -0.1], atol=1e-5)
  np.testing.assert_allclose(found['turning'], [1, 2, 3])
  np.testing.assert_allclose(found['angles'], body.default_angles, atol=1e-6)
  np.testing.assert_allclose(found['rates'], np.arange(JOINTS))
  ends = dict(zip(features.ends.names, found['ends'].reshape(ENDS, 3), strict=True))
  for foot in ('foot_left', 'foot_right'):  # 1.282 m below the torso, but for the height of the ankle
    assert ends[foot][2] == pytest.approx(body.foot_heights[0] - 1.282, abs=1e-3)
  assert ends['foot_left'][1] == pytest.approx(-ends['foot_right'][1], abs=1e-5)
  assert ends['foot_left'][1] > 0.05


def test_place_and_heading_make_no_difference(features, body, states):
  qpos, qvel = states
  turn = np.linspace(-3, 3, len(qpos))
  moved = body.root.rotated(qpos, turn, np.zeros((len(qpos), 2)))
  moved[:, :2] += [[30, -7]]
  moving = body.root.velocity_turned(qvel, turn)
  assert np.abs(moved[:, 3:7] - qpos[:, 3:7]).max() > 0.5
  np.testing.assert_allclose(features(moved.astype(np.float32), moving), features(*states), atol=2e-5)


def test_a_tilt_and_a_height_do(features, body, states):
  qpos, qvel = states
  tilted = body.root.rotated(qpos, np.zeros(len(qpos)), np.full((len(qpos), 2), 0.3)).astype(np.float32)
  assert np.abs(features(tilted, qvel) - features(*states)).max(axis=1).min() > 0.1
  higher = qpos + np.float32(0.1) * np.eye(1, body.nq, 2, dtype=np.float32)
  difference = features(higher, qvel) - features(*states)
  np.testing.assert_allclose(difference, 0.1 * np.eye(1, features.size).repeat(len(qpos), axis=0), atol=1e-5)


def test_numpy_and_jax_agree(features, states):
  found = features(*states)
  assert found.dtype == np.float32
  with jax.disable_jit():  # to compile the kinematics takes a minute without optimisations
    np.testing.assert_allclose(features(*map(jnp.asarray, states)), found, atol=2e-5)


def test_a_mirror_image_has_the_mirror_images_of_features(features, body, states):
  """Height, forward velocity and pitch rate stay, sideways velocity turns round, hands and feet change sides."""
  plain, image = (features(*each) for each in (states, mirror_states(body, *states)))
  for row, other in zip(plain, image, strict=True):
    a, b = named(row), named(other)
    np.testing.assert_allclose(b['height'], a['height'])
    np.testing.assert_allclose(b['velocity'], a['velocity'] * [1, -1, 1], atol=1e-5)
    np.testing.assert_allclose(b['turning'], a['turning'] * [-1, 1, -1], atol=1e-5)
    names = list(features.ends.names)
    sides = [names.index(other_side(name, body)) for name in names]
    np.testing.assert_allclose(b['ends'].reshape(ENDS, 3), a['ends'].reshape(ENDS, 3)[sides] * [1, -1, 1], atol=1e-4)


# Pairs of a clip


def task_of(body, **changes):
  return TaskConfig(clip=clips.carry(swaying(body, count=51), 'sway'), **changes)


def test_pairs_are_a_control_step_apart_and_a_loop_goes_on(features, body):
  task = task_of(body)
  table = clip_table(task.clip, body, once=False)
  rows = features(table.qpos, table.qvel)
  pairs = clip_pairs(task, features, mirrored=False)
  assert pairs.shape == (BETWEEN * ROWS, 2, features.size)
  assert pairs.dtype == np.float32
  np.testing.assert_allclose(pairs[:ROWS, 0], rows, atol=1e-6)
  np.testing.assert_allclose(pairs[:ROWS, 1], np.roll(rows, -1, axis=0), atol=1e-6)
  assert BETWEEN == 4
  quarter = 0.75 * rows + 0.25 * np.roll(rows, -1, axis=0)
  np.testing.assert_allclose(pairs[ROWS : 2 * ROWS, 0], quarter, atol=1e-5)


def test_a_clip_that_is_no_loop_does_not_go_on_at_its_beginning(features, body):
  task = task_of(body, clip_once=True)
  table = clip_table(task.clip, body, once=True)
  pairs = clip_pairs(task, features, mirrored=False)
  assert len(pairs) == BETWEEN * (len(table) - 2)
  rows = features(table.qpos, table.qvel)
  np.testing.assert_allclose(pairs[: len(table) - 2, 1], rows[1:-1], atol=1e-6)


def test_the_mirror_image_is_added_for_symmetric_policies(features, body):
  task = task_of(body)
  plain, both = (clip_pairs(task, features, mirrored=mirrored) for mirrored in (False, True))
  assert len(both) == 2 * len(plain)
  np.testing.assert_array_equal(both[: len(plain)], plain)
  assert np.abs(both[len(plain) :] - plain).max() > 0.01


def test_without_a_clip_it_says_how_to_name_one(features):
  with pytest.raises(UserError, match=r'the style comes from a clip; name it by config\.task\.clip') as error:
    clip_pairs(TaskConfig(), features, mirrored=False)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(
  ('robot', 'clip', 'words'),
  [
    ('humanoid', 'gait:9', r'the normative gait is known from 0\.86 to 1\.52 m/s'),
    ('humanoid', 'nowhere.csv', r'there is no such file'),
    ('biped', 'gait', r"robot 'biped' cannot take the pose of a person"),
    ('anymal_c', 'gait', r"robot 'anymal_c' cannot take the pose of a person"),
  ],
)
def test_a_clip_that_does_not_fit_is_one_line(robot, clip, words):
  from mjx_humanoid.physics.body import describe

  sheet = robots()[robot]
  model = build_model(sheet)
  features = motion_features(describe(sheet, model), model)
  with pytest.raises(UserError, match=words) as error:
    clip_pairs(dataclasses.replace(TaskConfig(), clip=clip), features, mirrored=False)
  assert '\n' not in str(error.value)
