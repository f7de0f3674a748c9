"""A clip as a table: the state of the robot at every control step, with what tracking it needs."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import mujoco
import numpy as np

from mjx_humanoid.core.robot import Robot
from mjx_humanoid.motions.clip import QUATERNION, Clip, advance_of, resampled
from mjx_humanoid.motions.clips import find_clip
from mjx_humanoid.physics.body import Body, describe
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.rotations import heading_of, quaternion_about_z, quaternion_product
from mjx_humanoid.physics.symmetry import joint_map

RETURN = 0.8  # s in which a clip that is over leads into standing
HELD = 0.4  # s in the last pose, so that the last velocities are zero
ALIKE = np.radians(5.0)  # rad: the second half of a symmetric loop is the mirror image of the first within this


@dataclass(frozen=True, eq=False)
class ClipTable:
  """K control steps of a clip. Arrays are float32. The robot begins at the origin and faces along x."""

  qpos: np.ndarray  # [K, nq]
  qvel: np.ndarray  # [K, nv]
  feet: np.ndarray  # [K, feet, 3] m, from the root to the frames of the feet, in the axes of the clip
  com: np.ndarray  # [K, 3] m/s, velocity of the centre of mass
  loop: bool  # after the last row comes the first, further on
  advance: np.ndarray  # [2] m, how far one loop leads
  turn: float  # rad, by which it turns to the left

  def __len__(self) -> int:
    """Number of rows."""
    return len(self.qpos)


def clip_table(reference: str, body: Body, *, once: bool) -> ClipTable:
  """The table of a clip for a robot.

  Args:
    reference: of the clip; see clips.find_clip.
    once: the clip is not repeated, even if it is a loop.

  Raises:
    UserError: there is no such clip, or it does not fit the robot.
  """
  found = find_clip(reference, body.robot)
  clip = found.fitted(body, f'clip {found.name!r}')
  clip.check_limits(body, f'clip {found.name!r}')
  return _table(clip, body.robot, body.control_step, once or not clip.loop)


@functools.lru_cache(maxsize=8)
def _table(clip: Clip, robot: Robot, control_step: float, once: bool) -> ClipTable:
  model = build_model(robot)
  body = describe(robot, model)
  rows = max(2, 2 * round(clip.duration / control_step / 2))  # even: a gait has two equal halves
  qpos = resampled(clip, np.linspace(0.0, clip.duration, rows + 1))
  if once:
    end = qpos if clip.held else _to_standing(body, qpos, control_step)
    qpos = np.concatenate([end, np.repeat(end[-1:], round(HELD / control_step), axis=0)])
    advance, turn = np.zeros(2), 0.0
  else:
    advance, turn = advance_of(qpos)
  qvel = _velocities(model, qpos, control_step)
  if not once:  # the last row is the first one, at another heading
    back = body.root.velocity_turned(qvel[-1:], np.array([-turn]))[0]
    qvel[0] = (qvel[0] + back) / 2
    qpos, qvel = qpos[:rows], qvel[:rows]
  feet, com = _places(model, robot, qpos, qvel)
  qpos, qvel, feet, com = (x.astype(np.float32) for x in (qpos, qvel, feet, com))
  return ClipTable(qpos, qvel, feet, com, loop=not once, advance=advance.astype(np.float32), turn=turn)


def is_symmetric(table: ClipTable, body: Body) -> bool:
  """Whether the second half of a loop is the mirror image of the first, as that of a gait."""
  half, rest = divmod(len(table), 2)
  if not table.loop or rest or not body.robot.symmetry:
    return False
  joints, first = joint_map(body), body.root.nq
  angles = table.qpos[:, first:]
  image = np.roll(angles, -half, axis=0)[:, joints.sources] * joints.signs
  return bool(np.abs(image - angles).max() < ALIKE)


def _to_standing(body: Body, qpos: np.ndarray, step: float) -> np.ndarray:
  """Poses [T, nq] that go on into the relaxed stance, where the last of them is."""
  last, upright = qpos[-1], body.relaxed_qpos.astype(float)
  ahead = heading_of(last[QUATERNION])
  upright[:2] = last[:2]
  turned = quaternion_about_z(np.array([np.arctan2(ahead[1], ahead[0])]))
  upright[QUATERNION] = quaternion_product(turned, upright[None, QUATERNION])[0]
  upright[QUATERNION] *= np.sign(upright[QUATERNION] @ last[QUATERNION]) or 1.0
  through = np.arange(1, round(RETURN / step) + 1) / round(RETURN / step)
  share = (0.5 - 0.5 * np.cos(np.pi * through))[:, None]
  between = last + share * (upright - last)
  between[:, QUATERNION] /= np.linalg.norm(between[:, QUATERNION], axis=1, keepdims=True)
  return np.concatenate([qpos, between])


def _velocities(model: mujoco.MjModel, qpos: np.ndarray, step: float) -> np.ndarray:
  """Velocities [T, nv] by central differences; by one-sided ones at the ends."""
  before, after = np.maximum(np.arange(len(qpos)) - 1, 0), np.minimum(np.arange(len(qpos)) + 1, len(qpos) - 1)
  found = np.zeros((len(qpos), model.nv))
  for row, (a, b) in enumerate(zip(before, after, strict=True)):
    mujoco.mj_differentiatePos(model, found[row], (b - a) * step, qpos[a], qpos[b])
  return found


def _places(model: mujoco.MjModel, robot: Robot, qpos: np.ndarray, qvel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Feet [T, feet, 3] from the root, and velocities of the centre of mass [T, 3]."""
  data, root = mujoco.MjData(model), model.body(robot.root).id
  feet, com = [], []
  for pose, velocity in zip(qpos, qvel, strict=True):
    data.qpos[:], data.qvel[:] = pose, velocity
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_comVel(model, data)
    mujoco.mj_subtreeVel(model, data)
    feet.append([data.body(foot).xpos - data.xpos[root] for foot in robot.feet])
    com.append(data.subtree_linvel[root].copy())
  return np.array(feet), np.array(com)
