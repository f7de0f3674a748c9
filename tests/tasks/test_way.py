"""What a pose is worth on the way up from the floor, by hand."""

import dataclasses
import math

import numpy as np
import pytest

from mjx_humanoid.errors import UserError
from mjx_humanoid.physics.body import descent
from mjx_humanoid.tasks.way import worth_on_the_way
from mjx_humanoid.types import Pose


def pose(body, row):
  return np.array(body.descent[row])


def test_standing_is_worth_one_and_the_last_pose_least(body):
  worth = [float(worth_on_the_way(pose(body, row), body)) for row in range(len(body.descent))]
  assert worth[0] == pytest.approx(1.0, abs=2e-3)
  assert worth[-1] == pytest.approx(0.3, abs=0.01)
  half = (len(worth) - 1) // 2
  assert worth[half] == pytest.approx(0.65, abs=2e-3)
  assert worth == sorted(worth, reverse=True)


def test_it_does_not_matter_where_the_robot_is_nor_where_it_faces(body):
  qpos = pose(body, 20)
  here = float(worth_on_the_way(qpos, body))
  turn = np.array([math.cos(0.6), 0, 0, math.sin(0.6)])
  w, x, y, z = qpos[3:7]
  qpos[3:7] = [
    turn[0] * w - turn[3] * z,
    turn[0] * x - turn[3] * y,
    turn[0] * y + turn[3] * x,
    turn[0] * z + turn[3] * w,
  ]
  qpos[:2] = [4.0, -7.0]
  assert float(worth_on_the_way(qpos, body)) == pytest.approx(here, rel=1e-4)


def test_either_leg_may_come_first(model, body):
  """On a way of a lunge with the left leg ahead, one with the right leg is worth the same."""
  left = (('hip_y_left', -0.9), ('knee_left', -1.0), ('hip_y_right', 0.2), ('knee_right', -1.0))
  lunging = dataclasses.replace(body.robot, descent=(Pose(left),))
  lunging = dataclasses.replace(body, descent=descent(model, lunging))
  qpos = pose(lunging, -1)
  right = tuple((name.replace('left', 'RIGHT').replace('right', 'left').lower(), angle) for name, angle in left)
  image = descent(model, dataclasses.replace(body.robot, descent=(Pose(right),)))[-1]
  assert np.abs(image - qpos).max() > 1
  worth = float(worth_on_the_way(qpos, lunging))
  assert 0.3 <= worth < 0.6
  assert float(worth_on_the_way(image, lunging)) == pytest.approx(worth, rel=1e-5)


@pytest.mark.parametrize(
  ('height', 'turned', 'left'),
  # 0.15 m of 0.3; 0.75 rad at one of twelve joints of the legs is 0.75 / sqrt(12) in the mean, of 0.75.
  [
    (0.15, 0.0, math.exp(-0.5)),
    (0.0, -0.75, math.exp(-1 / math.sqrt(12))),
    (0.3, -0.75, math.exp(-math.sqrt(13 / 12))),
  ],
)
def test_off_the_way_it_is_worth_less(body, height, turned, left):
  """Standing, but too high, and with one leg turned, as in no pose; of those further down, hardly any is nearer."""
  qpos = pose(body, 0)
  qpos[2] += height
  qpos[7 + body.joint_names.index('hip_z_left')] += turned
  assert float(worth_on_the_way(qpos, body)) == pytest.approx(left, rel=0.02)


def test_lying_on_the_back_is_worth_next_to_nothing(body):
  qpos = pose(body, 0)
  qpos[2], qpos[3:7] = 0.1, [0.5**0.5, 0, -(0.5**0.5), 0]
  assert float(worth_on_the_way(qpos, body)) < 0.03


def test_a_robot_without_a_descent_is_refused_in_one_line(body):
  bare = dataclasses.replace(body, descent=body.descent[:0])
  with pytest.raises(UserError, match="'ascent' needs the poses of a descent") as error:
    worth_on_the_way(pose(body, 0), bare)
  assert '\n' not in str(error.value)
