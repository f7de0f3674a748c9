"""Config files and JSON: what they may say, and the line that answers what they may not."""

import json

import pytest
from config_tools import HEAD, override

from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config import schema
from mjx_humanoid.core.config.schema import Config, default_config, resolve
from mjx_humanoid.core.errors import UserError

# Finding and loading files


def test_every_builtin_config_loads_and_resolves():
  assert 'stand' in config_file.config_names()
  for name in config_file.config_names():
    assert resolve(config_file.load_config(name)).name == name


@pytest.mark.parametrize('name', config_file.config_names())
def test_a_builtin_config_names_what_exists(name):
  """All that a training looks up by name, short of making its worlds."""
  from mjx_humanoid.physics import randomize
  from mjx_humanoid.playback.cards import CARDS
  from mjx_humanoid.playback.find import find_policy
  from mjx_humanoid.playback.rollout import task_and_model
  from mjx_humanoid.rl.algorithm import algorithms
  from mjx_humanoid.tasks.curricula import CURRICULA

  config = resolve(config_file.load_config(name))
  # Robot, reward, weights, observations, start, end, commands and pushes.
  task, _ = task_and_model(config.task)
  assert task.reward
  randomize.check(config.task.randomization)
  assert config.task.card in CARDS
  assert config.curriculum in CURRICULA
  assert config.algorithm in algorithms()
  if config.network.symmetric:
    assert task.mirror() is not None
  if config.init_from:
    find_policy(config.init_from)


@pytest.mark.parametrize('name', config_file.config_names())
def test_a_builtin_config_is_the_same_at_every_call_whatever_became_of_the_last(name):
  first = config_file.load_config(name)
  expected = resolve(first)
  first.task.weights.anything = 1.0
  first.task.randomization.anything = 1.0
  first.ppo.gamma = 0.123
  assert resolve(config_file.load_config(name)) == expected
  assert resolve(default_config()) == Config()


@pytest.mark.parametrize('name', config_file.config_names())
def test_a_builtin_config_says_what_it_teaches(name):
  import ast

  assert ast.get_docstring(ast.parse(config_file.find_config(name).read_text()))


