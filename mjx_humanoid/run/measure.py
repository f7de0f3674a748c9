"""Measures a training: physics alone, collecting and training in turns, and the memory of an environment."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from mjx_humanoid.core.config import ppo
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.process import COMPILER_OPTIONS
from mjx_humanoid.rl.collect import BatchedEnv
from mjx_humanoid.run.trainer import Trainer, TrainState

ROUNDS = 3  # at least


class Speed(NamedTuple):
  """Control steps of all environments per second, medians over rounds in which all three were measured in turns."""

  physics: float  # the engine's physics alone: mujoco.batch, or a scan over vmapped mjx.step
  collecting: float  # the policy acts in the environments; no updates
  training: float  # with updates


def sized(config: Config, num_envs: int) -> Config:
  """The config with another number of environments, and PPO's minibatches larger or smaller by the same factor."""
  resized = dataclasses.replace(config, num_envs=num_envs)
  if config.algorithm not in ppo.USERS:
    return resized
  minibatches = max(1, config.num_envs * config.ppo.unroll_length // config.ppo.batch_size)
  batch_size = max(1, num_envs * config.ppo.unroll_length // minibatches)
  return dataclasses.replace(resized, ppo=dataclasses.replace(config.ppo, batch_size=batch_size))


def physics_alone(env: BatchedEnv, count: int) -> Callable[[Any], Any]:
  """`count` control steps of the physics without anything else, compiled where the engine runs in JAX."""
  engine: Any = env.engine
  if not env.traceable:
    return lambda state: engine.bare(state, count)
  options = COMPILER_OPTIONS if jax.default_backend() == 'cpu' else None
  return jax.jit(lambda state: engine.bare(state, count), compiler_options=options)


def measure(trainer: Trainer, state: TrainState, seconds: float) -> tuple[Speed, TrainState]:
  """The speed of a training whose first iteration is done.

  Physics alone starts in each round where training has brought the environments, under their last controls; then they
  are put back.

  Args:
    seconds: to measure for, at least; and at least ROUNDS rounds.

  Returns:
    The speed, and the state after it.
  """
  env, length = trainer.setup.env, trainer.setup.algorithm.unroll_length
  alone = physics_alone(env, length)
  times: list[tuple[float, float, float]] = []
  with trainer.computing():
    if env.traceable:  # compile
      jax.block_until_ready((alone(state.carry.physics), trainer.collect(state)))
    end = time.perf_counter() + seconds
    while len(times) < ROUNDS or time.perf_counter() < end:
      packed = None if env.traceable else env.engine.pack(state.carry.physics)
      physics, _ = timed(alone, state.carry.physics)
      if packed is not None:
        env.engine.unpack(packed)
      collecting, (carry, *_) = timed(trainer.collect, state)
      if not env.traceable:  # whose environments have moved on
        state = state._replace(carry=carry)
      training, (state, _) = timed(trainer.step, state)
      times.append((physics, collecting, training))
  steps = trainer.steps_per_iteration
  return Speed(*(steps / statistics.median(column) for column in zip(*times, strict=True))), state


def timed(function: Callable[[Any], Any], argument: Any) -> tuple[float, Any]:
  """Seconds until all results of a call are there, and the results."""
  start = time.perf_counter()
  result = function(argument)
  jax.block_until_ready([leaf for leaf in jax.tree.leaves(result) if isinstance(leaf, jax.Array)])
  return time.perf_counter() - start, result
