"""Protects the evaluate command: its card on screen and on disk, and mistakes told in one line."""

from __future__ import annotations

import dataclasses
import json

import pytest
from made_up import at_rest

from mjx_humanoid import evaluate
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.playback.cards import CARDS
from mjx_humanoid.playback.figures import measure
from mjx_humanoid.playback.policy import load_policy, save_policy
from mjx_humanoid.playback.rollout import rollout
from mjx_humanoid.run import evaluation


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


def test_a_card_without_returns_can_be_shown_and_written(tmp_path, make_policy):
  task = TaskConfig(reward='/anywhere/mine.py:reward')
  save_policy(make_policy(task=task), tmp_path / 'p.safetensors')
  evaluate.main([str(tmp_path / 'p.safetensors'), '--episodes=1', f'--json={tmp_path / "c.json"}'])
  assert json.loads((tmp_path / 'c.json').read_text())['return'] is None


# Other cards, pushes and engines


@pytest.fixture
def judged(monkeypatch):
  """The task, the player and the changes that a card was asked for with; nothing is played."""
  asked = {}

  def judge(task, model, policy, episodes, seed, player, **changes):
    asked.update(task=task.config, player=player, changes=changes)
    figures = {
      'passed': True,
      'episodes': episodes,
      'success_rate': 1.0,
      'criteria': 'made up',
      'worst': {},
      'figures': [],
      'failed': {},
    }
    return figures, None

  monkeypatch.setattr(evaluation, 'judge', judge)
  monkeypatch.setattr(evaluation, 'returns', lambda task, paths: {'return': None, 'return_by_term': {}})
  return asked


def written(folder):
  return json.loads((folder / 'card.json').read_text())


def test_without_more_words_nothing_is_changed_and_c_mujoco_plays(run_copy, judged):
  evaluate.main([str(run_copy)])
  assert judged['player'] is rollout
  assert judged['changes'] == {}
  assert judged['task'] == load_policy(run_copy / 'policy.safetensors').task
  assert written(run_copy)['engine'] == 'native'
  assert 'push' not in written(run_copy)


@pytest.mark.parametrize('force', ['150', '0', '87.5'])
def test_a_push_of_this_force_every_four_seconds(run_copy, judged, force):
  evaluate.main([str(run_copy), f'--push={force}'])
  size = float(force)
  expected = {'push.kind': 'force', 'push.force': (size, size), 'push.duration': 0.2, 'push.interval': 4.0}
  assert judged['changes'] == expected
  assert written(run_copy)['push'] == size


def test_it_is_said_why_episodes_did_not_pass():
  failed = {'failed': {'fell': 62, 'drifted': 30}, 'episodes': 100}
  assert evaluate.why_not(failed) == '; fell: 62, drifted: 30 of 100'
  assert evaluate.why_not({**failed, 'failed': {}}) == ''


def test_another_card_judges_the_same_policy(run_copy, judged):
  evaluate.main([str(run_copy), '--card=kneel'])
  assert judged['task'] == dataclasses.replace(load_policy(run_copy / 'policy.safetensors').task, card='kneel')


def test_mjx_plays_where_it_is_asked_for(run_copy, judged):
  from mjx_humanoid.run.mjx_rollout import mjx_rollout

  evaluate.main([str(run_copy), '--engine=mjx'])
  assert judged['player'] is mjx_rollout
  assert written(run_copy)['engine'] == 'mjx'


OF_ANY_POLICY = [name for name in CARDS if name not in ('none', 'imitate')]  # imitate: of policies with a clip


