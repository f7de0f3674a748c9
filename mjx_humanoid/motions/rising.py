"""The way up from the floor: a spring (a leap) from the face into a squat, then the poses of a robot's datasheet.

Nobody shows the spring: physics/search.py finds it, by the cross-entropy method, within a minute. A training begins
along the way, ever further down: a reverse curriculum (Florensa et al., 2017).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.body import Body, describe
from mjx_humanoid.physics.engine import settle
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.motions.search import Motion, find_motion
from mjx_humanoid.tasks.mirror import MirrorMap, action_map
from mjx_humanoid.tasks.observations import vertical
from mjx_humanoid.core.types import Robot, View

ON_POSES = 0.25  # of the way that leads over the poses, of which each can be held; the spring comes after them
SPRING = 1.6  # s that the spring takes
NOISE = 0.2  # of the controls it is tried under: as much as a policy explores with
PRONE = (0.5**0.5, 0, 0.5**0.5, 0)  # rotation of the torso
LIE_HEIGHT = 0.25  # m of the torso, from where one that lies comes to rest
SETTLE_SECONDS = 1.5  # in which it does
# How far one pose is from another that costs 1 to end in, and at which speed.
LEGS, UPPER = 0.75, 1.5  # rad, root mean square of the joints
TILT = 0.75  # of the vertical in the torso's frame, a unit vector
HEIGHT = 0.15  # m of the torso
SPEED, TURNING = 2.0, 30.0  # m/s of the torso; rad/s, root mean square of the joints and of the torso
# Knees look much like a squat but for the feet, and from them it is as hard to stand up as from the floor.
BALANCED, LEAD = 0.1, 0.25  # m of the centre of mass beside the feet that cost nothing; and beyond these
ON_SOLES, LIFTED = 0.1, 0.05  # m of the feet's frames above the floor, the same
ARRIVED, TRIES = 2.0, 3  # the cost of ending at which a motion has led there; searches before it is given up
QUICKEST, JERK = 16.0, 0.02  # rad/s of a joint, and what each step costs for each rad/s beyond it


class Way(NamedTuple):
  """States from standing down. Their velocities are those of going up."""

  depth: np.ndarray  # [K] from 0, standing, to 1, on its face
  qpos: np.ndarray  # [K, nq]
  qvel: np.ndarray  # [K, nv]


def way_up(body: Body) -> Way:
  """The way of a robot: the poses of its datasheet down to ON_POSES, then the spring.

  Raises:
    UserError: the robot's datasheet has no descent, or no way was found.
  """
  spring, still = spring_up(body), np.zeros((len(body.descent), body.nv))
  return Way(
    np.concatenate([np.linspace(0, ON_POSES, len(still)), np.linspace(ON_POSES, 1, len(spring.qpos))]),
    np.concatenate([body.descent, spring.qpos[::-1]]),
    np.concatenate([still, spring.qvel[::-1]]),
  )


def spring_up(body: Body) -> Motion:
  """How a robot comes from lying face down into the last pose of its descent. Found once, the same each time.

  Raises:
    UserError: none was found.
  """
  if not len(body.descent):
    raise UserError(f"start 'rising' needs the poses of a descent in the datasheet of {body.robot.name}.")
  return _find_spring(body.robot, body.substeps)


@functools.lru_cache(maxsize=4)
def _find_spring(robot: Robot, substeps: int) -> Motion:
  body = describe(robot, build_model(robot), substeps)
  model, lying = build_model(body.robot), body.default_qpos[None].astype(np.float64)
  lying[0, 3:7], lying[0, 2] = PRONE, LIE_HEIGHT
  (prone,), _ = settle(model, lying, np.zeros((1, model.nv)), SETTLE_SECONDS)
  end = functools.partial(cost_of_ending, goal=body.descent[-1], body=body)
  basis, rng = both_sides_alike(action_map(body)), np.random.default_rng(0)
  for _ in range(TRIES):
    motion = find_motion(model, prone, SPRING, substeps, end, jerks, basis, NOISE, rng)
    if motion.cost < ARRIVED:
      return motion
  raise UserError(f"start 'rising' found no way up for {body.robot.name}; use 'fallen'.")


def both_sides_alike(motors: MirrorMap) -> np.ndarray:
  """Controls [n, nu] that leave a symmetric pose symmetric: a row for each motor together with its other side."""
  each = np.eye(len(motors.sources))
  alike = np.sign(each + each[motors.sources] * motors.signs[:, None])
  first = (np.arange(len(each)) <= motors.sources) & np.abs(alike).any(axis=1)  # and not its other side again
  return alike[first]


def cost_of_ending(view: View, goal: np.ndarray, body: Body) -> np.ndarray:
  """What it costs n worlds [n] to end like that instead of at rest on their feet in the pose goal [nq]."""
  away = np.linalg.norm(features(view.qpos, body) - features(goal[None], body), axis=1)
  speed, turning = np.linalg.norm(view.qvel[:, :3], axis=1), np.sqrt(np.square(view.qvel[:, 3:]).mean(axis=1))
  feet = np.mean([body.sensor(view, f'{foot}_pos') for foot in body.robot.feet], axis=0)
  lead = np.linalg.norm((body.sensor(view, 'com_pos') - feet)[:, :2], axis=1)
  moving = speed / SPEED + turning / TURNING
  return away + moving + np.maximum(lead - BALANCED, 0) / LEAD + np.maximum(feet[:, 2] - ON_SOLES, 0) / LIFTED


def features(qpos: np.ndarray, body: Body) -> np.ndarray:
  """Poses [n, nq] as [n, joints + 4] numbers that say how they look from any side: distances are as above."""
  upper = len(body.upper_joints)
  scale = np.full(len(body.joint_names), LEGS * (len(body.joint_names) - upper) ** 0.5)
  scale[body.upper_joints] = UPPER * upper**0.5
  upward = np.concatenate(vertical(qpos), axis=-1)
  return np.concatenate([qpos[:, 7:] / scale, upward / TILT, qpos[:, 2:3] / HEIGHT], axis=-1)


def jerks(view: View) -> np.ndarray:
  """What a step of a motion costs [n]: joints quicker than muscles, which would be the solver's doing."""
  return JERK * np.maximum(np.abs(view.qvel[:, 6:]).max(axis=1) - QUICKEST, 0.0)
