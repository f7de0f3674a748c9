"""What the tests of checkpoints share: a state to save."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np


class Part(NamedTuple):
  weights: object
  count: object


def tree(value=1.0):
  rng = np.random.default_rng(int(value))
  return {
    'learner': Part(jnp.asarray(rng.normal(size=(5, 3)), jnp.float32), jnp.asarray(int(value), jnp.int32)),
    'physics': {'state': rng.normal(size=(2, 4))},  # float64, of C MuJoCo
    'key': jnp.asarray([1, 2**32 - 1], jnp.uint32),
    'score': float(value),
  }
