"""Protects the running normaliser: NumPy's mean and standard deviation, and elements that never move."""

from __future__ import annotations

import numpy as np
import pytest

from mjx_humanoid.core.network import CLIP
from mjx_humanoid.rl import normalize


def seen(batches):
  normalizer = normalize.init(batches[0].shape[-1])
  for batch in batches:
    normalizer = normalize.update(normalizer, batch)
  return normalizer


def test_before_any_observation_it_changes_nothing():
  obs = np.array([[1.5, -2.0, 0.0]], np.float32)
  np.testing.assert_allclose(normalize.normalize(normalize.init(3), obs), obs)


def test_mean_and_std_over_several_batches_are_those_of_numpy():
  rng = np.random.default_rng(0)
  batches = [rng.normal([3, -100, 0.5], [2, 30, 0.1], (7, 5, 3)).astype(np.float32) for _ in range(6)]
  normalizer = seen(batches)
  together = np.concatenate(batches).reshape(-1, 3).astype(np.float64)
  np.testing.assert_allclose(normalizer.mean, together.mean(axis=0), rtol=1e-4)
  np.testing.assert_allclose(normalizer.std, together.std(axis=0), rtol=1e-3)


def test_batches_of_unequal_size_count_by_their_rows():
  normalizer = seen([np.zeros((9, 1), np.float32), np.full((1, 1), 10, np.float32)])
  assert float(normalizer.mean[0]) == pytest.approx(1.0)
  assert float(normalizer.std[0]) == pytest.approx(3.0)  # sqrt((9 * 1 + 1 * 81) / 10)


def test_normalized_observations_have_mean_0_and_std_1():
  obs = np.random.default_rng(1).normal(40, 7, (1000, 1)).astype(np.float32)
  result = np.asarray(normalize.normalize(seen([obs]), obs))
  assert result.mean() == pytest.approx(0, abs=1e-3)
  assert result.std() == pytest.approx(1, rel=1e-3)


def test_an_element_that_never_moved_is_not_blown_up_when_it_first_does():
  normalizer = seen([np.full((50, 1), 4.0, np.float32)])
  moved = normalize.normalize(normalizer, np.array([[4.05]], np.float32))
  assert float(moved[0, 0]) == pytest.approx(5.0, rel=1e-3)  # 0.05 / MIN_STD, and not 0.05 / 1e-6


def test_outliers_are_clipped_on_both_sides():
  obs = np.array([[1e9], [-1e9]], np.float32)
  np.testing.assert_array_equal(normalize.normalize(normalize.init(1), obs), [[CLIP], [-CLIP]])


MEAN, STD = np.array([0.3, -40.0, 0.0], np.float32), np.array([2.0, 0.05, 0.01], np.float32)


def test_known_statistics_are_those_that_were_given():
  normalizer = normalize.known(MEAN, STD)
  np.testing.assert_allclose(normalizer.mean, MEAN, rtol=1e-5, atol=1e-7)
  np.testing.assert_allclose(normalizer.std, STD, rtol=1e-4)
  obs = (MEAN + STD * np.array([[1, -1, 0.5]])).astype(np.float32)
  np.testing.assert_allclose(normalize.normalize(normalizer, obs), [[1, -1, 0.5]], atol=2e-3)


def test_known_statistics_count_as_many_observations(monkeypatch):
  """As many new ones move the mean half of the way, and a thousandth of that by a thousandth."""
  monkeypatch.setattr(normalize, 'KNOWN', count := 2**17)
  few = normalize.update(normalize.known(MEAN[:1], STD[:1]), np.full((count // 1000, 1), 1.3, np.float32))
  assert float(few.mean[0]) == pytest.approx(0.3 + 1 / 1001, rel=1e-3)
  many = normalize.update(normalize.known(MEAN[:1], STD[:1]), np.full((count, 1), 1.3, np.float32))
  assert float(many.mean[0]) == pytest.approx(0.8, rel=1e-3)
  # Half at 0.3 with a variance of 4, half at 1.3 with none: 4 / 2 + 0.5^2
  assert float(many.std[0]) == pytest.approx(np.sqrt(2.25), rel=1e-3)


def test_known_statistics_stay_what_they_are_through_a_training():
  """An actor that was trained on them would else do something else before its first update: 16M others, 1.5 %."""
  normalizer = normalize.known(MEAN[:1], STD[:1])
  other = np.full((2**20, 1), 6.3, np.float32)  # three standard deviations off
  for _ in range(16):
    normalizer = normalize.update(normalizer, other)
  assert float(normalizer.mean[0]) == pytest.approx(0.3 + 6 * 2**24 / (2**30 + 2**24), rel=1e-3)
  assert float(normalizer.std[0]) == pytest.approx(2.0, rel=0.07)


def test_weights_say_how_often_an_observation_counts():
  """By hand: 1 thrice and 5 once have mean 2 and variance 3."""
  weighted = normalize.update(normalize.init(1), np.array([[1.0], [5.0]], np.float32), np.array([3.0, 1.0], np.float32))
  assert float(weighted.mean[0]) == pytest.approx(2.0)
  assert float(weighted.std[0]) == pytest.approx(np.sqrt(3.0))


def test_known_statistics_of_an_element_that_never_moved_are_not_below_the_least():
  assert float(normalize.known(np.zeros(1, np.float32), np.zeros(1, np.float32)).std[0]) == pytest.approx(1e-2)


def test_update_does_not_change_what_it_was_given():
  before = normalize.init(1)
  normalize.update(before, np.ones((4, 1), np.float32))
  assert float(before.mean[0]) == 0.0
