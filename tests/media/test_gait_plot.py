"""Protects the plot of a gait beside the normative one: it is a picture, and what it draws is what it was given."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from mjx_humanoid.media.gait_plot import gait_plot
from mjx_humanoid.motions.normative import JOINTS

CARD = {
  'policy': 'walk',
  'cadence': 110.0,
  'stride_length': 1.3,
  **{f'{joint}_{figure}': 0.5 for joint in JOINTS for figure in ('correlation', 'error')},
}


def test_three_panels_with_band_and_both_legs(monkeypatch):
  from matplotlib.figure import Figure

  drawn = []
  monkeypatch.setattr(Figure, 'savefig', lambda self, file, **how: drawn.append(self))
  curves = np.arange(600.0).reshape(2, 3, 100)
  curves[1, 2] = np.nan  # a leg without strides
  gait_plot(curves, CARD)
  panels = drawn[0].axes
  assert [axes.get_title(loc='left').partition(':')[0] for axes in panels] == list(JOINTS)
  assert panels[1].lines[1].get_ydata().tolist() == curves[0, 1].tolist()
  assert panels[1].lines[2].get_ydata().tolist() == curves[1, 1].tolist()
  assert 'r = 0.50' in panels[0].get_title(loc='left')


def test_it_is_a_png():
  picture = Image.open(io.BytesIO(gait_plot(np.zeros((2, 3, 100)), CARD)))
  assert picture.format == 'PNG'
  assert picture.width > 1000
