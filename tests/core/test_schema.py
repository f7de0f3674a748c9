"""Settings: every key, type and range is checked, with a line that says what it may be."""

import dataclasses
import json
import math

import pytest

from mjx_humanoid.core.config import schema
from mjx_humanoid.core.config.schema import (
  Config,
  PPOConfig,
  TaskConfig,
  default_config,
  resolve,
  settings,
  to_dict,
)
from mjx_humanoid.core.config.settings import check, restore
from mjx_humanoid.core.errors import UserError

NAN, INF = math.nan, math.inf


def nested(name, value):
  """{'a': {'b': value}} for 'a.b'."""
  for part in reversed(name.split('.')):
    value = {part: value}
  return value


def refuse(values, *words):
  with pytest.raises(UserError) as error:
    resolve(values)
  message = str(error.value)
  assert '\n' not in message
  for word in words:
    assert word in message


def test_no_values_give_the_defaults():
  assert resolve({}) == Config()


def test_defaults_pass_their_own_check():
  assert resolve(default_config()) == Config()


def test_every_default_lies_in_its_own_range():
  for name, (hint, f) in settings().items():
    default = f.default_factory() if f.default is dataclasses.MISSING else f.default
    assert check(f, hint, default, name) == default


def test_every_setting_says_what_it_means():
  assert [name for name, (_, f) in settings().items() if not f.metadata['help']] == []


def test_settings_are_named_by_their_sections():
  names = list(settings())
  assert names[0] == 'config.name'
  assert {'config.task.weights', 'config.network.activation', 'config.ppo.gamma'} <= set(names)
  assert 'config.ppo' not in names


def test_a_changed_value_arrives_and_no_other():
  config = default_config()
  config.ppo.gamma = 0.5
  assert resolve(config) == dataclasses.replace(Config(), ppo=PPOConfig(gamma=0.5))


def test_adding_a_key_to_a_config_is_refused_at_once():
  with pytest.raises((AttributeError, KeyError)):
    default_config().num_env = 3
  with pytest.raises((AttributeError, KeyError)):
    default_config().ppo.gama = 0.9


@pytest.mark.parametrize('section', ['weights', 'randomization'])
def test_sections_of_numbers_by_name_take_any_name(section):
  """Which of them exist is told when the task is made of them."""
  one, other = default_config(), default_config()
  one.task[section].anything = 0.25
  other.task[section] = {'first': 0.5}
  other.task[section].second = 1
  assert getattr(resolve(one).task, section) == {'anything': 0.25}
  assert getattr(resolve(other).task, section) == {'first': 0.5, 'second': 1.0}
  assert resolve(default_config()) == Config()


@pytest.mark.parametrize('section', ['task', 'network', 'ppo'])
def test_no_other_section_takes_new_names(section):
  with pytest.raises((AttributeError, KeyError)):
    default_config()[section].anything = 0.25
  with pytest.raises((AttributeError, KeyError)):
    default_config()[section]['anything'] = 0.25


def test_default_configs_share_nothing():
  one = default_config()
  one.task.weights = {'height': 1.0}
  one.task.randomization.mass = 0.1
  one.ppo.gamma = 0.1
  assert resolve(default_config()) == Config()


def test_resolving_changes_nothing():
  values = {'num_envs': 256.0, 'task': {'weights': {'height': 1}, 'randomization': {'mass': 0}}}
  copy = json.loads(json.dumps(values))
  resolved = resolve(values)
  resolved.task.weights['height'] = 5.0
  resolved.task.randomization['mass'] = 0.5
  assert values == copy


def test_frozen_inside():
  with pytest.raises(dataclasses.FrozenInstanceError):
    Config().num_envs = 3


