"""Protects the live plots: series in order, quantities by hand, statistics of episodes."""

from __future__ import annotations

import numpy as np
import pytest

from mjx_humanoid.core.types import View
from mjx_humanoid.playback.rollout import Frame, standing
from mjx_humanoid.viewer.gauges import Series, Statistics, quantities


def test_a_series_keeps_the_last_rows_in_order():
  series = Series(['a', 'b'], 3)
  assert series.last() == {}
  for i in range(5):
    series.add(i, [10 * i, -i])
  times, values = series.read()
  assert times.tolist() == [2, 3, 4]
  assert values.tolist() == [[20, -2], [30, -3], [40, -4]]
  assert series.last() == {'a': 40.0, 'b': -4.0}


def test_a_series_that_is_not_full_holds_what_was_added():
  series = Series(['a'], 3)
  series.add(0.5, [7])
  assert series.read()[0].tolist() == [0.5]


def test_quantities_by_hand(follow_stage):
  """A robot that moves at (0.3, 0.4) m/s under the command (0, 0.5): 0.4 m/s along it. Power is |torque| |velocity|."""
  task, model = follow_stage.task, follow_stage.model
  view, context = standing(task, model)
  qvel = np.zeros((1, model.nv), np.float32)
  qvel[0, :2] = 0.3, 0.4
  dof = task.body.actuator_dofs[0]
  qvel[0, dof] = -2.0
  ctrl = np.zeros((1, model.nu), np.float32)
  ctrl[0, 0] = 0.5
  view = view._replace(qvel=qvel, ctrl=ctrl)
  context = context._replace(requested=np.array([[0, 0.5, 0]], np.float32))
  height, speed, command, power = quantities(Frame(view, context, np.zeros(1, bool), np.zeros((1, 3))), task.body)
  assert height == pytest.approx(1.282, abs=1e-3)
  assert (speed, command) == (pytest.approx(0.4), pytest.approx(0.5))
  one = View(*(x[0] for x in view))
  assert power == pytest.approx(abs(float(task.body.torque(one)[0]) * 2.0))


def test_statistics_of_episodes():
  statistics = Statistics()
  assert statistics.read() == {'episodes': 0, 'mean': 0.0, 'latest': 0.0, 'longest': 0.0}
  for seconds in (4.0, 1.0):
    statistics.ended(seconds)
  assert statistics.read() == {'episodes': 2, 'mean': 2.5, 'latest': 1.0, 'longest': 4.0}
