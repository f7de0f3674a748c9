"""What the tests of reward terms share."""

import math

import pytest


def exp(x):
  return pytest.approx(math.exp(x), rel=1e-4)


def feet(left, right):
  """Normal forces on the feet in N."""
  return {'foot_left_touch': left, 'foot_right_touch': right}
