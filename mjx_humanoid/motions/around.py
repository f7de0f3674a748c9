"""PD targets around a reference motion: a base policy whose actions ask for the joint angles of the clip.

A network that adds to them learns only by how much the motors must ask for more, or for something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Array
from mjx_humanoid.motions import gait
from mjx_humanoid.motions.gait import Reference, Tracking
from mjx_humanoid.motions.reference import tracking_gains
from mjx_humanoid.physics.body import Body

TARGETS, SEEN = 'clip_targets', ('joint_positions', 'joint_velocities')  # observations that it reads
KEY = 'around'  # of its numbers in a policy file


class Around(NamedTuple):
  """The base policy: its numbers. A actions."""

  targets: int  # first elements in the observation: of the angles of the clip, of all joints
  angles: int  # the same of the measured ones
  rates: int
  joints: np.ndarray  # [A] int, the joint of each action
  standing: np.ndarray  # [A] rad
  per_rad: np.ndarray  # [A] action per rad
  stiffness: np.ndarray  # [A] action per rad of error, of torque motors; 0 under PD control
  damping: np.ndarray  # [A] the same per rad/s

  def action(self, obs: Array) -> Array:
    """The action [..., A] for an observation [..., O], not clipped."""
    offset = obs[..., self.targets + self.joints] - self.standing
    error = self.standing - obs[..., self.angles + self.joints]
    return self.per_rad * offset + self.stiffness * error - self.damping * obs[..., self.rates + self.joints]


def around_clip(body: Body, places: Mapping[str, tuple[int, int]]) -> Around:
  """The base policy of a robot.

  Args:
    places: the slice of each observation by name.

  Raises:
    UserError: the task lacks an observation that it reads.
  """
  if lacking := [name for name in (TARGETS, *SEEN) if name not in places]:
    raise UserError(
      f'config.network.residual=clip reads observations that this task does not have: {", ".join(lacking)}.'
    )
  per_rad, gains = tracking_gains(body)
  pose, velocity = (places[name][0] for name in SEEN)
  own = Tracking(np.zeros(0, np.float32), *gains)
  return Around(
    places[TARGETS][0], pose + 4, velocity + 6, own.joints, own.standing, per_rad, own.stiffness, own.damping
  )


def kind_of(base: Reference | Around | None) -> str:
  """The setting config.network.residual that makes a base policy."""
  return '' if base is None else 'clip' if isinstance(base, Around) else 'reference'


def to_lists(base: Reference | Around) -> dict[str, Any]:
  """The numbers of a base policy as JSON types."""
  if isinstance(base, Around):
    return {KEY: {name: np.asarray(value).tolist() for name, value in base._asdict().items()}}
  return gait.to_lists(base)


def from_lists(values: Mapping[str, Any]) -> Reference | Around:
  """The base policy of `to_lists`. Raises KeyError, TypeError or ValueError if the numbers are damaged."""
  if KEY not in values:
    return gait.from_lists(values)
  own = values[KEY]
  targets, angles, rates = (int(own[name]) for name in ('targets', 'angles', 'rates'))
  gains = [np.array(own[name], np.float32) for name in ('standing', 'per_rad', 'stiffness', 'damping')]
  return Around(targets, angles, rates, np.array(own['joints'], np.int64), *gains)
