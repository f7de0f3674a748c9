"""Protects what a policy file says of itself: its digest, its format, and files of format 1 in the words of today."""

from __future__ import annotations

import json

import numpy as np
import pytest
from policy_tools import parts, rewrite
from safetensors.numpy import save_file

from mjx_humanoid.core.config.task import CommandConfig, GaitConfig, PushConfig, StationConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import output
from mjx_humanoid.playback.policy import digest, load_policy, save_policy


@pytest.mark.parametrize(
  ('name', 'edit'),
  [
    ('task', lambda task: {**task, 'observations': task['observations'][::-1]}),
    ('info', lambda info: {**info, 'seed': 4}),
  ],
)
def test_an_edited_description_is_refused(path, name, edit):
  """Observations in another order would be played without a word, and wrongly."""
  arrays, metadata = parts(path)
  save_file(arrays, path, {**metadata, name: json.dumps(edit(json.loads(metadata[name])))})
  with pytest.raises(UserError, match=r'damaged: its weights or its description were altered'):
    load_policy(path)


def test_a_file_whose_digest_was_removed_is_refused(path):
  arrays, metadata = parts(path)
  save_file(arrays, path, {name: text for name, text in metadata.items() if name != 'sha256'})
  with pytest.raises(UserError, match='damaged'):
    load_policy(path)


@pytest.mark.parametrize('stated', ['0', '5', 'x', None])
def test_another_format_is_refused_with_all_numbers(path, stated):
  rewrite(path, metadata={'format': stated})
  with pytest.raises(UserError, match=r'is a policy of format .*; this version reads formats 1, 2, 3 and 4'):
    load_policy(path)


def test_a_squashed_policy_says_so_and_others_are_written_as_before(tmp_path, make_policy):
  """Code that reads format 2 would clip its actions without a word."""
  obs = np.random.default_rng(0).normal(size=(5, make_policy().observation_size))
  for squash, stated in ((False, '2'), (True, '3')):
    policy, file = make_policy(squash=squash), tmp_path / f'{squash}.safetensors'
    save_policy(policy, file)
    metadata = parts(file)[1]
    assert (metadata['format'], 'squash' in metadata) == (stated, squash)
    loaded = load_policy(file)
    assert loaded.squash == squash
    np.testing.assert_array_equal(loaded(obs), policy(obs))


def test_squashed_actions_are_the_tanh_of_the_last_layer_with_and_without_noise(make_policy):
  plain, squashed = make_policy(), make_policy(squash=True)
  obs = np.random.default_rng(0).normal(size=(50, plain.observation_size))
  raw = output(plain.actor, obs.astype(np.float32), plain.activation)
  assert np.abs(raw).max() > 1
  np.testing.assert_allclose(squashed(obs), np.tanh(raw), rtol=1e-6)
  noise = np.exp(plain.log_std) * np.random.default_rng(3).standard_normal(raw.shape, np.float32)
  np.testing.assert_allclose(squashed(obs, np.random.default_rng(3)), np.tanh(raw + noise), rtol=1e-5)


# Format 1 had no sections in its task, other names for some terms, and a digest of the weights alone.
OLD_TASK = {
  'robot': 'humanoid',
  'observations': ['joint_positions', 'place_error', 'course_error'],
  'weights': {'place': 2.0, 'course': 3.0, 'upright': 1.0},
  'commands': 'sampled',
  'command': [0.5, 0.0, 0.1],
  'command_low': [-0.1, -0.2, -0.3],
  'command_high': [0.1, 0.2, 0.3],
  'command_interval': 5.0,
  'command_rest': 0.25,
  'hold': 1.5,
  'hold_radius': 0.1,
  'gait_frequency': 1.2,
  'gait_hurry': 0.3,
  'gait_duty': 0.7,
  'pushes': 'kick',
  'push_force': [10.0, 20.0],
  'push_duration': 0.1,
  'push_interval': 3.0,
  'card': 'follow',
}


def old_file(path):
  arrays, metadata = parts(path)
  metadata = {**metadata, 'format': '1', 'task': json.dumps(OLD_TASK), 'sha256': digest(arrays)}
  save_file(arrays, path, metadata)
  return arrays, metadata


def test_a_file_of_format_1_says_the_same_in_the_words_of_today(path, make_policy):
  old_file(path)
  task = load_policy(path).task
  assert task.observations == ('joint_positions', 'position_error', 'cross_track_error')
  assert task.weights == {'position': 2.0, 'cross_track': 3.0, 'upright': 1.0}
  assert task.command == CommandConfig('sampled', (0.5, 0, 0.1), (-0.1, -0.2, -0.3), (0.1, 0.2, 0.3), 5.0, 0.25)
  assert task.station == StationConfig(1.5, 0.1)
  assert task.gait == GaitConfig(1.2, 0.3, 0.7)
  assert task.push == PushConfig('kick', (10.0, 20.0), 0.1, 3.0)
  assert (task.card, task.frame_skip, task.robot) == ('follow', 0, 'humanoid')


def test_weights_of_format_1_are_guarded_by_its_digest(path):
  arrays, metadata = old_file(path)
  save_file({**arrays, 'log_std': arrays['log_std'] + 1}, path, metadata)
  with pytest.raises(UserError, match='damaged: its weights were altered'):
    load_policy(path)
