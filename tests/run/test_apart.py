"""Protects arrays kept beside checkpoints: exactly, in chunks that are written once, and found if damaged."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest
from points import point_setup

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.sac import SACConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.run import apart
from mjx_humanoid.run.apart import ArrayStore
from mjx_humanoid.run.loop import Loop


@pytest.fixture
def store(tmp_path, monkeypatch):
  monkeypatch.setattr(apart, 'CHUNK', 64)  # 16 float32
  return ArrayStore(tmp_path / 'replay')


def arrays(changed=0):
  values = np.arange(100, dtype=np.float32)
  values[40] += changed
  return {'values': values, 'flags': values > 50, 'count': np.int32(7)}


def equal(one, other):
  return one.keys() == other.keys() and all(
    one[k].dtype == other[k].dtype and np.array_equal(one[k], other[k]) for k in one
  )


def test_what_was_saved_is_loaded_exactly(store):
  store.save(5, arrays())
  assert equal(store.load(5), arrays())
  assert store.load(6) is None


def test_only_what_changed_is_written_and_only_the_latest_is_kept(store, tmp_path):
  store.save(1, arrays())
  before = {p.name for p in (tmp_path / 'replay').iterdir()}
  store.save(2, arrays(changed=1))
  added = {p.name for p in (tmp_path / 'replay').iterdir()} - before
  assert len(added) == 2  # one chunk of 16 numbers, and the list of chunks
  assert equal(store.load(1), arrays())
  store.keep(2)
  assert store.load(1) is None
  assert equal(store.load(2), arrays(changed=1))
  assert len(list((tmp_path / 'replay').iterdir())) == len(before)


@pytest.mark.parametrize('damage', [lambda p: p.write_bytes(b'x' + p.read_bytes()[1:]), lambda p: p.unlink()])
def test_damage_is_told_with_what_to_do(store, tmp_path, damage):
  store.save(1, arrays())
  damage(max((tmp_path / 'replay').glob('*.bin'), key=lambda p: p.stat().st_size))
  with pytest.raises(
    UserError, match=r'truncated or altered .* delete that folder to go on with an empty one'
  ) as error:
    store.load(1)
  assert '\n' not in str(error.value)


# With SAC, on points without physics

SAC = SACConfig(preset='classic', unroll_length=2, updates_per_step=0.25, batch_size=8, replay_size=64, warmup_steps=16)
NETWORK = NetworkConfig(policy_layers=(4,), value_layers=(4,), symmetric=False)


def loop_of(folder, steps, trainer=None, **sac):
  """Args: trainer: of another loop that computes the same, so that it is compiled once."""
  folder.mkdir(exist_ok=True)
  settings = {'algorithm': 'sac', 'network': NETWORK, 'sac': dataclasses.replace(SAC, **sac)}
  loop = Loop(point_setup(total_timesteps=steps, **settings), folder, (), started=0.0)
  loop.trainer = trainer or loop.trainer
  return loop


def leaves(loop):
  return [np.asarray(x) for x in jax.tree.leaves(loop.state.learner)]


def test_a_resumed_training_with_a_replay_memory_continues_exactly(tmp_path, made_up_card, capsys):
  whole = loop_of(tmp_path / 'whole', 96)
  whole.run(whole.begin())
  first = loop_of(tmp_path / 'parts', 48, whole.trainer)
  first.run(first.begin())
  second = loop_of(tmp_path / 'parts', 96, whole.trainer)
  second.run(second.begin(resume=True))
  assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(leaves(whole), leaves(second), strict=True))
  assert int(whole.state.learner.trained.count) == 2 * (96 // 8 - 1)  # from 16 stored transitions on
  capsys.readouterr()
  other = loop_of(tmp_path / 'parts', 128, replay_size=128)
  state = other.begin(resume=True)
  assert 'has another size: training goes on with an empty one' in capsys.readouterr().out
  assert int(state.learner.replay.filled) == 0
  assert int(state.learner.trained.count) == 22
