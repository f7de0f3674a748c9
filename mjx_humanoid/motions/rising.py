"""The path from lying prone to standing: a leap into a squat, then the poses of the robot's datasheet.

A search by the cross-entropy method (motions/search.py) finds the leap within a minute. Training episodes start on the
path, further and further down: a reverse curriculum (Florensa et al., 2017).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.core.types import View
from mjx_humanoid.motions.search import Motion, find_motion
from mjx_humanoid.physics.body import Body, describe
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.rotations import vertical_of
from mjx_humanoid.physics.states import settle
from mjx_humanoid.physics.symmetry import MirrorMap, action_map

SQUATS = 0.25  # share of the path that consists of the datasheet's static poses; the rest is the leap
LEAP_SECONDS = 1.6
NOISE = 0.2  # standard deviation of noise on the controls in the search: as large as exploration noise
PRONE = (0.5**0.5, 0, 0.5**0.5, 0)  # orientation of the root of a prone robot
LIE_HEIGHT = 0.25 / 1.282  # of standing height: the root when a limp robot is dropped to lie down
SETTLE_SECONDS = 1.5  # time in which it comes to rest
# Distances from the goal and speeds at the end of a motion that cost 1 each. Lengths are shares of standing height.
LEGS, UPPER = 0.75, 1.5  # rad, root mean square over the joints
TILT = 0.75  # of the vertical in the frame of the root, a unit vector
HEIGHT = 0.15 / 1.282  # of the root
SPEED, TURNING = 2.0, 30.0  # m/s of the root; rad/s, root mean square of the joints and of the root
# Kneeling is close to a squat except for the feet, but standing up from it is as hard as from the floor.
BALANCED, LEAD = 0.1 / 1.282, 0.25 / 1.282  # centre of mass beside the feet: free of cost up to, then cost 1 per
ON_SOLES, LIFTED = 0.1 / 1.282, 0.05 / 1.282  # heights of the frames of the feet: the same
ARRIVED, TRIES = 2.0, 3  # cost below which a motion has reached the goal; number of searches
QUICKEST, JERK = 16.0, 0.02  # rad/s of a joint without cost; cost per step of each rad/s beyond it


class RisePath(NamedTuple):
  """States from standing down to lying. Their velocities are those of the rising robot."""

  depth: np.ndarray  # [K] from 0, standing, to 1, lying prone
  qpos: np.ndarray  # [K, nq]
  qvel: np.ndarray  # [K, nv]


def rise_path(body: Body) -> RisePath:
  """The path of a robot: the poses of its datasheet down to depth SQUATS, then the leap.

  Raises:
    UserError: the robot's datasheet has no descent, or no leap was found.
  """
  motion, still = leap(body), np.zeros((len(body.descent), body.nv))
  return RisePath(
    np.concatenate([np.linspace(0, SQUATS, len(still)), np.linspace(SQUATS, 1, len(motion.qpos))]),
    np.concatenate([body.descent, motion.qpos[::-1]]),
    np.concatenate([still, motion.qvel[::-1]]),
  )


def leap(body: Body) -> Motion:
  """The motion from lying prone into the last pose of the descent. Cached; the search is deterministic.

  Raises:
    UserError: the datasheet has no descent, or no leap was found.
  """
  if not len(body.descent):
    raise UserError(f"start 'rising' needs an anatomy with a descent in the datasheet of robot {body.robot.name!r}.")
  return _find_leap(body.robot, body.substeps)


@functools.lru_cache(maxsize=4)
def _find_leap(robot: Robot, substeps: int) -> Motion:
  model = build_model(robot)
  body = describe(robot, model, substeps)
  lying = body.root.placed(
    body.default_qpos[None].astype(np.float64), np.array(PRONE), LIE_HEIGHT * robot.standing_height
  )
  (prone,), _ = settle(model, lying, np.zeros((1, model.nv)), SETTLE_SECONDS)
  end = functools.partial(cost_of_ending, goal=body.descent[-1], body=body)
  along = functools.partial(cost_of_speed, body=body)
  basis, rng = both_sides_alike(action_map(body)), np.random.default_rng(0)
  for _ in range(TRIES):
    motion = find_motion(model, prone, LEAP_SECONDS, substeps, end, along, basis, NOISE, rng)
    if motion.cost < ARRIVED:
      return motion
  raise UserError(f"start 'rising' found no motion to get up for robot {body.robot.name!r}; use 'fallen'.")


def both_sides_alike(motors: MirrorMap) -> np.ndarray:
  """Symmetric controls [n, nu]: one row for each motor together with the motor on the other side."""
  each = np.eye(len(motors.sources))
  alike = np.sign(each + each[motors.sources] * motors.signs[:, None])
  first = (np.arange(len(each)) <= motors.sources) & np.abs(alike).any(axis=1)  # each pair once
  return alike[first]


def cost_of_ending(view: View, goal: np.ndarray, body: Body) -> np.ndarray:
  """Cost [n] of n final states: their distance from rest on the feet in the pose goal [nq]."""
  size = body.robot.standing_height
  away = np.linalg.norm(features(view.qpos, body) - features(goal[None], body), axis=1)
  rates = np.concatenate([body.angular_velocity(view), body.joint_velocities(view)], axis=1)
  speed = np.linalg.norm(body.linear_velocity(view), axis=1)
  turning = np.sqrt(np.square(rates).mean(axis=1))
  feet = np.mean([body.sensor(view, f'{foot}_pos') for foot in body.robot.feet], axis=0)
  lead = np.linalg.norm((body.sensor(view, 'com_pos') - feet)[:, :2], axis=1)
  moving = speed / SPEED + turning / TURNING
  beside = np.maximum(lead - BALANCED * size, 0) / (LEAD * size)
  return away + moving + beside + np.maximum(feet[:, 2] - ON_SOLES * size, 0) / (LIFTED * size)


def features(qpos: np.ndarray, body: Body) -> np.ndarray:
  """Poses [n, nq] as [n, joints + 4] numbers that do not depend on heading and position, scaled as above."""
  joints, upper = len(body.joint_names), len(body.upper_joints)
  scale = np.full(joints, LEGS * (joints - upper) ** 0.5)
  scale[body.upper_joints] = UPPER * upper**0.5
  upward = np.concatenate(vertical_of(body.root.quaternion(qpos)), axis=-1)
  height = body.root.height(qpos)[:, None] / (HEIGHT * body.robot.standing_height)
  return np.concatenate([qpos[:, body.root.nq :] / scale, upward / TILT, height], axis=-1)


def cost_of_speed(view: View, body: Body) -> np.ndarray:
  """Cost [n] of a step with joints faster than muscles could be: such motions exploit the solver."""
  return JERK * np.maximum(np.abs(body.joint_velocities(view)).max(axis=1) - QUICKEST, 0.0)
