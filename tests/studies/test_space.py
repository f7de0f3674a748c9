"""Protects spaces of settings: what is in them, what an Optuna trial is asked for, and each mistake in one line."""

from __future__ import annotations

import pytest

from mjx_humanoid.core.config import files, schema
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.studies.space import find_space, load_space, space_names, suggest


class Trial:
  """Remembers what it is asked, and answers with the lowest, or the last choice."""

  def __init__(self):
    self.asked = []

  def suggest_float(self, name, low, high, *, log):
    self.asked.append((name, low, high, log))
    return low

  suggest_int = suggest_float

  def suggest_categorical(self, name, values):
    self.asked.append((name, *values))
    return values[-1]


def test_the_built_in_space_loads_and_its_values_make_a_config(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  assert 'ppo' in space_names()
  assert find_space('configs/sweeps/ppo.py') == find_space('ppo')
  trial = Trial()
  values = suggest(trial, load_space('ppo'))
  assert ('ppo.learning_rate', 1e-4, 1e-2, True) in trial.asked
  assert values['config.network.policy_layers'] == '256,256'
  config = schema.resolve(files.apply_overrides(files.load_config('stand'), values))
  assert config.network.policy_layers == (256, 256)
  assert config.ppo.learning_rate == 1e-4


def space_file(tmp_path, body):
  path = tmp_path / 'space.py'
  path.write_text(f'def get_space():\n  return {body}\n')
  return str(path)


def test_entries_of_tables_such_as_weights_can_be_searched(tmp_path):
  path = space_file(tmp_path, "{'config.task.weights.energy': {'kind': 'float', 'low': -1, 'high': 0}}")
  assert suggest(Trial(), load_space(path)) == {'config.task.weights.energy': '-1'}


@pytest.mark.parametrize(
  ('body', 'words'),
  [
    ("{'config.ppo.gama': {'kind': 'float', 'low': 0, 'high': 1}}", "Did you mean 'config.ppo.gamma'?"),
    (
      "{'config.ppo.gamma': {'kind': 'flot', 'low': 0, 'high': 1}}",
      "'flot'. Did you mean 'float'? Choices: choice, float",
    ),
    ("{'config.ppo.gamma': 0.9}", "unknown kind of distribution of config.ppo.gamma: '0.9'"),
    ("{'config.ppo.gamma': {'kind': 'float', 'low': 0, 'hig': 1}}", "unknown key of config.ppo.gamma 'hig'"),
    ("{'config.ppo.gamma': {'kind': 'float', 'low': 0}}", "float needs 'high', a number"),
    ("{'config.ppo.gamma': {'kind': 'float', 'low': 0, 'high': 2}}", 'config.ppo.gamma=2.0 is out of range'),
    ("{'config.ppo.gamma': {'kind': 'float', 'low': 1, 'high': 0}}", 'low=1 must be less than high=0'),
    ("{'config.ppo.gamma': {'kind': 'float', 'low': 0, 'high': 1, 'log': True}}", 'more than 0 with log'),
    ("{'config.ppo.num_epochs': {'kind': 'int', 'low': 1.5, 'high': 3}}", 'config.ppo.num_epochs must be'),
    ("{'config.ppo.gamma': {'kind': 'choice', 'values': []}}", "a choice needs 'values', a list"),
    ("{'config.ppo.lr_schedule': {'kind': 'choice', 'values': ['linar']}}", "Did you mean 'linear'?"),
    ("{'config.seed': {'kind': 'int', 'low': 1, 'high': 3}}", 'config.seed is chosen by the sweep'),
    (
      "{'config.ppo.gamma': {'kind': ['float'], 'low': 0, 'high': 1}}",
      'unknown kind of distribution of config.ppo.gamma: ',
    ),
    ("{5: {'kind': 'float', 'low': 0, 'high': 1}}", '5 is no name of a setting'),
    ("{'config.task.weights.energy': {'kind': 'float', 'low': [1], 'high': [2]}}", "float needs 'low', a number"),
    ("{'config.task.weights.energy': {'kind': 'int', 'low': 0.5, 'high': 2}}", 'are whole numbers, not 0.5 and 2'),
    ('{}', 'must return a dict of settings'),
    ('1 / 0', 'raises ZeroDivisionError'),
  ],
)
def test_mistakes_are_told_in_one_line(tmp_path, body, words):
  with pytest.raises(UserError) as error:
    load_space(space_file(tmp_path, body))
  assert words in str(error.value)
  assert '\n' not in str(error.value)


def test_a_file_that_is_missing_or_no_space_is_told(tmp_path):
  with pytest.raises(UserError, match=r"there is no space 'pp0'\. Built-in spaces: ppo"):
    load_space('pp0')
  path = tmp_path / 'other.py'
  path.write_text('x = 1\n')
  with pytest.raises(UserError, match='has no function get_space'):
    load_space(str(path))
