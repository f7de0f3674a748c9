"""Protects the figures of gaits: duty factors and strides with flight, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from made_up import at_rest, ended, sensor

from mjx_humanoid.playback.figures import measure
from mjx_humanoid.playback.figures import strides_with_flight as share_of_strides

SECOND = 40  # control steps of the humanoid


@pytest.fixture
def long(body):
  """One episode of four seconds."""
  return at_rest(body, 1, 4 * SECOND)


def touch(paths, body, foot, on):
  sensor(paths, body, f'{body.robot.feet[foot]}_touch')[..., 0] = np.where(on, 300.0, 0.0)


def test_duty_factors_are_shares_of_the_time_after_two_seconds(long, body):
  """One foot is down for 30 of every 40 steps, the other for 20; in the first two seconds both stand."""
  steps = np.arange(160)
  touch(long, body, 0, (steps < 80) | (steps % 40 < 30))
  touch(long, body, 1, (steps < 80) | (steps % 40 >= 20))
  figures = measure(long, body)
  assert figures['least_duty'] == pytest.approx([0.5])
  assert figures['most_duty'] == pytest.approx([0.75])


def test_a_fall_ends_the_counting_of_duty(long, body):
  """Down throughout until it ends at 3 s; what the feet do on a fallen robot is no gait."""
  touch(long, body, 0, np.arange(160) < 120)
  touch(long, body, 1, np.arange(160) < 100)
  figures = measure(ended(long, 0, 120), body)
  assert (figures['least_duty'], figures['most_duty']) == (pytest.approx([0.5]), pytest.approx([1.0]))


@pytest.mark.parametrize(
  ('left', 'right', 'share'),
  [
    # Strides go from one touchdown of the left foot to the next.
    ('_##__##__##__', '__##__##__##_', 1.0),  # both in the air between the right foot's push-off and the left's landing
    ('_##__##__##__', '__###__#__##_', 0.5),  # not in the first: the right foot stays until the left one lands
    ('_##__##__##__', '#####_###_###', 0.0),
    ('_##_________', '____________', 0.0),  # a single touchdown makes no stride
    ('____________', '____________', 0.0),  # nor does a flight without end
    ('############', '____________', 0.0),
  ],
)
def test_strides_with_flight_by_hand(left, right, share):
  feet = np.array([[c == '#' for c in row] for row in (left, right)]).T
  assert share_of_strides(feet) == pytest.approx(share)


def test_strides_are_counted_after_two_seconds_and_before_the_end(long, body):
  """Flights at first and after the end count for nothing, and neither do strides without one there."""
  steps = np.arange(160)
  flying, walking = steps % 10 < 3, np.zeros(160, bool)
  between = (steps >= 80) & (steps < 120)
  for inside, outside, expected in ((flying, walking, 1.0), (walking, flying, 0.0)):
    air = np.where(between, inside, outside)
    touch(long, body, 0, ~air & (steps % 10 < 7))
    touch(long, body, 1, ~air)
    assert measure(ended(long, 0, 120), body)['strides_with_flight'] == [expected]
