"""What the live plots show: height, speed and power of one robot over the last seconds, and statistics of episodes."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.rotations import along
from mjx_humanoid.playback.rollout import Frame

SECONDS = 10.0  # shown by the plots
QUANTITIES = ('height', 'speed', 'command', 'power')
UNITS = {'height': 'm', 'speed': 'm/s', 'command': 'm/s', 'power': 'W'}


class Series:
  """The last rows of some numbers over time. Safe between threads."""

  def __init__(self, names: Sequence[str], length: int) -> None:
    """Args: names: of the columns; length: rows that are kept."""
    self.names = tuple(names)
    self._lock = threading.Lock()
    self._rows = np.full((length, 1 + len(self.names)), np.nan)
    self._count = 0

  def add(self, time: float, values: Sequence[float]) -> None:
    """Adds a row; the oldest is dropped when there are `length`."""
    with self._lock:
      self._rows[self._count % len(self._rows)] = [time, *values]
      self._count += 1

  def read(self) -> tuple[np.ndarray, np.ndarray]:
    """Times [T] and values [T, names], oldest first."""
    with self._lock:
      if self._count < len(self._rows):
        rows = self._rows[: self._count].copy()
      else:
        rows = np.roll(self._rows, -(self._count % len(self._rows)), axis=0)
    return rows[:, 0], rows[:, 1:]

  def last(self) -> dict[str, float]:
    """The newest row by name; empty before the first."""
    with self._lock:
      if not self._count:
        return {}
      return dict(zip(self.names, map(float, self._rows[(self._count - 1) % len(self._rows), 1:]), strict=True))


def quantities(frame: Frame, body: Body) -> tuple[float, float, float, float]:
  """Height of the root [m], speed along the commanded direction [m/s], the command [m/s] and power [W] of row 0.

  Without a commanded direction the speed is that ahead. Power is the sum of |torque * velocity| over the motors.
  """
  view, context = frame.view, frame.context
  velocity = along(body.linear_velocity(view)[..., :2], context.heading)[0]
  requested = context.requested[0, :2]
  command = float(np.linalg.norm(requested))
  speed = float(velocity @ requested) / command if command > 1e-3 else float(velocity[0])
  power = np.abs(body.torque(view)[0] * view.qvel[0, body.actuator_dofs]).sum()
  return float(body.height(view)[0]), speed, command, float(power)


class Statistics:
  """Counts of the episodes that have ended, in all environments."""

  def __init__(self) -> None:
    self.episodes = 0
    self.seconds = 0.0  # of the ended episodes together
    self.latest = 0.0  # s, length of the latest
    self.longest = 0.0  # s

  def ended(self, seconds: float) -> None:
    """An episode of this length has ended."""
    self.episodes += 1
    self.seconds += seconds
    self.latest = seconds
    self.longest = max(self.longest, seconds)

  def read(self) -> dict[str, float]:
    """Number of episodes; mean, latest and longest length in s."""
    mean = self.seconds / self.episodes if self.episodes else 0.0
    return {'episodes': self.episodes, 'mean': mean, 'latest': self.latest, 'longest': self.longest}
