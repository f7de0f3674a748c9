"""The way up from the floor: by a spring from the face into a squat, and over the poses of a robot's datasheet.

Nobody shows the spring: physics/search.py finds it, within half a minute. A training begins along the way, ever further
down: a reverse curriculum (Florensa et al., 2017).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from mjx_humanoid.errors import UserError
from mjx_humanoid.physics.body import DESCENT, Body, describe
from mjx_humanoid.physics.engine import settle
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.search import find_motion
from mjx_humanoid.tasks.mirror import MirrorMap, action_map
from mjx_humanoid.tasks.observations import vertical
from mjx_humanoid.types import Robot

ON_POSES = 0.45  # of the way that leads over the poses, of which each can be held; the spring comes after them
SQUAT = 2  # pose of the descent that the spring ends in: from there it knows its way
SPRING = 1.2  # s that the spring takes
PRONE = (0.5**0.5, 0, 0.5**0.5, 0)  # rotation of the torso
LIE_HEIGHT = 0.25  # m of the torso, from where one that lies comes to rest
SETTLE_SECONDS = 1.5  # in which it does
# How far one pose is from another that costs 1 to end in, and at which speed.
LEGS, UPPER = 0.75, 1.5  # rad, root mean square of the joints
TILT = 0.75  # of the vertical in the torso's frame, a unit vector
HEIGHT = 0.15  # m of the torso
SPEED, TURNING = 2.0, 30.0  # m/s of the torso; rad/s, root mean square of the joints and of the torso
ARRIVED, TRIES = 1.2, 3  # the cost of ending at which a motion has led there; searches before it is given up
QUICKEST, JERK = 16.0, 0.02  # rad/s of a joint, and what each step costs for each rad/s beyond it


class Way(NamedTuple):
  """States from standing down. Their velocities are those of going up."""

  depth: np.ndarray  # [K] from 0, standing, to 1, on its face
  qpos: np.ndarray  # [K, nq]
  qvel: np.ndarray  # [K, nv]


def way_up(body: Body) -> Way:
  """The way of a robot: the poses of its datasheet down to ON_POSES, then the spring. Found once, the same each time.

  Raises:
    UserError: the robot's datasheet has no descent, or no way was found.
  """
  if not len(body.descent):
    raise UserError(f"start 'rising' needs the poses of a descent in the datasheet of {body.robot.name}.")
  return _way_up(body.robot, round(body.control_step / body.robot.timestep))


@functools.lru_cache(maxsize=4)
def _way_up(robot: Robot, substeps: int) -> Way:
  body = describe(robot, build_model(robot), substeps)
  qpos, qvel = find_spring(body, substeps)
  still = np.zeros((len(body.descent), body.nv))
  return Way(
    np.concatenate([np.linspace(0, ON_POSES, len(still)), np.linspace(ON_POSES, 1, len(qpos))]),
    np.concatenate([body.descent, qpos[::-1]]),
    np.concatenate([still, qvel[::-1]]),
  )


def find_spring(body: Body, substeps: int) -> tuple[np.ndarray, np.ndarray]:
  """How to come from lying face down into the SQUAT of the descent: qpos [T, nq], qvel [T, nv].

  Raises:
    UserError: none was found.
  """
  model, lying = build_model(body.robot), body.default_qpos[None].astype(np.float64)
  lying[0, 3:7], lying[0, 2] = PRONE, LIE_HEIGHT
  (prone,), _ = settle(model, lying, np.zeros((1, model.nv)), SETTLE_SECONDS)
  squat = body.descent[min(SQUAT * DESCENT, len(body.descent) - 1)]
  end = functools.partial(cost_of_ending, goal=squat, body=body)
  basis, rng = both_sides_alike(action_map(body)), np.random.default_rng(0)
  for _ in range(TRIES):
    qpos, qvel = find_motion(model, prone, SPRING, substeps, end, jerks, basis, rng)
    if end(qpos[-1:], qvel[-1:])[0] < ARRIVED:
      return qpos, qvel
  raise UserError(f"start 'rising' found no way up for {body.robot.name}; use 'fallen'.")


def both_sides_alike(motors: MirrorMap) -> np.ndarray:
  """Controls [n, nu] that leave a symmetric pose symmetric: a row for each motor together with its other side."""
  each = np.eye(len(motors.sources))
  alike = np.sign(each + each[motors.sources] * motors.signs[:, None])
  first = (np.arange(len(each)) <= motors.sources) & np.abs(alike).any(axis=1)  # and not its other side again
  return alike[first]


def cost_of_ending(qpos: np.ndarray, qvel: np.ndarray, goal: np.ndarray, body: Body) -> np.ndarray:
  """What it costs [n] to end at qpos [n, nq] with qvel [n, nv] instead of at rest in the pose goal [nq]."""
  away = np.linalg.norm(features(qpos, body) - features(goal[None], body), axis=1)
  return away + np.linalg.norm(qvel[:, :3], axis=1) / SPEED + np.sqrt(np.square(qvel[:, 3:]).mean(axis=1)) / TURNING


def features(qpos: np.ndarray, body: Body) -> np.ndarray:
  """Poses [n, nq] as [n, joints + 4] numbers that say how they look from any side: distances are as above."""
  upper = len(body.upper_joints)
  scale = np.full(len(body.joint_names), LEGS * (len(body.joint_names) - upper) ** 0.5)
  scale[body.upper_joints] = UPPER * upper**0.5
  upward = np.concatenate(vertical(qpos), axis=-1)
  return np.concatenate([qpos[:, 7:] / scale, upward / TILT, qpos[:, 2:3] / HEIGHT], axis=-1)


def jerks(qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
  """What a step of a motion costs [n]: joints quicker than muscles, which would be the solver's doing."""
  return JERK * np.maximum(np.abs(qvel[:, 6:]).max(axis=1) - QUICKEST, 0.0)
