"""Protects what a learner is given to start from: an actor widened for more observations, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import Actor, Mirror
from mjx_humanoid.rl.warm_start import check_fit, widened


def actor(mirror=None):
  """One observation of mean 2 and standard deviation 3, one hidden unit, one action."""
  one = np.ones((1, 1), np.float32)
  mean, std = np.full(1, 2, np.float32), np.full(1, 3, np.float32)
  return Actor((5 * one, 7 * one), (np.zeros(1), np.zeros(1)), np.zeros(1), mean, std, mirror)


def test_new_observations_have_no_weight_and_no_scale():
  wide = widened(actor(), 3)
  np.testing.assert_array_equal(wide.kernels[0], [[5], [0], [0]])
  np.testing.assert_array_equal(wide.mean, [2, 0, 0])
  np.testing.assert_array_equal(wide.std, [3, 1, 1])
  assert (wide.mean.dtype, wide.std.dtype) == (np.float32, np.float32)
  np.testing.assert_array_equal(wide.kernels[1], [[7]])


@pytest.mark.parametrize('size', [0, 1])
def test_fewer_observations_leave_it_as_it_is(size):
  np.testing.assert_array_equal(widened(actor(), size).kernels[0], [[5]])


SHAPES = [(1, 1), (1, 1)]
MIRROR = Mirror(np.zeros(1, int), np.ones(1), np.zeros(1, int), np.ones(1))


def test_what_fits_is_accepted():
  check_fit(actor(), SHAPES, normalized=True, symmetric=False, section='config.x')
  check_fit(actor(MIRROR), SHAPES, normalized=True, symmetric=True, section='config.x')


@pytest.mark.parametrize(
  ('given', 'changes', 'words'),
  [
    (actor(), {'shapes': [(1, 2), (2, 1)]}, r'has layers \(1,\) for 1 observations, this training \(2,\) for 1; set'),
    (actor(), {'normalized': False}, r'set config\.x\.normalize_observations=True'),
    (actor(), {'symmetric': True}, r'set config\.network\.symmetric=False'),
    (actor(MIRROR), {}, r'set config\.network\.symmetric=True'),
  ],
)
def test_what_does_not_fit_is_refused_with_the_setting_that_would_help(given, changes, words):
  settings = {'shapes': SHAPES, 'normalized': True, 'symmetric': False, 'section': 'config.x', **changes}
  with pytest.raises(UserError, match=words):
    check_fit(given, **settings)
