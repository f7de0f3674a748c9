"""The networks of soft actor-critic: an actor whose actions are squashed by tanh, and twin critics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.sac import SACConfig
from mjx_humanoid.core.network import ACTIVATIONS, Mirror
from mjx_humanoid.core.types import Array, Key
from mjx_humanoid.rl.networks import Trunk
from mjx_humanoid.rl.sac_parts import Parts

CRITICS = 2
LOG_STD_LOW, LOG_STD_HIGH = -5.0, 2.0  # range of the log standard deviation before the squash
MOMENTUM = 0.99  # of the statistics that batch normalisation keeps for the actor's loss


class ActorModule(nn.Module):
  """Mean and log standard deviation of the actions before tanh, from normalised observations."""

  config: NetworkConfig
  action_size: int

  @nn.compact
  def __call__(self, obs: Array) -> tuple[Array, Array]:
    """obs [..., O] -> mean and log_std [..., A]."""
    hidden = Trunk(self.config.policy_layers, self.config.activation, name='policy')(obs)
    small = nn.initializers.orthogonal(0.01)
    mean = nn.Dense(self.action_size, kernel_init=small, name='mean_head')(hidden)
    share = (math.log(self.config.initial_std) - LOG_STD_LOW) / (LOG_STD_HIGH - LOG_STD_LOW)
    bias = nn.initializers.constant(math.atanh(2 * min(max(share, 0.01), 0.99) - 1))
    raw = nn.Dense(self.action_size, kernel_init=small, bias_init=bias, name='std_head')(hidden)
    return mean, LOG_STD_LOW + (LOG_STD_HIGH - LOG_STD_LOW) * (jnp.tanh(raw) + 1) / 2


class CriticModule(nn.Module):
  """A critic: values, or logits of their distribution, of observations and actions."""

  config: NetworkConfig
  hyper: SACConfig
  parts: Parts

  @nn.compact
  def __call__(self, obs: Array, action: Array, train: bool) -> Array:
    """obs [N, O] and action [N, A] -> [N, bins], with one bin for a scalar."""
    x = self._normalized(jnp.concatenate([obs, action], axis=-1), train)
    x = self._residual(x, train) if self.parts.residual else self._mlp(x, train)
    if self.parts.rms_norm:
      x = nn.RMSNorm(use_scale=False)(x)
    return nn.Dense(self.hyper.num_bins if self.parts.categorical else 1, name='head')(x)

  def _normalized(self, x: Array, train: bool) -> Array:
    return nn.BatchNorm(use_running_average=not train, momentum=MOMENTUM)(x) if self.parts.batch_norm else x

  def _residual(self, x: Array, train: bool) -> Array:
    """A block adds relu(norm(x W)) V to x, with an inner width that is some times the outer."""
    hyper, init = self.hyper, nn.initializers.orthogonal(1.0)
    x = nn.Dense(hyper.critic_width, kernel_init=init)(x)
    for _ in range(hyper.critic_blocks):
      inner = nn.Dense(hyper.critic_width * hyper.critic_expansion, kernel_init=init)(x)
      inner = nn.relu(self._normalized(inner, train))
      x = x + nn.Dense(hyper.critic_width, kernel_init=init)(inner)
    return x

  def _mlp(self, x: Array, train: bool) -> Array:
    for width in self.config.value_layers:
      layer = nn.Dense(width, kernel_init=nn.initializers.orthogonal(math.sqrt(2)))
      x = ACTIVATIONS[self.config.activation].function(self._normalized(layer(x), train))
    return x


@dataclass(frozen=True, eq=False)
class SACNetworks:
  """Actor and critics as pure functions of their parameters; the actor exactly left-right symmetric with a mirror."""

  config: NetworkConfig
  hyper: SACConfig
  parts: Parts
  observation_size: int
  action_size: int
  mirror: Mirror | None = None

  def init(self, key: Key) -> tuple[Any, Any, Any]:
    """New random parameters of the actor and the critics, and the critics' statistics, both [CRITICS, ...]."""
    actor_key, *critic_keys = jax.random.split(key, 1 + CRITICS)
    obs, action = jnp.zeros((2, self.observation_size)), jnp.zeros((2, self.action_size))
    actor = self._actor.init(actor_key, obs)['params']
    critics = jax.vmap(lambda k: self._critic.init(k, obs, action, False))(jnp.stack(critic_keys))
    return actor, self.unit(critics['params']), critics.get('batch_stats', {})

  def policy(self, params: Any, obs: Array) -> tuple[Array, Array]:
    """Mean and log standard deviation [..., A] before tanh, from normalised obs [..., O]."""
    if (mirror := self.mirror) is None:
      return self._actor.apply({'params': params}, obs)
    pair: Any = self._actor.apply({'params': params}, jnp.stack([obs, mirror.obs(obs)]))
    mean, log_std = pair
    return (mean[0] + mirror.action(mean[1])) / 2, (log_std[0] + log_std[1][..., mirror.action_sources]) / 2

  def critics(self, params: Any, stats: Any, obs: Array, action: Array, *, train: bool) -> tuple[Array, Any]:
    """Values or logits [CRITICS, N, bins], and the statistics after this batch.

    Args:
      train: normalise by the batch; else by the statistics, which then stay.
    """

    def one(params: Any, stats: Any) -> tuple[Array, Any]:
      variables = {'params': params, **({'batch_stats': stats} if stats else {})}
      out, changed = self._critic.apply(variables, obs, action, train, mutable=['batch_stats'])
      return out, changed.get('batch_stats', {}) if train else stats

    return jax.vmap(one)(params, stats)

  def unit(self, params: Any) -> Any:
    """The critics' parameters with the weights of each unit scaled to length 1, where the config says so."""
    if not self.parts.normalize_weights:
      return params

    def scaled(path: tuple[Any, ...], x: Array) -> Array:
      return x / jnp.linalg.norm(x, axis=-2, keepdims=True) if path[-1].key == 'kernel' else x

    return jax.tree_util.tree_map_with_path(scaled, params)

  def layers(self, params: Any) -> list[dict[str, Array]]:
    """The layers of the actor's mean in order, each a dict of kernel [in, out] and bias [out]."""
    hidden = [params['policy'][f'hidden_{i}'] for i in range(len(self.config.policy_layers))]
    return [*hidden, params['mean_head']]

  @property
  def _actor(self) -> ActorModule:
    return ActorModule(self.config, self.action_size)

  @property
  def _critic(self) -> CriticModule:
    return CriticModule(self.config, self.hyper, self.parts)


def squashed_log_prob(value: Array, noise: Array, log_std: Array) -> Array:
  """Log density [...] of the action tanh(value), value = mean + std * noise, all [..., A] (Haarnoja et al., 2018)."""
  gaussian = -0.5 * jnp.square(noise) - log_std - 0.5 * math.log(2 * math.pi)
  # log(1 - tanh(x)^2) = 2 (log 2 - x - softplus(-2 x)), which does not underflow
  return (gaussian - 2.0 * (math.log(2.0) - value - jax.nn.softplus(-2.0 * value))).sum(axis=-1)


def gaussian_entropy(std: float, size: int) -> float:
  """Entropy of `size` independent Gaussians of a standard deviation, in nats."""
  return size * (0.5 * math.log(2 * math.pi * math.e) + math.log(std))
