"""The landmarks of a human body on a robot's model: where they are in a pose, and how they move with its joints."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Robot, Skeleton
from mjx_humanoid.motions.landmarks import NAMES, Landmarks
from mjx_humanoid.physics.body import Body, describe
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.robots import robots


@dataclass(frozen=True, eq=False)
class Rig:
  """A robot's model with landmarks. Methods overwrite `data`."""

  body: Body
  model: mujoco.MjModel
  bodies: np.ndarray  # [33] int, the body that carries each landmark
  offsets: np.ndarray  # [33, 3] m, its place in the frame of that body
  joints: dict[str, tuple[int, ...]]  # ids of the hinges of each human joint, from the torso outward
  data: mujoco.MjData = field(repr=False)

  def move(self, qpos: np.ndarray) -> None:
    """Puts the model into a pose [nq]: places of bodies, joint axes, and what Jacobians need."""
    self.data.qpos[:] = qpos
    mujoco.mj_kinematics(self.model, self.data)
    mujoco.mj_comPos(self.model, self.data)

  def points(self) -> np.ndarray:
    """World places [33, 3] of the landmarks in the pose of the last `move`, in m."""
    rotations = self.data.xmat[self.bodies].reshape(-1, 3, 3)
    return np.asarray(self.data.xpos[self.bodies] + np.einsum('nij,nj->ni', rotations, self.offsets))

  def jacobian(self, points: np.ndarray, landmark: int) -> np.ndarray:
    """How one of the `points` moves with the degrees of freedom, [3, nv]."""
    found = np.zeros((3, self.model.nv))
    mujoco.mj_jac(self.model, self.data, found, None, points[landmark], int(self.bodies[landmark]))
    return found

  def landmarks(self, qpos: np.ndarray) -> Landmarks:
    """The landmarks of a pose [nq], all visible."""
    self.move(np.asarray(qpos, float))
    return Landmarks(self.points(), np.ones(len(NAMES)))

  def addresses(self, joint: str) -> np.ndarray:
    """Elements of qpos of the hinges of a human joint."""
    return np.asarray(self.model.jnt_qposadr[list(self.joints[joint])])

  def dofs(self, joint: str) -> np.ndarray:
    """Elements of qvel of the hinges of a human joint."""
    return np.asarray(self.model.jnt_dofadr[list(self.joints[joint])])

  def limits(self, joint: str) -> np.ndarray:
    """Limits [hinges, 2] of the hinges of a human joint in rad."""
    return self.body.joint_range[self.dofs(joint) - self.body.root.nv].astype(float)


def skeleton_of(robot: Robot) -> Skeleton:
  """The skeleton in the datasheet. Raises UserError with the name of the robot if it has none."""
  if robot.anatomy is None or robot.anatomy.skeleton is None:
    able = [name for name in robots() if (body := robots()[name].anatomy) and body.skeleton]
    raise UserError(
      f'robot {robot.name!r} cannot take the pose of a person: its datasheet has no skeleton of a humanoid.'
      f' Robots that can: {", ".join(able)}.'
    )
  return robot.anatomy.skeleton


@functools.lru_cache(maxsize=4)
def rig_of(robot: Robot) -> Rig:
  """The rig of a robot.

  Raises:
    UserError: its datasheet has no skeleton, or names a body or a joint that the model lacks, or its root is fixed.
  """
  skeleton = skeleton_of(robot)
  model = build_model(robot)
  body = describe(robot, model)
  if body.root.kind != 'free':
    raise UserError(f'robot {robot.name!r} cannot take the pose of a person: its root is {body.root.kind}, not free.')
  places = {name: (part, offset) for name, part, offset in skeleton.landmarks}
  missing = [name for name in NAMES if name not in places]
  if missing:
    raise UserError(f'robot {robot.name!r}: its skeleton lacks the landmark {missing[0]}.')
  try:
    bodies = [model.body(places[name][0]).id for name in NAMES]
    joints = {joint: tuple(model.joint(hinge).id for hinge in hinges) for joint, hinges in skeleton.joints}
  except KeyError as error:
    raise UserError(f'robot {robot.name!r}: its skeleton does not fit its model: {str(error.args[0])[:80]}') from None
  offsets = np.array([places[name][1] for name in NAMES], float)
  return Rig(body, model, np.array(bodies), offsets, joints, mujoco.MjData(model))
