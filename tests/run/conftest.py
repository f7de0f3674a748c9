"""Makes points.py importable, a report card that needs no robot, and checkpoints of a made-up state."""

from __future__ import annotations

import pytest
from checkpoint_tools import tree
from points import card

from mjx_humanoid.run.checkpoint import CheckpointStore


@pytest.fixture
def made_up_card(monkeypatch):
  """Policies are judged without being played; see points.card."""
  monkeypatch.setattr('mjx_humanoid.run.report_cards.judge_policy', card)


@pytest.fixture
def store(tmp_path):
  """An empty store that keeps two checkpoints."""
  return CheckpointStore(tmp_path / 'checkpoints', keep=2)


@pytest.fixture
def saved(store):
  """A checkpoint at step 100 in it."""
  return store.save(100, tree(), 1.0)
