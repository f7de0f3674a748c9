"""Protects the policy file: exact round trip, and every kind of damage refused without running anything in it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from policy_tools import parts, rewrite
from safetensors.numpy import save_file

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import Mirror
from mjx_humanoid.playback.policy import load_policy, save_policy


def test_round_trip_bit_for_bit(path, make_policy):
  policy, loaded = make_policy(), load_policy(path)
  for a, b in zip((*policy.kernels, *policy.biases), (*loaded.kernels, *loaded.biases), strict=True):
    assert a.tobytes() == b.tobytes()
  for name in ('log_std', 'mean', 'std'):
    assert getattr(policy, name).tobytes() == getattr(loaded, name).tobytes()
  assert (loaded.activation, loaded.task, loaded.info) == (policy.activation, policy.task, policy.info)


def test_actions_by_hand(make_policy):
  """One relu layer: obs (1, 5) is (0.5, 2) standard deviations; hidden (0.5 + 2 - 3, 2) -> (0, 2); action 2/4 + 0.1."""
  policy = make_policy(
    kernels=(np.array([[1, 0], [1, 1]], np.float32), np.array([[9], [0.25]], np.float32)),
    biases=(np.array([-3, 0], np.float32), np.array([0.1], np.float32)),
    mean=np.array([0, 1], np.float32),
    std=np.array([2, 2], np.float32),
    log_std=np.zeros(1, np.float32),
    activation='relu',
  )
  assert policy(np.array([1.0, 5.0])) == pytest.approx([0.6])
  assert policy(np.array([[1.0, 5.0], [1.0, 500.0]]))[1] == pytest.approx([1.0])  # clipped to what a motor takes


def test_a_symmetric_policy_by_hand(make_policy):
  """Action 0 follows obs 0; the mirror exchanges both: (x0 + mirror of (x1, 0)) / 2 = (x0 / 2, x1 / 2)."""
  swap, plain = np.array([1, 0]), np.ones(2, np.float32)
  policy = make_policy(
    kernels=(np.array([[1, 0], [0, 0]], np.float32),),
    biases=(np.zeros(2, np.float32),),
    mean=np.zeros(2, np.float32),
    std=np.ones(2, np.float32),
    log_std=np.zeros(2, np.float32),
    mirror=Mirror(swap, plain, swap, plain),
  )
  assert policy(np.array([0.5, -1.0])).tolist() == [0.25, -0.5]


def symmetric(make_policy):
  size, rng = make_policy().observation_size, np.random.default_rng(2)
  signs = [np.where(np.arange(n) % 2, -1, 1).astype(np.float32) for n in (size, 21)]
  return make_policy(mirror=Mirror(rng.permutation(size), signs[0], rng.permutation(21), signs[1]))


def test_a_mirror_survives_the_file(make_policy, tmp_path):
  policy = symmetric(make_policy)
  save_policy(policy, tmp_path / 'p.safetensors')
  obs = np.random.default_rng(0).normal(size=(5, policy.observation_size)).astype(np.float32)
  loaded = load_policy(tmp_path / 'p.safetensors')
  np.testing.assert_array_equal(loaded(obs), policy(obs))
  assert not np.array_equal(policy(obs), make_policy()(obs))


@pytest.mark.parametrize(
  'changes',
  [
    {'mirror.action_sources': np.zeros(21, np.float32)},  # no permutation
    {'mirror.action_sources': np.arange(1, 22).astype(np.float32)},  # beyond the end
    {'mirror.obs_signs': np.ones(3, np.float32)},
    {'mirror.obs_signs': None},
    {'mirror.action_signs': np.full(21, np.nan, np.float32)},
    {'mirror.action_signs': np.full(21, 5, np.float32)},
  ],
  ids=['no permutation', 'beyond the end', 'short', 'missing', 'NaN', 'no sign'],
)
def test_a_damaged_mirror_is_refused(make_policy, tmp_path, changes):
  path = tmp_path / 'p.safetensors'
  save_policy(symmetric(make_policy), path)
  rewrite(path, changes)
  with pytest.raises(UserError, match='damaged'):
    load_policy(path)


def test_a_batch_gives_what_its_rows_give(make_policy):
  policy = make_policy()
  obs = np.random.default_rng(0).normal(size=(5, policy.observation_size)).astype(np.float32)
  np.testing.assert_allclose(policy(obs), [policy(row) for row in obs], atol=1e-6)


def test_samples_scatter_by_the_policys_std_around_its_mean(make_policy):
  policy = make_policy(log_std=np.full(21, np.log(0.05), np.float32))
  obs = np.broadcast_to(policy.mean, (4000, policy.observation_size))
  quiet = np.abs(policy(policy.mean)) < 0.7  # those that clipping does not touch
  assert quiet.any()
  samples = policy(obs, np.random.default_rng(1))[:, quiet]
  np.testing.assert_allclose(samples.mean(axis=0), policy(policy.mean)[quiet], atol=0.01)
  np.testing.assert_allclose(samples.std(axis=0), 0.05, rtol=0.1)


def test_an_observation_of_another_size_is_refused(make_policy):
  policy = make_policy()
  with pytest.raises(UserError, match=rf'takes observations of {policy.observation_size} elements'):
    policy(np.zeros((2, 3)))


def test_saving_leaves_nothing_else_behind(path):
  assert [p.name for p in path.parent.iterdir()] == ['policy.safetensors']


def test_a_full_disk_leaves_the_old_file(path, make_policy, full_disk):
  before = path.read_bytes()
  full_disk()
  with pytest.raises(UserError, match=r'the policy cannot be written to .*: No space left on device'):
    save_policy(make_policy(activation='tanh'), path)
  assert path.read_bytes() == before


@pytest.mark.parametrize('share', [0.0, 0.001, 0.3, 0.99])
def test_a_truncated_file_is_refused(path, share):
  content = path.read_bytes()
  path.write_bytes(content[: int(len(content) * share)])
  with pytest.raises(UserError, match='not a readable policy file'):
    load_policy(path)


def test_a_missing_file_is_refused(tmp_path):
  with pytest.raises(UserError, match='not a readable policy file'):
    load_policy(tmp_path / 'nothing.safetensors')


class Bomb:
  def __init__(self, marker):
    self.marker = marker

  def __reduce__(self):
    return Path.touch, (self.marker,)


def test_a_pickled_file_is_refused_and_not_run(tmp_path):
  path, marker = tmp_path / 'p.safetensors', tmp_path / 'it_was_run'
  path.write_bytes(pickle.dumps(Bomb(marker)))
  pickle.loads(path.read_bytes())  # the bomb works
  assert marker.exists()
  marker.unlink()
  with pytest.raises(UserError, match='not a readable policy file'):
    load_policy(path)
  assert not marker.exists()


@pytest.mark.parametrize('share', [0.5, 0.75, 1.0])
def test_one_flipped_bit_in_a_weight_is_refused(path, share):
  """The number stays finite: only a digest in the file can tell."""
  content = bytearray(path.read_bytes())
  content[round(share * (len(content) - 4)) // 4 * 4] ^= 1
  path.write_bytes(bytes(content))
  with pytest.raises(UserError, match=r'damaged|altered'):
    load_policy(path)


def test_safetensors_of_something_else_are_refused(tmp_path):
  save_file({'weights': np.zeros(3, np.float32)}, tmp_path / 'x.safetensors')
  with pytest.raises(UserError, match='format'):
    load_policy(tmp_path / 'x.safetensors')


@pytest.mark.parametrize(
  'missing', ['layer_0.kernel', 'layer_1.bias', 'log_std', 'normalizer.mean', 'normalizer.std']
)  # fmt: skip
def test_a_missing_array_is_refused(path, missing):
  rewrite(path, {missing: None})
  with pytest.raises(UserError, match='damaged'):
    load_policy(path)


@pytest.mark.parametrize(
  'changes',
  [
    {'layer_0.kernel': np.zeros((3, 8), np.float32)},
    {'layer_1.kernel': np.zeros((9, 21), np.float32)},
    {'layer_0.bias': np.zeros(9, np.float32)},
    {'log_std': np.zeros(20, np.float32)},
    {'log_std': np.zeros((21, 1), np.float32)},
    {'normalizer.mean': np.zeros(3, np.float32)},
    {'normalizer.std': np.ones(3, np.float32)},
    {'normalizer.std': np.ones(1, np.float32)},  # would broadcast silently
    {'normalizer.mean': np.zeros((), np.float32)},
  ],
  ids=lambda changes: f'{next(iter(changes))}{next(iter(changes.values())).shape}',
)
def test_arrays_of_the_wrong_shape_are_refused(path, changes):
  rewrite(path, changes)
  with pytest.raises(UserError, match='damaged'):
    load_policy(path)


@pytest.mark.parametrize('name', ['layer_0.kernel', 'layer_1.bias', 'log_std', 'normalizer.mean', 'normalizer.std'])
@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(path, name, value):
  array = parts(path)[0][name].copy()
  array.flat[-1] = value
  rewrite(path, {name: array})
  with pytest.raises(UserError, match='not finite'):
    load_policy(path)


@pytest.mark.parametrize('value', [0.0, -1.0])
def test_a_standard_deviation_that_is_not_positive_is_refused(path, value):
  """It would divide by zero, or turn an observation round."""
  std = parts(path)[0]['normalizer.std'].copy()
  std[0] = value
  rewrite(path, {'normalizer.std': std})
  with pytest.raises(UserError, match='damaged'):
    load_policy(path)


@pytest.mark.parametrize(
  'metadata',
  [
    {'activation': 'nope'},
    {'activation': None},
    {'task': '{'},
    {'task': None},
    {'task': '[]'},
    {'task': '{"robot": 3}'},
    {'task': '{"stranger": 3}'},
    {'task': '{"frame_skip": -1}'},
    {'info': 'not json'},
    {'info': '[]'},
    {'info': None},
  ],
  ids=json.dumps,
)
def test_damaged_metadata_is_refused(path, metadata):
  rewrite(path, metadata=metadata)
  with pytest.raises(UserError):
    load_policy(path)


def test_a_reward_of_the_users_that_a_file_names_is_not_run_by_loading(path, tmp_path):
  marker, code = tmp_path / 'it_was_run', tmp_path / 'evil.py'
  code.write_text(f'open({str(marker)!r}, "w")\ndef reward(view, body, context): return 0.0\n')
  rewrite(path, metadata={'task': json.dumps({'reward': f'{code}:reward'})})
  assert load_policy(path).task.reward.endswith(':reward')
  assert not marker.exists()
