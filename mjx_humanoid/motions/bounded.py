"""A step of least squares within joint limits."""

from __future__ import annotations

import numpy as np


def bounded_step(
  matrix: np.ndarray, gradient: np.ndarray, angles: np.ndarray, limits: np.ndarray, held: np.ndarray
) -> np.ndarray:
  """The step [n] that minimises step' matrix step / 2 + gradient' step, with hinges stopping at their limits.

  A hinge that would leave its limits is put on them, and the others are solved for again.

  Args:
    matrix: [n, n], positive definite.
    gradient: [n].
    angles: [hinges] of now; the hinges are the last degrees of freedom.
    limits: [hinges, 2].
    held: [n] bool, degrees of freedom that do not move.
  """
  first = len(gradient) - len(angles)
  step, held = np.zeros(len(gradient)), held.copy()
  for _ in range(len(angles) + 1):
    free, fixed = np.flatnonzero(~held), np.flatnonzero(held)
    step[free] = np.linalg.solve(
      matrix[np.ix_(free, free)], -gradient[free] - matrix[np.ix_(free, fixed)] @ step[fixed]
    )
    target = angles + step[first:]
    inside = np.clip(target, limits[:, 0], limits[:, 1])
    outside = (target != inside) & ~held[first:]
    if not outside.any():
      break
    step[first:][outside] = (inside - angles)[outside]
    held[first:] |= outside
  return step
