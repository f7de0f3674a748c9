"""Protects interquartile means and their intervals: by hand, and by SciPy's trimmed mean and bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from mjx_humanoid.studies.intervals import Interval, interquartile_mean, interval


def test_a_quarter_of_the_runs_is_left_out_at_each_end_in_whole_runs():
  assert interquartile_mean(np.array([100.0, 1, 2, 3, -50])) == 2.0  # one of five at each end
  assert interquartile_mean(np.array([1.0, 2, 6])) == 3.0  # none of three


@pytest.mark.parametrize('count', [1, 3, 4, 5, 8, 10, 33])
def test_it_is_the_trimmed_mean_of_scipy(count):
  from scipy.stats import trim_mean

  scores = np.random.default_rng(count).normal(size=count)
  assert interquartile_mean(scores) == pytest.approx(trim_mean(scores, 0.25))


def test_equal_runs_have_no_width():
  assert interval(np.full(5, 0.7)) == pytest.approx((0.7, 0.7, 0.7))


def test_a_missing_run_gives_no_number():
  assert np.isnan(interval(np.array([1.0, np.nan])).mean)
  assert Interval(np.nan, np.nan, np.nan).words() == '-'


def test_most_intervals_of_many_runs_hold_the_true_mean():
  """95 % of intervals of 40 Gaussian runs; of 100 such, 90 to 99."""
  rng = np.random.default_rng(0)
  found = [interval(rng.normal(size=40), seed) for seed in range(100)]
  assert 88 <= sum(low <= 0 <= high for _, low, high in found) <= 99


def test_runs_are_drawn_within_each_task():
  """Tasks that differ by 100 and whose runs do not: the mean does not vary."""
  table = np.array([[0.0, 100.0]] * 5)
  assert interval(table) == pytest.approx((50, 50, 50))


def test_words():
  assert Interval(0.98765, 0.9, 1.0).words() == '0.988 [0.9, 1]'
  assert Interval(123456.7, 1000, 2e6).words() == '123,457 [1,000, 2,000,000]'


def test_the_interval_is_the_percentile_bootstrap_of_scipy():
  from scipy.stats import bootstrap, trim_mean

  scores = np.random.default_rng(3).uniform(size=10)
  found = bootstrap(
    (scores,),
    lambda x, axis: trim_mean(x, 0.25, axis=axis),
    method='percentile',
    n_resamples=4000,
    rng=np.random.default_rng(0),
  ).confidence_interval
  np.testing.assert_allclose(interval(scores)[1:], (found.low, found.high), atol=0.02)


def test_words_of_numbers_just_below_a_thousand():
  assert Interval(999.7, 99.96, 1000.2).words() == '1,000 [100, 1,000]'
