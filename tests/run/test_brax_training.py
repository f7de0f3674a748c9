"""Our algorithms on environments of Brax: they learn what can be learned there, and act in Brax's own loop."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax import envs
from brax.training import acting

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.ppo import PPOConfig
from mjx_humanoid.core.config.schema import AUTO, Config, default_config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.rl.ppo import WARM_UP_RATE
from mjx_humanoid.run import brax_training as module
from mjx_humanoid.run.brax_training import settings, train_on_brax

LIMIT = 50
# Brax's Fast moves by 0.02 v a step, and v grows by 0.02 where the action is positive; its place is the reward.
BEST = 0.02**2 * sum(t * (t + 1) / 2 for t in range(1, LIMIT + 1))


def config(**changes):
  network = NetworkConfig((16,), (16,), 'tanh', symmetric=False)
  ppo = PPOConfig(unroll_length=16, batch_size=256, learning_rate=3e-3, gamma=0.98)
  return dataclasses.replace(Config(num_envs=64, network=network, ppo=ppo, total_timesteps=20_000), **changes)


@pytest.fixture(scope='module')
def fast():
  return envs.get_environment('fast')


@pytest.fixture(scope='module')
def trained(fast):
  """The training, and what it told while it went on."""
  told = []
  result = train_on_brax(fast, config(), episode_length=LIMIT, on_update=lambda *update: told.append(update))
  return result, told


def test_it_learns_the_best_there_is(trained):
  returns = [metrics['episode_return'] for metrics in trained[0].metrics]
  assert returns[0] < 0.5 * BEST
  assert np.mean(returns[-3:]) == pytest.approx(BEST, rel=0.03)
  assert trained[0].metrics[-1]['episode_length'] == LIMIT


def test_there_are_no_demonstrations(fast):
  asking = config(ppo=dataclasses.replace(config().ppo, imitation_coef=0.1))
  with pytest.raises(UserError, match='imitation_coef: this environment has no demonstrations to imitate'):
    train_on_brax(fast, asking, episode_length=LIMIT)


def test_every_update_is_told_and_kept(trained):
  result, told = trained
  assert [done for done, _ in told] == [1024 * (i + 1) for i in range(20)]
  assert [metrics for _, metrics in told] == result.metrics
  assert {'episode_return', 'episodes', 'diverged', 'loss', 'kl'} <= set(result.metrics[0])


def test_the_policy_acts_in_the_acting_loop_of_brax(trained, fast):
  """From rest it always accelerates: after the last step it is as far as one can be."""
  env = envs.training.wrap(fast, episode_length=1000)
  state = env.reset(jax.random.split(jax.random.PRNGKey(0), 4))
  _, data = jax.jit(lambda s: acting.generate_unroll(env, s, trained[0].policy, jax.random.PRNGKey(1), LIMIT))(state)
  np.testing.assert_allclose(np.sum(data.reward, axis=0), BEST, rtol=1e-5)


def test_a_policy_explores_where_it_is_asked_to(trained):
  policy, obs = trained[0].policy, jnp.zeros((8, 2))
  exploring = dataclasses.replace(policy, deterministic=False)
  assert len(np.unique(policy(obs, jax.random.PRNGKey(0))[0])) == 1
  actions = exploring(obs, jax.random.PRNGKey(0))[0]
  assert len(np.unique(actions)) > 1
  assert np.abs(actions).max() <= 1
  np.testing.assert_array_equal(policy({'state': obs})[0], policy(obs)[0])


def test_the_mean_action_is_that_of_the_algorithm(trained):
  result, obs = trained[0], jax.random.normal(jax.random.PRNGKey(0), (8, 2))
  _, extras = result.algorithm.act(result.learner, obs, jax.random.PRNGKey(0))
  np.testing.assert_allclose(result.policy(obs)[0], jnp.clip(extras['mean'], -1, 1), atol=1e-5)


def test_it_restarts_where_the_config_says_so(fast):
  """After 3000 steps the rate would be down to a tenth; every third update of 1024, the critic first learns alone.

  In a process that computes in double precision.
  """
  anew = dataclasses.replace(config(), restart_interval=3000)
  anew = dataclasses.replace(anew, ppo=dataclasses.replace(anew.ppo, lr_schedule='linear'))
  with jax.enable_x64(True):
    metrics = train_on_brax(fast, anew, total_timesteps=5000, episode_length=LIMIT).metrics
  rates = np.array([update['learning_rate'] for update in metrics]) / anew.ppo.learning_rate
  falling = 1 - 0.9 * 1024 / 3000 * np.arange(3)
  np.testing.assert_allclose(rates, [*falling, WARM_UP_RATE / anew.ppo.learning_rate, falling[1]], rtol=1e-5)


def test_a_step_budget_of_its_own_comes_first():
  assert settings(config(), 40) == config(total_timesteps=40)
  assert settings(None, 40) == Config(network=NetworkConfig(symmetric=False), total_timesteps=40)
  assert settings(config(), None) == config()


def test_mistakes_are_told(fast):
  with pytest.raises(UserError, match=r'symmetric to False'):
    train_on_brax(fast, default_config())
  with pytest.raises(UserError, match='episode_length=0'):
    train_on_brax(fast, config(), episode_length=0)
  with pytest.raises(UserError, match='minibatches'):
    train_on_brax(fast, config(num_envs=7))
  with pytest.raises(UserError, match='total_timesteps'):
    train_on_brax(fast, config(), total_timesteps=0)


def test_its_policy_keeps_the_precision_of_products(trained, monkeypatch):
  seen = []
  monkeypatch.setattr(module, 'output', lambda *rest: seen.append(jax.config.jax_default_matmul_precision) or 0.0)
  trained[0].policy(jnp.zeros((1, 2)))
  assert seen == ['highest']


@pytest.mark.slow
@pytest.mark.parametrize('backend', ['spring', 'generalized'])
def test_it_balances_the_inverted_pendulum(backend):
  """Falling ends an episode here. Untrained, the pole falls within 30 steps; at 200 time is up."""
  env = envs.get_environment('inverted_pendulum', backend=backend)
  wide = NetworkConfig((32, 32), (32, 32), 'tanh', symmetric=False)
  ppo = PPOConfig(unroll_length=16, batch_size=512, learning_rate=1e-3, gamma=0.99, gae_lambda=0.95)
  result = train_on_brax(env, config(num_envs=128, network=wide, ppo=ppo), total_timesteps=250_000, episode_length=200)
  returns = np.array([metrics['episode_return'] for metrics in result.metrics if metrics['episodes']])
  assert returns[1:4].mean() < 60
  assert np.convolve(returns, np.full(10, 0.1), 'valid').max() > 190


def test_it_trains_on_mujoco_playground():
  registry = pytest.importorskip('mujoco_playground').registry
  env = registry.load('CartpoleBalance', config_overrides={'impl': 'jax'})
  small = config(num_envs=8, ppo=PPOConfig(unroll_length=4, batch_size=32))
  result = train_on_brax(env, small, total_timesteps=64)
  assert 0 < result.metrics[-1]['term/reward/upright'] <= 1
  assert all(np.isfinite(value) for metrics in result.metrics for value in metrics.values())


def test_environments_of_brax_need_a_number():
  with pytest.raises(UserError, match='num_envs=auto measures environments of this package; give a number'):
    settings(config(num_envs=AUTO), None)
