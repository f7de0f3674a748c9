"""The interface of every physics engine."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol, TypeVar

import numpy as np

from mjx_humanoid.core.types import Array, View

S = TypeVar('S')
NOTHING: Mapping[str, np.ndarray] = MappingProxyType({})
MAX_VELOCITY = 1000.0  # m/s and rad/s; beyond it the simulation is diverging: still finite, but meaningless


class Engine(Protocol[S]):
  """Steps B environments of one model. The first axis of arrays is B; views are float32."""

  traceable: bool  # True: pure functions for jit and scan. False: called from the host
  name: str

  def init(self, qpos: Array, qvel: Array) -> S:
    """Environments at time 0, at these positions [B, nq] and velocities [B, nv]."""
    ...

  def step(self, state: S, ctrl: Array, force: Array | None = None, kick: Array | None = None) -> tuple[S, View]:
    """All physics steps of one control step, under ctrl [B, nu].

    Args:
      force: [B, 3] N on the root body, in the world frame.
      kick: [B, 3] m/s added to the velocity of the root.
    """
    ...

  def write(self, state: S, mask: Array, qpos: Array, qvel: Array) -> S:
    """Resets the environments of mask [B] to rows of qpos [B, nq] and qvel [B, nv]."""
    ...

  def pack(self, state: S) -> dict[str, Array]:
    """Everything that the next step depends on, as arrays for a checkpoint."""
    ...

  def unpack(self, arrays: dict[str, Array]) -> S:
    """The state that `pack` was given, exactly."""
    ...
