"""The training that tests/run/test_kills.py kills; a fork server imports it once, so that each one starts fast."""

from __future__ import annotations

from pathlib import Path

import points

from mjx_humanoid.run import report_cards
from mjx_humanoid.run.start import start

TOTAL = 320  # environment steps; a checkpoint every 32


def train(folder: Path) -> None:
  """Trains points in a folder, or goes on where it is there already."""
  report_cards.judge_policy = points.card
  setup = points.point_setup(total_timesteps=TOTAL, checkpoint_interval=32)
  loop, state = start(setup, folder, [], 0.0, resume=folder.exists())
  loop.run(state)