@pytest.mark.parametrize('name', OF_ANY_POLICY)
def test_every_card_can_be_had_of_any_policy_and_shown(tmp_path, make_policy, name, monkeypatch, capsys):
  """Two control steps of each, with the units of its figures."""
  short = dataclasses.replace(CARDS[name], seconds=0.05, steps=0)
  monkeypatch.setattr('mjx_humanoid.playback.judge.card_of', lambda config: short)
  monkeypatch.setattr(evaluation, 'returns', lambda task, paths: {'return': None, 'return_by_term': {}})
  save_policy(make_policy(task=TaskConfig(card=name)), tmp_path / 'p.safetensors')
  evaluate.main([str(tmp_path / 'p.safetensors'), '--episodes=2', f'--json={tmp_path / "c.json"}'])
  card = json.loads((tmp_path / 'c.json').read_text())
  out = capsys.readouterr().out
  assert set(card['figures']) <= set(card['worst'])
  for figure in card['figures']:
    unit = f' [{evaluate.UNITS[figure]}]' if figure in evaluate.UNITS else ''
    assert f'{figure.replace("_", " ")}{unit} ' in out


def test_every_unit_is_that_of_a_figure(standing_task):
  body = standing_task[0].body
  paths = at_rest(body)
  figures = measure(paths, body)
  for card in OF_ANY_POLICY:
    CARDS[card].judge(figures, paths, body)
  figures |= {'joint_error': None}  # of imitate
  assert set(evaluate.UNITS) <= set(figures)


def test_a_robot_without_legs_has_no_plot(tmp_path, user_error):
  said = user_error(evaluate.main, ['half_cheetah', '--plot', '--episodes=1', f'--json={tmp_path / "c.json"}'])
  assert "--plot needs two legs with hips, knees and ankles, and the datasheet of robot 'half_cheetah'" in said
  assert not list(tmp_path.iterdir())


def test_without_a_stride_there_is_a_card_and_no_plot(tmp_path, make_policy, capsys):
  save_policy(make_policy(), tmp_path / 'p.safetensors')
  evaluate.main([str(tmp_path / 'p.safetensors'), '--plot', '--episodes=1', f'--json={tmp_path / "c.json"}'])
  assert 'no plot: the episodes have no whole stride after 2 s' in capsys.readouterr().out
  assert sorted(path.name for path in tmp_path.iterdir()) == ['c.json', 'p.safetensors']


MISTAKES = {
  'no policy': ([], 'policy'),
  'unknown policy': (['nobody'], "unknown run, policy file or pretrained policy 'nobody'"),
  'no episodes': (['RUN', '--episodes=0'], 'out of range: 1 to 2000'),
  'too many episodes': (['RUN', '--episodes=2001'], 'out of range: 1 to 2000'),
  'a negative seed': (['RUN', '--seed=-1'], 'seed=-1 is out of range: 0 or more'),
  'an unknown card': (['RUN', '--card=stnd'], "unknown report card 'stnd'. Did you mean 'stand'?"),
  'a card that cannot be written': (['RUN', '--episodes=1', '--json=/dev/null/c.json'], 'cannot be written'),
  'a push that pulls': (['RUN', '--push=-1'], 'push=-1.0 is out of range: 0 to 10000 N'),
  'a push too hard': (['RUN', '--push=1e5'], 'is out of range: 0 to 10000 N'),
  'a push that is no number': (['RUN', '--push=nan'], 'push=nan is out of range'),
  'a push in words': (['RUN', '--push=hard'], 'invalid float value'),
  'an unknown engine': (['RUN', '--engine=mjxx'], "'mjxx'. Did you mean 'mjx'? Choices: mjx, native."),
  'an engine that does not judge': (['RUN', '--engine=mjx-warp'], 'Choices: mjx, native.'),
  'no engine': (['RUN', '--engine='], 'Choices: mjx, native.'),
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


@pytest.mark.parametrize('name', ['x[red]', '[/]'])
def test_a_name_that_looks_like_markup_is_shown_as_it_is(name, tmp_path, make_policy, capsys):
  policy = make_policy(info={'name': name})
  save_policy(policy, tmp_path / 'p.safetensors')
  evaluate.main([str(tmp_path / 'p.safetensors'), '--episodes=1', f'--json={tmp_path / "c.json"}'])
  assert f'{name}: ' in capsys.readouterr().out
  card = json.loads((tmp_path / 'c.json').read_text())
  evaluate.show({**card, 'return_by_term': {f'mine.py:{name}': 1.0}})
  assert f'return: mine.py:{name}' in capsys.readouterr().out
