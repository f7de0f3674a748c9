"""Config files, the command line and JSON: what they may say, and the line that answers what they may not."""

import json
import operator

import pytest
from ml_collections import ConfigDict

from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config import schema
from mjx_humanoid.core.config.schema import Config, default_config, resolve
from mjx_humanoid.core.errors import UserError

HEAD = 'from mjx_humanoid.core.config.schema import default_config\n'


@pytest.fixture
def write(tmp_path):
  def write(text, name='mine.py'):
    path = tmp_path / name
    path.write_text(text)
    return str(path)

  return write


def override(*arguments, config=None):
  return resolve(config_file.apply_overrides(config or default_config(), config_file.split_overrides(arguments)))


def refuse(*arguments, match, config=None):
  with pytest.raises(UserError, match=match) as error:
    override(*arguments, config=config)
  assert '\n' not in str(error.value)


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


def test_a_file_of_the_users_own_comes_first(write, tmp_path, monkeypatch):
  write(HEAD + 'def get_config():\n  config = default_config()\n  config.name = "own"\n  return config\n', 'stand.py')
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
def test_a_file_that_fails_says_how_in_one_line(write, text, reason):
  with pytest.raises(UserError, match=reason) as error:
    config_file.load_config(write(text))
  assert '\n' not in str(error.value)


def test_a_file_may_import_what_lies_beside_it(write, tmp_path, monkeypatch):
  path = write(
    HEAD + 'from settings import SEED\ndef get_config():\n  c = default_config()\n  c.seed = SEED\n  return c\n'
  )
  write('SEED = 7\n', 'settings.py')
  (tmp_path / 'elsewhere').mkdir()
  monkeypatch.chdir(tmp_path / 'elsewhere')
  assert config_file.load_config(path).seed == 7


def test_a_file_that_was_edited_is_read_again(write):
  text = HEAD + 'def get_config():\n  c = default_config()\n  c.seed = {}\n  return c\n'
  assert [config_file.load_config(write(text.format(seed))).seed for seed in (1, 2)] == [1, 2]


def test_functions_of_a_config_file_are_named_by_it(write):
  body = 'def f(view, body, context): return 1.0\ndef get_config():\n  c = default_config()\n'
  body += "  c.task.reward = f\n  c.task.weights['near.py:g'] = 0.5\n"
  body += "  c.task.randomization = {'near.py:h': 0.1}\n  return c\n"
  path = write(HEAD + body)
  config = resolve(config_file.load_config(path))
  assert config.task.reward == f'{path}:f'
  assert (config.task.weights, config.task.randomization) == ({'near.py:g': 0.5}, {'near.py:h': 0.1})


@pytest.mark.parametrize('text', ['None', '{"seed": 1}', '3'])
def test_a_file_must_return_a_config(write, text):
  with pytest.raises(UserError, match=r'must return default_config\(\), edited'):
    config_file.load_config(write(f'def get_config():\n  return {text}\n'))


def test_a_file_that_is_not_python_is_refused(write):
  with pytest.raises(UserError, match=r'notes\.txt'):
    config_file.load_config(write('num_envs = 3\n', 'notes.txt'))


def test_the_settings_of_a_run_are_no_config_file(write, tmp_path):
  """Who wants to continue a run is told how."""
  message = refuse_config(write('{}', 'config.json'))
  assert f'--resume={tmp_path}' in message


def test_a_folder_is_no_config_file(tmp_path):
  assert f'{tmp_path} is a folder: to continue a run, use --resume={tmp_path}' in refuse_config(tmp_path)


def refuse_config(path):
  with pytest.raises(UserError) as error:
    config_file.load_config(str(path))
  return str(error.value)


def test_a_misspelt_setting_in_a_file_is_refused(write):
  path = write(HEAD + 'def get_config():\n  config = default_config()\n  config.num_env = 3\n  return config\n')
  with pytest.raises(UserError, match='num_env'):
    resolve(config_file.load_config(path))


# Overrides on the command line


def test_both_ways_of_writing_an_override():
  arguments = ['--config.seed=3', '--config.ppo.gamma', '0.5', '--config.name=a=b', '--config.run_dir=']
  assert config_file.split_overrides(arguments) == {
    'config.seed': '3',
    'config.ppo.gamma': '0.5',
    'config.name': 'a=b',
    'config.run_dir': '',
  }


def test_the_arguments_are_left_alone():
  arguments = ['--config.seed', '3']
  config_file.split_overrides(arguments)
  assert arguments == ['--config.seed', '3']


def test_of_two_overrides_the_last_holds():
  assert override('--config.seed=1', '--config.seed=2').seed == 2


def test_a_negative_number_is_a_value():
  assert config_file.split_overrides(['--config.seed', '-5']) == {'config.seed': '-5'}


