"""The plots and numbers of the 3D face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mjx_humanoid.viewer.gauges import QUANTITIES, UNITS

if TYPE_CHECKING:
  import viser

  from mjx_humanoid.viewer.viewer import Viewer

COLOURS = ('#2457c5', '#d9822b', '#2e9e5b', '#b0379a', '#c0392b', '#7a6f5a', '#17a2b8', '#8e8e00', '#555555', '#e377c2')
HEIGHT = 130  # pixels of a plot
POINTS = 120  # of a plot, at most
PLOTS = {'height [m]': ('height',), 'speed and command [m/s]': ('speed', 'command'), 'power [W]': ('power',)}


class Charts:
  """Adds the plots to a page, and redraws them when `refresh` is called."""

  def __init__(self, server: viser.ViserServer, viewer: Viewer) -> None:
    """Args: server: behind the gate."""
    self._gui, self._viewer = server.gui, viewer
    with self._gui.add_folder('Now'):
      self._plots = {title: self._plot(title, names) for title, names in PLOTS.items()}
    self._rewards = self._gui.add_folder('Reward')
    self._reward: tuple[tuple[str, ...], Any] = ((), None)
    with self._gui.add_folder('Episodes'):
      self._episodes = self._gui.add_markdown('')
    self._curves: dict[str, Any] = {}
    self._training = self._gui.add_folder('Training') if viewer.follower else None

  def refresh(self) -> None:
    """Redraws all plots and numbers."""
    times, values = self._viewer.simulation.series.read()
    for title, names in PLOTS.items():
      columns = [values[:, QUANTITIES.index(name)] for name in names]
      self._plots[title].data = _data(times, columns)
    self._refresh_reward()
    self._refresh_episodes()
    self._refresh_curves()

  def _refresh_reward(self) -> None:
    """The total and each term; a plot of its own for each set of terms."""
    series = self._viewer.rewards.series
    times, values = series.read()
    if len(series.names) < 2 or not len(times):
      return
    if self._reward[0] != series.names:
      if self._reward[1] is not None:
        self._reward[1].remove()
      with self._rewards:
        self._reward = (series.names, self._plot('total and weighted terms', series.names, 2 * HEIGHT))
    self._reward[1].data = _data(times, list(values.T))

  def _refresh_episodes(self) -> None:
    state = self._viewer.state()
    s = state['statistics']
    mean = 'none yet' if s['mean_return'] is None else f'{s["mean_return"]:.1f}'
    self._episodes.content = (
      f'ended: {s["episodes"]:.0f} · length: mean {s["mean"]:.1f} s, longest {s["longest"]:.1f} s ·'
      f' return: now {state["return"]:.1f}, mean {mean}'
    )

  def _refresh_curves(self) -> None:
    if self._training is None or self._viewer.follower is None:
      return
    for name, (steps, values) in self._viewer.follower.curves.items():
      if name not in self._curves:
        with self._training:
          self._curves[name] = self._plot(name.replace('_', ' '), (name,))
      self._curves[name].data = _data(np.array(steps), [np.array(values)])

  def _plot(self, title: str, names: tuple[str, ...], height: int = HEIGHT) -> Any:
    lines: Any = [
      {'label': _label(name), 'stroke': COLOURS[i % len(COLOURS)], 'width': 2 if i == 0 else 1}
      for i, name in enumerate(names)
    ]
    gui: Any = self._gui
    return gui.add_uplot(
      data=_data(np.zeros(0), [np.zeros(0)] * len(names)),
      series=({'label': 'time'}, *lines),
      title=title,
      scales={'x': {'time': False}},
      height=height,
    )


def _label(name: str) -> str:
  return f'{name} [{UNITS[name]}]' if name in UNITS else name.replace('_', ' ')


def _data(times: np.ndarray, columns: list[np.ndarray]) -> tuple[np.ndarray, ...]:
  """The arrays of a plot: every n-th row, at most POINTS; two points where there is nothing yet."""
  if len(times) < 2:
    return tuple(np.array([0.0, 1.0]) * (i == 0) for i in range(len(columns) + 1))
  every = max(1, -(-len(times) // POINTS))
  rows = np.arange(len(times) - 1, -1, -every)[::-1]
  return tuple(np.nan_to_num(np.asarray(x, float)[rows]) for x in (times, *columns))
