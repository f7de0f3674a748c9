"""Makes points.py importable, and a report card that needs no robot."""

from __future__ import annotations

import pytest
from points import card


@pytest.fixture
def made_up_card(monkeypatch):
  """Policies are judged without being played; see points.card."""
  monkeypatch.setattr('mjx_humanoid.run.report_cards.judge_policy', card)
