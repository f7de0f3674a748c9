"""Applies gradients to parameters. The actor may be frozen while the critic learns alone."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from mjx_humanoid.core.types import Array
from mjx_humanoid.rl.networks import in_critic


def clipped(grads: Any, limit: float, actor_trains: Array) -> Any:
  """Gradients scaled down to a global norm; separately for actor and critic if `actor_trains` is False.

  The gradients of an untrained critic are a dozen times the actor's. A common scale would shrink the actor's gradients
  and so Adam's second moment. The first steps of the actor would then be far too large: a trained policy fell at once.
  """
  parts: tuple[dict[str, Any], ...] = ({}, {})
  for name, part in grads.items():
    parts[in_critic(name)][name] = part
  shared = optax.tree.norm(grads)
  scaled: dict[str, Any] = {}
  for part in parts:
    norm = jnp.where(actor_trains, shared, optax.tree.norm(part))
    scaled |= jax.tree.map(lambda g, n=norm: g * jnp.minimum(1.0, limit / jnp.maximum(n, 1e-12)), part)
  return {name: scaled[name] for name in grads}


def averaged(average: Any, params: Any, decay: float, updates: Array) -> Any:
  """The moving average of parameters after an update; at first over few updates, so that initial values soon vanish."""
  share = jnp.minimum(decay, (1 + updates) / (10 + updates))
  return jax.tree.map(lambda a, p: share * a + (1 - share) * p, average, params)


def descend(params: Any, updates: Any, rate: Array, actor_trains: Array) -> Any:
  """The parameters after a step along the updates; if `actor_trains` is False, only the critic's change."""
  rates = {name: rate if in_critic(name) else rate * actor_trains for name in params}
  return {name: jax.tree.map(lambda p, u, r=rates[name]: p - r * u, params[name], updates[name]) for name in params}


def halted(state: optax.OptState, actor_trains: Array) -> optax.OptState:
  """The state of chain(identity, Adam), with the actor's first moment set to zero if `actor_trains` is False.

  The second moment is kept. While the actor is frozen, its gradient is nearly the same in every minibatch. This would
  build up momentum, so that its first steps would be several times too large and would go on against later gradients.
  """
  identity, adam = state
  moving = {name: 1.0 if in_critic(name) else actor_trains for name in adam.mu}
  mu = {name: jax.tree.map(lambda m, s=moving[name]: m * s, part) for name, part in adam.mu.items()}
  return identity, adam._replace(mu=mu)
