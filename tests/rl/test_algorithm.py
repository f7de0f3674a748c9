"""Protects choosing algorithms, by name or a user's file, and that playback is given what acting used."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.core import trust
from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.rl import normalize
from mjx_humanoid.rl.algorithm import MEMBERS, Algorithm, Spec, algorithms, choose_algorithm, make_algorithm
from mjx_humanoid.rl.ppo import PPO


def no_mirror():
  raise AssertionError('only symmetric networks ask for a mirror')


SPEC = Spec(observation_size=3, action_size=2, mirror=no_mirror)


def test_ppo_is_listed_with_a_description():
  assert 'proximal' in algorithms()['ppo'].lower()


def test_helper_modules_are_not_taken_for_algorithms():
  assert not {'algorithm', 'collect', 'networks', 'normalize', 'returns'} & set(algorithms())


def test_the_config_names_the_algorithm_and_its_settings_arrive():
  config = Config(total_timesteps=77, network=NetworkConfig(policy_layers=(5,), symmetric=False))
  made = make_algorithm(config, SPEC)
  assert isinstance(made, PPO)
  assert (made.net.config, made.hyper, made.total_timesteps) == (config.network, config.ppo, 77)
  assert (made.net.observation_size, made.net.action_size, made.net.mirror) == (3, 2, None)


@pytest.mark.parametrize('name', ['pp0', 'collect', 'os', ''])
def test_an_unknown_algorithm_is_refused_with_the_choices(name):
  with pytest.raises(UserError, match=r'unknown algorithm.*Choices: .*ppo'):
    make_algorithm(dataclasses.replace(Config(), algorithm=name), SPEC)


@pytest.mark.parametrize('shared', [False, True])
def test_the_actor_holds_what_acting_used(shared):
  """Its layers, applied by hand, give the mean action that `act` reports."""
  network = NetworkConfig(policy_layers=(6, 5), value_layers=(4,), activation='tanh', shared=shared, symmetric=False)
  algorithm = make_algorithm(Config(network=network), SPEC)
  learner = algorithm.init(jax.random.PRNGKey(0))
  obs = 4 + 2 * jax.random.normal(jax.random.PRNGKey(1), (9, 3))
  learner = learner._replace(normalizer=normalize.update(learner.normalizer, obs))
  actor = algorithm.actor(learner)
  assert [k.shape for k in actor.kernels] == [(3, 6), (6, 5), (5, 2)]
  x = (obs - actor.mean) / actor.std
  for kernel, bias in zip(actor.kernels[:-1], actor.biases[:-1], strict=True):
    x = jnp.tanh(x @ kernel + bias)
  by_hand = x @ actor.kernels[-1] + actor.biases[-1]
  np.testing.assert_allclose(by_hand, algorithm.act(learner, obs, jax.random.PRNGKey(2))[1]['mean'], atol=1e-5)
  np.testing.assert_array_equal(actor.log_std, learner.params['log_std'])


# A user's own

MINE = """
from dataclasses import dataclass
from mjx_humanoid.core.config.settings import setting
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.rl.algorithm import Algorithm


@dataclass(frozen=True)
class Settings:
  alpha: float = setting(0.2, 'temperature', above=0)
  unroll_length: int = setting(1, 'steps', low=1)
  target: str = setting('hard', 'kind of target', choices=('hard', 'soft'))


class Mine(Algorithm):
  def __init__(self, config, spec, settings):
    self.made = config, spec, settings
    self.unroll = settings.unroll_length

  @property
  def unroll_length(self):
    return self.unroll


def check(config, settings):
  if settings.unroll_length > config.num_envs:
    raise UserError('too long')


def make(config, spec, settings):
  return Mine(config, spec, settings)


