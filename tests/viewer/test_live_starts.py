"""Protects start states of the live view: one that cannot be drawn is told, and the robot stands instead."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.viewer import starts


@pytest.mark.parametrize(
  ('error', 'said'), [(UserError('no poses'), 'no poses'), (ValueError('no\nroom'), 'ValueError: no')]
)
def test_a_start_that_fails_is_told_and_the_robot_stands(follow_stage, monkeypatch, error, said):
  def failing(*given):
    raise error

  monkeypatch.setattr(starts, 'draw_start', failing)
  told, drawn, done = [], [], threading.Event()
  drawer = starts.StartDrawer(np.random.default_rng(0), told.append)
  drawer.draw(follow_stage, 'standing', lambda *state: (drawn.append(state), done.set()))
  assert done.wait(10)
  drawer.close()
  assert told == [said]
  np.testing.assert_array_equal(drawn[0][0], follow_stage.task.body.default_qpos)
  assert not drawn[0][1].any()
