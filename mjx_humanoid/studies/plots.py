"""Plots of studies as PNG, by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mjx_humanoid.studies.curves import Curve, on_grid
from mjx_humanoid.studies.intervals import interval

if TYPE_CHECKING:
  from matplotlib.figure import Figure

# Distinct for colour-blind readers (Okabe and Ito, 2008).
COLOURS = ('#0072b2', '#e66100', '#009e73', '#cc79a7', '#56b4e9', '#b8860b', '#4d4d4d')
NAMES = {
  'success': 'success rate of the report card',
  'card_returns': 'return on the report card',
  'returns': 'return of training episodes',
}
UNITS = {'steps': 'environment steps', 'minutes': 'minutes of training'}
DPI = 110


def png(figure: Figure, *, tight: bool = False) -> bytes:
  """A figure as PNG; `tight` cuts it to what is drawn."""
  file = io.BytesIO()
  figure.savefig(file, format='png', dpi=DPI, facecolor='white', bbox_inches='tight' if tight else None)
  return file.getvalue()


def learning_curves(curves: Mapping[str, list[Curve]], quantity: str) -> bytes:
  """Interquartile means with their intervals of one of NAMES, against steps and against minutes."""
  from matplotlib.figure import Figure

  figure = Figure(figsize=(11, 4), layout='constrained')
  for axes, axis in zip(figure.subplots(1, 2, sharey=True), UNITS, strict=True):
    for colour, (name, runs) in zip(colours(len(curves)), curves.items(), strict=True):
      grid, values = on_grid(runs, quantity, axis)
      bands = np.array([interval(column) for column in values.T]).reshape(-1, 3)
      axes.plot(grid, bands[:, 0], color=colour, label=name, linewidth=1.6)
      axes.fill_between(grid, bands[:, 1], bands[:, 2], color=colour, alpha=0.2, linewidth=0)
    tidy(axes)
    axes.set_xlabel(UNITS[axis])
    axes.set_xlim(left=0)
  figure.axes[0].set_ylabel(NAMES[quantity])
  figure.axes[0].legend(frameon=False)
  return png(figure)


def colours(count: int) -> list[str]:
  """So many colours, which repeat."""
  return [COLOURS[i % len(COLOURS)] for i in range(count)]


def tidy(axes: Any) -> None:
  """A pale grid, and no frame above and on the right."""
  axes.grid(True, color='#dddddd', linewidth=0.6)
  axes.set_axisbelow(True)
  axes.spines[['top', 'right']].set_visible(False)
