"""The policy network in array-API functions: one definition for training (JAX), playback (NumPy) and ONNX.

An actor normalises its observation, passes it through fully connected layers and clips the result:

  x = clip((obs - mean) / std, -CLIP, CLIP)
  y = layers(x), or with a mirror (layers(x) + mirrored(layers(mirrored(x)))) / 2
  action = clip(y, -1, 1), or tanh(y) for a squashed actor
  With a base, base(obs) is added to the action, and the sum is clipped to [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from mjx_humanoid.core.types import Array

CLIP = 10.0  # standard deviations; bounds the normalised observation of an environment that is about to diverge


class Activation(NamedTuple):
  """A nonlinearity."""

  function: Callable[[Array], Array]  # elementwise, in the array library of its argument
  onnx: tuple[str, ...]  # ONNX operators: one, or two if the second multiplies the result by the input


# `where` gives the same gradients at 0 as jax.nn: 1 for elu, 0 for relu.
def _elu(x: Array) -> Array:
  xp = x.__array_namespace__()
  return xp.where(x > 0, x, xp.expm1(xp.where(x > 0, xp.zeros_like(x), x)))


def _relu(x: Array) -> Array:
  xp = x.__array_namespace__()
  return xp.where(x <= 0, xp.zeros_like(x), x)  # NaN stays NaN


def _swish(x: Array) -> Array:
  xp = x.__array_namespace__()
  return x / (1 + xp.exp(-xp.clip(x, -80, None)))  # clipped, since exp overflows


def _tanh(x: Array) -> Array:
  return x.__array_namespace__().tanh(x)


ACTIVATIONS: dict[str, Activation] = {
  'elu': Activation(_elu, ('Elu',)),
  'relu': Activation(_relu, ('Relu',)),
  'swish': Activation(_swish, ('Sigmoid', 'Mul')),  # x * sigmoid(x); ONNX has one operator for it only since opset 24
  'tanh': Activation(_tanh, ('Tanh',)),
}


class Mirror(NamedTuple):
  """Exchanges left and right: mirrored = signs * x[..., sources]."""

  obs_sources: Array  # [O] int
  obs_signs: Array  # [O]
  action_sources: Array  # [A] int
  action_signs: Array  # [A]

  def obs(self, obs: Array) -> Array:
    """The mirrored observations [..., O]."""
    return obs[..., self.obs_sources] * self.obs_signs

  def action(self, action: Array) -> Array:
    """The mirrored actions [..., A]."""
    return action[..., self.action_sources] * self.action_signs


class Base(Protocol):
  """A policy that is not learned, to whose actions a network adds."""

  def action(self, obs: Array) -> Array:
    """The action [..., A] for an observation [..., O], not clipped."""
    ...


class Actor(NamedTuple):
  """The actor: parameters of the policy network, as a policy file stores them."""

  kernels: Sequence[Array]  # [in, out] of each layer; the last layer gives the mean action
  biases: Sequence[Array]  # [out] of each layer
  log_std: Array  # [A] logarithm of the standard deviation of the exploration noise
  mean: Array  # [O] of the observation normaliser
  std: Array  # [O] of the observation normaliser
  mirror: Mirror | None  # for a symmetric policy
  squash: bool = False  # actions are tanh of the last layer, as those of SAC; else they are clipped to [-1, 1]
  base: Base | None = None  # to whose actions the network adds


def normalize(obs: Array, mean: Array, std: Array) -> Array:
  """obs [..., O] in standard deviations from the mean, clipped."""
  x = (obs - mean) / std
  return x.__array_namespace__().clip(x, -CLIP, CLIP)


def layers(x: Array, kernels: Sequence[Array], biases: Sequence[Array], activation: str) -> Array:
  """Fully connected layers with the activation between them: [..., first in] -> [..., last out]."""
  function = ACTIVATIONS[activation].function
  for kernel, bias in zip(kernels[:-1], biases[:-1], strict=True):
    x = function(x @ kernel + bias)
  return x @ kernels[-1] + biases[-1]


def symmetrized(function: Callable[[Array], Array], x: Array, mirror: Mirror | None) -> Array:
  """The average of function(x) and mirrored(function(mirrored(x))): an exactly symmetric policy.

  Args:
    function: from observations [..., O] to actions [..., A].
    mirror: None returns function(x).
  """
  action = function(x)
  return action if mirror is None else (action + mirror.action(function(mirror.obs(x)))) / 2


def output(actor: Actor, obs: Array, activation: str) -> Array:
  """The last layer [..., A] for observations [..., O]: the mean of the Gaussian that actions are drawn from."""
  x = normalize(obs, actor.mean, actor.std)
  return symmetrized(lambda y: layers(y, actor.kernels, actor.biases, activation), x, actor.mirror)


def squashed(actor: Actor, y: Array) -> Array:
  """The action [..., A] of a value [..., A] of that Gaussian: its tanh if the actor is squashed, else the value."""
  return y.__array_namespace__().tanh(y) if actor.squash else y


def mean_action(actor: Actor, obs: Array, activation: str) -> Array:
  """The deterministic action [..., A] for observations [..., O], before it is clipped to [-1, 1]."""
  return on_base(actor.base, squashed(actor, output(actor, obs, activation)), obs)


def on_base(base: Base | None, action: Array, obs: Array) -> Array:
  """The action [..., A] of a network, added to that of its base if it has one; not clipped."""
  return action if base is None else action.clip(-1.0, 1.0) + base.action(obs)