def test_json_and_back_is_exact():
  task = {'weights': {'height': 0.1}, 'randomization': {'mass': 0.1}}
  task |= {'command': {'value': [0.3, 0.0, -1.0]}, 'push': {'force': [0, 9]}}
  config = resolve({'ppo': {'learning_rate': 3e-4}, 'task': task, 'init_from': 'stand'})
  assert resolve(json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize(
  ('values', 'words'),
  [
    ({'num_env': 3}, ["unknown key in config 'num_env'", "Did you mean 'num_envs'? All settings: "]),
    ({'ppo': {'gama': 0.9}}, ["unknown key in config.ppo 'gama'", "Did you mean 'gamma'?"]),
    ({'task': {'rewards': 'stand'}}, ["unknown key in config.task 'rewards'", "'reward'"]),
    ({'PPO': {}}, ["unknown key in config 'PPO'", 'Choices: ', ', ppo, ']),
  ],
)
def test_unknown_keys_are_refused_with_the_closest(values, words):
  refuse(values, *words)


@pytest.mark.parametrize('values', [[], None, 3, 'stand'])
def test_what_is_no_dictionary_is_refused(values):
  refuse(values, 'config is a section of settings')


@pytest.mark.parametrize('value', [None, 3, 'gamma', [1]])
def test_a_section_is_not_a_value(value):
  refuse({'ppo': value}, 'config.ppo is a section of settings', repr(value))


@pytest.mark.parametrize(
  ('name', 'value', 'kind'),
  [
    ('num_envs', '64', 'a whole number'),
    ('num_envs', 2.5, 'a whole number'),
    ('num_envs', True, 'a whole number'),
    ('num_envs', None, 'a whole number'),
    ('num_envs', INF, 'a whole number'),
    ('num_envs', NAN, 'a whole number'),
    ('ppo.gamma', '0.9', 'a number'),
    ('ppo.gamma', True, 'a number'),
    ('ppo.gamma', [0.9], 'a number'),
    ('name', 3, 'a word'),
    ('name', None, 'a word'),
    ('stop_when_passed', 1, 'True or False'),
    ('stop_when_passed', 'True', 'True or False'),
    ('network.policy_layers', 256, 'a list of int values'),
    ('network.policy_layers', '256', 'a list of int values'),
    ('network.policy_layers', {256}, 'a list of int values'),
    ('network.policy_layers', ['256'], 'a whole number'),
    ('network.policy_layers', [2.5], 'a whole number'),
    ('task.observations', 'joint_positions', 'a list of str values'),
    ('task.observations', [3], 'a word'),
    ('task.command.value', [1, 2], '3 of float values'),
    ('task.command.value', [1, 2, 3, 4], '3 of float values'),
    ('task.command.value', ['a', 2, 3], 'a number'),
    ('task.weights', [1], 'a dictionary of numbers'),
    ('task.weights', {'height': 'much'}, 'a number'),
    ('task.weights', {3: 1.0}, 'a word'),
    ('task.command.kind', 1, 'a word'),
    ('task.command.low', [1, 2], '3 of float values'),
    ('task.push.force', 150, '2 of float values'),
    ('task.push.force', [1, 2, 3], '2 of float values'),
    ('task.randomization', 0.1, 'a dictionary of numbers'),
    ('task.randomization', {'mass': True}, 'a number'),
    ('name', None, 'a word'),
    ('curriculum', ['linear'], 'a word'),
  ],
)
def test_wrong_types_are_refused_by_the_name_of_the_right_one(name, value, kind):
  refuse(nested(name, value), f'config.{name} must be {kind}, not')


@pytest.mark.parametrize(
  ('name', 'value', 'bound'),
  [
    ('num_envs', 0, 'at least 1'),
    ('num_envs', -5, 'at least 1'),
    ('num_threads', -1, 'at least 0'),
    ('total_timesteps', 0, 'at least 1'),
    ('seed', -1, 'at least 0 and at most 2147483647'),
    ('seed', 2**31, 'at most 2147483647'),
    ('framerate', 241, 'at most 240'),
    ('evaluation_episodes', 0, 'at least 1'),
    ('keep_checkpoints', 0, 'at least 1'),
    ('ppo.gamma', 1.01, 'at least 0 and at most 1'),
    ('ppo.gamma', -0.1, 'at least 0 and at most 1'),
    ('ppo.gamma', NAN, 'at least 0 and at most 1'),
    ('ppo.learning_rate', 0, 'more than 0'),
    ('ppo.learning_rate', INF, 'more than 0'),
    ('ppo.unroll_length', 0, 'at least 1'),
    ('ppo.batch_size', 0, 'at least 1'),
    ('ppo.max_grad_norm', 0.0, 'more than 0'),
    ('network.initial_std', 0, 'more than 0'),
    ('network.policy_layers', [64, 0], 'at least 1'),
    ('network.policy_layers', [-64], 'at least 1'),
    ('network.value_layers', [0], 'at least 1'),
    ('task.episode_length', 0, 'more than 0'),
    ('task.episode_length', INF, 'more than 0'),
    ('task.start_strength', -0.1, 'at least 0'),
    ('task.frame_skip', 101, 'at most 100'),
    ('task.command.value', [0, NAN, 0], 'finite'),
    ('task.command.value', [0, INF, 0], 'finite'),
    ('task.weights', {'height': NAN}, 'finite'),
    ('task.weights', {'height': -INF}, 'finite'),
    ('task.command.high', [0, NAN, 0], 'finite'),
    ('task.command.interval', 0, 'more than 0'),
    ('task.command.interval', 1e9, 'at most 1000000'),
    ('evaluation_episodes', 2001, 'at most 2000'),
    ('task.command.rest', 1.1, 'at most 1'),
    ('task.command.rest', -0.1, 'at least 0'),
    ('task.gait.frequency', -1, 'at least 0'),
    ('task.gait.speedup', -0.1, 'at least 0'),
    ('task.gait.duty', 0, 'more than 0'),
    ('task.gait.duty', 1.1, 'at most 1'),
    ('task.push.force', [-1, 5], 'at least 0'),
    ('task.push.force', [0, INF], 'at least 0'),
    ('task.push.duration', 0, 'more than 0'),
    ('task.push.interval', 0, 'more than 0'),
    ('task.randomization', {'mass': -0.1}, 'at least 0'),
    ('task.randomization', {'mass': NAN}, 'at least 0'),
  ],
)
def test_values_out_of_range_are_refused_with_the_range(name, value, bound):
  refuse(nested(name, value), f'config.{name}', 'out of range', bound)


@pytest.mark.parametrize(
  ('name', 'value'),
  [
    ('seed', 0),
    ('seed', 2**31 - 1),
    ('ppo.gamma', 0),
    ('ppo.gamma', 1),
    ('ppo.entropy_coef', 0),
    ('task.start_strength', 0),
    ('task.command.rest', 0),
    ('task.command.rest', 1),
    ('task.gait.frequency', 0),
    ('task.gait.duty', 1),
    ('task.push.force', [0, 0]),
    ('task.frame_skip', 100),
    ('framerate', 240),
    ('network.policy_layers', []),
  ],
)
def test_the_ends_of_ranges_belong_to_them(name, value):
  _, f = settings()[f'config.{name}']
  section = resolve(nested(name, value))
  for part in name.split('.'):
    section = getattr(section, part)
  assert section == (tuple(value) if isinstance(value, list) else value), f.name


def test_a_policy_that_sees_nothing_is_refused():
  refuse({'task': {'observations': []}}, 'config.task.observations')


@pytest.mark.parametrize(
  ('name', 'value', 'choices'),
  [
    ('engine', 'nativ', 'auto, mjx, mjx-warp, native'),
    ('network.activation', 'gelu', 'elu, relu, swish, tanh'),
    ('ppo.lr_schedule', '', 'adaptive, constant, linear'),
  ],
)
def test_words_that_are_no_choice_are_refused_with_the_choices(name, value, choices):
  refuse(nested(name, value), f'config.{name}', f'Choices: {choices}.')


def test_numbers_take_the_type_of_their_setting():
  config = resolve({'num_envs': 64.0, 'ppo': {'gamma': 1, 'batch_size': 64}, 'task': {'command': {'value': [1, 0, 2]}}})
  assert type(config.num_envs) is int
  assert type(config.ppo.gamma) is float
  assert config.task.command.value == (1.0, 0.0, 2.0)
  assert all(type(x) is float for x in config.task.command.value)


def test_lists_become_tuples():
  assert resolve({'network': {'policy_layers': [8, 4]}}).network.policy_layers == (8, 4)


def test_a_section_is_restored_with_the_same_checks():
  assert restore(TaskConfig, {'episode_length': 5}, 'task') == TaskConfig(episode_length=5.0)
  with pytest.raises(UserError, match=r'task\.episode_length'):
    restore(TaskConfig, {'episode_length': -5}, 'task')
  with pytest.raises(UserError, match="unknown key in task 'length'"):
    restore(TaskConfig, {'length': 5}, 'task')


def test_a_restored_section_comes_with_its_numbers_by_name():
  assert restore(TaskConfig, {'weights': {'height': 2}}, 'task').weights == {'height': 2.0}
  assert restore(TaskConfig, {'randomization': {'mass': 0}}, 'task').randomization == {'mass': 0.0}


def test_sections_that_were_not_given_share_nothing():
  """Each has dictionaries of its own: a policy that changed one would change all."""
  first, second = TaskConfig(), TaskConfig()
  assert first.weights is not second.weights
  assert first.randomization is not second.randomization


def test_engines_of_the_settings_are_those_of_physics():
  from mjx_humanoid.physics.choice import ENGINES

  assert ('auto', *ENGINES) == schema.ENGINES
