"""How this package computes in JAX, whatever the process has set JAX to. Imports JAX only when it is needed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from mjx_humanoid.core.errors import UserError


@contextlib.contextmanager
def single_precision() -> Iterator[None]:
  """For all that is computed inside, or in a function that this decorates: float32, with products of full precision.

  A process may have set jax_enable_x64, in its environment, a notebook or a file with a reward; numbers here are the
  same with and without. The default precision of products on newer GPUs keeps 10 bits of mantissa, too few for PPO.
  The settings of the process hold again afterwards.
  """
  import jax

  with jax.enable_x64(False), jax.default_matmul_precision('highest'):
    yield


def backend() -> str:
  """The platform that JAX computes on: 'cpu', 'gpu' or 'tpu'. Raises UserError where JAX cannot start on any."""
  import jax

  try:
    return jax.default_backend()
  except (RuntimeError, AssertionError) as error:
    asked = os.environ.get('JAX_PLATFORMS') or getattr(jax.config, 'jax_platforms', None)
    if not asked:
      raise
    reason = str(error).split('\n')[0]
    raise UserError(
      f'JAX finds no device of JAX_PLATFORMS={asked}{reason and f" ({reason})"}; unset JAX_PLATFORMS, or set it to cpu.'
    ) from None