@pytest.mark.parametrize('argument', ['seed=3', '--seed=3', '-config.seed=3', '--config', '--confg.seed=1', ''])
def test_other_arguments_are_refused(argument):
  refuse(argument, match='unknown argument')


@pytest.mark.parametrize(
  ('argument', 'meant'),
  [
    ('--total_timesteps=1000', '--config.total_timesteps=1000'),
    ('--total_timestep', '--config.total_timesteps'),
    ('total_timesteps=1000', '--config.total_timesteps=1000'),
    ('--gamma=0.9', '--config.ppo.gamma=0.9'),
    ('--ppo.gamma=0.9', '--config.ppo.gamma=0.9'),
    ('--task.command.value=1,0,0', '--config.task.command.value=1,0,0'),
    ('--confg.seed=1', '--config.seed=1'),
    ('walk', '--config=walk'),
    ('my_config.py', '--config=my_config.py'),
  ],
)
def test_an_argument_that_lacks_its_section_is_completed(argument, meant):
  with pytest.raises(UserError) as error:
    config_file.split_overrides([argument])
  assert str(error.value).endswith(f'Did you mean {meant}?')


@pytest.mark.parametrize('argument', ['--nope=1', '', '--'])
def test_an_argument_that_resembles_nothing_is_not_guessed(argument):
  with pytest.raises(UserError) as error:
    config_file.split_overrides([argument])
  assert 'Did you mean' not in str(error.value)


@pytest.mark.parametrize('arguments', [['--config.seed'], ['--config.seed', '--config.name=x']])
def test_an_override_without_a_value_is_refused(arguments):
  refuse(*arguments, match=r'--config.seed needs a value: --config.seed=\.\.\.')


@pytest.mark.parametrize(
  ('argument', 'match'),
  [
    ('--config.sed=3', "unknown setting 'config.sed'. Did you mean 'config.seed'"),
    ('--config.=3', "unknown setting 'config.'"),
    ('--config.ppo=3', "unknown setting 'config.ppo'"),
    ('--config.ppo.gama=3', "Did you mean 'config.ppo.gamma'"),
    ('--config.ppo.gamma.x=3', "unknown setting 'config.ppo.gamma.x'"),
    ('--config.gamma=3', "unknown setting 'config.gamma'"),
  ],
)
def test_unknown_settings_are_refused_with_the_closest(argument, match):
  refuse(argument, match=match)


@pytest.mark.parametrize(
  ('argument', 'kind'),
  [
    ('--config.num_envs=many', 'a whole number'),
    ('--config.num_envs=', 'a whole number'),
    ('--config.num_envs=2.5', 'a whole number'),
    ('--config.num_envs=True', 'a whole number'),
    ('--config.num_envs=1,2', 'a whole number'),
    ('--config.num_envs=__import__("os")', 'a whole number'),
    ('--config.num_envs={[]: 1}', 'a whole number'),
    ('--config.ppo.gamma=high', 'a number'),
    ('--config.ppo.gamma="0.9"', 'a number'),
    ('--config.ppo.gamma=nan', 'a number'),
    ('--config.stop_when_passed=yes', 'True or False'),
    ('--config.stop_when_passed=1', 'True or False'),
    ('--config.network.policy_layers=wide', 'a list of int values'),
    ('--config.task.command.value=1,2', '3 of float values'),
    ('--config.task.weights=3', 'a dictionary of numbers'),
    ('--config.task.weights.height=tall', 'a number'),
    ('--config.task.randomization=0.1', 'a dictionary of numbers'),
    ('--config.task.randomization.mass=much', 'a number'),
    ('--config.task.push.force=150', '2 of float values'),
  ],
)
def test_values_of_another_type_are_refused(argument, kind):
  refuse(argument, match=f'must be {kind}, not')


@pytest.mark.parametrize(
  ('argument', 'match'),
  [
    ('--config.num_envs=0', 'at least 1'),
    ('--config.ppo.gamma=1e999', 'out of range'),
    ('--config.engine=gpu', 'Choices: auto'),
    ('--config.task.randomization.mass=-0.1', 'at least 0'),
    ('--config.task.gait.duty=2', 'at most 1'),
  ],
)
def test_ranges_and_choices_hold_for_overrides(argument, match):
  refuse(argument, match=match)


