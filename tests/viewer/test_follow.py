"""Protects following a run: its newest policy, its curves, and what a run may lack."""

from __future__ import annotations

import json
import threading

import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback.find import PRETRAINED
from mjx_humanoid.viewer.follow import MOST_POINTS, Follower


@pytest.fixture
def run_folder(tmp_path):
  """The folder of a run with a policy."""
  folder = tmp_path / 'mine'
  folder.mkdir()
  (folder / 'policy.safetensors').write_bytes((PRETRAINED / 'stand.safetensors').read_bytes())
  return folder


def stage_steps():
  from mjx_humanoid.playback.find import load

  return load('stand').info['timesteps']


def lines(*metrics):
  return ''.join(json.dumps(entry) + '\n' for entry in metrics)


def test_a_policy_is_taken_once_and_again_when_it_is_new(run_folder):
  follower = Follower(run_folder)
  stage, name = follower.newest()
  assert name == f'{run_folder}, {stage_steps():,} steps'
  assert stage.name == 'stand'
  assert follower.newest() is None
  path = run_folder / 'policy.safetensors'
  (run_folder / 'new').write_bytes(path.read_bytes())
  (run_folder / 'new').replace(path)
  assert follower.newest() is not None


def test_it_waits_for_the_first_policy_and_says_so_once(run_folder, monkeypatch):
  monkeypatch.setattr('mjx_humanoid.viewer.follow.POLL', 0.02)
  path, kept = run_folder / 'policy.safetensors', run_folder / 'kept'
  path.rename(kept)
  said = []

  def say(line):
    said.append(line)
    threading.Timer(0.1, kept.rename, [path]).start()

  stage, _ = Follower(run_folder).wait_for_first(say)
  assert stage.name == 'stand'
  assert len(said) == 1
  assert 'waiting' in said[0]


def test_a_damaged_policy_or_one_of_another_version_is_one_clear_line(run_folder):
  path = run_folder / 'policy.safetensors'
  content = bytearray(path.read_bytes())
  assert b'"format":"2"' in content or b'"format":"1"' in content
  path.write_bytes(content.replace(b'"format":"2"', b'"format":"9"').replace(b'"format":"1"', b'"format":"9"'))
  with pytest.raises(UserError, match="format '9'"):
    Follower(run_folder).newest()
  path.write_bytes(content[: len(content) // 2])
  with pytest.raises(UserError, match='policy'):
    Follower(run_folder).newest()


def test_trouble_with_a_later_policy_does_not_end_it(run_folder, monkeypatch):
  monkeypatch.setattr('mjx_humanoid.viewer.follow.POLL', 0.02)
  path, content = run_folder / 'policy.safetensors', (run_folder / 'policy.safetensors').read_bytes()
  follower, took, news = Follower(run_folder), [], threading.Event()
  path.write_bytes(b'broken')
  follower.start(lambda stage, name: (took.append(name), news.set()))
  try:
    while not follower.trouble:
      news.wait(0.02)
    path.write_bytes(content)
    assert news.wait(10)
    assert took
  finally:
    follower.close()


def test_an_error_in_the_users_own_code_does_not_end_it(run_folder, monkeypatch):
  monkeypatch.setattr('mjx_humanoid.viewer.follow.POLL', 0.02)
  follower, calls, again = Follower(run_folder), [], threading.Event()

  def fail():
    calls.append(None)
    if len(calls) > 1:
      again.set()
    raise ZeroDivisionError('division by zero')

  monkeypatch.setattr(follower, 'newest', fail)
  follower.start(lambda stage, name: None)
  try:
    assert again.wait(10)
    assert follower.trouble == 'ZeroDivisionError: division by zero'
  finally:
    follower.close()


def test_curves_grow_with_the_metrics(tmp_path):
  path, follower = tmp_path / 'metrics.jsonl', Follower(tmp_path)
  follower.read_metrics()
  assert follower.curves == {}
  path.write_text(lines({'timesteps': 10, 'episode_return': 1.5, 'episode_length': None}) + '{"timesteps": 20, "epi')
  follower.read_metrics()
  assert follower.curves == {'episode_return': ([10.0], [1.5])}
  with path.open('a') as file:
    file.write('sode_return": 2}\nno json\n' + lines({'timesteps': 30, 'card/success_rate': 0.5}))
  follower.read_metrics()
  assert follower.curves == {'episode_return': ([10.0, 20.0], [1.5, 2.0]), 'card/success_rate': ([30.0], [0.5])}
  path.write_text(lines({'timesteps': 5, 'episode_return': 0}))
  follower.read_metrics()
  assert follower.curves == {'episode_return': ([5.0], [0.0])}


def test_a_long_curve_is_thinned_and_keeps_its_ends(tmp_path):
  (tmp_path / 'metrics.jsonl').write_text(lines(*({'timesteps': i, 'episode_return': i} for i in range(1000))))
  follower = Follower(tmp_path)
  follower.read_metrics()
  steps, values = follower.curves['episode_return']
  assert len(steps) <= MOST_POINTS
  assert (steps[0], steps[-1]) == (0, 999)
  assert steps == values


def test_a_curve_that_is_thinned_often_stays_even(tmp_path):
  """5,000 points come 50 at a time; each halving of all points alike would leave five of the first half."""
  follower = Follower(tmp_path)
  for start in range(0, 5000, 50):
    with (tmp_path / 'metrics.jsonl').open('a') as file:
      file.write(lines(*({'timesteps': i, 'episode_return': i} for i in range(start, start + 50))))
    follower.read_metrics()
  steps, _ = follower.curves['episode_return']
  assert len(steps) <= MOST_POINTS
  assert (steps[0], steps[-1]) == (0, 4999)
  assert sum(step < 2500 for step in steps) >= 40
