"""Metrics on disk: one JSON object a line, and TensorBoard."""

from __future__ import annotations

import json
import math
from pathlib import Path

from tensorboardX import SummaryWriter

METRICS_FILE = 'metrics.jsonl'


class MetricsLogger:
  """Appends to <run>/metrics.jsonl and to a TensorBoard event file beside it."""

  def __init__(self, folder: Path, after: int = 0) -> None:
    """Args: after: of a resumed run, the step it goes on from; later lines are dropped."""
    path = folder / METRICS_FILE
    text = path.read_text() if path.is_file() else ''
    kept = ''.join(line + '\n' for line in text.splitlines() if _step(line) <= after)
    if kept != text:
      partial = path.with_suffix('.partial')  # a full disk leaves the lines that were there
      partial.write_text(kept)
      partial.replace(path)
    self._file = path.open('a')
    self._board = SummaryWriter(str(folder), purge_step=after + 1 if after else None)

  def write(self, timesteps: int, metrics: dict[str, float]) -> None:
    """One line, at an environment step."""
    self._file.write(json.dumps({'timesteps': timesteps, **metrics}) + '\n')
    self._file.flush()
    for name, value in metrics.items():
      self._board.add_scalar(name if '/' in name else f'train/{name}', value, timesteps)

  def __enter__(self) -> MetricsLogger:
    return self

  def __exit__(self, *error: object) -> None:
    self._file.close()
    self._board.close()


def _step(line: str) -> float:
  """Environment step of a line; infinite where a kill cut the line short."""
  try:
    return float(json.loads(line)['timesteps'])
  except ValueError:
    return math.inf
