"""What algorithms with a Gaussian actor and a value function share: normalised observations, and their actors."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from mjx_humanoid.core.network import CLIP, Actor, Mirror
from mjx_humanoid.core.types import Array
from mjx_humanoid.rl import normalize, warm_start
from mjx_humanoid.rl.networks import Networks


def normalized(normalizer: normalize.Normalizer, obs: Array, enabled: bool) -> Array:
  """Observations [..., O] as the networks see them; if normalisation is not enabled, they are only clipped."""
  return normalize.normalize(normalizer, obs) if enabled else jnp.clip(obs, -CLIP, CLIP)


def observed(normalizer: normalize.Normalizer, obs: Array, mirror: Mirror | None) -> normalize.Normalizer:
  """Statistics with observations [..., O] added, and with a mirror their mirror images, so that both scale alike."""
  if mirror is None:
    return normalize.update(normalizer, obs)
  return normalize.update(normalizer, jnp.concatenate([obs, mirror.obs(obs)]))


def scale(normalizer: normalize.Normalizer, enabled: bool) -> tuple[Array, Array]:
  """Mean and standard deviation [O] for an Actor: those of the statistics, or 0 and 1 if not enabled."""
  mean, std = normalizer.mean, normalizer.std
  return (mean, std) if enabled else (jnp.zeros_like(mean), jnp.ones_like(std))


def actor_of(net: Networks, params: Any, normalizer: normalize.Normalizer, enabled: bool) -> Actor:
  """The actor of these parameters. See Algorithm.actor."""
  layers = net.layers(params)
  kernels, biases = (tuple(layer[name] for layer in layers) for name in ('kernel', 'bias'))
  return Actor(kernels, biases, net.log_std(params), *scale(normalizer, enabled), net.mirror)


def adopted(
  net: Networks, params: Any, actor: Actor, *, normalize_observations: bool, section: str
) -> tuple[Any, normalize.Normalizer]:
  """The parameters with the layers of `actor`, and its normaliser. Observations that it lacks get zero weights.

  Args:
    section: dotted name of the algorithm's settings, for messages.

  Raises:
    UserError: the actor's layers, scale or mirror do not fit.
  """
  actor = warm_start.widened(actor, net.observation_size)
  params = jax.tree.map(lambda x: x, params)  # a copy of the tree, not of its arrays
  own = net.layers(params)
  shapes = [layer['kernel'].shape for layer in own]
  symmetric = net.mirror is not None
  warm_start.check_fit(actor, shapes, normalized=normalize_observations, symmetric=symmetric, section=section)
  for layer, kernel, bias in zip(own, actor.kernels, actor.biases, strict=True):
    layer |= {'kernel': jnp.asarray(kernel), 'bias': jnp.asarray(bias)}
  return params, normalize.known(jnp.asarray(actor.mean), jnp.asarray(actor.std))
