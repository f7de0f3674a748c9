"""Learners of the task "stand" for benchmarks/peers.py: of this package, Stable-Baselines3 and SBX.

A learner trains until its time is over and says how far it came: a Run. Its clock starts after the first update, so
that compiling is not counted; what it learned until then remains.
"""

from __future__ import annotations

import collections
import contextlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mjx_humanoid.core.config import files, schema

KEPT = 100  # episodes, whose mean return is a point of a curve
POINT = 2.0  # s between points
Act = Callable[[np.ndarray], np.ndarray]  # an observation [O] -> the deterministic action [A]


class Point(NamedTuple):
  """How far a training has come."""

  seconds: float  # since the first update
  steps: int  # of the environment
  episode_return: float  # mean of the last KEPT episodes, with exploration noise


class Run(NamedTuple):
  """A training."""

  points: list[Point]
  act: Act
  rate: float  # environment steps per second with learning


class Recorder:
  """Collects the points of a curve, and says when the time is over."""

  def __init__(self, seconds: float) -> None:
    self.returns: collections.deque[float] = collections.deque(maxlen=KEPT)
    self.points: list[Point] = []
    self.rate = 0.0  # environment steps per second since the first update
    self._seconds, self._start, self._first = seconds, 0.0, 0

  def updated(self, steps: int) -> bool:
    """Call after updates, or from time to time after the first. Returns whether to go on."""
    now = time.perf_counter()
    if not self._start:
      self._start, self._first = now, steps
    passed = now - self._start
    over = passed >= self._seconds
    if self.returns and (over or not self.points or passed - self.points[-1].seconds >= POINT):
      self.points.append(Point(passed, steps, float(np.mean(self.returns))))
    self.rate = (steps - self._first) / max(passed, 1e-9)
    return not over


def ours(name: str) -> Callable[[schema.Config, float], Run]:
  """This package's training by a config of that name, on the given task; it ends with its budget at the latest."""

  def train(config: schema.Config, seconds: float) -> Run:
    import dataclasses

    import jax

    from mjx_humanoid.core.config.physics import PhysicsConfig
    from mjx_humanoid.core.network import mean_action
    from mjx_humanoid.run.setup import prepare
    from mjx_humanoid.run.trainer import Trainer

    own = schema.resolve(files.load_config(name))
    # The physics of the datasheet, which the peers step too.
    own = dataclasses.replace(
      own, task=config.task, physics=PhysicsConfig(), evaluation_interval=0, stop_when_passed=False
    )
    setup = prepare(own)
    trainer, length = Trainer(setup), round(config.task.episode_length / setup.task.body.control_step)
    state, recorder, going = trainer.start(), Recorder(seconds), True
    while going:
      state, metrics = trainer.step(state)
      values = jax.device_get(metrics)
      if state.iteration * setup.algorithm.unroll_length > length:  # the first episodes begin at random ages
        recorder.returns.extend([float(values['episode_return'])] * min(KEPT, int(values['episodes'])))
      steps = state.iteration * trainer.steps_per_iteration
      if np.isfinite(values['learning_rate']):  # before the first update a replay memory is filled
        going = recorder.updated(steps) and steps < own.total_timesteps
    actor = jax.device_get(setup.algorithm.actor(state.learner))
    activation = own.network.activation
    return Run(recorder.points, lambda obs: np.asarray(mean_action(actor, obs[None], activation)[0]), recorder.rate)

  return train


def sb3_ppo(make_envs: Callable[[int], Any], seconds: float) -> Run:
  """Stable-Baselines3's PPO as in its guide to speed."""
  import torch
  from stable_baselines3 import PPO

  policy = {'net_arch': {'pi': [256, 256], 'vf': [256, 256]}, 'activation_fn': torch.nn.ReLU}
  model = PPO(
    'MlpPolicy',
    make_envs(8),
    learning_rate=5e-5,
    n_steps=2048,
    batch_size=128,
    n_epochs=10,
    policy_kwargs=policy,
    device='cpu',
  )
  return trained(model, seconds)


def sb3_sac(make_envs: Callable[[int], Any], seconds: float) -> Run:
  """Stable-Baselines3's SAC with its own settings: an update for each environment step."""
  from stable_baselines3 import SAC

  return trained(SAC('MlpPolicy', make_envs(1), learning_starts=1000, device='cpu'), seconds)


def sbx_sac(make_envs: Callable[[int], Any], seconds: float) -> Run:
  """SBX's SAC with its own settings."""
  from sbx import SAC

  return trained(SAC('MlpPolicy', make_envs(1), learning_starts=1000), seconds)


def trained(model: Any, seconds: float) -> Run:
  """Trains a model of SB3's interface until its time is over."""
  from stable_baselines3.common.callbacks import BaseCallback

  recorder, off_policy = Recorder(seconds), hasattr(model, 'replay_buffer')

  class Watch(BaseCallback):
    """Records returns, and stops in time; a stop within a rollout loses what was not yet learned from."""

    def _on_step(self) -> bool:
      recorder.returns.extend(info['episode']['r'] for info in self.locals['infos'] if 'episode' in info)
      if off_policy and self.num_timesteps > model.learning_starts + 1:
        return recorder.updated(self.num_timesteps)
      return True

    def _on_rollout_start(self) -> None:
      if not off_policy and self.num_timesteps and not recorder.updated(self.num_timesteps):
        raise OutOfTimeError

  with contextlib.suppress(OutOfTimeError):
    model.learn(10**9, callback=Watch())
  model.get_env().close()
  return Run(recorder.points, lambda obs: model.predict(obs, deterministic=True)[0], recorder.rate)


class OutOfTimeError(Exception):
  """The time of an on-policy training is over."""
