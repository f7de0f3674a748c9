"""Interquartile means with stratified bootstrap intervals, by the conventions of rliable (Agarwal et al., 2021).

The interquartile mean leaves out the lowest and the highest quarter of the runs, in whole runs. The interval is that of
the percentile bootstrap: runs are drawn with replacement within each task.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

CUT = 0.25  # share of the runs that is left out at each end
REPETITIONS = 2000
CONFIDENCE = 0.95


class Interval(NamedTuple):
  """An interquartile mean with its interval."""

  mean: float
  low: float
  high: float

  def words(self, digits: int = 3) -> str:
    """'0.98 [0.95, 1.00]' with so many significant digits; '-' if there is nothing."""
    if np.isnan(self.mean):
      return '-'
    numbers = [f'{x:,.{digits}g}' if abs(x) < 10 ** (digits - 1) else f'{x:,.0f}' for x in self]
    return f'{numbers[0]} [{numbers[1]}, {numbers[2]}]'


def interquartile_mean(scores: np.ndarray) -> np.ndarray:
  """The means [...] of scores [..., N] without the lowest and the highest quarter, in whole runs."""
  ordered = np.sort(np.asarray(scores, float), axis=-1)
  cut = int(CUT * ordered.shape[-1])
  return ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1)


def interval(scores: np.ndarray, seed: int = 0) -> Interval:
  """The interquartile mean of all scores, and its interval.

  Args:
    scores: [N] of the runs of one task, or [N, M] of M tasks, whose runs are drawn apart.
  """
  table = np.asarray(scores, float).reshape(len(scores), -1)
  if not table.size or np.isnan(table).any():
    return Interval(*[float('nan')] * 3)
  rng, (runs, tasks) = np.random.default_rng(seed), table.shape
  rows = rng.integers(0, runs, (REPETITIONS, runs, tasks))
  drawn = np.take_along_axis(table[None], rows, axis=1).reshape(REPETITIONS, -1)
  tails = 100 * (1 - CONFIDENCE) / 2
  low, high = np.percentile(interquartile_mean(drawn), [tails, 100 - tails])
  return Interval(float(interquartile_mean(table.reshape(-1))), float(low), float(high))
