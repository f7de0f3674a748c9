"""How episodes begin from given poses: keyframes of the model, and files."""

import mujoco
import numpy as np
import pytest
from start_tools import N

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.tasks import starts
from mjx_humanoid.tasks.starts import make_start, perturbed

# Starts from given poses


def heading_removed(qpos):
  """Where the vertical lies in the torso's frame: all of a rotation but its heading. By MuJoCo."""
  up, inverse = np.zeros(3), np.zeros(4)
  mujoco.mju_negQuat(inverse, np.asarray(qpos[3:7], float))
  mujoco.mju_rotVecQuat(up, np.array([0, 0, 1.0]), inverse)
  return up


def test_keyframes_of_the_file_all_appear_as_they_are_but_for_the_heading(model, body, start):
  qpos, qvel = start('keyframes', n=90, strength=0.0)
  assert not qvel.any()
  found = np.zeros(model.nkey, int)
  for row in qpos:
    matches = [
      np.allclose(row[:3], key[:3], atol=1e-6)
      and np.allclose(row[7:], np.clip(key[7:], *model.jnt_range[1:].T), atol=1e-6)
      and np.allclose(heading_removed(row), heading_removed(key), atol=1e-3)  # the file has three digits
      for key in model.key_qpos
    ]
    assert sum(matches) == 1
    found[matches.index(True)] += 1
  # 90 over 3 keyframes: 30 each, standard deviation sqrt(90 x 1/3 x 2/3) = 4.5
  assert model.nkey == 3
  assert abs(found - 30).max() < 5 * 4.5


@pytest.fixture
def poses(body):
  """Three poses of different heights, the second one leaning by 0.5 rad about y."""
  qpos = np.repeat(body.default_qpos[None].astype(np.float64), 3, axis=0)
  qpos[:, 2] = [1.1, 1.2, 1.3]
  qpos[1, 3:7] = [np.cos(0.25), 0, np.sin(0.25), 0]
  qpos[:, 7:] = 0.25 * body.joint_range.sum(axis=1)  # well inside the ranges
  return qpos


def test_poses_of_a_file_appear_as_they_are_but_for_the_heading(tmp_path, poses, start):
  np.savez(tmp_path / 'poses.npz', qpos=poses, anything=np.ones(3))
  qpos, qvel = start(str(tmp_path / 'poses.npz'), n=90, strength=0.0)
  assert not qvel.any()
  which = np.searchsorted([1.15, 1.25], qpos[:, 2])
  assert abs(np.bincount(which) - 30).max() < 5 * 4.5
  np.testing.assert_allclose(qpos[:, :3], poses[which, :3])
  np.testing.assert_allclose(qpos[:, 7:], poses[which, 7:], atol=1e-12)
  for row, pose in zip(qpos, poses[which], strict=True):
    np.testing.assert_allclose(heading_removed(row), heading_removed(pose), atol=1e-9)
  assert len(np.unique(qpos[:, 6].round(6))) > 80  # headings


@pytest.mark.parametrize('dtype', [np.float32, np.float64, np.int64])
def test_poses_of_a_file_may_be_of_any_kind_of_number(tmp_path, body, start, dtype):
  np.savez_compressed(tmp_path / 'poses.npz', qpos=np.array([[0, 0, 2, 1, *[0] * 24]], dtype))
  qpos, _ = start(str(tmp_path / 'poses.npz'), n=2, strength=0.0)
  np.testing.assert_allclose(qpos[:, 2], 2)


def test_perturbed_poses_spread_around_their_own_joints(body, poses):
  """Not around the standing pose; the poses that were given stay as they are."""
  before, many = poses.copy(), np.repeat(poses[:1], N, axis=0)
  qpos, qvel = perturbed(many, body, np.random.default_rng(0), np.ones(N))
  free = body.joint_index('shoulder1_left')
  assert qpos[:, 7 + free].mean() == pytest.approx(poses[0, 7 + free], abs=0.005)
  assert qpos[:, 7 + free].std() == pytest.approx(starts.JOINT_NOISE, rel=0.08)
  assert qvel.shape == (N, body.nv)
  np.testing.assert_array_equal(many, np.repeat(before[:1], N, axis=0))


