"""Viewers for tests: one stage for all, simulations that are closed."""

from __future__ import annotations

import pytest

from mjx_humanoid.viewer.simulation import Simulation
from mjx_humanoid.viewer.viewer import Viewer, stage_of


@pytest.fixture(scope='session')
def follow_stage():
  """The pretrained policy `follow` with its task and model."""
  return stage_of('follow')


@pytest.fixture
def simulate(follow_stage):
  """simulate(**options) -> a Simulation that is closed after the test."""
  made = []

  def make(stage=follow_stage, **options):
    made.append(Simulation(stage, **options))
    return made[-1]

  yield make
  for simulation in made:
    simulation.close()


@pytest.fixture
def make_viewer(follow_stage, tmp_path, monkeypatch):
  """make_viewer(**options) -> a Viewer in an empty folder, closed after the test; its reward meter does not start."""
  monkeypatch.chdir(tmp_path)
  made = []

  def make(**options):
    made.append(Viewer(follow_stage, 'follow', folder=tmp_path / 'videos', **options))
    monkeypatch.setattr(made[-1].rewards, 'start', lambda: None)
    return made[-1]

  yield make
  for viewer in made:
    viewer.close()
