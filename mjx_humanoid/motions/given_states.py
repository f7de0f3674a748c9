"""States that policies have reached, for starts: who plays the policies gives their states here."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mjx_humanoid.core.errors import UserError

PREFIX = 'policy:'  # of a start: policy:walk, or policy:walk,kneel for states of several


class States(NamedTuple):
  """States of a robot."""

  qpos: np.ndarray  # [K, nq]
  qvel: np.ndarray  # [K, nv]


_given: dict[str, States] = {}  # by start


def is_of_policies(start: str) -> bool:
  """Whether a start is of states of policies."""
  return start.startswith(PREFIX)


def policies_of(start: str) -> list[str]:
  """The policies that a start names. Raises UserError if it names none."""
  names = [name.strip() for name in start.removeprefix(PREFIX).split(',')]
  if not all(names):
    raise UserError(
      f'config.task.start={start}: name a policy behind the colon, as in policy:walk or policy:walk,kneel.'
    )
  return names


def give(start: str, states: States) -> None:
  """Gives the states of a start, for this process."""
  _given[start] = states


def given(start: str) -> States:
  """The states of a start. Raises UserError if nobody has played its policies."""
  if start not in _given:
    raise UserError(
      f'start {start!r}: the states of policies are made for training, and are not at hand here; choose another start.'
    )
  return _given[start]
