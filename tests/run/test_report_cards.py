"""Protects report cards during training and at its end, on points without physics."""

from __future__ import annotations

import json

import pytest
from points import card, train_points

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.playback.policy import load_policy
from mjx_humanoid.run.checkpoint import CheckpointStore
from mjx_humanoid.run.report_cards import CARD_SEED, REPORT_FILE, headline

pytestmark = pytest.mark.usefixtures('made_up_card')


def test_headline():
  report = {'passed': True, 'card': 'stand', 'timesteps': 1500, 'success_rate': 0.96, 'episodes': 100}
  text = headline({**report, 'training_seconds': 75.4})
  assert text == "report card 'stand' at step 1,500: 96% of 100 episodes, passed (after 75 s)"
  text = headline({**report, 'training_seconds': 75.4, 'episode_return': 6012.4})
  assert text == "report card 'stand' at step 1,500: 96% of 100 episodes, mean return 6,012, passed (after 75 s)"


def test_it_stops_at_the_first_card_that_passes(tmp_path):
  """At 16 steps; it is saved, and not judged again."""
  report = train_points(tmp_path, evaluation_interval=8, stop_when_passed=True)
  assert (report['timesteps'], report['passed'], report['stopped_early']) == (16, True, False)
  assert CheckpointStore(tmp_path / 'checkpoints', 9).steps() == [0, 16]
  assert load_policy(tmp_path / 'policy.safetensors').info['timesteps'] == 16


def test_it_goes_on_where_the_config_does_not_say_so(tmp_path):
  assert train_points(tmp_path, evaluation_interval=8)['timesteps'] == 32


def test_the_card_is_that_of_the_final_policy_with_the_seed_of_cards(tmp_path):
  report = train_points(tmp_path, evaluation_episodes=7)
  assert (report['timesteps'], report['episodes'], report['seed']) == (32, 7, CARD_SEED)
  stored = json.loads((tmp_path / REPORT_FILE).read_text())
  assert {**stored, 'stopped_early': False} == report


def test_the_success_rate_of_cards_during_training_is_among_the_metrics(tmp_path):
  train_points(tmp_path, evaluation_interval=8)
  lines = [json.loads(line) for line in (tmp_path / 'metrics.jsonl').read_text().splitlines()]
  rates = [(line['timesteps'], line['card/success_rate']) for line in lines if 'card/success_rate' in line]
  assert rates == [(8, 0.0), (16, 1.0), (24, 1.0)]


def test_the_mean_return_of_a_card_that_judges_returns_is_among_the_metrics(tmp_path, monkeypatch):
  def judged(policy, episodes, seed):
    return {**card(policy, episodes, seed), 'episode_return': float(policy.info['timesteps'])}

  monkeypatch.setattr('mjx_humanoid.run.report_cards.judge_policy', judged)
  train_points(tmp_path, evaluation_interval=8)
  lines = [json.loads(line) for line in (tmp_path / 'metrics.jsonl').read_text().splitlines()]
  assert [line['card/episode_return'] for line in lines if 'card/success_rate' in line] == [8.0, 16.0, 24.0]


def test_the_seconds_count_from_the_start_of_the_process(tmp_path, monkeypatch):
  monkeypatch.setattr('mjx_humanoid.run.report_cards.time.time', lambda: 75.44)
  assert train_points(tmp_path)['training_seconds'] == 75.4


def test_without_a_card_nothing_is_judged_and_nothing_reported(tmp_path, capsys):
  report = train_points(tmp_path, evaluation_interval=8, task=TaskConfig(card='none'))
  assert report == {'stopped_early': False}
  assert not (tmp_path / REPORT_FILE).exists()
  assert 'no report card: config.task.card=none' in capsys.readouterr().out