@pytest.mark.parametrize(
  ('argument', 'section', 'name', 'value'),
  [
    ('--config.total_timesteps=1e6', None, 'total_timesteps', 1_000_000),
    ('--config.total_timesteps=2_000', None, 'total_timesteps', 2_000),
    ('--config.name=3', None, 'name', '3'),
    ('--config.stop_when_passed=true', None, 'stop_when_passed', True),
    ('--config.stop_when_passed=False', None, 'stop_when_passed', False),
    ('--config.network.policy_layers=64', 'network', 'policy_layers', (64,)),
    ('--config.network.policy_layers=64,32', 'network', 'policy_layers', (64, 32)),
    ('--config.network.policy_layers=(64, 32)', 'network', 'policy_layers', (64, 32)),
    ('--config.network.policy_layers=[64, 32]', 'network', 'policy_layers', (64, 32)),
    ('--config.task.observations=command', 'task', 'observations', ('command',)),
    ('--config.task.observations=("a", \'b\')', 'task', 'observations', ('a', 'b')),
    ('--config.task.observations=a, b,', 'task', 'observations', ('a', 'b')),
    ('--config.task.command.value=1,0,-0.5', 'task.command', 'value', (1.0, 0.0, -0.5)),
    ('--config.task.weights={"height": 2}', 'task', 'weights', {'height': 2.0}),
    ('--config.task.weights.height=-2', 'task', 'weights', {'height': -2.0}),
    ('--config.task.weights.place=0.2', 'task', 'weights', {'place': 0.2}),
    ('--config.task.randomization.mass=0.1', 'task', 'randomization', {'mass': 0.1}),
    ('--config.task.randomization={"mass": 0}', 'task', 'randomization', {'mass': 0.0}),
    ('--config.task.push.force=0,150', 'task.push', 'force', (0.0, 150.0)),
    ('--config.task.command.low=(-1, 0, 0)', 'task.command', 'low', (-1.0, 0.0, 0.0)),
    ('--config.task.pd.kp=40', 'task.pd', 'kp', {'': 40.0}),
    ('--config.task.pd.kp=40,50.5', 'task.pd', 'kp', (40.0, 50.5)),
    ('--config.task.pd.kp.knee=60', 'task.pd', 'kp', {'knee': 60.0}),
    ('--config.task.pd.kp={"knee": 60, "": 40}', 'task.pd', 'kp', {'knee': 60.0, '': 40.0}),
    ('--config.init_from=runs/mine', None, 'init_from', 'runs/mine'),
    ('--config.task.start_strength=0', 'task', 'start_strength', 0.0),
  ],
)
def test_values_as_people_write_them(argument, section, name, value):
  config = override(argument)
  found = operator.attrgetter(f'{section}.{name}' if section else name)(config)
  assert found == value
  assert type(found) is type(value)


def test_overrides_leave_the_config_alone():
  config = default_config()
  override('--config.ppo.gamma=0.5', '--config.task.weights.height=2', config=config)
  assert resolve(config) == Config()


def test_overrides_join_the_weights_of_the_file():
  config = default_config()
  config.task.weights = {'height': 1.0, 'upright': 3.0}
  assert override('--config.task.weights.height=2', config=config).task.weights == {'height': 2.0, 'upright': 3.0}


def test_overrides_join_the_randomization_of_the_file():
  config = default_config()
  config.task.randomization = {'mass': 0.1, 'friction': 0.2}
  expected = {'mass': 0.3, 'friction': 0.2, 'motor_strength': 0.1}
  changes = ['--config.task.randomization.mass=0.3', '--config.task.randomization.motor_strength=0.1']
  assert override(*changes, config=config).task.randomization == expected
  assert resolve(config).task.randomization == {'mass': 0.1, 'friction': 0.2}


def test_overrides_join_the_gains_of_the_file():
  config = default_config()
  config.task.pd.kp = 40
  assert override('--config.task.pd.kp.knee=60', config=config).task.pd.kp == {'': 40.0, 'knee': 60.0}
  config.task.pd.kp = [40, 50]
  refuse('--config.task.pd.kp.knee=60', match="config.task.pd.kp is a list .* no entry 'knee'", config=config)


def test_an_entry_may_be_a_file_of_the_users_own():
  assert override('--config.task.weights.my/terms.py:near=0.5').task.weights == {'my/terms.py:near': 0.5}


@pytest.mark.parametrize('name', ['weights.a.b', 'weight.a', 'randomisation.mass', 'command.x', 'push_force.low'])
def test_only_numbers_by_name_can_be_set_one_by_one(name):
  refuse(f'--config.task.{name}=1', match=f"unknown setting 'config.task.{name}'")


def test_a_config_that_leaves_sections_out_can_still_be_overridden():
  assert override('--config.ppo.gamma=0.5', config=ConfigDict({'name': 'x'})).ppo.gamma == 0.5


def test_a_broken_section_is_refused_not_a_traceback():
  config = ConfigDict({'ppo': None})
  with pytest.raises(UserError, match=r'config\.ppo'):
    override('--config.ppo.gamma=0.5', config=config)


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
