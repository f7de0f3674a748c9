"""Environments whose values are known, as fakes of what rl/collect.py needs. No physics."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from outcomes import Outcome

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.ppo import PPOConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.types import Inputs
from mjx_humanoid.rl.algorithm import Spec
from mjx_humanoid.rl.collect import Collected, collect_traced
from mjx_humanoid.rl.ppo import PPO, make

WORLDS = 16


class State(NamedTuple):
  """What a fake environment remembers: age [B] and observation [B, 1]."""

  age: Any
  obs: Any


class EchoEngine:
  """Physics that only hands the control on: its view is ctrl [B, A]."""

  def step(self, state, ctrl, force=None, kick=None):
    return state, ctrl

  def write(self, state, mask, qpos, qvel):
    return state


class Probe:
  """An environment made of four functions of (age after the step, obs, ctrl), each [B]-wise."""

  engine = EchoEngine()

  def __init__(self, *, reward, terminated, truncated, observe):
    self._reward, self._terminated, self._truncated = reward, terminated, truncated
    self._observe = observe

  def begin(self):
    age = jnp.zeros(WORLDS, jnp.int32)
    return State(age, self._observe(age, jax.random.PRNGKey(9)))

  def act(self, state, ctrl):
    return state, Inputs(ctrl)

  def advance(self, state, bank, view, key):
    age = state.age + 1
    reward = self._reward(age, state.obs[:, 0], view[:, 0])
    terminated = self._terminated(age)
    truncated = self._truncated(age) & ~terminated
    reset = terminated | truncated
    next_obs = self._observe(age, key)
    fresh = jnp.where(reset, 0, age)
    obs = jnp.where(reset[:, None], self._observe(fresh, key), next_obs)
    outcome = Outcome(reward, terminated, truncated, next_obs, reset, reset, reset, {'episodes': reset.sum()})
    return State(fresh, obs), outcome


def always(age):
  return age > 0


def never(age):
  return age < 0


def probe_ppo(**hyper) -> PPO:
  """The real PPO, small."""
  settings = {'unroll_length': 8, 'batch_size': 32, 'num_epochs': 2, 'learning_rate': 1e-2, 'entropy_coef': 0.0}
  settings['lr_schedule'] = 'constant'
  network = NetworkConfig(policy_layers=(8,), value_layers=(8,), activation='tanh', symmetric=False)
  config = Config(num_envs=WORLDS, network=network, ppo=PPOConfig(**{**settings, **hyper}))
  return make(config, Spec(observation_size=1, action_size=1, mirror=unused), config.ppo)


def unused():
  raise AssertionError('only symmetric networks ask for a mirror')


def learn(env, algorithm, iterations):
  """Trains on a probe by the real collect_traced and update; returns the learner."""
  learner = jax.jit(algorithm.init)(jax.random.PRNGKey(0))

  def iterate(carry, key):
    learner, collected = carry
    collected, batch, _ = collect_traced(env, algorithm, learner, collected, None)
    learner, _ = algorithm.update(learner, batch, key)
    return (learner, collected), None

  @jax.jit
  def train(learner):
    carry = (learner, Collected((), env.begin(), jax.random.PRNGKey(1)))
    return jax.lax.scan(iterate, carry, jax.random.split(jax.random.PRNGKey(2), iterations))[0][0]

  return train(jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), learner))


def values(algorithm, learner, observations) -> np.ndarray:
  """What the critic thinks each of these observations is worth."""
  from mjx_humanoid.rl import normalize

  obs = jnp.asarray(observations, jnp.float32)[:, None]
  if algorithm.hyper.normalize_observations:
    obs = normalize.normalize(learner.normalizer, obs)
  return np.asarray(algorithm.net.value(learner.params, obs))


def mean_actions(algorithm, learner, observations) -> np.ndarray:
  """The mean action at each of these observations."""
  obs = jnp.asarray(observations, jnp.float32)[:, None]
  return np.asarray(algorithm.act(learner, obs, jax.random.PRNGKey(0))[1]['mean'][:, 0])


def constant() -> Probe:
  """Episodes of 5 steps with a reward of 1 each, cut off by a time limit: worth 1 / (1 - gamma)."""
  return Probe(
    reward=lambda age, obs, action: jnp.ones(WORLDS),
    terminated=never,
    truncated=lambda age: age >= 5,
    observe=lambda age, key: jnp.ones((len(age), 1)),
  )


def bandit() -> Probe:
  """Episodes of one step at observation -1 or 1. The best action is half the observation, and is worth 1."""
  return Probe(
    reward=lambda age, obs, action: 1 - jnp.square(action - 0.5 * obs),
    terminated=always,
    truncated=never,
    observe=lambda age, key: jax.random.rademacher(key, (len(age), 1)).astype(jnp.float32),
  )


def cycle(*, ends: bool) -> Probe:
  """Observations 0, 1, 0, 1 and so on; a step from 1 is rewarded with 1, and is the last of its episode.

  With gamma 0.5, observations 0 and 1 are worth 0.5 and 1 if the task ends there. If it is a time limit, the value goes
  on: v(1) = 1 + v(0) / 2 and v(0) = v(1) / 2, that is 2/3 and 4/3.
  """
  return Probe(
    reward=lambda age, obs, action: obs,
    terminated=lambda age: (age >= 2) & ends,
    truncated=lambda age: age >= 2,
    observe=lambda age, key: (age % 2)[:, None].astype(jnp.float32),
  )


def probe_a2c(**hyper):
  """The real A2C, small."""
  from mjx_humanoid.core.config.a2c import A2CConfig
  from mjx_humanoid.rl import a2c

  settings = {'unroll_length': 8, 'learning_rate': 2e-2, 'lr_schedule': 'constant'}
  network = NetworkConfig(policy_layers=(8,), value_layers=(8,), activation='tanh', symmetric=False)
  config = Config(num_envs=WORLDS, network=network, a2c=A2CConfig(**{**settings, **hyper}))
  return a2c.make(config, Spec(observation_size=1, action_size=1, mirror=unused), config.a2c)


def probe_sac(**hyper):
  """The real SAC, small: classic, with one hidden layer, unless hyper says otherwise."""
  from mjx_humanoid.core.config.sac import SACConfig
  from mjx_humanoid.rl import sac

  settings = {'preset': 'classic', 'unroll_length': 2, 'updates_per_step': 0.125, 'batch_size': 32, 'num_bins': 21}
  settings |= {'replay_size': 1024, 'warmup_steps': 128, 'learning_rate': 1e-2, 'initial_alpha': 1e-3, 'tau': 0.05}
  settings |= {'critic_width': 8, 'critic_blocks': 1, 'critic_expansion': 2}
  network = NetworkConfig(policy_layers=(16,), value_layers=(16,), activation='tanh', symmetric=False)
  config = Config(num_envs=WORLDS, network=network, sac=SACConfig(**{**settings, **hyper}))
  sac.check(config, config.sac)
  return sac.make(config, Spec(observation_size=1, action_size=1, mirror=unused), config.sac)


def soft_values(algorithm, learner, observations) -> np.ndarray:
  """What SAC's critics think these observations are worth under its deterministic actions, in units of the reward."""
  from mjx_humanoid.rl import reward_scale
  from mjx_humanoid.rl.sac_loss import values_of

  trained = learner.trained
  obs = algorithm._normalize(learner, jnp.asarray(observations, jnp.float32)[:, None])
  action = jnp.tanh(algorithm.net.policy(trained.actor, obs)[0])
  outputs, _ = algorithm.net.critics(trained.critics, trained.stats, obs, action, train=False)
  unit = 1.0
  if algorithm.net.parts.normalize_rewards:
    unit = reward_scale.divisor(learner.scale, algorithm.hyper.value_range)
  return np.asarray(values_of(algorithm.net, outputs).mean(axis=0) * unit)


def squashed_actions(algorithm, learner, observations) -> np.ndarray:
  """SAC's deterministic action at each of these observations."""
  obs = algorithm._normalize(learner, jnp.asarray(observations, jnp.float32)[:, None])
  return np.asarray(jnp.tanh(algorithm.net.policy(learner.trained.actor, obs)[0])[:, 0])
