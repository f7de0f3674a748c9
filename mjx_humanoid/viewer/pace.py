"""Keeps simulated time in step with the clock on the wall."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

MOST_BEHIND = 1.0  # s; a simulation that is further behind does not catch up with what it missed
WINDOW = 2.0  # s, over which the measured speed is a mean
SLOWEST, FASTEST = 0.1, 4.0  # times real time


class Pace:
  """Says when the next stretch of simulated time begins on the wall clock. Times are in seconds."""

  def __init__(
    self, clock: Callable[[], float] = time.perf_counter, sleep: Callable[[float], None] = time.sleep
  ) -> None:
    """Real time. Args: clock, sleep: for tests."""
    self._clock, self._sleep = clock, sleep
    self.speed = 1.0
    self._due = clock()
    self._simulated = 0.0
    self._marks: deque[tuple[float, float]] = deque()

  def restart(self) -> None:
    """Restarts the schedule now, as after a pause."""
    self._due = self._clock()
    self._marks.clear()

  def begin(self, seconds: float) -> float:
    """The wall time at which the next `seconds` of simulation begin."""
    now = self._clock()
    if now - self._due > MOST_BEHIND:
      self._due = now
    begun, self._due = self._due, self._due + seconds / self.speed
    self._simulated += seconds
    self._marks.append((now, self._simulated))
    while self._marks[-1][0] - self._marks[0][0] > WINDOW:
      self._marks.popleft()
    return begun

  def wait_until(self, moment: float) -> bool:
    """Sleeps until a wall time; returns False at once if it is over."""
    left = moment - self._clock()
    if left > 0:
      self._sleep(left)
    return left > 0

  @property
  def measured(self) -> float:
    """Simulated over wall time in the last two seconds; 0 before there is anything to measure."""
    marks = list(self._marks)
    if len(marks) < 2 or marks[-1][0] <= marks[0][0]:
      return 0.0
    return (marks[-1][1] - marks[0][1]) / (marks[-1][0] - marks[0][0])
