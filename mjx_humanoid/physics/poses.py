"""Poses of a robot on the floor: standing, relaxed, and the descent of its datasheet. NumPy."""

from __future__ import annotations

import itertools

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import JointAngles, Pose, Robot, in_group
from mjx_humanoid.physics.root import Root

DESCENT = 8  # interpolated poses between two poses of a descent
FAR = 10.0  # m


def standing(model: mujoco.MjModel, robot: Robot, root: Root) -> np.ndarray:
  """The standing pose [nq]: that of the MJCF file, or that of the datasheet placed on the floor."""
  if robot.pose is None:
    return np.asarray(model.qpos0.copy())
  return grounded(model, robot, root, with_joints(model, model.qpos0, robot.pose))


def with_joints(model: mujoco.MjModel, qpos: np.ndarray, angles: JointAngles) -> np.ndarray:
  """A pose [nq] with new angles of joints, each that of the longest given substring in its name.

  Raises:
    UserError: no joint's name contains a substring.
  """
  qpos = qpos.copy()
  names = [model.joint(i).name for i in range(model.njnt)]
  for part, _ in angles:
    if not any(part in name for name in names):
      raise UserError(f'the datasheet has an angle for {part!r}, which is in no joint name: {", ".join(names)}.')
  for joint, name in enumerate(names):
    if (angle := in_group(dict(angles), name)) is not None:
      qpos[model.jnt_qposadr[joint]] = angle
  return qpos


def descent(model: mujoco.MjModel, robot: Robot, root: Root, start: np.ndarray) -> np.ndarray:
  """Poses [K, nq] from standing through those of the anatomy, each placed on the floor; K = 0 if it has none."""
  if robot.anatomy is None or not robot.anatomy.descent:
    return np.zeros((0, model.nq), np.float32)
  stops = [start, *(posed(model, root, pose) for pose in robot.anatomy.descent)]
  shares = np.arange(DESCENT) / DESCENT
  between = [a + share * (b - a) for a, b in itertools.pairwise(stops) for share in shares]
  return np.array([grounded(model, robot, root, qpos) for qpos in (*between, stops[-1])], np.float32)


def posed(model: mujoco.MjModel, root: Root, pose: Pose) -> np.ndarray:
  """The MJCF file's pose [nq] with the joint angles and the pitch of `pose`."""
  qpos = with_joints(model, model.qpos0, pose.joints)
  pitched = np.array([np.cos(pose.pitch / 2), 0, np.sin(pose.pitch / 2), 0])
  return root.placed(qpos[None], pitched, root.height(qpos))[0]


def grounded(model: mujoco.MjModel, robot: Robot, root: Root, qpos: np.ndarray) -> np.ndarray:
  """A pose [nq], raised or lowered until the robot touches the floor."""
  if not root.nq:
    return qpos
  data, floor = mujoco.MjData(model), model.geom(robot.floor).id
  data.qpos[:] = qpos
  mujoco.mj_normalizeQuat(model, data.qpos)
  upright = root.quaternion(data.qpos).copy()
  # Raised clear of the floor, so that no geom penetrates it and distances are exact.
  data.qpos[:] = root.placed(data.qpos[None], upright, FAR / 2)[0]
  mujoco.mj_kinematics(model, data)
  own = [g for g in range(model.ngeom) if model.body_rootid[model.geom_bodyid[g]] == root.body]
  drop = min(mujoco.mj_geomDistance(model, data, floor, geom, FAR, None) for geom in own)
  return root.placed(data.qpos[None], upright, FAR / 2 - drop)[0]


def foot_heights(model: mujoco.MjModel, robot: Robot, qpos: np.ndarray) -> np.ndarray:
  """Height [feet] in m of each foot's frame above the floor in a pose [nq]."""
  data = mujoco.MjData(model)
  data.qpos[:] = qpos
  mujoco.mj_kinematics(model, data)
  floor = data.geom_xpos[model.geom(robot.floor).id, 2]
  return np.array([data.xpos[model.body(foot).id, 2] - floor for foot in robot.feet])
