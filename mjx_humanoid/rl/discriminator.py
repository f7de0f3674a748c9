"""A discriminator that tells the motion of a clip from that of a policy, and the style reward that it gives.

Peng, Ma, Abbeel, Levine and Kanazawa, "AMP: adversarial motion priors for stylized physics-based character control",
ACM Trans. Graph. 40 (2021): least-squares loss with a gradient penalty (equation 8), reward (equation 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from mjx_humanoid.core.config.amp import AMPConfig
from mjx_humanoid.core.types import Array, Key
from mjx_humanoid.rl.algorithm import Metrics
from mjx_humanoid.rl.minibatches import split_over_devices
from mjx_humanoid.rl.networks import Trunk

MAX_GRAD_NORM = 1.0  # gradients are scaled down to this global norm
REAL, FAKE = 1.0, -1.0  # outputs that the loss asks for: of the clip, and of the policy


class Critic(NamedTuple):
  """What gradient steps of the discriminator change."""

  params: Any
  opt_state: optax.OptState


class Scores(nn.Module):
  """Hidden layers and one output without bounds, [..., 2 F] -> [...]."""

  widths: tuple[int, ...]

  @nn.compact
  def __call__(self, pair: Array) -> Array:
    """Applies the layers."""
    output: Array = nn.Dense(1, name='score')(Trunk(self.widths, 'relu', name='trunk')(pair))
    return output[..., 0]


@dataclass(frozen=True, eq=False)
class Discriminator:
  """The discriminator as pure functions. Pairs are of normalised features, [..., 2, F]."""

  hyper: AMPConfig
  size: int  # F

  @property
  def optimizer(self) -> optax.GradientTransformation:
    """Adam with a constant learning rate and clipped gradients."""
    return optax.chain(optax.clip_by_global_norm(MAX_GRAD_NORM), optax.adam(self.hyper.learning_rate))

  def init(self, key: Key) -> Critic:
    """New random parameters. Consumes the key."""
    params = self._module.init(key, jnp.zeros(2 * self.size))['params']
    return Critic(params, self.optimizer.init(params))

  def scores(self, params: Any, pairs: Array) -> Array:
    """Outputs [...] for pairs [..., 2, F]: towards 1 for the clip, towards -1 for the policy."""
    flat = pairs.reshape((*pairs.shape[:-2], -1))
    scores: Array = self._module.apply({'params': params}, flat)
    return scores

  def loss(self, params: Any, real: Array, fake: Array) -> tuple[Array, Metrics]:
    """Equation 8 of Peng et al. (2021).

    mean (D(real) - 1)^2 + mean (D(fake) + 1)^2 + w / 2 mean |gradient of D with respect to its input, at real|^2

    Args:
      real, fake: [N, 2, F] pairs of the clip and of policies.

    Returns:
      The loss [], and scalars to log.
    """
    on_real, on_fake = self.scores(params, real), self.scores(params, fake)
    slope = jax.vmap(jax.grad(self.scores, argnums=1), in_axes=(None, 0))(params, real)
    penalty = jnp.square(slope).sum(axis=(1, 2)).mean()
    fit = jnp.square(on_real - REAL).mean() + jnp.square(on_fake - FAKE).mean()
    loss = fit + 0.5 * self.hyper.gradient_penalty * penalty
    metrics = {
      'discriminator_loss': loss,
      'discriminator_real': on_real.mean(),
      'discriminator_policy': on_fake.mean(),
      'discriminator_accuracy': 0.5 * ((on_real > 0).mean() + (on_fake < 0).mean()),
      'gradient_penalty': penalty,
    }
    return loss, metrics

  def step(self, critic: Critic, real: Array, fake: Array) -> tuple[Critic, Metrics]:
    """One gradient step on pairs [N, 2, F] of the clip and of policies.

    A step whose gradients are not finite is left out, and counted as 'skipped'.
    """
    real, fake = split_over_devices((real, fake))
    (_, metrics), grads = jax.value_and_grad(self.loss, has_aux=True)(critic.params, real, fake)
    updates, opt_state = self.optimizer.update(grads, critic.opt_state, critic.params)
    stepped = Critic(optax.apply_updates(critic.params, updates), opt_state)
    good = jnp.isfinite(optax.tree.norm(grads))
    critic = jax.tree.map(lambda new, old: jnp.where(good, new, old), stepped, critic)
    return critic, metrics | {'skipped': 1.0 - good}

  @property
  def _module(self) -> Scores:
    return Scores(self.hyper.layers)


def style_reward(scores: Array) -> Array:
  """max(0, 1 - 0.25 (D - 1)^2) [...], equation 7 of Peng et al. (2021): 1 like the clip, 0 from D = -1 down."""
  return jnp.maximum(0.0, 1.0 - 0.25 * jnp.square(scores - REAL))
