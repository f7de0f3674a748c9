"""Protects sweep: trials, pruning, failures, resumption, storages, the best config and the report."""

from __future__ import annotations

import importlib
import json
import sqlite3

import pytest
from points import card, point_setup, trainer

from mjx_humanoid.core.config import files, schema
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.studies import study as storage_module
from mjx_humanoid.studies import sweep_report
from mjx_humanoid.studies.trials import Objective, best_file, described

optuna = pytest.importorskip('optuna')
sweep = importlib.import_module('mjx_humanoid.sweep')
SPACE = """def get_space():
  return {
    'config.ppo.gamma': {'kind': 'float', 'low': 0.5, 'high': 0.99},
    'config.ppo.num_epochs': {'kind': 'int', 'low': 1, 'high': 4},
    'config.network.policy_layers': {'kind': 'choice', 'values': [(8,), (16, 16)]},
  }
"""


@pytest.fixture(autouse=True)
def compiled_once(monkeypatch):
  """All trials share one compiled training; they differ in what they are judged to be."""
  monkeypatch.setattr('jax.clear_caches', lambda: None)
  monkeypatch.setattr('mjx_humanoid.run.loop.Trainer', lambda setup: trainer())


@pytest.fixture
def points(monkeypatch):
  """Trials train points on a line. Success is nearness of gamma to 0.9. The third trial crashes, the fourth is NaN."""
  made, seen = point_setup(), []

  def set_up(config):
    seen.append(config)
    if len(seen) == 3:
      raise RuntimeError('out of\nluck')
    return made

  def judged(policy, episodes, seed):
    gamma = seen[-1].ppo.gamma if len(seen) != 4 else float('nan')
    return {**card(policy, episodes, seed), 'success_rate': 1 - abs(gamma - 0.9), 'passed': False}

  monkeypatch.setattr('mjx_humanoid.run.start.set_up', set_up)
  monkeypatch.setattr('mjx_humanoid.run.report_cards.judge_policy', judged)
  return seen


def arguments(tmp_path, trials=6):
  path = tmp_path / 'space.py'
  if not path.exists():
    path.write_text(SPACE)
  return ['--config=stand', f'--space={path}', f'--out={tmp_path / "out"}', f'--trials={trials}']


def run(tmp_path, *more, trials=6):
  sweep.main([*arguments(tmp_path, trials), *more])
  return tmp_path / 'out'


def test_a_sweep_ends_with_a_config_that_trains_and_a_report(tmp_path, points, capsys, monkeypatch):
  out = run(tmp_path)
  said = capsys.readouterr().out
  assert len(points) == 6
  assert 'trial 2: RuntimeError: out of' in said
  assert 'trial 3: UserError: its score is nan' in said
  config = schema.resolve(files.load_config(str(out / 'best.py')))
  complete = [points[i] for i in (0, 1, 4, 5)]
  best = min(complete, key=lambda c: abs(c.ppo.gamma - 0.9))
  assert (config.name, config.ppo, config.network) == ('stand_best', best.ppo, best.network)
  assert config.task == points[0].task
  page = (out / 'report.html').read_text()
  assert page.count('data:image/png;base64,') == len(sweep_report.PLOTS) == 5
  assert 'RuntimeError: out of' in page
  monkeypatch.setattr(sweep_report, 'PLOTS', ())
  # again with more trials: the study goes on; with the same number it is only reported
  run(tmp_path, trials=7)
  assert len(points) == 7
  run(tmp_path, trials=7)
  assert len(points) == 7
  assert "study 'stand': 7 of 7 trials are finished" in capsys.readouterr().out


def test_a_study_of_another_space_is_refused(tmp_path, points, capsys):
  run(tmp_path, trials=1)
  (tmp_path / 'space.py').write_text(SPACE.replace('0.99', '0.98'))
  with pytest.raises(SystemExit) as end:
    run(tmp_path, trials=2)
  assert end.value.code == 2
  assert 'was made for another space' in capsys.readouterr().err
  (tmp_path / 'space.py').write_text(SPACE)
  with pytest.raises(SystemExit):
    run(tmp_path, '--config.ppo.clip_epsilon=0.25', trials=2)
  assert 'was made for another config' in capsys.readouterr().err


