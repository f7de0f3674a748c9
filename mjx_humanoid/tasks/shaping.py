"""Functions that map an error to a reward in [0, 1]."""

from __future__ import annotations

import jax.numpy as jnp

from mjx_humanoid.core.types import Array


def gaussian(error: Array, scale: float) -> Array:
  """exp(-(|error| / scale)^2): 1 at no error, 0.37 at `scale`.

  Args:
    error: [] or [n]; for a vector, its length.
    scale: in the unit of the error.
  """
  squared = jnp.sum(jnp.square(error)) if jnp.ndim(error) else jnp.square(error)
  return jnp.exp(-squared / scale**2)


def tolerance(x: Array, lower: float, upper: float, margin: float) -> Array:
  """1 inside [lower, upper], falling to 0.1 at `margin` outside.

  The Gaussian form of the function of that name in DeepMind's control suite (Tassa et al., 2018).
  """
  outside = jnp.maximum(jnp.maximum(lower - x, x - upper), 0.0)
  return jnp.power(0.1, jnp.square(outside / margin))
