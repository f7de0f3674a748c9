"""Protects the normative gait: the published numbers, their spline, and how timing depends on speed."""

from __future__ import annotations

import numpy as np
import pytest

from mjx_humanoid.motions.normative import CURVES, JOINTS, POINTS, curve, knee_swing, periodic_spline, timing


@pytest.mark.parametrize('joint', JOINTS)
def test_the_spline_goes_through_the_published_numbers_and_repeats(joint):
  phases = np.arange(POINTS) / POINTS
  np.testing.assert_allclose(curve(joint, phases), CURVES[joint], atol=1e-9)
  np.testing.assert_allclose(curve(joint, phases + 3), CURVES[joint], atol=1e-9)


def test_the_spline_is_that_of_scipy_and_smooth_across_the_end():
  """An independent implementation with the same periodic ends."""
  interpolate = pytest.importorskip('scipy.interpolate')
  values = np.array(CURVES['knee'])
  theirs = interpolate.CubicSpline(np.arange(21) / 20, np.append(values, values[0]), bc_type='periodic')
  phases = np.linspace(0, 1, 173)
  np.testing.assert_allclose(periodic_spline(values, phases), theirs(phases), atol=1e-9)


def test_adults_walk_as_the_source_says():
  assert timing(1.24) == pytest.approx((114.7, 0.65, 0.603))
  # Half-way between slow and comfortable: (97.9 + 114.7) / 2, (0.57 + 0.65) / 2.
  assert timing(1.09)[:2] == pytest.approx((106.3, 0.61))
  # Beyond the fast speed by as much as from comfortable to fast.
  assert timing(1.76)[:2] == pytest.approx((132.3 + 17.6, 0.68 + 0.03))


def test_the_knee_bends_more_the_faster_the_walk():
  """Speeds of the groups, of legs of 0.9 m: 0.431 sqrt(9.81 x 0.9) = 1.28 m/s is free speed."""
  assert knee_swing(1.2807) == pytest.approx(58.2, abs=0.01)
  assert knee_swing(0.2) == pytest.approx(38.9)
  assert knee_swing(9.0) == pytest.approx(61.0)
  assert knee_swing(1.2807 / 2**0.5, leg=0.45) == pytest.approx(58.2, abs=0.01)
