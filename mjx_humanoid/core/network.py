"""The policy network in array-API functions: one definition for training (JAX), playback (NumPy) and ONNX.

An actor normalises its observation, passes it through fully connected layers and clips the result:

  x = clip((obs - mean) / std, -CLIP, CLIP)
  y = layers(x), or with a mirror (layers(x) + mirrored(layers(mirrored(x)))) / 2
  action = clip(y, -1, 1)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from mjx_humanoid.core.types import Array

CLIP = 10.0  # standard deviations, of the normalised observation: physics about to diverge must not shake the network


class Activation(NamedTuple):
  """A nonlinearity."""

  function: Callable[[Array], Array]  # elementwise, in the array library of its argument
  onnx: tuple[str, ...]  # its operators in ONNX: one, or two where the second multiplies the first by the input


# Written with `where`, so that gradients at 0 are those of jax.nn: 1 for elu, 0 for relu.
def _elu(x: Array) -> Array:
  xp = x.__array_namespace__()
  return xp.where(x > 0, x, xp.expm1(xp.where(x > 0, xp.zeros_like(x), x)))


def _relu(x: Array) -> Array:
  xp = x.__array_namespace__()
  return xp.where(x <= 0, xp.zeros_like(x), x)  # and NaN stays NaN


def _swish(x: Array) -> Array:
  xp = x.__array_namespace__()
  return x / (1 + xp.exp(-xp.clip(x, -80, None)))  # clipped where exp overflows


def _tanh(x: Array) -> Array:
  return x.__array_namespace__().tanh(x)


ACTIVATIONS: dict[str, Activation] = {
  'elu': Activation(_elu, ('Elu',)),
  'relu': Activation(_relu, ('Relu',)),
  'swish': Activation(_swish, ('Sigmoid', 'Mul')),  # x * sigmoid(x); an operator of its own only since opset 24
  'tanh': Activation(_tanh, ('Tanh',)),
}


class Mirror(NamedTuple):
  """Left and right exchanged: mirrored = signs * x[..., sources]."""

  obs_sources: Array  # [O] int
  obs_signs: Array  # [O]
  action_sources: Array  # [A] int
  action_signs: Array  # [A]

  def obs(self, obs: Array) -> Array:
    """Observations [..., O] in the mirror."""
    return obs[..., self.obs_sources] * self.obs_signs

  def action(self, action: Array) -> Array:
    """Actions [..., A] in the mirror."""
    return action[..., self.action_sources] * self.action_signs


class Actor(NamedTuple):
  """The part of a learner that acts: what a policy file is made from."""

  kernels: Sequence[Array]  # each [in, out], in order; the last one gives the mean action
  biases: Sequence[Array]  # each [out]
  log_std: Array  # [A] of the exploration noise
  mean: Array  # [O] of the normaliser
  std: Array  # [O] of the normaliser
  mirror: Mirror | None  # of a symmetric network


def normalize(obs: Array, mean: Array, std: Array) -> Array:
  """obs [..., O] in standard deviations from the mean, clipped."""
  x = (obs - mean) / std
  return x.__array_namespace__().clip(x, -CLIP, CLIP)


def layers(x: Array, kernels: Sequence[Array], biases: Sequence[Array], activation: str) -> Array:
  """Fully connected layers, the activation between them: [..., in of the first] -> [..., out of the last]."""
  function = ACTIVATIONS[activation].function
  for kernel, bias in zip(kernels[:-1], biases[:-1], strict=True):
    x = function(x @ kernel + bias)
  return x @ kernels[-1] + biases[-1]


def symmetrized(function: Callable[[Array], Array], x: Array, mirror: Mirror | None) -> Array:
  """function(x), averaged with mirrored(function(mirrored(x))): left and right are treated alike, exactly.

  Args:
    function: from observations [..., O] to actions [..., A].
    mirror: None for the bare function.
  """
  action = function(x)
  return action if mirror is None else (action + mirror.action(function(mirror.obs(x)))) / 2


def mean_action(actor: Actor, obs: Array, activation: str) -> Array:
  """The mean action [..., A] for observations [..., O], before it is clipped to [-1, 1]."""
  x = normalize(obs, actor.mean, actor.std)
  return symmetrized(lambda y: layers(y, actor.kernels, actor.biases, activation), x, actor.mirror)
