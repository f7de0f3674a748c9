"""Settings on the command line: what they may say, and the line that answers what they may not."""

import operator

import pytest
from config_tools import override, refuse
from ml_collections import ConfigDict

from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config.schema import Config, default_config, resolve
from mjx_humanoid.core.errors import UserError


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


def test_weights_of_the_file_go_with_the_reward_that_is_replaced():
  file = default_config()
  file.task.reward, file.task.weights, file.task.late_terms = 'walk', {'landing': -0.1}, ('landing',)
  for reward in ('run', 'my.py:reward'):
    task = resolve(config_file.apply_overrides(file, {'config.task.reward': reward})).task
    assert (task.reward, task.weights, task.late_terms) == (reward, {}, ())
  own = {'config.task.reward': 'run', 'config.task.weights.energy': '-0.3'}
  assert resolve(config_file.apply_overrides(file, own)).task.weights == {'energy': -0.3}
  same = resolve(config_file.apply_overrides(file, {'config.task.reward': 'walk'})).task
  assert (same.weights, same.late_terms) == ({'landing': -0.1}, ('landing',))
