"""Training on environments of Brax, or of MuJoCo Playground, by the same algorithms and the same iterations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from mjx_humanoid.core.config.schema import Config, NetworkConfig, resolve, to_dict
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Array, Key
from mjx_humanoid.envs.env import Env
from mjx_humanoid.envs.from_brax import FromBrax, seen
from mjx_humanoid.rl import networks
from mjx_humanoid.rl.algorithm import Actor, Algorithm, Mirror, Spec, make_algorithm
from mjx_humanoid.rl.normalize import CLIP
from mjx_humanoid.run.setup import Setup
from mjx_humanoid.run.trainer import Trainer

EPISODE_STEPS = 1000  # the time limit of nearly all of Brax's own environments

OnUpdate = Callable[[int, dict[str, float]], None]  # called with the environment step and the update's metrics


@dataclass(frozen=True, eq=False)
class BraxPolicy:
  """Acts as Brax's acting loop wants it: policy(obs, key) gives the action and extras. Pure."""

  actor: Actor
  activation: str
  deterministic: bool = True

  def __call__(self, obs: Any, key: Key | None = None) -> tuple[Array, dict[str, Array]]:
    """Actions [..., A] in [-1, 1] for observations [..., O]: the mean, or by `key` a sample where not deterministic."""
    actor = self.actor
    x = jnp.clip((seen(obs) - actor.mean) / actor.std, -CLIP, CLIP)
    for kernel, bias in zip(actor.kernels[:-1], actor.biases[:-1], strict=True):
      x = networks.FUNCTIONS[self.activation](x @ kernel + bias)
    action = x @ actor.kernels[-1] + actor.biases[-1]
    if not self.deterministic:
      action = networks.sample(key, action, actor.log_std)
    return jnp.clip(action, -1.0, 1.0), {}


class Trained(NamedTuple):
  """What comes of a training."""

  policy: BraxPolicy
  learner: Any
  algorithm: Algorithm[Any]
  metrics: list[dict[str, float]]  # of every update


def train_on_brax(
  env: Any,
  config: Config | ConfigDict | None = None,
  *,
  total_timesteps: int | None = None,
  episode_length: int = EPISODE_STEPS,
  on_update: OnUpdate | None = None,
) -> Trained:
  """Trains on an environment of Brax, unwrapped.

  Args:
    env: of one world, as brax.envs.get_environment or mujoco_playground.registry.load make it.
    config: seed, num_envs, total_timesteps, restart_interval, algorithm, and the sections network and ppo
      count; by default the defaults, without symmetry.
    total_timesteps: environment steps, instead of the config's.
    episode_length: time limit in control steps, as in Brax.

  Raises:
    UserError: a setting that does not fit, or an environment that cannot be learned from.
  """
  settled = settings(config, total_timesteps)
  if episode_length < 1:
    raise UserError(f'episode_length={episode_length} is out of range: it must be at least 1.')
  worlds = FromBrax(env, settled.num_envs, episode_length)
  algorithm = make_algorithm(settled, Spec(worlds.observation_size, worlds.action_size, no_mirror))
  trainer = Trainer(Setup(settled, cast(Env, worlds), algorithm, 'the environment brings its own'))
  state, history = trainer.start(), []
  for iteration in range(math.ceil(settled.total_timesteps / trainer.steps_per_iteration)):
    state, metrics = trainer.step(state)
    history.append({name: float(value) for name, value in jax.device_get(metrics).items()})
    if on_update:
      on_update((iteration + 1) * trainer.steps_per_iteration, history[-1])
  policy = BraxPolicy(algorithm.actor(state.learner), settled.network.activation)
  return Trained(policy, state.learner, algorithm, history)


def settings(config: Config | ConfigDict | None, total_timesteps: int | None) -> Config:
  """The config in force, checked. Raises UserError."""
  if config is None:
    config = Config(network=NetworkConfig(symmetric=False))
  resolved = resolve(to_dict(config) if isinstance(config, Config) else config)
  if total_timesteps is not None:
    resolved = resolve(to_dict(dataclasses.replace(resolved, total_timesteps=total_timesteps)))
  return resolved


def no_mirror() -> Mirror:
  """For networks that ask how the environment looks in a mirror. Raises UserError: nobody knows."""
  raise UserError(
    'environments of Brax have no mirror image that this package knows: set config.network.symmetric to False.'
  )
