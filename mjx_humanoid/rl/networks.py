"""The actor-critic in Flax, and its Gaussian actions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.network import ACTIVATIONS, Mirror, symmetrized
from mjx_humanoid.core.types import Array, Key


class Trunk(nn.Module):
  """Hidden layers, [..., n] -> [..., widths[-1]]."""

  widths: Sequence[int]
  activation: str
  matmul: str = 'float32'  # see core/config/network.py

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Applies the layers in order."""
    product = in_bfloat16 if self.matmul == 'bfloat16' else None
    for i, width in enumerate(self.widths):
      kernel_init = nn.initializers.orthogonal(math.sqrt(2))
      layer = nn.Dense(width, kernel_init=kernel_init, dot_general=product, name=f'hidden_{i}')
      x = ACTIVATIONS[self.activation].function(layer(x))
    return x


def in_bfloat16(left: Array, right: Array, dimensions: Any, **options: Any) -> Array:
  """jax.lax.dot_general of float32 arrays, rounded to bfloat16 and summed in float32."""
  short = jnp.bfloat16
  return jax.lax.dot_general(left.astype(short), right.astype(short), dimensions, preferred_element_type=jnp.float32)


class ActorCritic(nn.Module):
  """Mean and log standard deviation of the actions, and the value, from normalised observations."""

  config: NetworkConfig
  action_size: int

  def setup(self) -> None:
    """Parameters: policy (and value) trunk, two heads, one log_std for all states."""
    config = self.config
    self.policy = Trunk(config.policy_layers, config.activation, config.matmul)
    self.value = None if config.shared else Trunk(config.value_layers, config.activation, config.matmul)
    # With a small head all initial actions are near zero (Andrychowicz et al., 2021, section 3.2).
    self.mean_head = nn.Dense(self.action_size, kernel_init=nn.initializers.orthogonal(0.01))
    self.value_head = nn.Dense(1, kernel_init=nn.initializers.orthogonal(1.0))
    start = math.log(config.initial_std)
    self.log_std = self.param('log_std', nn.initializers.constant(start), (self.action_size,))

  def __call__(self, obs: Array) -> tuple[Array, Array, Array]:
    """obs [..., O] -> mean [..., A], log_std [A], value [...]."""
    hidden = self.policy(obs)
    value = self.value_head(hidden if self.value is None else self.value(obs))
    return self.mean_head(hidden), self.log_std, value[..., 0]

  def act(self, obs: Array) -> tuple[Array, Array]:
    """obs [..., O] -> mean [..., A], log_std [A]; without the critic."""
    return self.mean_head(self.policy(obs)), self.log_std

  def evaluate(self, obs: Array) -> Array:
    """obs [..., O] -> value [...]; without the actor's head."""
    hidden = self.policy(obs) if self.value is None else self.value(obs)
    return self.value_head(hidden)[..., 0]


# The parameters of ActorCritic that only affect the value; all others, also of a shared trunk, are the actor's.
CRITIC = ('value', 'value_head')


def in_critic(name: str) -> bool:
  """Whether a top-level parameter of ActorCritic is the critic's rather than the actor's."""
  return name in CRITIC


@dataclass(frozen=True, eq=False)
class Networks:
  """Actor and critic as pure functions of their parameters; with a mirror exactly symmetric, by averaging."""

  config: NetworkConfig
  observation_size: int
  action_size: int
  mirror: Mirror | None = None

  def init(self, key: Key) -> Any:
    """New random parameters."""
    return self._module.init(key, jnp.zeros(self.observation_size))['params']

  def policy(self, params: Any, obs: Array) -> tuple[Array, Array]:
    """Mean [..., A] and log standard deviation [A] of the actions, from normalised obs [..., O]."""
    mean = symmetrized(lambda x: self._apply(params, x, 'act')[0], obs, self.mirror)
    return mean, self.log_std(params)

  def log_std(self, params: Any) -> Array:
    """Log standard deviation [A] of the actions, with a mirror the same on both sides."""
    log_std: Array = params['log_std']
    return log_std if self.mirror is None else (log_std + log_std[self.mirror.action_sources]) / 2

  def value(self, params: Any, obs: Array) -> Array:
    """Value [...] from normalised obs [..., O]; with a mirror the same for an observation and its mirror image."""
    value: Array = self._apply(params, obs, 'evaluate')
    return value if self.mirror is None else (value + self._apply(params, self.mirror.obs(obs), 'evaluate')) / 2

  @property
  def averaged_over(self) -> Mirror | None:
    """The mirror over whose images a policy of these `layers` is averaged."""
    return self.mirror

  def layers(self, params: Any) -> list[dict[str, Array]]:
    """The actor's layers in order, each a dict of kernel [in, out] and bias [out]."""
    hidden = [params['policy'][f'hidden_{i}'] for i in range(len(self.config.policy_layers))]
    return [*hidden, params['mean_head']]

  def with_layers(self, params: Any, kernels: Sequence[Array], biases: Sequence[Array]) -> Any:
    """The parameters with these layers of the actor. Raises UserError where such a network cannot have them."""
    params = jax.tree.map(lambda x: x, params)  # a copy of the tree, not of its arrays
    for layer, kernel, bias in zip(self.layers(params), kernels, biases, strict=True):
      layer |= {'kernel': jnp.asarray(kernel), 'bias': jnp.asarray(bias)}
    return params

  @property
  def _module(self) -> Any:
    return ActorCritic(self.config, self.action_size)

  def _apply(self, params: Any, obs: Array, method: str) -> Any:
    return self._module.apply({'params': params}, obs, method=method)


def sample(key: Key, mean: Array, log_std: Array) -> Array:
  """An action [..., A] of the Gaussian."""
  return mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape)


def log_prob(action: Array, mean: Array, log_std: Array) -> Array:
  """Log density [...] of an action [..., A] under a diagonal Gaussian."""
  z = (action - mean) * jnp.exp(-log_std)
  return jnp.sum(-0.5 * jnp.square(z) - log_std - 0.5 * math.log(2 * math.pi), axis=-1)


def entropy(log_std: Array) -> Array:
  """Differential entropy [] of a diagonal Gaussian, in nats."""
  return jnp.sum(log_std + 0.5 * math.log(2 * math.pi * math.e))


def kl_divergence(mean: Array, log_std: Array, old_mean: Array, old_log_std: Array) -> Array:
  """KL(old || new) [...] of two diagonal Gaussians, in nats."""
  ratio = jnp.exp(2 * (old_log_std - log_std))
  distance = jnp.square((old_mean - mean) * jnp.exp(-log_std))
  return jnp.sum(log_std - old_log_std + 0.5 * (ratio + distance - 1.0), axis=-1)
