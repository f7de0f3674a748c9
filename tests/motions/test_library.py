"""Protects pose libraries: what is written is read again, and files that are none, or of another robot, are refused."""

from __future__ import annotations

import numpy as np
import pytest
from people import posed

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.library import Library, carry, find_library, kept_library, read_library, typed, write_library


@pytest.fixture
def library(rig):
  poses = np.stack([posed(rig), posed(rig, knee_left=-30)])
  return Library(poses, ('stand', 'bent'), 'humanoid', rig.body.joint_names)


def test_a_library_is_read_as_it_was_written(library, tmp_path):
  write_library(library, tmp_path / 'p.npz')
  again = read_library(tmp_path / 'p.npz')
  np.testing.assert_array_equal(again.qpos, library.qpos)
  assert (again.names, again.robot, again.joints) == (library.names, 'humanoid', library.joints)
  assert again.digest == library.digest


def test_a_pose_by_name(library):
  np.testing.assert_array_equal(library.pose('bent', 'p.npz'), library.qpos[1])
  with pytest.raises(UserError, match=r"unknown pose in p.npz: 'bend'. Did you mean 'bent'\? Choices: bent, stand"):
    library.pose('bend', 'p.npz')


def test_a_plain_file_of_poses_will_do(tmp_path, rig):
  np.savez(tmp_path / 'p.npz', qpos=posed(rig)[None])
  found = read_library(tmp_path / 'p.npz')
  found.check(rig.body, 'p.npz')
  assert found.names == found.joints == ()
  with pytest.raises(UserError, match='has poses without names'):
    found.pose('a', 'p.npz')


def written(path, **arrays):
  np.savez(path, **arrays)
  return path


BAD_FILES = {
  'no file': lambda path: path,
  'text': lambda path: path.write_text('poses') and path,
  'no qpos': lambda path: written(path, poses=np.zeros((2, 28))),
  'code': lambda path: written(path, qpos=np.array([{}], object)),
  'words': lambda path: written(path, qpos=np.array([['a', 'b']])),
}


@pytest.mark.parametrize('case', BAD_FILES)
def test_a_file_that_is_none_is_refused(case, tmp_path):
  with pytest.raises(UserError, match=r'is not a pose file, an \.npz with an array qpos') as error:
    read_library(BAD_FILES[case](tmp_path / 'p.npz'))
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(
  ('names', 'words'),
  [(['a'], '1 names for qpos of shape'), (['a', 'a'], 'must differ'), (['a', ''], 'must differ')],
)
def test_names_that_do_not_fit_are_refused(names, words, tmp_path):
  with pytest.raises(UserError, match=words):
    read_library(written(tmp_path / 'p.npz', qpos=np.zeros((2, 28)), names=np.array(names)))


def broken(qpos, row, column, value):
  qpos = qpos.copy()
  qpos[row, column] = value
  return qpos


@pytest.mark.parametrize(
  ('change', 'words'),
  [
    (lambda lib: Library(lib.qpos[:0], (), 'humanoid', lib.joints), 'It is empty'),
    (lambda lib: Library(broken(lib.qpos, 1, 9, np.nan), lib.names, 'humanoid', lib.joints), "The pose 'bent' is not"),
    (lambda lib: Library(lib.qpos[:, :20], lib.names, '', ()), r'shape \(2, 20\); humanoid needs \[K, 28\]'),
    (lambda lib: Library(lib.qpos, lib.names, 'dog', ('a', 'b')), "poses of robot 'dog', whose joints are not those"),
  ],
)
def test_a_library_that_does_not_fit_a_robot_is_refused(library, rig, change, words):
  with pytest.raises(UserError, match=words):
    change(library).check(rig.body, 'p.npz')


def test_a_carried_library_is_found_by_its_reference_alone(library, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  reference = carry(library, 'folder/p.npz')
  assert find_library(reference) is kept_library(reference) is library
  assert typed(reference) == 'folder/p.npz'
  assert typed('folder/p.npz') == 'folder/p.npz'
  assert kept_library('folder/p.npz') is kept_library('standing') is None