other = Mine
"""


def typed(path, text):
  """A file that the user wrote and named, which therefore may run."""
  path.write_text(text)
  trust.allow([path])
  return path


@pytest.fixture
def mine(tmp_path):
  return typed(tmp_path / 'mine.py', MINE)


@pytest.mark.parametrize('suffix', ['', ':make'])
def test_a_file_of_the_users_is_made_with_its_own_settings(mine, suffix):
  config = Config(algorithm=f'{mine}{suffix}', custom={'alpha': 1, 'target': 'soft'})
  algorithm = make_algorithm(config, SPEC)
  given, spec, settings = algorithm.made
  assert (given, spec) == (config, SPEC)
  assert dataclasses.asdict(settings) == {'alpha': 1.0, 'unroll_length': 1, 'target': 'soft'}
  assert type(settings.alpha) is float


@pytest.mark.parametrize(
  ('custom', 'words'),
  [
    ({'alfa': 1.0}, "unknown key in config.custom 'alfa'. Did you mean 'alpha'?"),
    ({'alpha': 0.0}, 'config.custom.alpha=0.0 is out of range: it must be more than 0.'),
    ({'alpha': 'much'}, 'config.custom.alpha must be a number'),
    ({'target': 'sft'}, "config.custom.target: 'sft'. Did you mean 'soft'?"),
    ({'unroll_length': 999}, 'too long'),
  ],
)
def test_settings_of_a_users_own_are_checked_before_it_is_made(mine, custom, words):
  with pytest.raises(UserError) as error:
    choose_algorithm(Config(algorithm=str(mine), custom=custom))
  assert words in str(error.value)


def test_without_a_settings_class_they_are_a_dict(tmp_path):
  path = typed(tmp_path / 'plain.py', 'def make(config, spec, settings):\n  return settings\n')
  assert choose_algorithm(Config(algorithm=str(path), custom={'a': [1]})).settings == {'a': [1]}


def test_fields_of_settings_that_are_not_made_by_setting_are_told(tmp_path):
  code = 'from dataclasses import dataclass\n\n@dataclass\nclass Settings:\n  alpha: float = 0.2\n'
  path = typed(tmp_path / 'bare.py', f'{code}\ndef make(config, spec, settings):\n  return settings\n')
  with pytest.raises(UserError, match=r'Settings\.alpha must be made by mjx_humanoid\.core\.config\.settings\.setting'):
    choose_algorithm(Config(algorithm=str(path)))


def test_what_a_users_own_lacks_is_named(tmp_path):
  code = 'class Half:\n  unroll_length = 3\n  init = act = update = 1\n\ndef make(*rest):\n  return Half()\n'
  path = typed(tmp_path / 'half.py', code)
  with pytest.raises(
    UserError, match=r'lacks actor, adopt, kept, restored, apart, rejoined; derive it from .*Algorithm'
  ) as error:
    make_algorithm(Config(algorithm=str(path)), SPEC)
  assert '\n' not in str(error.value)


def test_the_members_of_an_algorithm_are_those_of_the_protocol():
  assert set(MEMBERS) == {name for name in vars(Algorithm) if not name.startswith('_')}


def test_a_file_that_does_not_exist_or_makes_nothing_is_told(tmp_path):
  with pytest.raises(UserError, match=r'there is no file .*none\.py'):
    choose_algorithm(Config(algorithm=f'{tmp_path}/none.py'))
  typed(tmp_path / 'empty.py', 'x = 1\n')
  with pytest.raises(UserError, match=r"unknown algorithm in .*empty\.py 'make'"):
    choose_algorithm(Config(algorithm=f'{tmp_path}/empty.py'))


def test_custom_settings_are_refused_by_algorithms_of_this_package():
  with pytest.raises(UserError, match=r"config\.custom holds .*; those of 'ppo' are config\.ppo\."):
    choose_algorithm(Config(custom={'alpha': 1.0}))


def test_minibatches_are_the_business_of_the_algorithm_chosen(mine):
  """PPO refuses 15 environments x 8 steps in minibatches of 1024; another algorithm is not asked."""
  with pytest.raises(UserError, match='minibatches'):
    choose_algorithm(Config(num_envs=15))
  choose_algorithm(Config(num_envs=15, algorithm=str(mine)))
