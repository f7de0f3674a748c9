"""A training without physics: points on a line that are moved by their controls. It compiles in a second."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from outcomes import Outcome

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.ppo import PPOConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.rl.algorithm import Spec, make_algorithm
from mjx_humanoid.run.devices import Devices
from mjx_humanoid.run.loop import Loop
from mjx_humanoid.run.setup import Setup
from mjx_humanoid.run.trainer import Trainer

POINTS, STEPS = 4, 2  # 8 environment steps an iteration


class State(NamedTuple):
  age: Any
  obs: Any


class Engine:
  """Positions [B, 1]."""

  name = 'points'

  def init(self, qpos, qvel):
    return qpos

  def step(self, state, ctrl):
    return state + ctrl, state + ctrl

  def write(self, state, mask, qpos, qvel):
    return jnp.where(mask[:, None], qpos, state)

  def pack(self, state):
    return {'position': state}

  def unpack(self, arrays):
    return jnp.asarray(arrays['position'])


class PointEnv:
  """Episodes of 4 steps; the reward is minus the distance from 1."""

  engine = Engine()
  num_envs, traceable, observation_size, action_size = POINTS, True, 1, 1

  def make_bank(self, rng, size):
    return rng.normal(size=(size, 1)).astype(np.float32)

  def begin(self, key, bank):
    start = jax.random.choice(key, bank, (self.num_envs,))
    return State(jnp.arange(self.num_envs), start), start, None

  def act(self, state, ctrl):
    return state, (ctrl,)

  def advance(self, state, bank, view, key):
    age, reward = state.age + 1, -jnp.abs(view[:, 0] - 1)
    reset, start = age >= 4, jax.random.choice(key, bank, (self.num_envs,))
    metrics = {
      'episodes': reset.sum(),
      'episode_return': jnp.sum(jnp.where(reset, reward, 0.0)),
      'episode_length': jnp.sum(jnp.where(reset, age, 0)),
      'steps': jnp.asarray(self.num_envs),
      'diverged': jnp.zeros((), jnp.int32),
      'level': jnp.asarray(float(self.num_envs)),
    }
    out = Outcome(reward, jnp.zeros_like(reset), reset, view, reset, start, None, metrics)
    return State(jnp.where(reset, 0, age), jnp.where(reset[:, None], start, view)), out


def point_setup(device=None, **settings) -> Setup:
  """What a training of 4 iterations is made of; settings are those of Config."""
  network = NetworkConfig(policy_layers=(), value_layers=(), symmetric=False)
  ppo = PPOConfig(unroll_length=STEPS, batch_size=settings.get('num_envs', POINTS) * STEPS, num_epochs=1)
  values = {'name': 'points', 'num_envs': POINTS, 'total_timesteps': 32, 'checkpoint_interval': 0, **settings}
  config = Config(**{'network': network, 'ppo': ppo, **values})
  env = PointEnv()
  algorithm = make_algorithm(config, Spec(1, 1, lambda: None))
  return Setup(config, env, algorithm, 'made up', devices=Devices(device))


def card(policy, episodes, seed):
  """Stands for judge_policy: passed from 16 environment steps on."""
  passed = policy.info['timesteps'] >= 16
  return {'card': 'made up', 'passed': passed, 'success_rate': float(passed), 'episodes': episodes, 'seed': seed}


@functools.cache
def trainer() -> Trainer:
  """Of the default settings, compiled once for all tests."""
  return Trainer(point_setup())


def train_points(folder, *listeners, **settings):
  """The report of a training, whose settings may differ in what the loop does, but not in what is computed."""
  loop = Loop(point_setup(**settings), folder, listeners, started=0.0)
  loop.trainer = trainer()
  return loop.run(loop.begin())