def test_a_locked_storage_is_told(tmp_path, points, capsys, monkeypatch):
  monkeypatch.setattr(storage_module, 'SQLITE_SECONDS', 0.1)
  url = f'sqlite:///{tmp_path}/study.db'
  run(tmp_path, f'--storage={url}', trials=1)
  with sqlite3.connect(tmp_path / 'study.db', isolation_level=None) as other:
    other.execute('BEGIN EXCLUSIVE')
    with pytest.raises(SystemExit) as end:
      run(tmp_path, f'--storage={url}', trials=2)
    other.execute('ROLLBACK')
  assert end.value.code == 2
  error = capsys.readouterr().err
  assert 'is locked or out of reach' in error
  assert error.count('\n') == 1


@pytest.mark.parametrize(
  ('url', 'words'),
  [
    ('nonsense', 'is no URL of a database: '),
    ('study.db', 'write sqlite:///study.db'),
    ('sqlight:///x.db', 'is no URL of a database: '),
    ('sqlite://here:there/x.db', 'is no URL of a database: '),
    ('sqlite:////nowhere/at/all/x.db', 'is locked or out of reach: '),
  ],
)
def test_a_storage_that_cannot_be_used_is_told(tmp_path, url, words, user_error):
  message = user_error(sweep.main, [*arguments(tmp_path), f'--storage={url}'])
  assert words in message
  assert url in message
  assert ('locked' in message) == ('locked' in words)


def test_a_storage_whose_package_is_missing_says_so():
  words = r"^the storage x needs a package that is not installed: No module named 'psycopg2'\.$"
  with pytest.raises(UserError, match=words), storage_module.reaching('x'):
    raise ImportError("No module named 'psycopg2'")


def test_a_damaged_study_is_no_locked_one(tmp_path, points, user_error):
  run(tmp_path, trials=1)
  path = tmp_path / 'out' / 'study.log'
  path.write_bytes(b'no json\n' + path.read_bytes())
  assert 'study.log is damaged: ' in user_error(sweep.main, arguments(tmp_path))


def test_processes_that_begin_together_draw_different_settings(tmp_path, monkeypatch):
  """And the trials of a study are those of any other with the same seed."""
  monkeypatch.setattr(Objective, '_train', lambda self, trial, config, folder: 0.5)
  space = {'config.ppo.gamma': {'kind': 'float', 'low': 0.5, 'high': 0.99, 'log': False}}

  def drawn(out, seed):
    objective = Objective(files.load_config('stand'), {}, space, out, 'area', seed)
    studies = [storage_module.open_study('stand', '', out) for _ in range(2)]
    trials = [study.ask() for study in studies]
    assert [objective(trial) for trial in trials] == [0.5, 0.5]
    return [trial.params['ppo.gamma'] for trial in trials]

  first = drawn(tmp_path / 'a', 0)
  assert first[0] != first[1]
  assert drawn(tmp_path / 'b', 0) == first
  assert not set(drawn(tmp_path / 'c', 1)) & set(first)


def test_a_trial_below_the_median_is_pruned(tmp_path, monkeypatch, capsys):
  """After six of about 0.9, the seventh has 0.1 at its first report card."""
  monkeypatch.setattr(sweep_report, 'PLOTS', ())
  made, seen = point_setup(evaluation_interval=8), []
  monkeypatch.setattr('mjx_humanoid.run.start.set_up', lambda config: seen.append(config) or made)

  def judged(policy, episodes, seed):
    return {**card(policy, episodes, seed), 'success_rate': 0.1 if len(seen) == 7 else 0.9, 'passed': False}

  monkeypatch.setattr('mjx_humanoid.run.report_cards.judge_policy', judged)
  out = run(tmp_path, trials=7)
  assert 'trial 6: pruned' in capsys.readouterr().out
  assert not (out / 'trials' / '0006' / 'report.json').read_text().count('"timesteps": 32')


@pytest.mark.parametrize(
  ('more', 'words'),
  [
    (['--trials=0'], '--trials=0 is out of range'),
    (['--metric=speed'], "unknown metric 'speed'"),
    (['--config.ppo.gama=1'], "unknown setting 'config.ppo.gama'"),
  ],
)
def test_arguments_that_do_not_fit_end_with_status_two(tmp_path, more, words, capsys):
  with pytest.raises(SystemExit) as end:
    run(tmp_path, *more)
  assert end.value.code == 2
  assert words in capsys.readouterr().err


