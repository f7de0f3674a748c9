"""Protects evaluate --gymnasium: returns in Gymnasium's environments, and mistakes told in one line."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from mjx_humanoid import evaluate
from mjx_humanoid.playback.policy import load_policy, save_policy


@pytest.fixture
def gymnasium():
  pytest.importorskip('imageio')  # which its environments with physics import
  return pytest.importorskip('gymnasium')


@pytest.fixture
def cheetah(tmp_path, make_policy):
  """A policy file that fits HalfCheetah-v5: 17 observations, 6 actions."""
  rng = np.random.default_rng(0)
  policy = make_policy(
    kernels=(rng.normal(size=(17, 6)).astype(np.float32),),
    biases=(np.zeros(6, np.float32),),
    log_std=np.zeros(6, np.float32),
    mean=np.zeros(17, np.float32),
    std=np.ones(17, np.float32),
  )
  save_policy(policy, tmp_path / 'cheetah.safetensors')
  return tmp_path / 'cheetah.safetensors'


def test_the_returns_are_those_of_playing_by_hand(gymnasium, cheetah, tmp_path, capsys, monkeypatch):
  """One environment at a time: a batch rounds otherwise, and the motion is chaotic."""
  monkeypatch.setattr('mjx_humanoid.run.gymnasium_scores.TOGETHER', 1)
  evaluate.main(
    [str(cheetah), '--gymnasium=HalfCheetah-v5', '--episodes=2', '--seed=3', f'--json={tmp_path / "r.json"}']
  )
  scores, out = json.loads((tmp_path / 'r.json').read_text()), capsys.readouterr().out
  policy, env, returns = load_policy(cheetah), gymnasium.make('HalfCheetah-v5'), []
  for seed in (3, 4):
    obs, total, over = env.reset(seed=seed)[0], 0.0, False
    while not over:
      obs, reward, *ends, _ = env.step(policy(obs[None])[0])
      total, over = total + reward, any(ends)
    returns.append(total)
  np.testing.assert_allclose(scores['returns'], returns, rtol=1e-6)
  assert scores['lengths'] == [1000, 1000]
  assert scores['return'] == pytest.approx(np.mean(returns))
  assert scores['return_std'] == pytest.approx(np.std(returns))
  assert (scores['return_min'], scores['return_max']) == pytest.approx((min(returns), max(returns)))
  assert (scores['environment'], scores['episodes'], scores['seed']) == ('HalfCheetah-v5', 2, 3)
  assert f'return  mean {np.mean(returns):.1f}, std {np.std(returns):.1f}, min {min(returns):.1f}' in out
  assert 'length  mean 1000.0, min 1000, max 1000 steps' in out
  assert f'next: python -m mjx_humanoid.play {cheetah}' in out


GYM = '--gymnasium=HalfCheetah-v5'
GYM_MISTAKES = {
  'a wrong id': (
    ['--gymnasium=HalfCheeta-v5'],
    "there is no environment 'HalfCheeta-v5': .*Did you mean: `HalfCheetah`",
  ),
  'no id': (['--gymnasium='], "there is no environment ''"),
  'a wrong version': (['--gymnasium=HalfCheetah-v9'], "there is no environment 'HalfCheetah-v9'"),
  'another robot': (
    ['--gymnasium=Hopper-v5'],
    'made by hand has 17 observations and 6 actions, but Hopper-v5 has 11 and 3',
  ),
  'no vectors': (['--gymnasium=CartPole-v1'], 'a policy needs vectors of numbers'),
  'an unknown keyword': ([GYM, '--env', 'speed=1'], "HalfCheetah-v5 cannot be made with {'speed': 1}: .*speed"),
  'no keyword': ([GYM, '--env', 'speed'], "--env 'speed': a keyword of the environment is given as --env NAME=VALUE"),
  'a keyword without an environment': (['--env', 'a=1'], '--env gives keywords of the environment of --gymnasium=ID'),
  'a push': ([GYM, '--push=10'], 'leave out --card, --push, --engine and --plot'),
  'a card': ([GYM, '--card=stand'], 'leave out --card, --push, --engine and --plot'),
  'an engine': ([GYM, '--engine=mjx'], 'leave out --card, --push, --engine and --plot'),
  'no episodes': ([GYM, '--episodes=0'], 'out of range: 1 to 2000'),
}


@pytest.mark.parametrize('case', GYM_MISTAKES)
def test_a_mistake_with_an_environment_is_one_line(
  case, gymnasium, cheetah, user_error, tmp_path, monkeypatch, snapshot
):
  monkeypatch.chdir(tmp_path)
  before = snapshot(tmp_path)
  arguments, words = GYM_MISTAKES[case]
  assert re.search(words, user_error(evaluate.main, [cheetah, '--episodes=1', *arguments]))
  assert snapshot(tmp_path) == before


def test_without_gymnasium_it_says_how_to_install_it(cheetah, user_error, monkeypatch):
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  said = user_error(evaluate.main, [cheetah, GYM])
  assert said == "--gymnasium needs the package gymnasium: pip install 'mjx_humanoid[gym]'"


def test_parts_of_an_observation_that_a_policy_lacks_are_left_out(gymnasium, make_policy):
  """Humanoid-v5 observes 348 numbers, of which 45 are positions and velocities."""
  from mjx_humanoid.run.gymnasium_scores import make

  def sized(count):
    return make_policy(mean=np.zeros(count), log_std=np.zeros(17))

  (env,), settings = make(sized(45), 'Humanoid-v5', {}, 1)
  assert env.observation_space.shape == (45,)
  assert settings == {
    f'include_{part}_in_observation': False for part in ('cinert', 'cvel', 'qfrc_actuator', 'cfrc_ext')
  }
  (env,), settings = make(sized(348), 'Humanoid-v5', {}, 1)
  assert (env.observation_space.shape, settings) == ((348,), {})
  kept = {'include_cvel_in_observation': True}
  (env,), settings = make(sized(45 + 78), 'Humanoid-v5', kept, 1)  # 6 for each of 13 bodies
  assert settings['include_cvel_in_observation'] is True
  assert settings['include_cinert_in_observation'] is False


@pytest.mark.parametrize(('low', 'high', 'expected'), [(-0.4, 0.4, 0.2), (0.0, 2.0, 1.5), (-np.inf, np.inf, 0.5)])
def test_actions_are_scaled_to_the_range_of_the_environment(gymnasium, low, high, expected):
  from mjx_humanoid.run.gymnasium_scores import in_range

  space = gymnasium.spaces.Box(low, high, (1,), np.float32)
  assert in_range(np.array([0.5], np.float32), space)[0] == pytest.approx(expected)


def test_each_episode_has_its_own_seed_whichever_environment_plays_it():
  """Of made-up environments: episodes of seed s last s % 3 + 1 steps with a reward of s each."""
  from types import SimpleNamespace

  from mjx_humanoid.run.gymnasium_scores import play

  class Made:
    action_space = SimpleNamespace(low=[-1.0], high=[1.0], dtype=np.float32)

    def reset(self, seed):
      self.seed, self.left = seed, seed % 3 + 1
      return np.zeros(1), {}

    def step(self, action):
      self.left -= 1
      return np.zeros(1), self.seed, self.left == 0, False, {}

  counts = []
  returns, lengths = play(lambda obs: np.zeros((len(obs), 1)), [Made(), Made()], 5, 10, counts.append)
  assert lengths.tolist() == [2, 3, 1, 2, 3]
  assert returns.tolist() == [20, 33, 12, 26, 42]
  assert counts == [1, 2, 3, 4, 5]
