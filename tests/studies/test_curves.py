"""Protects learning curves: what is read from a run's metrics, by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.studies.curves import binned, on_grid, read_curve


def write_run(folder, *, success=((40, 0.5), (80, 1.0)), steps=80, seconds=2.0, final=1.0):
  """A run whose return is a tenth of its steps, with one episode an update of 8 steps."""
  folder.mkdir(parents=True, exist_ok=True)
  cards = dict(success)
  lines = []
  for step in range(8, steps + 1, 8):
    entry = {'timesteps': step, 'episodes': 1, 'episode_return': step / 10, 'seconds': seconds * step}
    lines.append(json.dumps(entry))
    if step in cards:
      lines.append(json.dumps({'timesteps': step, 'card/success_rate': cards[step]}))
  (folder / 'metrics.jsonl').write_text('\n'.join(lines) + '\n')
  report = {'timesteps': steps, 'success_rate': final, 'passed': final >= 0.95}
  (folder / 'report.json').write_text(json.dumps(report))
  return folder


def test_a_curve_by_hand(tmp_path):
  curve = read_curve(write_run(tmp_path))
  np.testing.assert_array_equal(curve.card_steps, [40, 80])
  np.testing.assert_array_equal(curve.success, [0.5, 1.0])
  np.testing.assert_allclose(curve.card_minutes, [80 / 60, 160 / 60])
  assert curve.steps[-1] == 80
  assert curve.final_success == 1.0
  assert curve.final_return == pytest.approx((7.2 + 8.0) / 2)  # from 72 steps on
  # success rises from 0 to 0.5 and from there to 1: the mean is 0.5
  assert curve.area('success') == pytest.approx(0.5, abs=1e-6)
  assert curve.reached(0.95) == (80, pytest.approx(160 / 60))
  assert all(math.isnan(x) for x in curve.reached(1.1))


def test_returns_on_the_report_cards_are_read(tmp_path):
  folder = write_run(tmp_path)
  metrics, report = folder / 'metrics.jsonl', folder / 'report.json'
  metrics.write_text(
    metrics.read_text().replace('"card/success_rate": 0.5', '"card/success_rate": 0.5, "card/episode_return": 900')
  )
  report.write_text(report.read_text().replace('}', ', "episode_return": 2500}'))
  curve = read_curve(folder)
  np.testing.assert_array_equal(curve.card_returns, [900, 2500])
  assert curve.final_card_return == 2500
  grid, values = on_grid([curve], 'card_returns', 'steps')
  assert (grid[0], grid[-1], values[0, 0], values[0, -1]) == (40, 80, 900, 2500)


def test_means_between_edges_are_weighted_by_episodes():
  steps, values = np.array([1, 2, 3, 4]), np.array([1.0, 4.0, np.nan, 6.0])
  found = binned(steps, values, np.array([1, 2, 5, 0]), np.array([2.0, 3.0, 4.0]))
  np.testing.assert_array_equal(found, [3.0, np.nan, np.nan])


def test_runs_share_a_grid_that_ends_with_the_first(tmp_path):
  curves = [read_curve(write_run(tmp_path / str(n), steps=n, success=((40, n / 100),))) for n in (64, 80)]
  grid, values = on_grid(curves, 'success', 'steps')
  assert (grid[0], grid[-1]) == (40, 64)
  np.testing.assert_allclose(values[:, 0], [0.64, 0.8])
  assert values[0, -1] == 1.0  # the final card


def test_metrics_without_times_are_told(tmp_path):
  folder = write_run(tmp_path)
  text = (folder / 'metrics.jsonl').read_text().replace('"seconds"', '"other"')
  (folder / 'metrics.jsonl').write_text(text)
  with pytest.raises(UserError, match='have no times: an earlier version wrote them'):
    read_curve(folder)
