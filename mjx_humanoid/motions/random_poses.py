"""Random poses of a robot on the floor, from standing to anything that its joint limits allow. NumPy and C MuJoCo."""

from __future__ import annotations

import functools

import mujoco
import numpy as np

from mjx_humanoid.core.robot import Robot
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.rotations import tilted_heading

TILT = 0.35  # rad, standard deviation of the lean of the root about each axis, farthest from standing
FAR = 10.0  # m


def random_poses(body: Body, rng: np.random.Generator, share: np.ndarray) -> np.ndarray:
  """Poses [n, nq], each with its lowest point on the floor, at random headings.

  Args:
    share: [n] from 0, standing, to 1: joint angles uniform within their limits, and the root leaning any way.
  """
  n, root = len(share), body.root
  qpos = np.repeat(body.default_qpos[None].astype(np.float64), n, axis=0)
  anyhow = rng.uniform(body.joint_range[:, 0], body.joint_range[:, 1], (n, len(body.joint_names)))
  tilt = rng.normal(size=(n, 2)) * TILT * share[:, None]
  qpos[:, root.nq :] += share[:, None] * (anyhow - qpos[:, root.nq :])
  if root.kind == 'free':
    qpos = root.placed(qpos, tilted_heading(rng.uniform(-np.pi, np.pi, n), tilt), FAR / 2)
  else:
    qpos = root.rotated(qpos, np.zeros(n), tilt)
  return on_floor(body, qpos)


def on_floor(body: Body, qpos: np.ndarray) -> np.ndarray:
  """Poses [n, nq] raised or lowered until their lowest points are on the floor."""
  root, found = body.root, qpos.copy()
  if not root.nq:
    return found
  heights = root.height(qpos) - clearance(body, qpos)
  for row in range(len(found)):
    found[row] = root.placed(found[row : row + 1], root.quaternion(found[row]).copy(), heights[row])[0]
  return found


def clearance(body: Body, qpos: np.ndarray) -> np.ndarray:
  """Height [n] in m of the lowest point of the robot above the floor in poses [n, nq]; negative inside it."""
  root = body.root
  model, data, geoms, floor = _model(body.robot)
  gaps = np.zeros(len(qpos))
  for row, pose in enumerate(qpos):
    data.qpos[:] = root.placed(pose[None], root.quaternion(pose).copy(), FAR / 2)[0]  # clear: distances are exact
    mujoco.mj_kinematics(model, data)
    drop = min(mujoco.mj_geomDistance(model, data, floor, geom, FAR, None) for geom in geoms)
    gaps[row] = root.height(pose) - (FAR / 2 - drop)
  return gaps


@functools.lru_cache(maxsize=4)
def _model(robot: Robot) -> tuple[mujoco.MjModel, mujoco.MjData, tuple[int, ...], int]:
  """The model with its data, the robot's geoms, and the floor's."""
  model = build_model(robot)
  base = model.body(robot.root).rootid[0]
  own = tuple(geom for geom in range(model.ngeom) if model.body_rootid[model.geom_bodyid[geom]] == base)
  return model, mujoco.MjData(model), own, int(model.geom(robot.floor).id)
