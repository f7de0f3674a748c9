"""Returns as categorical distributions over fixed bins (Bellemare et al., 2017)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from mjx_humanoid.core.types import Array


def support(bins: int, limit: float) -> Array:
  """The values of the bins [bins], from -limit to limit."""
  return jnp.linspace(-limit, limit, bins)


def mean(logits: Array, values: Array) -> Array:
  """The mean [...] of distributions with logits [..., bins] over `values` [bins]."""
  return jax.nn.softmax(logits) @ values


def projected(probability: Array, shifted: Array, values: Array) -> Array:
  """Distributions over shifted values, moved to the bins: each mass goes to the two bins beside it.

  Args:
    probability: [N, bins].
    shifted: [N, bins] where each mass is; beyond the support, it goes to the outermost bin.
    values: [bins] of the support, evenly spaced.

  Returns:
    Probabilities [N, bins].
  """
  width = values[1] - values[0]
  place = (jnp.clip(shifted, values[0], values[-1]) - values[0]) / width  # [N, bins] in bins
  share = jnp.maximum(1.0 - jnp.abs(place[:, None, :] - jnp.arange(len(values))[:, None]), 0.0)  # [N, bins, masses]
  return (share * probability[:, None, :]).sum(axis=-1)


def cross_entropy(target: Array, logits: Array) -> Array:
  """Cross-entropy [...] of distributions with logits [..., bins] from target probabilities [..., bins], in nats."""
  return -(target * jax.nn.log_softmax(logits)).sum(axis=-1)
