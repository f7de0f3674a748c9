"""Protects the curves in notebooks: every update is kept, plots are rare, and panels have the right titles."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mjx_humanoid.media.live import LivePlot


@pytest.fixture
def shown(monkeypatch):
  """Collects what a notebook would display."""
  pictures = []
  notebook = SimpleNamespace(display=pictures.append, clear_output=lambda wait: None)
  monkeypatch.setitem(sys.modules, 'IPython', SimpleNamespace(display=notebook, version_info=(9, 0)))
  monkeypatch.setitem(sys.modules, 'IPython.display', notebook)
  return pictures


def test_every_update_is_kept_and_the_first_is_drawn(shown):
  plot = LivePlot(['episode_length', 'episode_return'], refresh=1e6)
  plot(64, {'episode_length': 3.0, 'episode_return': 1.0})
  plot(128, {'episode_length': 5.0})
  assert plot.steps == [64, 128]
  assert plot.values['episode_length'] == [3.0, 5.0]
  assert plot.values['episode_return'][0] == 1.0 and np.isnan(plot.values['episode_return'][1])
  assert len(shown) == 1


def test_it_plots_again_after_the_refresh_time(shown):
  plot = LivePlot(refresh=0.0)
  plot(64, {})
  plot(128, {})
  assert len(shown) == 2


def test_the_panels_show_the_values_over_steps():
  plot = LivePlot(['episode_length', 'term/height'], refresh=1e6)
  plot.steps, plot.values['episode_length'], plot.values['term/height'] = [1, 2], [3.0, 4.0], [0.1, 0.2]
  length, term = plot.figure().axes
  assert length.get_title() == 'mean episode length [control steps]'
  assert term.get_title() == 'term/height'
  assert term.lines[0].get_xdata().tolist() == [1, 2]
  assert term.lines[0].get_ydata().tolist() == [0.1, 0.2]
