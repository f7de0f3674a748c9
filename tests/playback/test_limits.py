"""Protects the ranges of what is asked of playback in Python."""

from __future__ import annotations

import numpy as np
import pytest

from mjx_humanoid import play, trajectory
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback.limits import LIMITS, checked

GOOD = {'seconds': 1, 'command': (1, 0, -10), 'push': None, 'width': 640, 'height': 480, 'framerate': 30, 'seed': 0}


def test_what_is_within_the_ranges_passes():
  assert checked(**GOOD) == GOOD
  assert checked(seconds=np.float32(0.5)) == {'seconds': 0.5}


@pytest.mark.parametrize(
  'wrong',
  [
    {'seconds': 0},
    {'seconds': float('nan')},
    {'seconds': 'long'},
    {'seconds': True},
    {'command': (11, 0, 0)},
    {'command': (1, 0)},
    {'push': -1},
    {'push': 10_001},
    {'width': 8},
    {'height': 99_999},
    {'framerate': 29.97},
    {'seed': -1},
  ],
)
def test_what_is_not_is_named(wrong):
  with pytest.raises(UserError, match=next(iter(wrong))):
    checked(**{**GOOD, **wrong})


def test_ranges_are_those_of_the_commands():
  for limits in (play.LIMITS, trajectory.LIMITS):
    for name in set(limits) & set(LIMITS):
      assert LIMITS[name][:2] == limits[name]
