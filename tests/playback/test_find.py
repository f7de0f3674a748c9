"""Protects what a user may call a policy: a run's folder, a file, the name of a pretrained one."""

from __future__ import annotations

import json

import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback import find
from mjx_humanoid.playback.cards import CARDS
from mjx_humanoid.playback.policy import save_policy
from mjx_humanoid.playback.rollout import check_fit, task_and_model


@pytest.fixture
def pretrained(tmp_path, monkeypatch, make_policy):
  """Two pretrained policies, and a current folder without any."""
  folder = tmp_path / 'pretrained'
  folder.mkdir()
  for name in ('stand', 'walk'):
    save_policy(make_policy(info={'name': name}), folder / f'{name}.safetensors')
  monkeypatch.setattr(find, 'PRETRAINED', folder)
  (tmp_path / 'here').mkdir()
  monkeypatch.chdir(tmp_path / 'here')
  return folder


@pytest.mark.parametrize('name', find.pretrained_policies())
def test_a_ready_policy_fits_its_robot_and_comes_with_the_card_that_it_passed(name):
  policy = find.load(name)
  check_fit(policy, *task_and_model(policy.task))
  assert policy.name == name
  card = json.loads((find.PRETRAINED / f'{name}.json').read_text())
  assert (card['card'], card['passed'], card['info']) == (policy.task.card, True, policy.info)
  assert card['config']['task']['card'] == policy.task.card  # what it was trained by
  assert (card['config']['seed'], card['config']['name']) == (policy.info['seed'], name)
  assert card['criteria'] == CARDS[policy.task.card].words(policy.task)  # as it is judged today


def test_pretrained_policies_are_described_by_their_cards():
  lines = find.describe_pretrained()
  assert list(lines) == find.pretrained_policies()
  assert all('% of ' in line and line.endswith(' episodes') for line in lines.values())


def test_a_run_folder(finished_run):
  assert find.find_policy(str(finished_run)) == finished_run / 'policy.safetensors'
  assert find.load(str(finished_run)).name == 'tiny'


def test_a_checkpoint_of_a_run(finished_run):
  folder = finished_run / 'checkpoints'
  for which, step in (('best', json.loads((folder / 'best.json').read_text())['step']), ('0', 0), ('128', 128)):
    policy = find.load(f'{finished_run}@{which}')
    assert policy.info['timesteps'] == step
    assert find.find_policy(f'{finished_run}@{which}') == folder / f'{step:012d}' / 'policy.safetensors'


@pytest.mark.parametrize(
  ('which', 'words'),
  [('7', r'no checkpoint of step 7 .* \[0, 128, 256\]'), ('worst', "stands 'best' or a number"), ('', "stands 'best'")],
)
def test_a_checkpoint_that_is_not_there_lists_those_that_are(finished_run, which, words):
  with pytest.raises(UserError, match=words):
    find.find_policy(f'{finished_run}@{which}')


def test_a_run_whose_name_has_an_at_sign_is_that_run(tmp_path, make_policy):
  for name in ('x', 'x@best'):
    (tmp_path / name).mkdir()
    save_policy(make_policy(info={'name': name}), tmp_path / name / 'policy.safetensors')
  assert find.load(str(tmp_path / 'x@best')).name == 'x@best'


def test_a_file(finished_run):
  path = finished_run / 'policy.safetensors'
  assert find.find_policy(str(path)) == path


def test_the_name_of_a_pretrained_policy(pretrained):
  assert find.pretrained_policies() == ['stand', 'walk']
  assert find.load('walk').name == 'walk'


def test_a_folder_of_that_name_comes_before_the_ready_policy(pretrained, tmp_path, make_policy):
  run = tmp_path / 'here' / 'walk'
  run.mkdir()
  save_policy(make_policy(info={'name': 'mine'}), run / 'policy.safetensors')
  assert find.load('walk').name == 'mine'


def test_a_folder_of_that_name_that_is_no_run_does_not_hide_the_ready_policy(pretrained, tmp_path):
  (tmp_path / 'here' / 'walk').mkdir()
  assert find.find_policy('walk') == pretrained / 'walk.safetensors'


def test_an_unknown_name_lists_the_choices_and_the_closest(pretrained):
  with pytest.raises(
    UserError, match=r"unknown .*pretrained policy 'wakl'. Did you mean 'walk'\? Choices: stand, walk"
  ):
    find.find_policy('wakl')


@pytest.mark.parametrize('reference', ['runs/none', 'none.safetensors', '/no/such/place'])
def test_a_path_that_does_not_exist_is_called_one_and_lists_the_pretrained_policies(pretrained, reference):
  with pytest.raises(UserError, match=r'there is no policy file or run .*Pretrained policies: stand, walk'):
    find.find_policy(reference)


def test_a_folder_without_a_policy_is_refused(tmp_path):
  with pytest.raises(UserError, match=r'holds no policy\.safetensors'):
    find.find_policy(str(tmp_path))


def test_a_damaged_file_is_refused(tmp_path):
  (tmp_path / 'x.safetensors').write_bytes(b'nonsense')
  with pytest.raises(UserError, match='not a readable policy file'):
    find.load(str(tmp_path / 'x.safetensors'))
