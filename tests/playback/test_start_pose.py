"""Protects starts in the pose of a person or of a library: the first state is that pose, and mistakes are one line."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from people import landmarks_json, posed

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.library import Library, write_library
from mjx_humanoid.motions.skeleton import rig_of
from mjx_humanoid.playback.chain import Stage
from mjx_humanoid.playback.policy import load_policy, save_policy
from mjx_humanoid.playback.rollout import start_states, task_and_model
from mjx_humanoid.playback.start_pose import find_pose, start_in_pose
from mjx_humanoid.robots import robots


@pytest.fixture(scope='module')
def rig():
  return rig_of(robots()['humanoid'])


@pytest.fixture
def files(tmp_path, rig):
  """poses.npz with two poses, and one of them as landmarks."""
  poses = np.stack([posed(rig), posed(rig, knee_left=-60)])
  write_library(Library(poses, ('a', 'b'), 'humanoid', rig.body.joint_names), tmp_path / 'poses.npz')
  (tmp_path / 'b.json').write_text(landmarks_json(rig, poses[1]))
  (tmp_path / 'text.txt').write_text('')
  return tmp_path


@pytest.fixture
def stage(standing_task):
  return Stage('policy', *standing_task, lambda obs: np.zeros((len(obs), 21)))


@pytest.mark.parametrize(('name', 'knee', 'said'), [('', 0, 'the pose a, the first of 2'), ('b', -60, 'the pose b')])
def test_an_episode_starts_in_a_pose_of_a_library(files, stage, name, knee, said):
  (started,), line = start_in_pose([stage], str(files / 'poses.npz'), name)
  qpos, qvel = start_states(started.task, started.model, np.random.default_rng(0), 2)
  assert said in line
  np.testing.assert_allclose(np.degrees(qpos[:, 7 + stage.task.body.joint_index('knee_left')]), knee, atol=1e-3)
  assert not qvel.any()
  assert np.ptp(qpos, axis=0).max() == 0


def test_with_noise_it_is_perturbed(files, stage):
  (started,), _ = start_in_pose([stage], str(files / 'poses.npz'), 'b', noise=True)
  qpos, qvel = start_states(started.task, started.model, np.random.default_rng(0), 8)
  assert np.ptp(qpos[:, 7:], axis=0).max() > 0.01
  assert qvel.any()


def test_an_episode_starts_in_the_pose_of_landmarks(files, stage, rig):
  (started,), line = start_in_pose([stage], str(files / 'b.json'))
  qpos, _ = start_states(started.task, started.model, np.random.default_rng(0), 1)
  assert 'starts in the pose of b.json' in line
  assert np.degrees(qpos[0, 7 + stage.task.body.joint_index('knee_left')]) == pytest.approx(-60, abs=3)


@pytest.mark.parametrize(
  ('name', 'pose', 'words'),
  [
    ('none.npz', '', 'is not a pose file'),
    ('poses.npz', 'c', 'unknown pose'),
    ('b.json', 'a', '--pose=a is for a library'),
    ('text.txt', '', 'it must be a photo'),
    ('none.json', '', 'is not a readable landmarks file'),
    ('none.jpg', '', 'there is no photo'),
  ],
)
def test_a_start_that_is_none_is_refused(files, stage, name, pose, words):
  with pytest.raises(UserError, match=words):
    find_pose(files / name, stage.task.body, pose)


def test_a_policy_file_carries_its_library_to_a_folder_without_it(files, make_policy, tmp_path, monkeypatch):
  """Saved in training, loaded elsewhere, saved again there and loaded once more."""
  monkeypatch.chdir(files)
  policy = make_policy(task=TaskConfig(start='poses.npz'))
  save_policy(policy, files / 'p.safetensors')
  elsewhere = tmp_path / 'elsewhere'
  elsewhere.mkdir()
  monkeypatch.chdir(elsewhere)
  again = load_policy(files / 'p.safetensors')
  save_policy(again, elsewhere / 'q.safetensors')
  for loaded in (again, load_policy(elsewhere / 'q.safetensors')):
    task, model = task_and_model(loaded.task)
    qpos, _ = start_states(task, model, np.random.default_rng(0), 50)
    knees = np.degrees(qpos[:, 7 + task.body.joint_index('knee_left')])
    assert 10 < (knees < -45).sum() < 40  # half of them are the second pose
  assert b'"start": "poses.npz"' in (elsewhere / 'q.safetensors').read_bytes().replace(b'\\', b'')


def test_a_library_inside_a_policy_cannot_be_altered_unnoticed(files, make_policy, monkeypatch):
  monkeypatch.chdir(files)
  save_policy(make_policy(task=TaskConfig(start='poses.npz')), files / 'p.safetensors')
  content = bytearray((files / 'p.safetensors').read_bytes())
  where = content.find(np.float32(np.radians(-60)).tobytes())
  assert where > 0
  content[where] ^= 1
  (files / 'p.safetensors').write_bytes(content)
  with pytest.raises(UserError, match='is damaged'):
    load_policy(files / 'p.safetensors')


def test_a_policy_whose_library_is_gone_is_saved_without_it(make_policy, tmp_path):
  save_policy(make_policy(task=TaskConfig(start='gone.npz')), tmp_path / 'p.safetensors')
  assert load_policy(tmp_path / 'p.safetensors').task.start == 'gone.npz'


def test_the_card_of_any_pose_starts_from_the_library_of_the_policy(files):
  from mjx_humanoid.playback.cards import find_card

  card = find_card('walk_any_pose')
  assert card.settings(TaskConfig())['start'] == card.episode(TaskConfig())['start'] == 'any_pose'
  own = dataclasses.replace(TaskConfig(), start='poses.npz')
  assert card.settings(own)['start'] == card.episode(own)['start'] == 'poses.npz'
  assert find_card('walk').settings(own)['start'] == 'standing'
