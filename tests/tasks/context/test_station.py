"""Station keeping by hand: the command that leads a robot back to its target position while it is asked to stand."""

import math

import numpy as np
import pytest
from stepping import DT, SAMPLED, advanced, at, begin, facing, maker_of, seen

from mjx_humanoid.core.config.task import StationConfig
from mjx_humanoid.tasks.context.station import correction


@pytest.mark.parametrize(
  ('ahead', 'left', 'velocity', 'expected'),
  [
    (0.03, -0.03, (0.0, 0.0), (0.0, 0.0)),  # 0.042 m off, less than 0.05: it just stands
    (0.2, -0.1, (0.0, 0.0), (-0.3, 0.15)),  # 1.5 m/s for each metre
    (3.0, -4.0, (0.0, 0.0), (-0.3, 0.4)),  # but no more than 0.5 m/s
    (0.0, 0.0, (0.4, 0.0), (-0.18, 0.0)),  # pushed: in 0.3 s it will be 0.12 m off
    (-0.24, 0.0, (0.8, 0.0), (0.0, 0.0)),  # on its way back already
  ],
)
def test_a_standing_robot_is_commanded_back(body, ahead, left, velocity, expected):
  maker = maker_of(body, station={'gain': 1.5})
  context = advanced(maker, begin(maker, angles=(math.pi / 2,)), at(ahead, left, velocity))
  np.testing.assert_allclose(context.command, [[*expected, 0.0]], atol=1e-6)
  np.testing.assert_array_equal(context.requested, [[0, 0, 0]])
  np.testing.assert_array_equal(context.target_position, [[0, 0]])


def test_a_correction_ends_nearer_than_it_begins(body):
  """With a radius of 0.15 m it begins at 0.16 m, goes on at 0.12 and 0.06, and the robot stands from 0.04 to 0.14."""
  maker = maker_of(body, station={'gain': 1.5, 'radius': 0.15})
  context = begin(maker, angles=(math.pi / 2,))
  for ahead, expected in [(0.14, 0), (0.16, -0.24), (0.12, -0.18), (0.06, -0.09), (0.04, 0), (0.14, 0)]:
    context = advanced(maker, context, at(ahead, 0.0))
    np.testing.assert_allclose(context.command, [[expected, 0.0, 0.0]], atol=1e-6)


def test_the_target_position_is_where_the_last_command_ended(body):
  """Commanded to walk, the robot is led nowhere else; then it keeps the position that its momentum takes it to."""
  maker = maker_of(body, {**SAMPLED, 'interval': 2 * DT, 'rest': 0.1}, station={'gain': 1.5})
  walking = advanced(maker, begin(maker, uniform=0.9), at(5.0, 1.0, (1.0, 0.2)), 0.9)
  np.testing.assert_allclose(walking.command, [[1.3, 0.32, 0.8]], atol=1e-6)
  resting = advanced(maker, walking, at(9.0, 1.0), 0.05)
  np.testing.assert_allclose(resting.target_position, [[-1.06, 5.3]], atol=1e-6)  # 0.3 s of 1 and 0.2 m/s further
  np.testing.assert_allclose(np.linalg.norm(resting.command), 0.5, rtol=1e-5)


def test_a_fallen_robot_keeps_the_position_where_it_lies(body):
  maker, qpos = maker_of(body, station={'gain': 2.0}), facing(0.3)
  qpos[:, :3] = [3.0, 4.0, 0.2]
  context = advanced(maker, begin(maker), seen(qpos))
  np.testing.assert_array_equal(context.command, np.zeros((1, 3)))
  np.testing.assert_array_equal(context.target_position, [[3, 4]])


def test_without_a_gain_nothing_is_corrected(body):
  assert StationConfig().gain == 0
  maker = maker_of(body)
  context = advanced(maker, begin(maker, angles=(math.pi / 2,)), at(3.0, -4.0))
  np.testing.assert_array_equal(context.command, [[0, 0, 0]])


@pytest.mark.parametrize(
  ('command', 'requested', 'expected'),
  [
    ((0.09, 0.0, 0.0), (0, 0, 0), 0.0324),  # 0.09 of 0.5 m/s, squared
    ((-0.3, 0.15, 0.0), (0, 0, 0), 0.45),
    ((-0.3, 0.4, 0.0), (0, 0, 0), 1.0),
    ((3.0, 4.0, 0.0), (0, 0, 0), 1.0),
    ((0.3, 0.4, 0.0), (0.3, 0.4, 0.0), 0.0),  # that is no correction but the command
  ],
)
def test_the_strength_of_a_correction(body, command, requested, expected):
  context = begin(maker_of(body))._replace(command=np.asarray([command]), requested=np.asarray([requested]))
  np.testing.assert_allclose(correction(context), [expected], rtol=1e-5)
