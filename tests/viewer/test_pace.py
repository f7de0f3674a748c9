"""Protects real time: simulated seconds begin when they are due on the wall clock."""

from __future__ import annotations

import pytest

from mjx_humanoid.viewer.pace import Pace


class Wall:
  """A clock on which only sleeping and working take time."""

  def __init__(self):
    self.now = 100.0

  def sleep(self, seconds):
    self.now += seconds


@pytest.fixture
def wall():
  return Wall()


@pytest.fixture
def pace(wall):
  return Pace(lambda: wall.now, wall.sleep)


def simulate(pace, wall, steps, work=0.0, step=0.025):
  for _ in range(steps):
    begun = pace.begin(step)
    wall.now += work
    pace.wait_until(begun + step / pace.speed)


@pytest.mark.parametrize('speed', [0.1, 1.0, 4.0])
def test_simulated_seconds_take_as_long_as_they_should(pace, wall, speed):
  pace.speed = speed
  simulate(pace, wall, 400, work=0.004)  # 10 s
  assert wall.now - 100 == pytest.approx(10 / speed)
  assert pace.measured == pytest.approx(speed, rel=0.03)


def test_a_delay_is_caught_up_with(pace, wall):
  simulate(pace, wall, 40)
  wall.now += 0.5
  simulate(pace, wall, 40, work=0.001)
  assert wall.now - 100 == pytest.approx(2.0)


def test_a_long_delay_is_not(pace, wall):
  simulate(pace, wall, 40)
  wall.now += 30
  simulate(pace, wall, 40)
  assert wall.now - 100 == pytest.approx(32.0, abs=0.03)


def test_who_is_too_slow_is_measured_as_slow(pace, wall):
  simulate(pace, wall, 200, work=0.05)
  assert pace.measured == pytest.approx(0.5, abs=0.02)


def test_a_pause_is_not_caught_up_with(pace, wall):
  simulate(pace, wall, 10)
  wall.now += 0.5
  pace.restart()
  assert pace.measured == 0
  simulate(pace, wall, 40)
  assert wall.now - 100 == pytest.approx(0.25 + 0.5 + 1.0)
