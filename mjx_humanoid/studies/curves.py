"""Learning curves of runs, from their metrics: returns and success rates against environment steps and minutes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import read_json
from mjx_humanoid.run.logger import read_metrics
from mjx_humanoid.run.report_cards import REPORT_FILE

POINTS = 40  # of a curve
LAST = 0.1  # share of the training whose episodes make its final return


@dataclass(frozen=True)
class Curve:
  """The course of one run. Steps and minutes rise; both belong to each value."""

  steps: np.ndarray  # [K] environment steps
  minutes: np.ndarray  # [K] of training, with compilation and report cards
  returns: np.ndarray  # [K] mean return of the episodes since the point before; NaN if none ended
  card_steps: np.ndarray  # [C] of the report cards
  card_minutes: np.ndarray  # [C]
  success: np.ndarray  # [C] success rates of the report cards
  card_returns: np.ndarray  # [C] their mean returns; NaN of cards that do not judge returns

  @property
  def final_return(self) -> float:
    """The mean return over the last share of the training."""
    late = self.returns[self.steps >= (1 - LAST) * self.steps[-1]]
    return float(np.nanmean(late)) if np.isfinite(late).any() else math.nan

  @property
  def final_success(self) -> float:
    """The success rate of the final report card."""
    return float(self.success[-1])

  @property
  def final_card_return(self) -> float:
    """The mean return of the final report card; NaN if it does not judge returns."""
    return float(self.card_returns[-1])

  def area(self, quantity: str) -> float:
    """The mean over the training of 'success', from 0 at the start, or 'returns'; linear between points."""
    steps, values = self.steps, self.returns
    if quantity == 'success':
      steps, values = np.append(0, self.card_steps), np.append(0.0, self.success)
    known = np.isfinite(values)
    if not known.any():
      return math.nan
    grid = np.linspace(0, self.steps[-1], 201)
    return float(np.interp(grid, steps[known], values[known]).mean())

  def reached(self, bar: float) -> tuple[float, float]:
    """Environment steps and minutes of the first report card with a success rate of at least `bar`; NaN if never."""
    above = np.flatnonzero(self.success >= bar)
    return (float(self.card_steps[above[0]]), float(self.card_minutes[above[0]])) if len(above) else (math.nan,) * 2


def read_curve(folder: Path) -> Curve:
  """The curve of a finished run. Raises UserError if its metrics or its report card cannot be read."""
  entries = read_metrics(folder)
  updates = [entry for entry in entries if 'seconds' in entry]
  if not updates:
    raise UserError(f'the metrics of {folder} have no times: an earlier version wrote them. Train it again.')
  steps = np.array([entry['timesteps'] for entry in updates])
  minutes = np.array([entry['seconds'] for entry in updates]) / 60
  returns = np.array([entry['episode_return'] for entry in updates])
  episodes = np.array([entry['episodes'] for entry in updates])
  edges = np.linspace(0, steps[-1], POINTS + 1)[1:]
  cards = {
    entry['timesteps']: (entry['card/success_rate'], entry.get('card/episode_return', math.nan))
    for entry in entries
    if 'card/success_rate' in entry
  }
  report = read_json(folder / REPORT_FILE, 'report card')
  cards[report['timesteps']] = report['success_rate'], report.get('episode_return', math.nan)
  card_steps = np.array(sorted(cards))
  return Curve(
    steps=edges,
    minutes=np.interp(edges, steps, minutes),
    returns=binned(steps, returns, episodes, edges),
    card_steps=card_steps,
    card_minutes=np.interp(card_steps, steps, minutes),
    success=np.array([cards[step][0] for step in card_steps]),
    card_returns=np.array([cards[step][1] for step in card_steps]),
  )


def binned(steps: np.ndarray, values: np.ndarray, weights: np.ndarray, edges: np.ndarray) -> np.ndarray:
  """Weighted means [K] of values [N] at steps [N] up to each edge [K] and after the one before; NaN without weight."""
  place = np.searchsorted(edges, steps)  # the first edge that is not less
  known = np.where(np.isfinite(values), weights, 0.0)
  sums = np.bincount(place, np.where(known > 0, values, 0.0) * known, len(edges))[: len(edges)]
  total = np.bincount(place, known, len(edges))[: len(edges)]
  return np.divide(sums, total, out=np.full(len(edges), math.nan), where=total > 0)


def on_grid(curves: list[Curve], quantity: str, axis: str) -> tuple[np.ndarray, np.ndarray]:
  """A common grid [K] and values [runs, K] of 'success', 'card_returns' or 'returns' of runs, linear between points.

  Args:
    axis: 'steps' or 'minutes'. The grid ends where the first of the runs ends.
  """
  place = axis if quantity == 'returns' else f'card_{axis}'
  series = [(getattr(curve, place), getattr(curve, quantity)) for curve in curves]
  known = [(x[np.isfinite(y)], y[np.isfinite(y)]) for x, y in series]
  if not all(len(x) for x, _ in known):
    return np.zeros(0), np.zeros((len(curves), 0))
  start, end = max(x[0] for x, _ in known), min(x[-1] for x, _ in known)
  grid = np.linspace(min(start, end), end, POINTS)
  return grid, np.stack([np.interp(grid, x, y) for x, y in known])
