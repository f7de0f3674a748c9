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
