"""Protects training by A2C and SAC on the real robot: metrics, policy file, and resumption with the replay memory."""

from __future__ import annotations

import numpy as np
import pytest
from tiny import TINY, as_arguments

from mjx_humanoid import train
from mjx_humanoid.playback.find import load
from mjx_humanoid.run.logger import read_metrics

SETTINGS = {
  'a2c': {'a2c.unroll_length': 4},
  'sac': {
    'sac.unroll_length': 4,
    'sac.updates_per_step': 0.03125,
    'sac.batch_size': 16,
    'sac.warmup_steps': 64,
    'sac.replay_size': 256,
    'sac.critic_width': 8,
    'sac.critic_blocks': 1,
    'sac.num_bins': 11,
  },
}


@pytest.mark.slow
@pytest.mark.parametrize('algorithm', SETTINGS)
def test_it_trains_is_judged_and_goes_on(algorithm, tmp_path, monkeypatch, capsys):
  monkeypatch.chdir(tmp_path)
  settings = {**TINY, 'name': 'a', 'algorithm': algorithm, **SETTINGS[algorithm]}
  train.main(['--config=stand', *as_arguments(settings)])
  policy = load('runs/a')
  assert policy.squash == (algorithm == 'sac')
  assert np.abs(policy(np.zeros(policy.observation_size))).max() <= 1
  train.main(['--resume=runs/a', '--config.total_timesteps=384'])
  said = capsys.readouterr().out
  assert ('replay memory: 256 transitions' in said) == (algorithm == 'sac')
  assert 'goes on with an empty one' not in said
  last = [entry for entry in read_metrics(tmp_path / 'runs' / 'a') if 'seconds' in entry][-1]
  loss = 'critic_loss' if algorithm == 'sac' else 'loss'
  assert np.isfinite(last[loss])
  assert last['seconds'] > 0
