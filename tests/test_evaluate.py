"""Protects the evaluate command: its card on screen and on disk, and mistakes told in one line."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from mjx_humanoid import evaluate
from mjx_humanoid.playback.policy import load_policy, save_policy
from mjx_humanoid.playback.rollout import rollout


def test_the_card_of_a_run_lies_in_its_folder_and_on_the_screen(run_copy, capsys):
  evaluate.main([str(run_copy), '--episodes=2'])
  card = json.loads((run_copy / 'card.json').read_text())
  assert (card['policy'], card['episodes'], card['seed'], card['passed']) == ('tiny', 2, 0, False)
  assert card['info'] == load_policy(run_copy / 'policy.safetensors').info
  out = capsys.readouterr().out
  assert 'NOT PASSED: 0% of 2 episodes' in out
  assert 'mean height [m]' in out
  assert f'{card["mean_height"]:.3f}' in out
  assert f'next: python -m mjx_humanoid.play {run_copy}' in out


def test_the_same_seed_gives_the_same_card_and_another_another(run_copy):
  cards = [evaluate.evaluate(str(run_copy), 2, seed) for seed in (1, 1, 2)]
  assert cards[0] == cards[1]
  assert cards[0]['mean_height'] != cards[2]['mean_height']


def test_returns_add_up(run_copy):
  card = evaluate.evaluate(str(run_copy), 2, 0)
  assert card['return'] == pytest.approx(sum(card['return_by_term'].values()), rel=1e-4)


def test_the_return_counts_every_step_up_to_the_fall(scene, make_policy):
  """With a reward of 1 for every step: as many as steps survived, and the terminal one."""
  alone = dataclasses.replace(scene, task=dataclasses.replace(scene.task, weights=only_alive()))
  qpos, qvel = scene.starts(np.random.default_rng(0), 2, 1.0)
  paths = rollout(alone, make_policy(), qpos, qvel, 200)
  first_end = paths.terminated.argmax(axis=1) + 1
  assert paths.terminated.any(axis=1).all()
  assert evaluate.returns(alone, paths)['return'] == pytest.approx(first_end.mean())


def only_alive():
  from mjx_humanoid.tasks.rewards import SKILLS

  return {**dict.fromkeys(SKILLS['stand'][1], 0.0), 'alive': 1.0}


def test_a_reward_of_the_users_that_a_policy_names_is_never_run(tmp_path, make_policy, scene):
  marker, code = tmp_path / 'it_was_run', tmp_path / 'mine.py'
  code.write_text(f'open({str(marker)!r}, "w")\ndef reward(view, body, context): return 0.0\n')
  task = dataclasses.replace(scene.task, reward=f'{code}:reward')
  save_policy(make_policy(task=task), tmp_path / 'p.safetensors')
  card = evaluate.evaluate(str(tmp_path / 'p.safetensors'), 1, 0)
  assert (card['return'], card['return_by_term']) == (None, {})
  assert not marker.exists()


def test_a_card_without_returns_can_be_shown_and_written(tmp_path, make_policy, scene, capsys, monkeypatch):
  task = dataclasses.replace(scene.task, reward='/anywhere/mine.py:reward')
  save_policy(make_policy(task=task), tmp_path / 'p.safetensors')
  evaluate.main([str(tmp_path / 'p.safetensors'), '--episodes=1', f'--json={tmp_path / "c.json"}'])
  assert json.loads((tmp_path / 'c.json').read_text())['return'] is None


MISTAKES = {
  'no policy': ([], 'policy'),
  'unknown policy': (['nobody'], "unknown run, policy file or ready policy 'nobody'"),
  'no episodes': (['RUN', '--episodes=0'], 'out of range: 1 to 10000'),
  'too many episodes': (['RUN', '--episodes=10001'], 'out of range: 1 to 10000'),
  'a negative seed': (['RUN', '--seed=-1'], 'out of range: 0 or more'),
  'an unknown card': (['RUN', '--card=stnd'], "unknown report card 'stnd'. Did you mean 'stand'?"),
  'a card that cannot be written': (['RUN', '--episodes=1', '--json=/no/such/folder/c.json'], 'cannot be written'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line_and_no_file(case, run_copy, user_error, tmp_path, monkeypatch, snapshot):
  monkeypatch.chdir(tmp_path)
  before = snapshot(tmp_path)
  arguments, words = MISTAKES[case]
  assert words in user_error(evaluate.main, [run_copy if a == 'RUN' else a for a in arguments])
  assert snapshot(tmp_path) == before


def test_a_damaged_policy_is_refused(run_copy, user_error):
  path = run_copy / 'policy.safetensors'
  path.write_bytes(path.read_bytes()[:100])
  assert 'not a readable policy file' in user_error(evaluate.main, [run_copy])


@pytest.mark.parametrize(
  ('reference', 'expected'), [('some/stand.safetensors', 'stand_card.json'), ('stand', 'stand_card.json')]
)
def test_the_card_of_a_lone_file_or_ready_policy_lies_in_the_current_folder(reference, expected):
  assert str(evaluate.default_path(reference)) == expected
