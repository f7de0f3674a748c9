"""An actor-critic whose every layer commutes with the left-right mirror, at a quarter of the products of averaging.

A symmetric policy may average a network over an observation and its mirror image, which takes two passes. Here the
layers themselves are equivariant (Cohen & Welling, 2016, for the group of two elements): hidden units come in pairs
(left, right) that the mirror exchanges, and kernels have the structure [[A, B], [B, A]]. In even and odd parts,
(left + right) / sqrt(2) and (left - right) / sqrt(2), such a kernel is two of half the size, A + B and A - B.
Activations act on left and right. With its kernels written out the network is a plain one, as policy files have it.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import ACTIVATIONS, Mirror
from mjx_humanoid.core.types import Array, Key
from mjx_humanoid.rl.networks import Networks, in_bfloat16

HALF = math.sqrt(0.5)
TOLERANCE = 1e-3  # of a kernel that is read as equivariant, relative to its largest element


class Part(NamedTuple):
  """The even or the odd part of vectors [..., n]: K numbers scale * x[rows] + weight * x[others]."""

  rows: np.ndarray  # [K] int
  others: np.ndarray  # [K] int, the mirror images of the rows
  scale: np.ndarray  # [K]
  weight: np.ndarray  # [K]
  matrix: np.ndarray  # [n, K], orthonormal columns: the part is x @ matrix

  def of(self, x: Array) -> Array:
    """The part [..., K] of vectors [..., n]."""
    return self.scale * x[..., self.rows] + self.weight * x[..., self.others]


class Basis(NamedTuple):
  """Even and odd parts of vectors: the mirror keeps the even part and negates the odd one."""

  even: Part
  odd: Part


def basis_of(sources: Array, signs: Array) -> Basis:
  """The even and odd parts of vectors [..., n] that the mirror maps to signs * x[..., sources].

  Args:
    sources: [n] int.
    signs: [n] of 1 and -1.

  Raises:
    ValueError: the mirror image of a mirror image is not the vector itself.
  """
  sources, signs = np.asarray(sources), np.asarray(signs)
  index = np.arange(len(sources))
  if np.any(sources[sources] != index) or np.any(signs * signs[sources] != 1):
    raise ValueError('the mirror is not its own inverse')

  def part(sign: int) -> Part:
    rows = index[(sources > index) | ((sources == index) & (signs == sign))]
    others, columns = sources[rows], np.arange(len(rows))
    scale = np.where(others == rows, 0.5, HALF).astype(np.float32)  # a row that is its own image is taken twice
    weight = (sign * signs[rows] * scale).astype(np.float32)
    matrix = np.zeros((len(index), len(rows)), np.float32)
    matrix[rows, columns] += scale
    matrix[others, columns] += weight
    return Part(rows, others, scale, weight, matrix)

  return Basis(part(1), part(-1))


@functools.cache
def pairs(width: int) -> Basis:
  """The even and odd parts of hidden units [..., width], of which the mirror exchanges the first and second half."""
  half = width // 2
  return basis_of(np.roll(np.arange(width), half), np.ones(width, np.float32))


class EquivariantLayer(nn.Module):
  """A linear map that commutes with the mirror, between even and odd parts."""

  even: int  # size of the result's even part
  odd: int
  scale: float  # of the orthogonal initial kernels
  matmul: str = 'float32'

  @nn.compact
  def __call__(self, even: Array, odd: Array) -> tuple[Array, Array]:
    """even [..., E] and odd [..., O] -> [..., self.even] and [..., self.odd]. Only the even part has a bias."""
    product = in_bfloat16 if self.matmul == 'bfloat16' else None
    init = functools.partial(_orthogonal, self.scale)
    options: dict[str, Any] = {'kernel_init': init, 'dot_general': product}
    return (
      nn.Dense(self.even, name='even', **options)(even),
      nn.Dense(self.odd, use_bias=False, name='odd', **options)(odd),
    )


def _orthogonal(scale: float, key: Key, shape: Sequence[int], dtype: Any = jnp.float32) -> Array:
  """An orthogonal kernel, also one without rows or columns."""
  return nn.initializers.orthogonal(scale)(key, shape, dtype) if 0 not in shape else jnp.zeros(shape, dtype)


class EquivariantTrunk(nn.Module):
  """Hidden layers, on even and odd parts."""

  widths: Sequence[int]
  activation: str
  matmul: str = 'float32'

  @nn.compact
  def __call__(self, even: Array, odd: Array) -> tuple[Array, Array]:
    """even [..., E] and odd [..., O] -> two arrays [..., widths[-1] / 2]."""
    function = ACTIVATIONS[self.activation].function
    for i, width in enumerate(self.widths):
      layer = EquivariantLayer(width // 2, width // 2, math.sqrt(2), self.matmul, name=f'hidden_{i}')
      even, odd = layer(even, odd)
      left, right = function((even + odd) * HALF), function((even - odd) * HALF)
      even, odd = (left + right) * HALF, (left - right) * HALF
    return even, odd


class EquivariantActorCritic(nn.Module):
  """ActorCritic with equivariant layers: a mirrored observation gives the mirrored mean and the same value."""

  config: NetworkConfig
  observations: Basis
  actions: Basis

  def setup(self) -> None:
    """Parameters: as ActorCritic has them, with kernels for even and odd parts."""
    config, (even, odd) = self.config, self.actions
    self.policy = EquivariantTrunk(config.policy_layers, config.activation, config.matmul)
    self.value = None if config.shared else EquivariantTrunk(config.value_layers, config.activation, config.matmul)
    self.mean_head = EquivariantLayer(len(even.rows), len(odd.rows), 0.01)
    self.value_head = nn.Dense(1, kernel_init=functools.partial(_orthogonal, 1.0))
    start = nn.initializers.constant(math.log(config.initial_std))
    self.log_std = self.param('log_std', start, (len(even.matrix),))

  def __call__(self, obs: Array) -> tuple[Array, Array, Array]:
    """obs [..., O] -> mean [..., A], log_std [A], value [...]."""
    return *self.act(obs), self.evaluate(obs)

  def act(self, obs: Array) -> tuple[Array, Array]:
    """obs [..., O] -> mean [..., A], log_std [A]."""
    even, odd = self.mean_head(*self.policy(*self._parts(obs)))
    return even @ self.actions.even.matrix.T + odd @ self.actions.odd.matrix.T, self.log_std

  def evaluate(self, obs: Array) -> Array:
    """obs [..., O] -> value [...]; of the even part alone."""
    trunk = self.policy if self.value is None else self.value
    return self.value_head(trunk(*self._parts(obs))[0])[..., 0]

  def _parts(self, obs: Array) -> tuple[Array, Array]:
    return self.observations.even.of(obs), self.observations.odd.of(obs)


@dataclass(frozen=True, eq=False)
class EquivariantNetworks(Networks):
  """Networks with equivariant layers. Needs a mirror that is its own inverse, and even widths."""

  def policy(self, params: Any, obs: Array) -> tuple[Array, Array]:
    """See Networks."""
    return self._apply(params, obs, 'act')[0], self.log_std(params)

  def value(self, params: Any, obs: Array) -> Array:
    """See Networks."""
    value: Array = self._apply(params, obs, 'evaluate')
    return value

  @property
  def averaged_over(self) -> Mirror | None:
    """See Networks: nothing, since the plain network is symmetric by itself."""
    return None

  def layers(self, params: Any) -> list[dict[str, Array]]:
    """See Networks."""
    bases = self._bases
    return [written_out(layer, *ends) for layer, ends in zip(super().layers(params), bases, strict=True)]

  def with_layers(self, params: Any, kernels: Sequence[Array], biases: Sequence[Array]) -> Any:
    """See Networks. Raises UserError where the layers are not equivariant."""
    params = jax.tree.map(lambda x: x, params)  # a copy of the tree, not of its arrays
    for layer, kernel, bias, ends in zip(super().layers(params), kernels, biases, self._bases, strict=True):
      layer.update(read_back(np.asarray(kernel), np.asarray(bias), *ends))
    return params

  @functools.cached_property
  def _bases(self) -> list[tuple[Basis, Basis]]:
    """Before and after each layer of the actor."""
    assert self.mirror is not None, 'equivariant layers need a mirror'
    first = basis_of(self.mirror.obs_sources, self.mirror.obs_signs)
    last = basis_of(self.mirror.action_sources, self.mirror.action_signs)
    return list(itertools.pairwise([first, *map(pairs, self.config.policy_layers), last]))

  @property
  def _module(self) -> Any:
    return EquivariantActorCritic(self.config, self._bases[0][0], self._bases[-1][1])


def written_out(layer: dict[str, Any], before: Basis, after: Basis) -> dict[str, Array]:
  """The kernel [in, out] and the bias [out] of an equivariant layer as those of a plain one."""
  even, odd = layer['even'], layer['odd']
  kernel = before.even.matrix @ even['kernel'] @ after.even.matrix.T
  return {
    'kernel': kernel + before.odd.matrix @ odd['kernel'] @ after.odd.matrix.T,
    'bias': after.even.matrix @ even['bias'],
  }


def read_back(kernel: np.ndarray, bias: np.ndarray, before: Basis, after: Basis) -> dict[str, Any]:
  """The parameters of an equivariant layer that `written_out` gives. Raises UserError where there are none."""
  layer = {
    'even': {
      'kernel': jnp.asarray(before.even.matrix.T @ kernel @ after.even.matrix),
      'bias': jnp.asarray(after.even.matrix.T @ bias),
    },
    'odd': {'kernel': jnp.asarray(before.odd.matrix.T @ kernel @ after.odd.matrix)},
  }
  again = written_out(layer, before, after)
  for name, array in (('kernel', kernel), ('bias', bias)):
    if np.abs(again[name] - array).max(initial=0) > TOLERANCE * np.abs(array).max(initial=1e-3):
      raise UserError(
        'config.init_from: the layers of that policy do not treat left and right alike, as'
        ' config.network.symmetry=equivariant needs it; set config.network.symmetric=False.'
      )
  return layer
