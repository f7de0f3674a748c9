"""Training on environments of Brax or MuJoCo Playground, with the algorithms and the trainer of this package."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.schema import AUTO, Config, resolve, to_dict
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import Actor, Mirror, output, squashed
from mjx_humanoid.core.precision import single_precision
from mjx_humanoid.core.types import Array, Key
from mjx_humanoid.envs.from_brax import FromBrax, seen
from mjx_humanoid.rl import networks
from mjx_humanoid.rl.algorithm import Algorithm, Metrics, Spec, choose_algorithm
from mjx_humanoid.run.devices import Devices
from mjx_humanoid.run.setup import Setup
from mjx_humanoid.run.trainer import Trainer

EPISODE_STEPS = 1000  # the time limit of nearly all of Brax's own environments

OnUpdate = Callable[[int, dict[str, float]], None]  # called with the environment step and the update's metrics


@dataclass(frozen=True, eq=False)
class BraxPolicy:
  """A policy for Brax's acting loop: policy(obs, key) returns the action and extras. Pure."""

  actor: Actor
  activation: str
  deterministic: bool = True

  def __call__(self, obs: Any, key: Key | None = None) -> tuple[Array, dict[str, Array]]:
    """Actions [..., A] in [-1, 1] for observations [..., O]: the mean, or by `key` a sample where not deterministic."""
    with jax.default_matmul_precision('highest'):  # as in training; GPUs would round more
      value = output(self.actor, seen(obs), self.activation)
    if not self.deterministic:
      value = networks.sample(key, value, self.actor.log_std)
    return jnp.clip(squashed(self.actor, value), -1.0, 1.0), {}


class Trained(NamedTuple):
  """The result of a training."""

  policy: BraxPolicy
  learner: Any
  algorithm: Algorithm[Any]
  metrics: list[dict[str, float]]  # one entry for every update


@single_precision()
def train_on_brax(
  env: Any,
  config: Config | ConfigDict | None = None,
  *,
  total_timesteps: int | None = None,
  episode_length: int = EPISODE_STEPS,
  on_update: OnUpdate | None = None,
  device: jax.Device | None = None,
) -> Trained:
  """Trains on an unwrapped Brax environment.

  Args:
    env: a single environment, as brax.envs.get_environment or mujoco_playground.registry.load make it.
    config: only seed, num_envs, total_timesteps, restart_interval, algorithm and its settings, and the section network
      are used; by default the defaults without symmetry.
    total_timesteps: environment steps, instead of the config's.
    episode_length: time limit in control steps, as in Brax.
    on_update: called after every update.
    device: the JAX device of the training; by default the first.

  Raises:
    UserError: a setting that does not fit, or an environment that is not supported.
  """
  settled = settings(config, total_timesteps)
  if episode_length < 1:
    raise UserError(f'episode_length={episode_length} is out of range: it must be at least 1.')
  if settled.network.residual:
    raise UserError('config.network.residual: environments of Brax have no reference gait; leave it empty.')
  chosen = choose_algorithm(settled)
  batched = FromBrax(env, settled.num_envs, episode_length)
  algorithm = chosen.make(Spec(batched.observation_size, batched.action_size, no_mirror))
  trainer = Trainer(Setup(settled, batched, algorithm, 'the environment has its own', devices=Devices(device)))
  learner, history = updated(trainer, settled.total_timesteps, on_update)
  return Trained(BraxPolicy(algorithm.actor(learner), settled.network.activation), learner, algorithm, history)


def updated(
  trainer: Trainer, total_timesteps: int, on_update: OnUpdate | None = None
) -> tuple[Any, list[dict[str, float]]]:
  """The learner after so many environment steps, and the metrics of each update.

  They are fetched, and `on_update` is called, while the next update is computed.
  """
  history: list[dict[str, float]] = []

  def fetch(metrics: Metrics) -> None:
    history.append({name: float(value) for name, value in jax.device_get(metrics).items() if value.ndim == 0})
    if on_update:
      on_update(len(history) * trainer.steps_per_iteration, history[-1])

  state, metrics = trainer.step(trainer.start())
  for _ in range(1, math.ceil(total_timesteps / trainer.steps_per_iteration)):
    before = metrics
    state, metrics = trainer.step(state)
    fetch(before)
  fetch(metrics)
  return state.learner, history


def settings(config: Config | ConfigDict | None, total_timesteps: int | None) -> Config:
  """The checked config. Raises UserError."""
  if config is None:
    config = Config(network=NetworkConfig(symmetric=False))
  resolved = resolve(to_dict(config) if isinstance(config, Config) else config)
  if total_timesteps is not None:
    resolved = resolve(to_dict(dataclasses.replace(resolved, total_timesteps=total_timesteps)))
  if resolved.num_envs == AUTO:
    raise UserError('config.num_envs=auto measures environments of this package; give a number for those of Brax.')
  return resolved


def no_mirror() -> Mirror:
  """For symmetric networks. Raises UserError: the mirror image of such an environment is unknown."""
  raise UserError(
    'environments of Brax have no mirror image that this package knows: set config.network.symmetric to False.'
  )
