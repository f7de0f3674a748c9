"""Protects compare: which trainings are wanted, reused, continued and refused, and what the report says."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from test_curves import write_run

from mjx_humanoid import compare
from mjx_humanoid.core import model_files
from mjx_humanoid.core.config import variants
from mjx_humanoid.core.config.files import save_json, split_overrides
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.studies import runs as module
from mjx_humanoid.studies.child import Ended
from mjx_humanoid.studies.comparison import row
from mjx_humanoid.studies.curves import read_curve
from mjx_humanoid.studies.runs import train_all, wanted_runs

CHECK_TRAINABLE = module.check_trainable
SHORT = {'config.total_timesteps': '80'}


class Trainings:
  """Stands for the command train: remembers its arguments and leaves a finished run, or one that was stopped."""

  def __init__(self, wanted=(), *, stop=False, status=0, error=''):
    self.calls, self.stop, self.ended = [], stop, Ended(status, error)
    self.by_name = {run.config.name: run for run in wanted}

  def __call__(self, arguments):
    self.calls.append(arguments[2:])
    given = dict(a[2:].split('=', 1) for a in self.calls[-1])
    name = given.get('config.name') or given['resume'].rpartition('/')[2]
    run = self.by_name[name]
    run.folder.mkdir(parents=True, exist_ok=True)
    save_json(run.config, run.folder / 'config.json')
    if not self.stop:
      write_run(run.folder, final=0.9 + run.seed / 10)
    return self.ended


@pytest.fixture(autouse=True)
def checked(monkeypatch):
  """The labels of the configs that were checked before a training, which takes a process."""
  seen = []
  monkeypatch.setattr(module, 'check_trainable', lambda runs: seen.append([run.label for run in runs]))
  return seen


@pytest.fixture
def wanted(tmp_path):
  return wanted_runs(['stand', 'stand_a2c'], 2, tmp_path, SHORT)


def test_each_config_is_trained_with_each_seed(wanted, tmp_path):
  assert [run.config.name for run in wanted] == ['stand-0', 'stand-1', 'stand_a2c-0', 'stand_a2c-1']
  assert [run.config.seed for run in wanted] == [0, 1, 0, 1]
  assert wanted[0].folder == tmp_path / 'runs' / 'stand-0'
  assert wanted[0].config.evaluation_interval == 8  # a tenth
  assert {'--config=stand', '--config.total_timesteps=80', '--config.seed=1'} <= set(wanted[1].arguments)


def test_trainings_take_no_other_variant_on_a_gpu(wanted, monkeypatch):
  """They would be runs with other settings than those that are wanted."""
  monkeypatch.setattr(variants, 'SIGNS_OF_GPU', ('/',))
  assert variants.may_fit_gpu('stand', [])
  assert not variants.may_fit_gpu('stand', split_overrides(wanted[0].arguments[1:]))


def test_trainings_may_read_what_the_comparison_may(wanted, monkeypatch):
  commands = []
  monkeypatch.setattr(module, 'call', lambda arguments: commands.append(arguments) or Ended(1, ''))
  for allowed in (True, False):
    model_files.allow_outside(allowed)
    with pytest.raises(UserError, match='failed'):
      train_all(wanted[:1])
  assert ['--allow-outside' in arguments for arguments in commands] == [True, False]


@pytest.mark.parametrize(
  ('setting', 'words'),
  [
    ({'config.algorithm': 'pp0'}, "stand: unknown algorithm 'pp0'. Did you mean 'ppo'?"),
    ({'config.ppo.batch_size': '77'}, 'stand: config.num_envs=512 x config.ppo.unroll_length=8 = 4096 transitions'),
    ({'config.task.reward': 'stnd'}, "stand: unknown reward 'stnd'. Did you mean 'stand'?"),
    ({'config.algorithm': 'sac', 'config.sac.replay_size': '9000000000'}, 'stand: config.sac.replay_size: '),
  ],
)
def test_a_config_that_cannot_be_trained_is_refused_before_the_first_training(setting, words, tmp_path):
  with pytest.raises(UserError) as error:
    CHECK_TRAINABLE(wanted_runs(['stand_a2c'], 1, tmp_path, {}) + wanted_runs(['stand'], 2, tmp_path, setting))
  assert str(error.value).startswith(words)
  assert '\n' not in str(error.value)
  assert not list(tmp_path.iterdir())


def test_configs_whose_runs_are_missing_are_checked(wanted, checked, monkeypatch):
  monkeypatch.setattr(module, 'call', Trainings(wanted))
  train_all(wanted[:2])
  train_all(wanted)
  assert checked == [['stand', 'stand'], ['stand_a2c', 'stand_a2c']]


def test_what_is_missing_is_trained_what_was_stopped_goes_on_and_the_rest_is_reused(wanted, monkeypatch, capsys):
  half = Trainings(wanted, stop=True)
  monkeypatch.setattr(module, 'call', half)
  with pytest.raises(UserError, match='stand-0 was stopped; the same command continues'):
    train_all(wanted)
  whole = Trainings(wanted)
  monkeypatch.setattr(module, 'call', whole)
  train_all(wanted)
  assert whole.calls[0] == [f'--resume={wanted[0].folder}']
  assert whole.calls[1][0] == '--config=stand'
  assert len(whole.calls) == 4
  train_all(wanted)
  assert len(whole.calls) == 4
  assert '[4 of 4] stand_a2c-1: complete' in capsys.readouterr().out


def test_a_training_that_fails_ends_the_comparison(wanted, monkeypatch):
  monkeypatch.setattr(module, 'call', Trainings(wanted, stop=True, status=2))
  with pytest.raises(UserError, match=r'stand-0 failed \(exit status 2\)'):
    train_all(wanted)


def test_the_reason_of_a_training_that_fails_is_told_once(wanted, monkeypatch):
  monkeypatch.setattr(module, 'call', Trainings(wanted, stop=True, status=2, error='the disk is full.'))
  with pytest.raises(UserError, match=r'^the training stand-0 failed: the disk is full\.$'):
    train_all(wanted)


def test_a_run_with_other_settings_is_not_reused(wanted, monkeypatch, tmp_path):
  monkeypatch.setattr(module, 'call', Trainings(wanted))
  train_all(wanted[:1])
  (other, *_) = wanted_runs(['stand'], 1, tmp_path, {**SHORT, 'config.ppo.gamma': '0.5'})
  with pytest.raises(UserError, match=r'config\.ppo\.gamma is 0\.96 there and 0\.5 here; give another --out') as error:
    train_all([other])
  assert '\n' not in str(error.value)


OWN_CONFIG = """from mjx_humanoid.core.config.files import load_config

