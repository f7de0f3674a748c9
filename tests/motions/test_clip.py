"""Protects clips of a robot: files of them, how loops close, and mistakes with joint and frame."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from clip_tools import swaying, written

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.clip import advance_of, closed, facing_ahead, resampled
from mjx_humanoid.motions.clip_files import csv_content, read_poses
from mjx_humanoid.robots import robots


@pytest.fixture
def clip(body):
  return swaying(body)


def same(a, b, tolerance):
  assert (a.joints, a.loop, a.robot) == (b.joints, b.loop, b.robot)
  np.testing.assert_allclose(a.seconds, b.seconds, atol=tolerance)
  np.testing.assert_allclose(a.qpos, b.qpos, atol=tolerance)


def test_a_clip_as_npz_is_read_as_it_was(clip, tmp_path):
  found = read_poses(written(clip, tmp_path / 'sway.npz'))
  same(found, clip, 1e-12)
  assert (found.name, found.source) == ('sway', 'made up')


def test_a_clip_as_csv_is_read_as_it_was(clip, tmp_path):
  (tmp_path / 'sway.csv').write_bytes(csv_content(clip))
  same(read_poses(tmp_path / 'sway.csv'), clip, 1e-6)


@pytest.mark.parametrize('suffix', ['npz', 'csv'])
def test_a_clip_that_is_held_at_its_end_stays_so_in_a_file(clip, tmp_path, suffix):
  held = dataclasses.replace(clip, loop=False, held=True)
  path = tmp_path / f'sway.{suffix}'
  path.write_bytes(held.content() if suffix == 'npz' else csv_content(held))
  found = read_poses(path)
  assert (found.loop, found.held) == (False, True)
  assert held.digest != dataclasses.replace(held, held=False).digest


def test_columns_of_a_csv_may_have_any_order(tmp_path):
  (tmp_path / 'a.csv').write_text('knee,time,x,y,z,qw,qx,qy,qz\n0.1,0,1,2,3,2,0,0,0\n0.2,0.5,1,2,3,2,0,0,0\n')
  found = read_poses(tmp_path / 'a.csv')
  assert (found.joints, found.seconds.tolist(), found.loop) == (('knee',), [0, 0.5], False)
  assert found.qpos[1].tolist() == [1, 2, 3, 1, 0, 0, 0, 0.2]


def saved(**changes):
  """An .npz of one joint, with other arrays."""
  arrays = {'time': np.arange(3.0), 'qpos': np.tile([0, 0, 1, 1, 0, 0, 0, 0.5], (3, 1)), 'joints': np.array(['knee'])}
  file = io.BytesIO()
  np.savez(file, **{name: value for name, value in {**arrays, **changes}.items() if value is not None})
  return file.getvalue()


def poses(frame, column, value):
  qpos = np.tile([0, 0, 1, 1, 0, 0, 0, 0.5], (3, 1))
  qpos[frame, column] = value
  return qpos


HEADER = b'time,x,y,z,qw,qx,qy,qz,knee\n'
MISTAKES = {
  'no npz': ('a.npz', b'walk', 'is not a clip, an .npz with time'),
  'no poses': ('a.npz', saved(qpos=None), 'is not a clip'),
  'code': ('a.npz', saved(qpos=np.array([print], object)), 'is not a clip'),
  'other shapes': ('a.npz', saved(time=np.arange(4.0)), r'time has the shape \(4,\) and qpos \(3, 8\)'),
  'a missing joint': ('a.npz', saved(joints=np.array(['knee', 'hip'])), r'with 2 joints they need \[T\] and \[T, 9\]'),
  'a joint twice': ('a.npz', saved(joints=np.array(['a', 'a']), qpos=np.zeros((3, 9))), 'names a joint twice'),
  'NaN': ('a.npz', saved(qpos=poses(1, 7, np.nan)), 'frame 1 of knee is not a finite number'),
  'NaN in time': ('a.npz', saved(time=np.array([0, np.nan, 1])), 'frame 1 of time is not a finite number'),
  'time that goes back': ('a.npz', saved(time=np.array([0, 2, 1.0])), 'time goes back at frame 2, from 2 to 1 s'),
  'no orientation': ('a.npz', saved(qpos=poses(2, 3, 0)), 'frame 2 has an orientation, qw to qz, that is no'),
  'a loop that is held': ('a.npz', saved(loop=np.array(True), held=np.array(True)), 'is a loop and held at its end'),
  'an empty table': ('a.csv', b'', 'lacks the columns time, x, y'),
  'a table without time': ('a.csv', b'x,y,z,qw,qx,qy,qz\n', 'lacks the columns time'),
  'a short row': ('a.csv', HEADER + b'0,0,0\n', 'frame 0 has 3 values for 9 columns'),
  'words in a table': ('a.csv', HEADER + b'0,a,0,1,1,0,0,0,0\n', 'is not a clip'),
  'one frame': ('a.csv', HEADER + b'0,0,0,1,1,0,0,0,0\n', 'T of 2 or more'),
  'bytes': ('a.csv', b'\xff\xfe', 'is not a clip'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_in_a_file_is_told_with_its_frame(tmp_path, case):
  name, content, words = MISTAKES[case]
  (tmp_path / name).write_bytes(content)
  with pytest.raises(UserError, match=words):
    read_poses(tmp_path / name)


# Loops


def test_how_far_a_loop_leads_is_told_in_the_frame_of_its_first_heading():
  """It faces y, goes by (1, 2), which is 2 ahead and 1 to the right, and turns to the left by 90 degrees."""
  half = np.sqrt(0.5)
  qpos = np.array([[0, 0, 1, half, 0, 0, half], [1, 2, 1, 0, 0, 0, 1.0]])
  advance, turn = advance_of(qpos)
  np.testing.assert_allclose(advance, [2, -1], atol=1e-9)
  assert turn == pytest.approx(np.pi / 2)


def test_a_closed_loop_ends_as_it_began_and_keeps_its_middle(clip):
  open_ended = clip.qpos.copy()
  open_ended[:, 9] += np.linspace(0, 0.2, 21)
  open_ended[:, 2] += np.linspace(0, 0.04, 21)
  found = closed(open_ended)
  np.testing.assert_allclose(found[-1, 2:], found[0, 2:], atol=1e-9)
  np.testing.assert_allclose(found[10, 9], open_ended[10, 9] - 0.0, atol=1e-9)
  assert found[0, 9] == pytest.approx(open_ended[0, 9] + 0.1)
  assert found[-1, 0] == pytest.approx(0.5)


def test_a_loop_that_hardly_turns_goes_straight_and_one_that_turns_goes_on_turning(clip):
  for angle, kept in ((0.2, 0.0), (1.0, 1.0)):
    qpos = clip.qpos.copy()
    heading = np.linspace(0, angle, 21) / 2
    qpos[:, 3:7] = np.stack([np.cos(heading), 0 * heading, 0 * heading, np.sin(heading)], axis=1)
    assert advance_of(closed(qpos))[1] == pytest.approx(kept, abs=1e-6)


def test_poses_between_frames_are_linear_and_quaternions_of_length_one(clip):
  found = resampled(clip, np.array([0.0, 0.025, 1.0]))
  np.testing.assert_allclose(found[1, 7:], (clip.qpos[0, 7:] + clip.qpos[1, 7:]) / 2, atol=1e-12)
  np.testing.assert_allclose(np.linalg.norm(found[:, 3:7], axis=1), 1)


def test_a_quaternion_and_its_negative_are_one_orientation(clip):
  flipped = clip.qpos.copy()
  flipped[5:, 3:7] *= -1
  found = resampled(dataclasses.replace(clip, qpos=flipped), np.array([0.225]))
  np.testing.assert_allclose(found[0, 3:7], [1, 0, 0, 0], atol=1e-12)


def test_a_clip_is_turned_ahead(clip):
  turned = clip.qpos.copy()
  turned[:, 3:7] = [np.sqrt(0.5), 0, 0, np.sqrt(0.5)]
  turned[:, 1], turned[:, 0] = turned[:, 0], 7.0
  np.testing.assert_allclose(facing_ahead(turned), clip.qpos, atol=1e-9)


# On a robot


def test_a_sound_clip_is_accepted(clip, body):
  assert clip.fitted(body, 'it') is clip
  clip.check_limits(body, 'it')


def test_a_joint_out_of_limits_is_named_with_its_frame(clip, body):
  clip.qpos[7, 7 + body.joint_index('knee_left')] = 0.5
  with pytest.raises(UserError, match=r'frame 7 has joint knee_left at 28.6 degrees, out of its limits, -160.0 to 2.0'):
    clip.check_limits(body, 'it')


def test_missing_joints_are_named(clip, body):
  few = dataclasses.replace(clip, joints=clip.joints[2:], qpos=clip.qpos[:, 2:])
  with pytest.raises(UserError, match="lacks 2 joints of robot 'humanoid_pd': abdomen_z, abdomen_y"):
    few.fitted(body, 'it')


def test_joints_may_have_any_order(clip, body):
  order = np.random.default_rng(0).permutation(21)
  qpos = np.concatenate([clip.qpos[:, :7], clip.qpos[:, 7:][:, order]], axis=1)
  shuffled = dataclasses.replace(clip, joints=tuple(clip.joints[i] for i in order), qpos=qpos)
  np.testing.assert_array_equal(shuffled.fitted(body, 'it').qpos, clip.qpos)


def test_joints_that_the_robot_lacks_are_named(clip, body):
  more = dataclasses.replace(clip, joints=(*clip.joints, 'tail'), qpos=np.hstack([clip.qpos, clip.qpos[:, :1]]))
  with pytest.raises(UserError, match="it has joints that robot 'humanoid_pd' lacks: tail"):
    more.fitted(body, 'it')


def test_a_robot_in_a_plane_has_no_clips(clip):
  from mjx_humanoid.physics.body import describe
  from mjx_humanoid.physics.model import build_model

  pytest.importorskip('gymnasium')
  robot = robots()['walker2d']
  with pytest.raises(UserError, match="needs a robot with a free root; that of 'walker2d' is planar"):
    clip.fitted(describe(robot, build_model(robot)), 'it')
