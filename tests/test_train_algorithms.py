"""Protects training by other algorithms on the real robot: metrics, policy file, and resumption with what they keep."""

from __future__ import annotations

import numpy as np
import pytest
from clip_tools import stepping, write_person
from tiny import TINY, as_arguments

from mjx_humanoid import train
from mjx_humanoid.motions.clips import VARIABLE
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
  'amp': {'task.clip': 'gait:1.2', 'amp.layers': '(16,)', 'amp.batch_size': 16, 'amp.replay_size': 64},
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


@pytest.mark.slow  # MJX compiles for most of a minute
def test_a_style_is_learned_on_mjx(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  few = {'engine': 'mjx', 'num_envs': 4, 'ppo.unroll_length': 2, 'ppo.batch_size': 8, 'total_timesteps': 32}
  settings = {**TINY, 'name': 'a', 'algorithm': 'amp', **SETTINGS['amp'], **few, 'checkpoint_interval': 0}
  train.main(['--config=walk_amp', *as_arguments(settings)])
  last = [entry for entry in read_metrics(tmp_path / 'runs' / 'a') if 'style_reward' in entry][-1]
  assert 0 <= last['style_reward'] <= 1
  assert np.isfinite([last[name] for name in ('loss', 'discriminator_loss', 'gradient_penalty')]).all()


@pytest.mark.parametrize(
  ('changes', 'words'),
  [
    ({}, 'the style comes from a clip; name it by config.task.clip'),
    ({'task.clip': 'gate'}, "unknown clip 'gate'. Did you mean 'gait'?"),
    ({'task.clip': 'gait', 'task.robot': 'biped'}, "robot 'biped' cannot take the pose of a person"),
    ({'task.clip': 'gait', 'amp.style_weight': -1}, 'config.amp.style_weight=-1.0 is out of range'),
  ],
)
def test_a_style_that_cannot_be_is_one_line_and_status_2(changes, words, tmp_path, monkeypatch, user_error):
  (tmp_path / 'clips').mkdir()
  write_person(tmp_path / 'clips' / 'stroll.txt', stepping())
  monkeypatch.setenv(VARIABLE, str(tmp_path / 'clips'))
  monkeypatch.setattr('mjx_humanoid.run.setup.check_own', lambda *parts: None)  # it compiles the reward
  settings = {**TINY, 'name': 'a', 'run_dir': tmp_path, 'algorithm': 'amp', **changes}
  assert words in user_error(train.main, as_arguments(settings))
  assert not (tmp_path / 'a').exists()
