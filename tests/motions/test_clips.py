"""Protects where clips are found: by name, in folders, as files, and what is said where there are none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from clip_tools import stepping, swaying, write_person, written

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions import clips


@pytest.fixture
def folder(tmp_path, monkeypatch, body):
  """A folder of clips, which the environment variable names; pybullet_data is not installed."""
  write_person(tmp_path / 'humanoid3d_walk.txt', stepping())
  written(swaying(body), tmp_path / 'sway.npz')
  (tmp_path / 'readme.md').write_text('clips')
  monkeypatch.setenv(clips.VARIABLE, str(tmp_path))
  monkeypatch.setattr(clips, 'PACKAGE', 'not_installed')
  return tmp_path


def test_clips_have_the_names_of_their_files(folder):
  assert list(clips.clips_at()) == ['walk', 'sway']
  assert clips.clips_at(str(folder)) == clips.clips_at()
  assert clips.clips_at(str(folder / 'sway.npz')) == {'sway': folder / 'sway.npz'}


def test_a_clip_is_found_by_name_or_file(folder, robot):
  by_name, by_file = clips.find_clip('walk', robot), clips.find_clip(str(folder / 'humanoid3d_walk.txt'), robot)
  assert by_name is by_file  # retargeted once
  assert (by_name.name, by_name.source) == ('walk', 'humanoid3d_walk.txt')


def test_a_clip_that_was_written_anew_is_read_anew(folder, robot, body):
  before = clips.find_clip('sway', robot)
  import os

  written(swaying(body, ahead=2.0), folder / 'sway.npz')
  os.utime(folder / 'sway.npz', ns=(1, 1))
  assert clips.find_clip('sway', robot).qpos[-1, 0] == pytest.approx(2.0)
  assert before.qpos[-1, 0] == pytest.approx(0.5)


def test_an_unknown_name_lists_the_clips(folder, robot):
  with pytest.raises(
    UserError, match=r"unknown clip 'wak'. Did you mean 'walk'.*gait, sway, walk. A file will do as well"
  ):
    clips.find_clip('wak', robot)


def test_without_clips_it_says_how_to_get_them(folder, monkeypatch, robot):
  monkeypatch.delenv(clips.VARIABLE)
  with pytest.raises(UserError, match=r'no clips are installed: .*pip install pybullet.*MJX_HUMANOID_CLIPS, or a file'):
    clips.find_clip('walk', robot)
  with pytest.raises(UserError, match=r"clip 'no.npz': there is no such file"):
    clips.find_clip('no.npz', robot)
  with pytest.raises(UserError, match="there is no folder or file 'nowhere'"):
    clips.clips_at('nowhere')


def test_a_folder_without_clips_says_so(tmp_path):
  with pytest.raises(UserError, match=r'has no clips: no files that end in \.txt'):
    clips.clips_at(str(tmp_path))


def test_a_clip_in_a_policy_file_is_called_as_it_was(body):
  clip = swaying(body)
  reference = clips.carry(clip, 'motions/sway.npz')
  assert clips.find_clip(reference, body.robot) is clip
  assert clips.typed(reference) == 'motions/sway.npz'
  assert clips.typed('sway.npz') == 'sway.npz'


def test_a_packed_clip_is_the_clip(body):
  clip = dataclasses.replace(swaying(body), loop=False, held=True)
  arrays, words = clips.packed(clip)
  found = clips.unpacked({name: array.astype(np.float32) for name, array in arrays.items()}, words)
  assert (found.joints, found.loop, found.held) == (clip.joints, False, True)
  assert (found.name, found.source) == ('sway', 'made up')
  np.testing.assert_allclose(found.qpos, clip.qpos, atol=1e-6)
  with pytest.raises(ValueError, match='no motion'):
    clips.unpacked({**arrays, clips.POSES: clip.qpos[:3]}, words)
  with pytest.raises(ValueError, match='a loop and held'):
    clips.unpacked(arrays, clips.packed(dataclasses.replace(clip, loop=True))[1])
