"""What algorithms with a Gaussian actor and a value function share: normalised observations, and their actors."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import CLIP, Actor, Mirror
from mjx_humanoid.core.types import Array
from mjx_humanoid.rl import normalize, warm_start
from mjx_humanoid.rl.algorithm import Spec
from mjx_humanoid.rl.equivariant import EquivariantNetworks, basis_of
from mjx_humanoid.rl.networks import Networks


def make_networks(config: NetworkConfig, spec: Spec) -> Networks:
  """The networks of a config for an environment.

  Raises:
    UserError: a mirror is needed and missing, or layers cannot be equivariant.
  """
  mirror = spec.mirror() if config.symmetric else None
  kind = Networks
  if config.symmetry == 'equivariant':
    check_equivariant(config, mirror)
    kind = EquivariantNetworks if mirror is not None else Networks
  return kind(config, spec.observation_size, spec.action_size, mirror)


def check_equivariant(config: NetworkConfig, mirror: Mirror | None) -> None:
  """Raises UserError for settings and mirrors that layers cannot be equivariant with."""
  if not config.symmetric:
    raise UserError('config.network.symmetry=equivariant needs config.network.symmetric=True.')
  widths = {'policy_layers': config.policy_layers, 'value_layers': () if config.shared else config.value_layers}
  for name, odd in ((name, width) for name, layers in widths.items() for width in layers if width % 2):
    raise UserError(
      f'config.network.{name}: half of the units of an equivariant layer are left and half right, so {odd} must be'
      f' even; or set config.network.symmetry=averaged.'
    )
  try:
    for sources, signs in () if mirror is None else (mirror[:2], mirror[2:]):
      basis_of(sources, signs)
  except ValueError:
    raise UserError(
      'config.network.symmetry=equivariant: an element of these observations occurs twice and its mirror image once;'
      ' set config.network.symmetry=averaged.'
    ) from None


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
  return Actor(kernels, biases, net.log_std(params), *scale(normalizer, enabled), net.averaged_over)


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
  shapes, averaged = [layer['kernel'].shape for layer in net.layers(params)], net.averaged_over is not None
  if actor.mirror is not None and net.mirror is not None and not averaged:
    raise UserError('config.init_from: set config.network.symmetry=averaged, as that policy is.')
  warm_start.check_fit(actor, shapes, normalized=normalize_observations, symmetric=averaged, section=section)
  return net.with_layers(params, actor.kernels, actor.biases), normalize.known(
    jnp.asarray(actor.mean), jnp.asarray(actor.std)
  )
