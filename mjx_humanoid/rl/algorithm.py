"""What every algorithm offers the training loop, and the finding of one by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.registry import first_line
from mjx_humanoid.core.types import Array, Demonstrations, Key, Transition

L = TypeVar('L')
Metrics = dict[str, Array]


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


def nothing_shown() -> Demonstrations:
  """Of an environment that shows nobody how. Raises UserError."""
  raise UserError('config.ppo.imitation_coef: nothing is shown here that could be imitated; set it to 0.')


class Spec(NamedTuple):
  """What an algorithm needs to know of an environment."""

  observation_size: int
  action_size: int
  mirror: Callable[[], Mirror]  # made only where an algorithm asks for it
  demonstrations: Callable[[], Demonstrations] = nothing_shown  # the same


class Actor(NamedTuple):
  """The part of a learner that acts: what a policy file is made from."""

  kernels: list[Array]  # each [in, out], in order; the last one gives the mean action
  biases: list[Array]  # each [out]
  log_std: Array  # [A]
  mean: Array  # [O] of the normaliser
  std: Array  # [O] of the normaliser
  mirror: Mirror | None  # of a symmetric network


def seeing_more(actor: Actor, size: int) -> Actor:
  """The actor with `size` inputs: the new ones, behind its own, have zero weights, mean 0 and standard deviation 1."""
  first, more = np.asarray(actor.kernels[0]), max(0, size - len(actor.mean))
  kernels = [np.concatenate([first, np.zeros((more, first.shape[1]), first.dtype)]), *actor.kernels[1:]]
  mean, std = np.append(actor.mean, np.zeros(more)), np.append(actor.std, np.ones(more))
  return actor._replace(kernels=kernels, mean=mean.astype(np.float32), std=std.astype(np.float32))


class Algorithm(Protocol[L]):
  """A learner L is one pytree, checkpointed whole."""

  unroll_length: int  # control steps of each world between updates

  def init(self, key: Key) -> L:
    """A fresh learner."""
    ...

  def act(self, learner: L, obs: Array, key: Key) -> tuple[Array, dict[str, Array]]:
    """Exploring actions [B, A] for obs [B, O], and what `update` needs to know of them."""
    ...

  def update(self, learner: L, batch: Transition, key: Key) -> tuple[L, Metrics]:
    """Learns from [T, B] transitions."""
    ...

  def actor(self, learner: L) -> Actor:
    """What playback needs."""
    ...

  def adopt(self, learner: L, actor: Actor) -> L:
    """The learner, acting like `actor` from now on; exploration stays as the config says.

    Raises:
      UserError: the actor's layers are not those of the config.
    """
    ...


def algorithms() -> dict[str, str]:
  """One line for each algorithm: the modules beside this one that have a `make`."""
  folder = __name__.rpartition('.')[0]
  package = importlib.import_module(folder)
  modules = [importlib.import_module(f'{folder}.{m.name}') for m in pkgutil.iter_modules(package.__path__)]
  return {m.__name__.rpartition('.')[2]: first_line(m) for m in modules if hasattr(m, 'make')}


def make_algorithm(config: Config, spec: Spec) -> Algorithm[Any]:
  """The algorithm that the config names, for an environment. Raises UserError where there is no such one."""
  if config.algorithm not in (names := algorithms()):
    raise unknown('algorithm', config.algorithm, names)
  module = importlib.import_module(f'{__name__.rpartition(".")[0]}.{config.algorithm}')
  algorithm: Algorithm[Any] = module.make(config, spec)
  return algorithm