def write_array(array):
  def write(path):
    with open(path, 'wb') as file:
      np.save(file, array)

  return write


BAD_FILES = {
  'missing': lambda path: None,
  'a folder': lambda path: path.mkdir(),
  'empty': lambda path: path.write_bytes(b''),
  'text': lambda path: path.write_text('0 0 1.28 1 0 0 0'),
  'an npy': write_array(np.zeros((2, 28))),
  'half a file': lambda path: (np.savez(path, qpos=np.zeros((9, 28))), path.write_bytes(path.read_bytes()[:500])),
  'another array': lambda path: np.savez(path, poses=np.zeros((2, 28))),
  'words': lambda path: np.savez(path, qpos=np.array(['a', 'b'])),
  'objects': lambda path: np.savez(path, qpos=np.array([{}, None], object)),
  'records': lambda path: np.savez(path, qpos=np.zeros(3, [('a', float), ('b', int)])),
}


@pytest.mark.parametrize('kind', BAD_FILES)
def test_what_is_no_pose_file_is_refused_in_one_line(tmp_path, kind):
  path = tmp_path / 'poses.npz'
  BAD_FILES[kind](path)
  wanted = r'poses\.npz is not a pose file, an \.npz with an array qpos \[K, nq\]: '
  with pytest.raises(UserError, match=wanted) as error:
    make_start(str(path))
  assert '\n' not in str(error.value)


def test_a_pickled_array_is_not_run(tmp_path):
  """Loading one would run whatever its maker wrote into it."""

  class Trap:
    def __reduce__(self):
      return (tmp_path.joinpath('trapped').touch, ())

  np.savez(tmp_path / 'poses.npz', qpos=np.array([Trap()], object))
  with pytest.raises(UserError, match='not a pose file'):
    make_start(str(tmp_path / 'poses.npz'))
  assert not (tmp_path / 'trapped').exists()


@pytest.mark.parametrize(
  'qpos',
  [np.zeros(28), np.zeros((2, 27)), np.zeros((2, 2, 28)), np.zeros((0, 28)), np.full((2, 28), np.nan)],
)
def test_poses_that_do_not_fit_the_robot_are_refused(tmp_path, start, qpos):
  np.savez(tmp_path / 'poses.npz', qpos=qpos)
  shape = str(qpos.shape).replace('(', r'\(').replace(')', r'\)')
  with pytest.raises(UserError, match=rf'holds qpos of shape {shape}; humanoid needs \[K, 28\], all finite'):
    start(str(tmp_path / 'poses.npz'), n=2)


def test_rotations_of_a_file_need_not_be_of_unit_length(tmp_path, poses, start):
  stretched = poses.copy()
  stretched[:, 3:7] *= np.array([[0.5], [2.0], [-3.0]])
  for name, rows in (('unit', poses), ('stretched', stretched)):
    np.savez(tmp_path / f'{name}.npz', qpos=rows)
  unit, other = (start(str(tmp_path / f'{name}.npz'), n=20)[0] for name in ('unit', 'stretched'))
  np.testing.assert_allclose(np.abs((unit[:, 3:7] * other[:, 3:7]).sum(axis=1)), 1, atol=1e-12)
  np.testing.assert_allclose(unit[:, 7:], other[:, 7:])


def test_a_rotation_of_no_length_is_refused_with_its_row(tmp_path, poses, start):
  poses = poses.copy()
  poses[1, 3:7] = 0
  np.savez(tmp_path / 'poses.npz', qpos=poses)
  with pytest.raises(
    UserError, match=r'row 1 of qpos has an orientation, elements 3 to 6, that is no quaternion'
  ) as error:
    start(str(tmp_path / 'poses.npz'), n=2)
  assert '\n' not in str(error.value)
