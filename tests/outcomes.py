"""The outcome of a control step in environments that are made up, with what rl/collect.py reads of it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Outcome(NamedTuple):
  """As in envs/env.py."""

  reward: Any
  terminated: Any
  truncated: Any
  next_obs: Any
  reset: Any
  qpos: Any
  qvel: Any
  metrics: Any
  extras: Any = {}  # noqa: RUF012 (never changed)