def get_config():
  config = load_config({!r})
  config.name = 'own'
  {}
  return config
"""


@pytest.mark.parametrize(
  ('name', 'change', 'words'),
  [
    ('stand', 'config.evaluation_episodes = 30', 'config.evaluation_episodes is 100 and 30'),
    ('walk', 'config.task.command.value = (0.5, 0, 0)', 'config.task.command.value is '),
    ('imitate', "config.task.clip = 'run'", "config.task.clip is 'gait' and 'run'"),
    ('half_cheetah', 'config.task.target_return = 7', 'config.task.target_return is '),
    ('half_cheetah', "config.task.weights = {'control': -1.0}", 'config.task.weights is '),
    ('stand', "config.task.card = 'none'", 'own has no report card'),
  ],
)
def test_configs_whose_episodes_are_judged_otherwise_are_refused(name, change, words, tmp_path):
  path = tmp_path / 'own.py'
  path.write_text(OWN_CONFIG.format(name, change))
  with pytest.raises(UserError) as error:
    wanted_runs([name, str(path)], 1, tmp_path, {})
  assert words in str(error.value)
  assert '\n' not in str(error.value)


def test_what_a_card_does_not_read_may_differ(tmp_path):
  """The card `stand` fixes start states, pushes and commands, and reads no clip and no return."""
  path = tmp_path / 'own.py'
  task = "start_strength=3.0, clip='run', target_return=5.0, reward='walk', push=dict(kind='force')"
  path.write_text(OWN_CONFIG.format('stand', f'config.task.update(dict({task}))'))
  assert len(wanted_runs(['stand', str(path)], 1, tmp_path, {})) == 2


@pytest.mark.parametrize(
  ('names', 'overrides', 'words'),
  [
    (['stand', 'kneel'], {}, "stand and kneel are not judged alike: config.task.card is 'stand' and 'kneel'"),
    (['stand', 'stand'], {}, "two of the configs have the name 'stand'"),
    (['stand'], {'config.task.card': 'none'}, 'stand has no report card'),
    (['stnd'], {}, "there is no config file 'stnd'"),
    (['stand'], {'config.ppo.gama': '1'}, "unknown setting 'config.ppo.gama'"),
  ],
)
def test_what_does_not_compare_is_refused_in_one_line(names, overrides, words, tmp_path):
  with pytest.raises(UserError) as error:
    wanted_runs(names, 1, tmp_path, overrides)
  assert words in str(error.value)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(
  ('arguments', 'words'),
  [
    (['--configs=,', '--out=x'], '--configs names no config'),
    (['--configs=stand', '--out=x', '--seeds=0'], '--seeds=0 is out of range: 1 to 100'),
    (['--configs=stand', '--out=x', '--bar=1.5'], '--bar=1.5 is out of range'),
    (['--configs=stand', '--out=x', '--config.seed=3'], '--config.seed is chosen by compare'),
    (['--configs=stand'], '--out'),
  ],
)
def test_arguments_that_do_not_fit_end_with_status_two(arguments, words, capsys, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(SystemExit) as end:
    compare.main(arguments)
  assert end.value.code == 2
  assert words in capsys.readouterr().err
  assert not list(tmp_path.iterdir())


def test_the_command_writes_a_report_in_one_file(wanted, monkeypatch, tmp_path, capsys):
  monkeypatch.setattr(module, 'call', Trainings(wanted))
  more = ['--seeds=2', '--no-video', '--config.total_timesteps=80']
  compare.main(['--configs=stand,stand_a2c', f'--out={tmp_path}', *more])
  page = (tmp_path / 'report.html').read_text()
  assert page.count('data:image/png;base64,') == 2
  assert 'src="http' not in page
  markdown = (tmp_path / 'report.md').read_text()
  assert '| stand_a2c | 2 | 0.95 [0.9, 1] |' in markdown
  assert (tmp_path / 'success.png').read_bytes()[:4] == b'\x89PNG'
  assert 'next: python -m mjx_humanoid.play --compare' in capsys.readouterr().out


def test_a_bar_that_not_all_runs_reach_has_no_time(tmp_path):
  folders = [write_run(tmp_path / str(rate), success=((40, rate),), final=rate) for rate in (1.0, 0.5)]
  curves = [read_curve(folder) for folder in folders]
  cells = row('a', curves, 0.95)
  assert cells[5:] == ['-', '1 of 2', '-', '-']
  assert row('a', curves[:1], 0.95)[5:] == ['-', '1 of 1', '40 [40, 40]', '1.33 [1.33, 1.33]']


def test_returns_of_different_rewards_are_not_compared(wanted):
  configs = [run.config for run in wanted]
  assert module.same_rewards(configs)
  other = dataclasses.replace(configs[0], task=dataclasses.replace(configs[0].task, weights={'height': 2.0}))
  assert not module.same_rewards([*configs, other])


def test_json_of_lists_and_tuples_is_the_same():
  assert module.first_difference({'a': (1, 2)}, json.loads('{"a": [1, 2]}')) == ''
  assert module.first_difference({'a': {'b': np.float64(1)}}, {'a': {'b': 2.0}}).startswith('config.a.b is 2.0')


def test_an_entry_that_only_the_run_has_is_a_difference():
  """As a reward weight that the config no longer has."""
  wanted, found = {'task': {'weights': {'height': 1.0}}}, {'task': {'weights': {'height': 1.0, 'effort': 2.0}}}
  assert module.first_difference(wanted, found) == 'config.task.weights.effort is 2.0 there and None here'
  assert module.first_difference({'name': 'a'}, {'num_threads': 4}) == ''