@pytest.mark.parametrize(
  ('setting', 'values', 'words'),
  [
    ('algorithm', ['ppo', 'pp0'], "unknown algorithm 'pp0'. Did you mean 'ppo'? Choices: a2c, amp,"),
    ('task.robot', ['humanoid', 'humanoit'], "unknown robot 'humanoit'. Did you mean 'humanoid'? Choices: "),
    ('task.reward', ['stnd'], "unknown reward 'stnd'. Did you mean 'stand'? Choices: "),
    ('task.card', ['stnd'], "unknown report card 'stnd'. Did you mean 'stand'? Choices: "),
    ('curriculum', ['nne'], "unknown curriculum 'nne'. Did you mean 'none'? Choices: "),
    (
      'task.observations',
      [['joint_position']],
      "unknown observation 'joint_position'. Did you mean 'joint_positions'?",
    ),
    ('task.push.kind', ['forse'], "unknown kind of push 'forse'. Did you mean 'force'? Choices: "),
    ('task.weights', 'heigth', "unknown reward term 'heigth'. Did you mean 'height'? Choices: "),
    ('task.start', ['policy:stnd'], "'stnd'"),
    ('init_from', ['stnd'], "'stnd'"),
  ],
)
def test_names_in_a_space_are_checked_before_the_first_trial(tmp_path, points, setting, values, words, user_error):
  choice = {f'config.{setting}': {'kind': 'choice', 'values': values}}
  weight = {f'config.{setting}.{values}': {'kind': 'float', 'low': 0.0, 'high': 1.0}}
  space = weight if isinstance(values, str) else choice
  (tmp_path / 'space.py').write_text(f'def get_space():\n  return {space!r}\n')
  message = user_error(sweep.main, arguments(tmp_path))
  assert f'config.{setting}: ' in message
  assert words in message
  assert not points
  assert not (tmp_path / 'out').exists()


def test_without_optuna_the_extra_is_named(tmp_path, capsys, monkeypatch):
  import builtins

  real = builtins.__import__

  def without(name, *rest):
    if name == 'optuna':
      raise ImportError(name)
    return real(name, *rest)

  monkeypatch.setattr(builtins, '__import__', without)
  with pytest.raises(SystemExit):
    run(tmp_path)
  assert "pip install 'mjx_humanoid[studies]'" in capsys.readouterr().err


def test_a_best_config_holds_all_that_differs_from_the_defaults(tmp_path):
  overrides = {'config.task.weights.energy': '-0.5'}
  base = schema.resolve(files.apply_overrides(files.load_config('walk'), overrides))
  objective = Objective(files.load_config('walk'), overrides, {}, tmp_path, 'area', 0)
  path = tmp_path / 'best.py'
  path.write_text(best_file(objective.changed({'config.ppo.gamma': '0.5', 'config.name': 'b'}), 'Trial 1.'))
  found = schema.resolve(files.load_config(str(path)))
  wanted = json.loads(json.dumps(schema.to_dict(base)))
  wanted['ppo']['gamma'], wanted['name'] = 0.5, 'b'
  assert json.loads(json.dumps(schema.to_dict(found))) == wanted
  another_reward = objective.changed({'config.task.reward': 'run'})  # in the space
  assert another_reward.task.weights == {'energy': -0.5}  # those of the command line hold, those of the file do not


def test_settings_of_a_trial_are_told_with_their_size():
  values = {
    'replay_size': '900000000',
    'rate': '5.123456e-05',
    'gamma': '0.98765432',
    'layers': '256,256,256',
    'c': 'none',
  }
  told = described({f'config.{name}': value for name, value in values.items()})
  assert told == 'replay_size=900000000, rate=5.123e-05, gamma=0.9877, layers=256,256,256, c=none'


def test_equal_values_share_their_mean_rank():
  assert list(sweep_report.ranks_of(sweep_report.np.array([3.0, 1.0, 3.0]))) == [1.5, 0.0, 1.5]


@pytest.mark.parametrize('scores', [(0.0, 0.0, 0.0, 0.0), (0.1, 0.2, 0.3, 0.4)])
def test_a_report_of_scores_or_settings_that_do_not_differ(tmp_path, scores):
  study = optuna.create_study(direction='maximize')
  for score in scores:
    study.add_trial(
      optuna.trial.create_trial(
        params={'kind': 'a'},
        distributions={'kind': optuna.distributions.CategoricalDistribution(['a', 'b'])},
        value=score,
      )
    )
  assert 'Best trials' in sweep_report.report(study, 'area', tmp_path).read_text()
  if len(set(scores)) > 1:  # else the report leaves the plots out
    assert sweep_report.correlation(study).startswith(b'\x89PNG')
