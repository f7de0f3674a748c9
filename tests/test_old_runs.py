"""Protects what users have: a run of format 1 plays, is judged, exported and resumed as the version that made it did.

fixtures/run_format_1 is such a run: 8 environments, 128 steps, of a task with pushes, station keeping and renamed
terms. fixtures/continued.safetensors is the policy with which that version went on from there to 192 steps, and
fixtures/actions.json what its policy did; so numbers are those of the old code.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mjx_humanoid import export, train
from mjx_humanoid.core.config.files import load_json
from mjx_humanoid.core.config.task import GaitConfig, PushConfig, StationConfig
from mjx_humanoid.playback.find import load
from mjx_humanoid.playback.judge import judge_policy
from mjx_humanoid.playback.policy import load_policy
from mjx_humanoid.run.evaluation import evaluate_policy

FIXTURES = Path(__file__).parent / 'fixtures'
RUN = FIXTURES / 'run_format_1'
CARD_SEED = 20_000  # of the report card of a training


@pytest.fixture
def run(tmp_path):
  """A copy that may be changed."""
  return Path(shutil.copytree(RUN, tmp_path / 'runs' / 'follow_small'))


def test_its_settings_are_those_of_today():
  task = load(str(RUN)).task
  assert task.push == PushConfig('force', (130.0, 180.0), 0.2, 2.2)
  assert task.station == StationConfig(2.0, 0.05)
  assert task.gait == GaitConfig(1.5, 0.5, 0.6)
  assert task.weights['position'] == 0.45
  assert 'place' not in task.weights
  assert load_json(RUN / 'config.json').task == task


def test_its_policy_acts_as_it_did():
  expected = {name: np.array(rows) for name, rows in json.loads((FIXTURES / 'actions.json').read_text()).items()}
  policy = load(str(RUN))
  np.testing.assert_allclose(policy(expected['observations']), expected['mean'], atol=2e-6)
  sampled = policy(expected['observations'], np.random.default_rng(6))
  np.testing.assert_allclose(sampled, expected['sampled'], atol=2e-6)


def test_its_report_card_is_the_one_that_lies_beside_it():
  """Two falls within two seconds, too short for roundings to grow. It was judged again when the start pose changed."""
  before = json.loads((RUN / 'report.json').read_text())
  after = judge_policy(load(str(RUN)), before['episodes'], CARD_SEED)
  for name, (least, most) in before['worst'].items():
    np.testing.assert_allclose(after['worst'][name], [least, most], rtol=1e-4, atol=1e-6, err_msg=name)
  assert (after['card'], after['passed'], after['criteria']) == (before['card'], before['passed'], before['criteria'])


def test_it_is_judged_with_its_returns():
  card = evaluate_policy(load(str(RUN)), episodes=2).card
  assert (card['policy'], card['card'], card['engine']) == ('follow_small', 'stand_robust', 'native')
  assert {'arms', 'gait', 'heading', 'height', 'position', 'velocity'} <= set(card['return_by_term'])


@pytest.mark.parametrize('kind', ['onnx', 'npz', 'safetensors'])
def test_it_is_exported(run, tmp_path, kind):
  if kind == 'onnx':
    pytest.importorskip('onnx')
  out = tmp_path / f'p.{kind}'
  export.main([str(run), f'--format={kind}', f'--out={out}'])
  if kind == 'safetensors':  # in today's format, which says the same
    old, new = load_policy(run / 'policy.safetensors'), load_policy(out)
    assert (new.task, new.info) == (old.task, old.info)
    np.testing.assert_array_equal(new.kernels[0], old.kernels[0])
  assert out.stat().st_size > 5000


def test_it_is_resumed_to_the_same_parameters(run):
  """Two more updates, of optimiser, normaliser, random numbers and physics as they were left."""
  train.main([f'--resume={run}', '--config.total_timesteps=192', '--config.engine=native'])
  expected, found = load_policy(FIXTURES / 'continued.safetensors'), load_policy(run / 'policy.safetensors')
  before = load_policy(RUN / 'policy.safetensors')
  assert np.abs(expected.kernels[0] - before.kernels[0]).max() > 1e-3
  for a, b in zip((*found.kernels, *found.biases), (*expected.kernels, *expected.biases), strict=True):
    np.testing.assert_allclose(a, b, atol=2e-5)
  for name in ('log_std', 'mean', 'std'):
    np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-5, atol=1e-6, err_msg=name)
  assert found.task == expected.task == load_json(run / 'config.json').task
  assert found.info['timesteps'] == 192


@pytest.mark.slow
def test_another_training_begins_from_it(run, tmp_path):
  """With its network, which one update changes little: a fresh one would be elsewhere."""
  config = load_json(run / 'config.json')
  changes = {'name': 'next', 'run_dir': str(tmp_path), 'init_from': str(run), 'total_timesteps': 32}
  config = dataclasses.replace(config, **changes, engine='native', checkpoint_interval=32)
  train.train(config, tmp_path / 'next', resume=False, started=0.0)
  before, after = load_policy(run / 'policy.safetensors'), load_policy(tmp_path / 'next' / 'policy.safetensors')
  assert np.abs(after.kernels[0] - before.kernels[0]).max() < 0.02
  assert np.abs(before.kernels[0]).max() > 0.1