@pytest.mark.parametrize('name', ['stand', 'stand.py', 'configs/stand.py'])
def test_a_builtin_config_is_found_from_any_folder(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  assert resolve(config_file.load_config(name)).name == 'stand'


def test_a_file_of_the_users_own_comes_first(write_config, tmp_path, monkeypatch):
  write_config(
    HEAD + 'def get_config():\n  config = default_config()\n  config.name = "own"\n  return config\n', 'stand.py'
  )
  monkeypatch.chdir(tmp_path)
  assert config_file.load_config('stand.py').name == 'own'


@pytest.mark.parametrize('name', ['', 'no_such', 'folder/stand.py', '.', '/no/such.py'])
def test_a_missing_file_is_refused_with_the_ready_ones(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(UserError, match=r'there is no config file .*Built-in configs: .*stand'):
    config_file.find_config(name)


@pytest.mark.parametrize(
  ('text', 'reason'),
  [
    ('def get_config(:\n', 'SyntaxError'),
    ('1 / 0\n', 'ZeroDivisionError'),
    ('x = 1\n', r'has no function get_config\(\), so it is no config file.*--config.task.reward='),
    ('import sys\nsys.exit(0)\n', r'does not run: SystemExit: 0 \(\w+\.py, line 2\)'),
    ('import sys\ndef get_config():\n  sys.exit(0)\n', r'raises SystemExit: 0 \(\w+\.py, line 3\)'),
    ('def get_config():\n  raise ValueError("one\\ntwo")\n', r'raises ValueError: one \(\w+\.py, line 2\)$'),
    ('def get_config(a):\n  pass\n', 'TypeError'),
    (HEAD + 'def get_config():\n  c = default_config()\n  return c.no_such\n', 'AttributeError'),
  ],
)
def test_a_file_that_fails_says_how_in_one_line(write_config, text, reason):
  with pytest.raises(UserError, match=reason) as error:
    config_file.load_config(write_config(text))
  assert '\n' not in str(error.value)


def test_a_file_may_import_what_lies_beside_it(write_config, tmp_path, monkeypatch):
  path = write_config(
    HEAD + 'from settings import SEED\ndef get_config():\n  c = default_config()\n  c.seed = SEED\n  return c\n'
  )
  write_config('SEED = 7\n', 'settings.py')
  (tmp_path / 'elsewhere').mkdir()
  monkeypatch.chdir(tmp_path / 'elsewhere')
  assert config_file.load_config(path).seed == 7


def test_a_file_that_was_edited_is_read_again(write_config):
  text = HEAD + 'def get_config():\n  c = default_config()\n  c.seed = {}\n  return c\n'
  assert [config_file.load_config(write_config(text.format(seed))).seed for seed in (1, 2)] == [1, 2]


def test_functions_of_a_config_file_are_named_by_it(write_config):
  body = 'def f(view, body, context): return 1.0\ndef get_config():\n  c = default_config()\n'
  body += "  c.task.reward = f\n  c.task.weights['near.py:g'] = 0.5\n"
  body += "  c.task.randomization = {'near.py:h': 0.1}\n  return c\n"
  path = write_config(HEAD + body)
  config = resolve(config_file.load_config(path))
  assert config.task.reward == f'{path}:f'
  assert (config.task.weights, config.task.randomization) == ({'near.py:g': 0.5}, {'near.py:h': 0.1})


@pytest.mark.parametrize('text', ['None', '{"seed": 1}', '3'])
def test_a_file_must_return_a_config(write_config, text):
  with pytest.raises(UserError, match=r'must return default_config\(\), edited'):
    config_file.load_config(write_config(f'def get_config():\n  return {text}\n'))


def test_a_file_that_is_not_python_is_refused(write_config):
  with pytest.raises(UserError, match=r'notes\.txt'):
    config_file.load_config(write_config('num_envs = 3\n', 'notes.txt'))


def test_the_settings_of_a_run_are_no_config_file(write_config, tmp_path):
  """Who wants to continue a run is told how."""
  message = refuse_config(write_config('{}', 'config.json'))
  assert f'--resume={tmp_path}' in message


def test_a_folder_is_no_config_file(tmp_path):
  assert f'{tmp_path} is a folder: to continue a run, use --resume={tmp_path}' in refuse_config(tmp_path)


def refuse_config(path):
  with pytest.raises(UserError) as error:
    config_file.load_config(str(path))
  return str(error.value)


def test_a_misspelt_setting_in_a_file_is_refused(write_config):
  path = write_config(HEAD + 'def get_config():\n  config = default_config()\n  config.num_env = 3\n  return config\n')
  with pytest.raises(UserError, match='num_env'):
    resolve(config_file.load_config(path))


# JSON


def test_what_was_saved_is_read_back_exactly(tmp_path):
  config = override('--config.ppo.learning_rate=0.00030000000000000003', '--config.task.command.value=0.1,0,0')
  path = tmp_path / 'config.json'
  config_file.save_json(config, path)
  assert config_file.load_json(path) == config
  assert json.loads(path.read_text())['ppo']['learning_rate'] == 0.00030000000000000003


@pytest.mark.parametrize('content', [b'', b'{"seed": ', b'\xff\xfe\x00', b'not json'])
def test_a_damaged_file_is_refused_by_name(tmp_path, content):
  path = tmp_path / 'config.json'
  path.write_bytes(content)
  with pytest.raises(UserError, match=r'config\.json is not a readable config'):
    config_file.load_json(path)


def test_a_missing_file_is_refused_by_name(tmp_path):
  with pytest.raises(UserError, match=r'config\.json is not a readable config'):
    config_file.load_json(tmp_path / 'config.json')


@pytest.mark.parametrize('content', ['[]', '3', '{"seed": -1}', '{"no_such": 1}', '{"ppo": {"gamma": NaN}}'])
def test_json_of_something_else_is_refused(tmp_path, content):
  path = tmp_path / 'config.json'
  path.write_text(content)
  with pytest.raises(UserError):
    config_file.load_json(path)


# Help


def test_help_lists_every_setting_with_its_default():
  text = config_file.settings_help()
  for name in schema.settings():
    assert f'--{name}=' in text
  assert f'--config.num_envs={Config().num_envs}\n' in text
  assert '%%' not in text


def test_a_parsers_mistake_is_a_user_error_that_points_to_help():
  parser = config_file.parser('play', 'Plays.')
  parser.add_argument('--seconds', type=float)
  with pytest.raises(UserError, match=r'invalid float value.*mjx_humanoid\.play --help'):
    parser.parse_args(['--seconds=long'])


def test_a_parser_takes_no_abbreviations():
  parser = config_file.parser('play', 'Plays.')
  parser.add_argument('--seconds', type=float)
  with pytest.raises(UserError, match='--sec'):
    parser.parse_args(['--sec=3'])
