"""Protects what play says of an episode: whether the robot fell, when its goal was reached, and how far it got."""

from __future__ import annotations

import numpy as np
import pytest
from made_up import at_rest, changed, ended, sensor

from mjx_humanoid.playback.chain import Played, Stage
from mjx_humanoid.playback.outcome import outcome

SECOND = 40  # control steps of the humanoid


@pytest.fixture
def said(task, model):
  """said(change, card=...) -> what is said of ten seconds at rest that `change` changes."""

  def say(change=lambda paths: paths, **settings):
    stage = Stage('someone', changed(task, settings), model, None)
    return outcome(Played(stage, change(at_rest(task.body, 1, 10 * SECOND)), False))

  return say


def walked(paths):
  paths.views.qpos[0, :, 0] = np.arange(1, 10 * SECOND + 1) / SECOND * 1.2  # from step 0 on; the start lies at 0
  return paths


def test_one_who_does_not_fall(said):
  assert said(walked, card='walk') == 'did not fall in 10.0 s, 12.0 m from its start'


@pytest.mark.parametrize(
  ('termination', 'words'), [('fallen', 'fell'), ('collapsed', 'collapsed'), ('off_balance', 'lost its balance')]
)
def test_one_who_falls_by_when_and_where(said, termination, words):
  """In step 100 of 25 ms, 3 m away; what comes after does not count."""
  text = said(lambda paths: ended(walked(paths), 0, 99), termination=termination)
  assert text == f'{words} after 2.5 s, 3.0 m from its start'


def test_physics_that_diverges(said):
  def change(paths):
    paths.views.qpos[0, 39:] = np.nan
    return ended(paths, 0, 39)

  assert said(change) == 'diverged after 1.0 s'


@pytest.mark.parametrize(
  ('low', 'words'),
  [
    (slice(0, 2 * SECOND), 'its goal reached from 2.0 s on'),
    (slice(0, 0), 'its goal reached from 0.0 s on'),
    (slice(9 * SECOND, None), 'its goal not reached at the end'),
  ],
)
def test_a_goal_is_told(said, task, low, words):
  def change(paths):
    sensor(paths, task.body, 'torso_pos')[0, low, 2] = 0.3
    return paths

  assert said(change, card='getup', termination='never') == f'10.0 s, {words}, 0.0 m from its start'
