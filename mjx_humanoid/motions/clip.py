"""Clips: motions of a robot, as poses over time."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from dataclasses import dataclass

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.rotations import heading_of, quaternion_about_z, quaternion_product
from mjx_humanoid.physics.symmetry import joint_map

QUATERNION = slice(3, 7)  # in the poses of clips, whose root is free: after its place
STRAIGHT = 0.35  # rad: a loop that turns by less than this is made to go straight, or it would lead in a circle
ONE_WAY = 0.7  # length of the mean of unit headings, above which a clip has a direction that it faces
OUTSIDE = 0.02  # rad, by which a joint may be outside its limits: rounding of files, and soft limits


@dataclass(frozen=True, eq=False)
class Clip:
  """A motion of a robot with a free root, T frames. A loop's last frame is its first one, further on."""

  name: str
  robot: str
  joints: tuple[str, ...]  # of the robot, in the order of qpos
  seconds: np.ndarray  # [T] time of each frame, from 0 on
  qpos: np.ndarray  # [T, 7 + joints] m, unit quaternion w x y z, rad
  loop: bool
  source: str = ''  # where the motion comes from
  held: bool = False  # played once, it ends in its last pose instead of leading into standing

  def __len__(self) -> int:
    """Number of frames."""
    return len(self.seconds)

  @property
  def duration(self) -> float:
    """Length in s."""
    return float(self.seconds[-1])

  @property
  def digest(self) -> str:
    """SHA-256 of robot, joints, times and poses, and of how it ends."""
    text = '\0'.join((self.robot, *self.joints, str(self.loop), *(['held'] if self.held else [])))
    arrays = np.concatenate([self.seconds[:, None], self.qpos], axis=1).astype(np.float32)
    return hashlib.sha256(np.ascontiguousarray(arrays).tobytes() + text.encode()).hexdigest()

  def fitted(self, body: Body, source: str) -> Clip:
    """The clip with its joints in the order of a robot. Raises UserError if they are those of another robot."""
    if body.root.kind != 'free':
      raise UserError(
        f'{source}: a clip needs a robot with a free root; that of {body.robot.name!r} is {body.root.kind}.'
      )
    if missing := [name for name in body.joint_names if name not in self.joints]:
      few = ', '.join(missing[:4]) + (', ...' if len(missing) > 4 else '')
      raise UserError(f'{source} lacks {len(missing)} joints of robot {body.robot.name!r}: {few}.')
    if extra := [name for name in self.joints if name not in body.joint_names]:
      raise UserError(f'{source} has joints that robot {body.robot.name!r} lacks: {", ".join(extra[:4])}.')
    if self.joints == body.joint_names:
      return self
    order = [body.root.nq + self.joints.index(name) for name in body.joint_names]
    qpos = np.concatenate([self.qpos[:, : body.root.nq], self.qpos[:, order]], axis=1)
    return dataclasses.replace(self, joints=body.joint_names, qpos=qpos)

  def check_limits(self, body: Body, source: str) -> None:
    """Raises UserError if the clip, fitted to a robot, leaves the robot's joint limits."""
    angles, (low, high) = self.qpos[:, body.root.nq :], body.joint_range.T.astype(float)
    excess = np.maximum(low - angles, angles - high)
    frame, joint = np.unravel_index(np.argmax(excess), excess.shape)
    if excess[frame, joint] > OUTSIDE:
      raise UserError(
        f'{source}: frame {frame} has joint {self.joints[joint]} at {np.degrees(angles[frame, joint]):.1f} degrees, out'
        f' of its limits, {np.degrees(low[joint]):.1f} to {np.degrees(high[joint]):.1f}.'
      )

  def content(self) -> bytes:
    """The clip as the content of an .npz file."""
    buffer = io.BytesIO()
    np.savez_compressed(
      buffer,
      time=self.seconds,
      qpos=self.qpos,
      joints=np.array(self.joints, str),
      loop=np.array(self.loop),
      robot=np.array(self.robot),
      source=np.array(self.source),
      held=np.array(self.held),
    )
    return buffer.getvalue()


def advance_of(qpos: np.ndarray) -> tuple[np.ndarray, float]:
  """By how much a loop carries the robot from its first to its last frame: on the floor [2] in m, and heading in rad.

  The motion on the floor is in the frame of the first heading.
  """
  first, last = heading_of(qpos[0, QUATERNION]), heading_of(qpos[-1, QUATERNION])
  turn = float(np.arctan2(first[0] * last[1] - first[1] * last[0], first @ last))
  x, y = qpos[-1, :2] - qpos[0, :2]
  return np.array([first[0] * x + first[1] * y, first[0] * y - first[1] * x]), turn


