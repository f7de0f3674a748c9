"""The section `network`: shape of the actor and the critic."""

from __future__ import annotations

from dataclasses import dataclass

from mjx_humanoid.core.config.settings import setting
from mjx_humanoid.core.network import ACTIVATIONS

SYMMETRIES = ('averaged', 'equivariant')


@dataclass(frozen=True)
class NetworkConfig:
  """Shape of the actor and the critic."""

  policy_layers: tuple[int, ...] = setting((128, 128), 'widths of the hidden layers of the actor', low=1)
  value_layers: tuple[int, ...] = setting((128, 128), 'widths of the hidden layers of the critic', low=1)
  activation: str = setting('elu', 'nonlinearity of the hidden layers', choices=tuple(ACTIVATIONS))
  shared: bool = setting(False, 'actor and critic share their hidden layers (policy_layers)')
  symmetric: bool = setting(
    True, 'make the policy exactly left-right symmetric; no effect on robots whose datasheet has no symmetry'
  )
  symmetry: str = setting(
    'averaged',
    'how a symmetric network is one; averaged: over each observation and its mirror image, in two passes; equivariant:'
    ' by layers that treat left and right alike, at a quarter of the products. Algorithms ppo and a2c have both',
    choices=SYMMETRIES,
  )
  residual: str = setting(
    '',
    'reference: the actor adds to the actions of the reference gait of the robot; clip: to those that ask for the joint'
    ' angles of the clip; empty: it acts alone',
    choices=('', 'reference', 'clip'),
  )
  matmul: str = setting(
    'float32',
    'numbers that the products of hidden layers multiply in training; bfloat16 is faster on GPUs and keeps 8 bits of'
    ' mantissa. Parameters, sums and playback are float32',
    choices=('float32', 'bfloat16'),
  )
  initial_std: float = setting(0.4, 'standard deviation of the actions at the start of training', above=0)
  final_std: float = setting(
    0.0,
    'standard deviation of the actions at the end of training, on a geometric schedule (0 = it is learned)',
    low=0,
  )
