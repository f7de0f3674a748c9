"""Joint angles from the directions of a person's bones in closed form: the starting points of motions/fit.py."""

from __future__ import annotations

import mujoco
import numpy as np

from mjx_humanoid.motions.bones import BONES, SIDES, Directions, robot_directions
from mjx_humanoid.motions.hinges import cross, frame, one_hinge, three_hinges, two_hinges, within
from mjx_humanoid.motions.skeleton import Rig

STRAIGHT = 0.1  # sine of the bend of a knee below which its axis is told from the foot instead
UP = np.array([0.0, 0.0, 1.0])
LEFT = np.array([0.0, 1.0, 0.0])


def torso_guess(rig: Rig, wanted: Directions, rest: np.ndarray, upward: str = 'trunk') -> np.ndarray:
  """The pose at rest [nq], turned and with its spine bent so that shoulders and hips point as wanted.

  Args:
    upward: the bone along which the torso is taken to stand, trunk or neck.
  """
  torso = frame(wanted[upward], wanted['shoulders'])
  quaternion = np.zeros(4)
  mujoco.mju_mat2Quat(quaternion, torso.ravel())
  qpos = rig.body.root.placed(rest[None], quaternion, float(rig.body.root.height(rest)))[0]
  _set(rig, qpos, 'spine', _of_frame(rig, qpos, 'spine', torso, frame(wanted['trunk'], wanted['hips'])))
  return qpos


def limbs_guess(rig: Rig, wanted: Directions, qpos: np.ndarray) -> np.ndarray:
  """A pose [nq] with its limbs as wanted; joints that cannot be told keep their angles.

  From the torso outward, each joint is solved alone: the hinges of the hips as three angles of a frame, those of the
  shoulders as two, of knees and elbows as one.
  """
  qpos = qpos.copy()
  for side in SIDES:
    _leg(rig, qpos, wanted, side)
    _arm(rig, qpos, wanted, side)
  return qpos


def _leg(rig: Rig, qpos: np.ndarray, wanted: Directions, side: str) -> None:
  if not wanted.joint_known(f'{side}_hip'):
    return
  carrier = _frame_at(rig, qpos, f'{side}_hip')
  thigh = frame(-wanted[f'{side}_thigh'], _knee_axis(wanted, side, carrier))
  _set(rig, qpos, f'{side}_hip', _of_frame(rig, qpos, f'{side}_hip', carrier, thigh))
  if wanted.joint_known(f'{side}_knee'):
    _bend(rig, qpos, wanted, f'{side}_knee', f'{side}_shin')
  if wanted.joint_known(f'{side}_ankle'):
    _bend(rig, qpos, wanted, f'{side}_ankle', f'{side}_foot')


def _knee_axis(wanted: Directions, side: str, pelvis: np.ndarray) -> np.ndarray:
  """The direction to the left across a knee: of a bent one from its plane, of a straight one from foot or pelvis."""
  if wanted.joint_known(f'{side}_knee'):
    across = cross(wanted[f'{side}_thigh'], wanted[f'{side}_shin'])
    if np.linalg.norm(across) > STRAIGHT:  # a knee bends backward
      return across
  return cross(UP, wanted[f'{side}_foot']) if wanted.known(f'{side}_foot') else pelvis @ LEFT


def _arm(rig: Rig, qpos: np.ndarray, wanted: Directions, side: str) -> None:
  shoulder, elbow = f'{side}_shoulder', f'{side}_elbow'
  if not wanted.joint_known(shoulder):
    return
  axes, start = _at_zero(rig, qpos, shoulder, f'{side}_upper_arm')
  solutions = within(two_hinges(axes[0], axes[1], start, wanted[f'{side}_upper_arm']), rig.limits(shoulder))
  tried: list[tuple[float, int, np.ndarray, np.ndarray | None]] = []
  for angles in solutions:
    _set(rig, qpos, shoulder, angles)
    bent = None
    if wanted.joint_known(elbow):
      _bend(rig, qpos, wanted, elbow, f'{side}_forearm')
      bent = qpos[rig.addresses(elbow)].copy()
    tried.append((_error(rig, qpos, wanted, (f'{side}_upper_arm', f'{side}_forearm')), len(tried), angles, bent))
  _, _, angles, bent = min(tried, key=lambda entry: entry[:2])
  _set(rig, qpos, shoulder, angles)
  if bent is not None:
    _set(rig, qpos, elbow, bent)


def _bend(rig: Rig, qpos: np.ndarray, wanted: Directions, joint: str, bone: str) -> None:
  """Sets the first hinge of a joint so that a bone points as wanted; the others to their angle nearest to zero."""
  axes, start = _at_zero(rig, qpos, joint, bone)
  limits = rig.limits(joint)
  angles = np.clip(np.zeros(len(limits)), limits[:, 0], limits[:, 1])
  angles[0] = np.clip(one_hinge(axes[0], start, wanted[bone]), *limits[0])
  _set(rig, qpos, joint, angles)


def _of_frame(rig: Rig, qpos: np.ndarray, joint: str, carrier: np.ndarray, target: np.ndarray) -> np.ndarray:
  """The angles of a joint of three hinges between two frames; of another number of hinges, those at rest."""
  axes, _ = _at_zero(rig, qpos, joint, None)
  if len(axes) != 3:
    return qpos[rig.addresses(joint)]
  return within(three_hinges(axes, target @ carrier.T), rig.limits(joint))[0]


def _set(rig: Rig, qpos: np.ndarray, joint: str, angles: np.ndarray) -> None:
  qpos[rig.addresses(joint)] = angles


def _at_zero(rig: Rig, qpos: np.ndarray, joint: str, bone: str | None) -> tuple[np.ndarray, np.ndarray]:
  """World axes [hinges, 3] of a joint, and the direction [3] of a bone, with the hinges of the joint at angle zero."""
  zeroed = qpos.copy()
  zeroed[rig.addresses(joint)] = 0.0
  rig.move(zeroed)
  axes = rig.data.xaxis[list(rig.joints[joint])].copy()
  return axes, robot_directions(rig.points())[0][list(BONES).index(bone)] if bone else UP


def _frame_at(rig: Rig, qpos: np.ndarray, joint: str) -> np.ndarray:
  """The rotation matrix of the body that carries a joint."""
  rig.move(qpos)
  carrier = rig.model.body_parentid[rig.model.jnt_bodyid[rig.joints[joint][0]]]
  return np.asarray(rig.data.xmat[carrier].reshape(3, 3).copy())


def _error(rig: Rig, qpos: np.ndarray, wanted: Directions, bones: tuple[str, ...]) -> float:
  rig.move(qpos)
  rows = [list(BONES).index(bone) for bone in bones]
  found = robot_directions(rig.points())[0][rows]
  return float((wanted.weights[rows] * np.square(found - wanted.vectors[rows]).sum(axis=1)).sum())