def resampled(clip: Clip, seconds: np.ndarray) -> np.ndarray:
  """Poses [n, nq] at these times [n]: linear between frames, and along the shortest arc for the root's orientation."""
  qpos = signed(clip.qpos)
  found = np.array([np.interp(seconds, clip.seconds, column) for column in qpos.T]).T
  found[:, QUATERNION] /= np.linalg.norm(found[:, QUATERNION], axis=1, keepdims=True)
  return found


def signed(qpos: np.ndarray) -> np.ndarray:
  """The same poses [T, nq] with quaternions whose signs do not jump from frame to frame."""
  qpos = qpos.copy()
  flips = np.sign(np.sum(qpos[1:, QUATERNION] * qpos[:-1, QUATERNION], axis=1))
  flips = np.where(flips == 0, 1.0, flips)
  qpos[1:, QUATERNION] *= np.cumprod(flips)[:, None]
  return qpos


def closed(qpos: np.ndarray) -> np.ndarray:
  """The same poses [T, nq] of a loop, whose last frame becomes its first one, moved over the floor and turned.

  What the frames differ by is taken away gradually over the whole clip, half of it at either end, so that the middle
  stays as it was. The place may go on, and the heading by more than STRAIGHT.
  """
  qpos = signed(qpos)
  _, turn = advance_of(qpos)
  turn = turn if abs(turn) > STRAIGHT else 0.0
  share = np.linspace(-0.5, 0.5, len(qpos))[:, None]
  goes_on = quaternion_product(quaternion_about_z(np.array([turn])), qpos[:1, QUATERNION])[0]
  goes_on = goes_on * np.sign(goes_on @ qpos[-1, QUATERNION] or 1.0)
  difference = qpos[-1] - qpos[0]
  difference[QUATERNION] = qpos[-1, QUATERNION] - goes_on
  difference[:2] = 0.0
  # The error of the orientation is a rotation of a few degrees, at whose size quaternions add.
  first = qpos[:1].copy()
  found = qpos - share * difference
  found[:, QUATERNION] /= np.linalg.norm(found[:, QUATERNION], axis=1, keepdims=True)
  found[:, :2] += first[:, :2] - found[:1, :2]
  found[-1, 2:] = found[0, 2:]
  found[-1, QUATERNION] = quaternion_product(quaternion_about_z(np.array([turn])), found[:1, QUATERNION])[0]
  return signed(found)


def mirrored(qpos: np.ndarray, body: Body) -> np.ndarray:
  """Poses [T, nq] of a loop that is made exactly symmetric: the mean of it and its mirror image half a loop later.

  T is odd, and the loop goes straight ahead along x.
  """
  half, joints, first = len(qpos) // 2, joint_map(body), body.root.nq
  signs, _ = body.root.mirror_signs
  # The last frame is the first one: leave it out, and put it back at the end.
  loop, ahead = signed(qpos)[:-1].copy(), qpos[-1, 0] - qpos[0, 0]
  loop[:, 0] -= ahead * np.arange(len(loop)) / len(loop)
  image = np.roll(loop, -half, axis=0)
  image = np.concatenate([image[:, :first] * signs, image[:, first:][:, joints.sources] * joints.signs], axis=1)
  image[:, QUATERNION] *= np.sign(np.sum(image[:, QUATERNION] * loop[:, QUATERNION], axis=1, keepdims=True))
  found = (loop + image) / 2
  found = np.concatenate([found, found[:1]])
  found[:, 0] += ahead * np.arange(len(found)) / len(loop) - found[0, 0]
  found[:, QUATERNION] /= np.linalg.norm(found[:, QUATERNION], axis=1, keepdims=True)
  return found


def facing_ahead(qpos: np.ndarray) -> np.ndarray:
  """The same poses [T, nq], moved and turned: the first frame is above the origin, and the robot faces along x.

  That is where it faces on average; where it turns round, the first frame faces along x.
  """
  headings = heading_of(qpos[:, QUATERNION])
  ahead = headings.mean(axis=0) if np.linalg.norm(headings.mean(axis=0)) > ONE_WAY else headings[0]
  turn = -np.arctan2(ahead[1], ahead[0])
  found, c, s = qpos.copy(), np.cos(turn), np.sin(turn)
  x, y = (qpos[:, :2] - qpos[0, :2]).T
  found[:, 0], found[:, 1] = c * x - s * y, s * x + c * y
  found[:, QUATERNION] = quaternion_product(
    np.repeat(quaternion_about_z(np.array([turn])), len(qpos), axis=0), qpos[:, QUATERNION]
  )
  return signed(found)
