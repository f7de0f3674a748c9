"""Normative human gait: joint angles over the stride, and how cadence, step length and stance depend on speed.

Angles in degrees; flexion and dorsiflexion are positive, and 0 % of the stride is heel strike. Curves: Schwartz,
Rozumalski and Trost, "The effect of walking speed on the gait of typically developing children", J. Biomech. 41 (2008)
1639, free speed. Timing: Fukuchi, Fukuchi and Duarte, "A public dataset of overground and treadmill walking kinematics
and kinetics in healthy individuals", PeerJ 6 (2018) e4640, young adults.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

JOINTS = ('hip', 'knee', 'ankle')
POINTS = 20  # samples of a stride, 5 % apart
CURVES = {
  'hip': (
    35.8, 35.3, 32.8, 28.0, 22.5, 16.9, 11.4, 6.3, 1.6, -2.4,
    -5.3, -5.3, -0.9, 8.1, 17.9, 26.0, 32.0, 35.5, 36.7, 36.0,
  ),
  'knee': (
    5.6, 12.5, 18.6, 18.9, 16.5, 13.2, 10.1, 7.6, 6.2, 7.3,
    11.6, 20.3, 33.9, 49.0, 58.2, 57.8, 49.8, 35.6, 18.7, 6.1,
  ),
  'ankle': (
    -2.1, -5.6, -2.1, 2.2, 5.2, 7.1, 8.6, 9.9, 11.1, 11.8,
    10.4, 2.4, -13.8, -18.9, -11.2, -3.6, 1.1, 2.4, 1.0, -0.8,
  ),
}  # fmt: skip
# Standard deviations between people are given as ranges over the stride; these are the middles of the ranges.
DEVIATIONS = {'hip': 6.1, 'knee': 7.1, 'ankle': 6.6}
# Knee flexion at 70 % of the stride in the five speed groups of Schwartz et al., very slow to very fast, beside the
# middles of the groups' ranges of speed / sqrt(g * leg length). The outer groups are open: half a range further.
KNEE_SPEEDS = (0.159, 0.295, 0.431, 0.568, 0.704)
KNEE_SWING = (38.9, 53.9, 58.2, 60.3, 61.0)
# Speed [m/s], cadence [steps/min], step length [m] and stance [share of the stride] of adults.
ADULTS = ((0.94, 97.9, 0.57, 0.618), (1.24, 114.7, 0.65, 0.603), (1.50, 132.3, 0.68, 0.591))
ADULT_LEG = 0.9  # m, hip to floor
GRAVITY = 9.81  # m/s^2


class Timing(NamedTuple):
  """How adults walk at some speed."""

  cadence: float  # steps per minute
  step_length: float  # m
  stance: float  # share of the stride


def curve(joint: str, phase: np.ndarray) -> np.ndarray:
  """The angle [...] of a joint in degrees at phases [...] of the stride, at free speed: a periodic cubic spline.

  Args:
    joint: one of JOINTS.
    phase: 0 to 1 from one heel strike to the next; other numbers are taken modulo 1.
  """
  return periodic_spline(np.array(CURVES[joint]), phase)


def periodic_spline(values: np.ndarray, phase: np.ndarray) -> np.ndarray:
  """The cubic spline with period 1 through values [n] at phases 0, 1/n, ..., at phases [...].

  The second derivatives m (per interval squared) satisfy m[i-1] + 4 m[i] + m[i+1] = 6 (v[i-1] - 2 v[i] + v[i+1]).
  """
  count = len(values)
  behind, ahead = np.roll(values, 1), np.roll(values, -1)
  matrix = 4 * np.eye(count) + np.roll(np.eye(count), 1, axis=1) + np.roll(np.eye(count), -1, axis=1)
  bend = np.linalg.solve(matrix, 6 * (behind - 2 * values + ahead))
  place = (np.asarray(phase, float) % 1.0) * count
  left = np.minimum(place.astype(int), count - 1)
  right = (left + 1) % count
  b = place - left
  a = 1 - b
  return np.asarray(a * values[left] + b * values[right] + ((a**3 - a) * bend[left] + (b**3 - b) * bend[right]) / 6.0)


def timing(speed: float) -> Timing:
  """Cadence, step length and stance of adults at a speed in m/s; linear between the measured speeds, and beyond them.

  Cadence times step length is the speed only within about 3 %, as in the source: the mean of a product.
  """
  speeds, *columns = np.array(ADULTS).T
  return Timing(*(_linear(speed, speeds, column) for column in columns))


def knee_swing(speed: float, leg: float = ADULT_LEG) -> float:
  """Knee flexion in degrees at 70 % of the stride, at a speed in m/s, for legs of this length in m."""
  return float(np.interp(speed / np.sqrt(GRAVITY * leg), KNEE_SPEEDS, KNEE_SWING))


def _linear(x: float, xs: np.ndarray, ys: np.ndarray) -> float:
  """Linear interpolation, continued beyond the ends by the slopes there."""
  i = int(np.clip(np.searchsorted(xs, x) - 1, 0, len(xs) - 2))
  return float(ys[i] + (x - xs[i]) * (ys[i + 1] - ys[i]) / (xs[i + 1] - xs[i]))
