"""Curves of training metrics in a notebook, redrawn during training."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
  from matplotlib.figure import Figure

DEFAULT_METRICS = ('episode_length', 'episode_return', 'steps_per_second')
TITLES = {
  'episode_length': 'mean episode length [control steps]',
  'episode_return': 'mean episode return',
  'steps_per_second': 'environment steps per second',
}
REFRESH = 2.0  # s


class LivePlot:
  """Plots metrics during `mh.train(..., on_metrics=LivePlot())`, every two seconds."""

  def __init__(self, names: Sequence[str] = DEFAULT_METRICS, refresh: float = REFRESH) -> None:
    """Args: names: metrics to plot, one panel each (see docs/metrics.md); refresh: seconds between plots."""
    self.names = tuple(names)
    self.steps: list[int] = []
    self.values: dict[str, list[float]] = defaultdict(list)
    self._refresh, self._last_drawn = refresh, float('-inf')

  def __call__(self, step: int, metrics: Mapping[str, float]) -> None:
    """Keeps the metrics of an update, at an environment step, and plots them if the last plot is old enough."""
    self.steps.append(step)
    for name in self.names:
      self.values[name].append(metrics.get(name, float('nan')))
    if time.monotonic() - self._last_drawn >= self._refresh:
      self.show()
      self._last_drawn = time.monotonic()

  def show(self) -> None:
    """Replaces the output of the notebook cell by a plot of all metrics so far."""
    from IPython.display import clear_output, display

    clear_output(wait=True)
    display(self.figure())

  def figure(self) -> Figure:
    """The plot: one panel per metric, over environment steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(self.names), 2.8), layout='constrained')
    for i, name in enumerate(self.names):
      axes = figure.add_subplot(1, len(self.names), i + 1)
      axes.plot(self.steps, self.values[name], linewidth=1.5)
      axes.set_title(TITLES.get(name, name.replace('_', ' ')), fontsize=10)
      axes.set_xlabel('environment steps')
      axes.spines[['top', 'right']].set_visible(False)
      axes.grid(alpha=0.3)
    return figure
