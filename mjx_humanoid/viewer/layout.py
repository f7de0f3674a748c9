"""Where several environments stand beside each other in a picture."""

from __future__ import annotations

import math

import numpy as np

SPACING = 1.2  # of the model's extent


def offsets(count: int, extent: float) -> np.ndarray:
  """Positions [count, 3] in m that are added to each env: rows and columns of a square around the origin.

  Args:
    extent: size of the model in m.
  """
  columns = math.ceil(math.sqrt(count))
  i = np.arange(count)
  spacing = SPACING * extent
  x = (i // columns) * -spacing
  y = (i % columns - (columns - 1) / 2) * spacing
  return np.stack([x, y, np.zeros(count)], axis=1)
