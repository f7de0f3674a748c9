"""Hip, knee and ankle over the stride, beside the normative gait: one plot."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mjx_humanoid.media.plots import COLOURS, DPI, INK, PALE
from mjx_humanoid.motions.normative import DEVIATIONS, JOINTS, curve
from mjx_humanoid.playback.strides import PHASES

if TYPE_CHECKING:
  from matplotlib.axes import Axes

SIZE = (13.0, 4.4)  # inches
BAND = '#c9d7c0'
UPWARD = {'hip': 'flexion', 'knee': 'flexion', 'ankle': 'dorsiflexion'}


def gait_plot(curves: np.ndarray, card: Mapping[str, Any]) -> bytes:
  """The plot as PNG.

  Args:
    curves: [2 feet, 3 joints, 100] mean angles in degrees, as strides.mean_strides gives them.
    card: the report card, for the title and the correlations.
  """
  from matplotlib.figure import Figure

  figure = Figure(figsize=SIZE, dpi=DPI, layout='constrained')
  for j, (joint, axes) in enumerate(zip(JOINTS, figure.subplots(1, len(JOINTS)), strict=True)):
    _draw(axes, joint, curves[:, j])
    said = f'r = {card[f"{joint}_correlation"]:.2f}, RMS error {card[f"{joint}_error"]:.0f} degrees'
    axes.set_title(f'{joint}: {said}', fontsize=11, color=INK, loc='left')
  figure.axes[0].legend(loc='upper center', frameon=False, fontsize=9)
  figure.axes[0].set_ylabel('degrees')
  title = f'{card["policy"]}: {card["cadence"]:.0f} steps/min, stride {card["stride_length"]:.2f} m'
  figure.suptitle(title, fontsize=13, fontweight='bold', color=INK)
  file = io.BytesIO()
  figure.savefig(file, format='png', facecolor='white')
  return file.getvalue()


def _draw(axes: Axes, joint: str, curves: np.ndarray) -> None:
  """One joint: the normative band, and the mean curves [2, 100] of both legs."""
  percent = 100 * PHASES
  wanted, deviation = curve(joint, PHASES), DEVIATIONS[joint]
  axes.fill_between(percent, wanted - deviation, wanted + deviation, color=BAND, label='people, +- 1 SD')
  axes.plot(percent, wanted, color='#6f8f5f', linewidth=1)
  for row, colour, leg in zip(curves, COLOURS, ('first foot', 'second foot'), strict=False):
    axes.plot(percent, row, color=colour, linewidth=1.8, label=leg)
  axes.axhline(0, color='#999999', linewidth=0.8, zorder=0.9)
  axes.grid(True, color=PALE, linewidth=0.6)
  axes.spines[['top', 'right']].set_visible(False)
  axes.set_xlim(0, 100)
  axes.set_xlabel(f'% of the stride, from touchdown ({UPWARD[joint]} is positive)')
