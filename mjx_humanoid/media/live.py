"""Curves that are drawn anew while training, in a notebook."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
  from matplotlib.figure import Figure

SHOWN = ('episode_length', 'episode_return', 'steps_per_second')
TITLES = {
  'episode_length': 'length of an episode [control steps]',
  'episode_return': 'return of an episode',
  'steps_per_second': 'environment steps a second',
}
REFRESH = 2.0  # s


class LivePlot:
  """Give it to `mh.train(..., on_metrics=LivePlot())`: it draws what training reports, every two seconds."""

  def __init__(self, names: Sequence[str] = SHOWN, refresh: float = REFRESH) -> None:
    """Args: names: of metrics, one panel each; refresh: seconds between drawings."""
    self.names = tuple(names)
    self.steps: list[int] = []
    self.values: dict[str, list[float]] = defaultdict(list)
    self._refresh, self._drawn = refresh, float('-inf')

  def __call__(self, step: int, metrics: Mapping[str, float]) -> None:
    """Takes the metrics of an update, and draws where it is time."""
    self.steps.append(step)
    for name in self.names:
      self.values[name].append(metrics.get(name, float('nan')))
    if time.monotonic() - self._drawn >= self._refresh:
      self.show()
      self._drawn = time.monotonic()

  def show(self) -> None:
    """Draws all that came so far in place of the last drawing."""
    from IPython.display import clear_output, display

    clear_output(wait=True)
    display(self.figure())

  def figure(self) -> Figure:
    """One panel for each metric, over environment steps."""
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
