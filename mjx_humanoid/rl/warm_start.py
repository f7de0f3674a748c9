"""Starting from the actor of another policy: adds inputs for new observations, and checks that layers fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import Actor


def widened(actor: Actor, size: int) -> Actor:
  """The actor with `size` inputs: additional ones have zero weights, mean 0 and standard deviation 1."""
  first, more = np.asarray(actor.kernels[0]), max(0, size - len(actor.mean))
  kernels = (np.concatenate([first, np.zeros((more, first.shape[1]), first.dtype)]), *actor.kernels[1:])
  mean, std = np.append(actor.mean, np.zeros(more)), np.append(actor.std, np.ones(more))
  return actor._replace(kernels=kernels, mean=mean.astype(np.float32), std=std.astype(np.float32))


def check_fit(
  actor: Actor,
  shapes: Sequence[tuple[int, ...]],
  *,
  normalized: bool,
  symmetric: bool,
  section: str,
  squash: bool = False,
) -> None:
  """Checks that a learner can start from an actor.

  Args:
    shapes: of the kernels of the learner's own actor, in order.
    normalized: whether the learner normalises observations.
    symmetric: whether its network has a mirror.
    squash: whether it squashes its actions.
    section: dotted name of the algorithm's settings, for the message.

  Raises:
    UserError: it cannot; names the setting to change.
  """
  if list(shapes) != [kernel.shape for kernel in actor.kernels]:
    wanted, given = (tuple(n for _, n in x[:-1]) for x in (shapes, [k.shape for k in actor.kernels]))
    raise UserError(
      f'config.init_from: that policy has layers {given} for {actor.kernels[0].shape[0]} observations, this training'
      f' {wanted} for {shapes[0][0]}; set config.network.policy_layers={given} and the same observations.'
    )
  if not normalized and (np.any(actor.mean) or np.any(np.asarray(actor.std) != 1)):
    raise UserError(f'config.init_from: set {section}.normalize_observations=True, as that policy is.')
  if actor.squash != squash:
    raise UserError(
      f'config.init_from: that policy {"squashes its actions by tanh" if actor.squash else "clips its actions"}, so'
      f' config.algorithm must be {"sac" if actor.squash else "ppo, a2c or amp"}.'
    )
  if (actor.mirror is not None) != symmetric:
    other = '; or config.network.symmetry=equivariant, if it was trained so' if symmetric else ''
    raise UserError(
      f'config.init_from: set config.network.symmetric={actor.mirror is not None}, as that policy is{other}.'
    )
