"""Reference motion: where the robot should be in a clip, at the end of the coming control step.

The clip begins where the robot is: the frame of the clip is the one most like the start state, and the clip's place and
heading are those of the start state in that frame. So any start will do: the clip's own, standing, or another policy's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.motions.clip_table import ClipTable, clip_table, is_symmetric
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.rotations import about_z, heading_of, inverse, product, to_world, turned
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.context.parts import PARTS

NAME = 'reference_motion'
# Entries of Context.extra
FRAME, PHASE = 'clip_frame', 'clip_phase'  # [] control steps into the clip; [2] the same as sine and cosine
ANGLES, RATES = 'clip_angles', 'clip_rates'  # [joints] rad, rad/s
PLACE, ORIENTATION = 'clip_place', 'clip_orientation'  # [3] m, [4] of the root in the world
FEET, VELOCITY = 'clip_feet', 'clip_velocity'  # [3 feet] m from the root; [3] m/s of the centre of mass; in the world
ORIGIN, YAW = 'clip_origin', 'clip_yaw'  # [2] m, [2] unit vector: place and heading of the clip's first frame
# How unlike a state is to a frame of the clip: squares of differences, divided by these. Earlier frames are preferred
# by little, so that a clip that begins and ends in the same pose begins.
RATE_SCALE, HEIGHT_SCALE, UP_SCALE = 8.0, 0.3, 0.4  # rad/s, m, unit vectors; angles count in rad
EARLIER = 0.05


@dataclass(frozen=True, eq=False)
class ReferenceMotion:
  """See ContextPart. Entries in extra: see above. It also sets command, requested, heading and target_position."""

  body: Body
  table: ClipTable
  rows: np.ndarray  # [K + 1, D] all entries of the table, and what follows the last row
  columns: dict[str, slice]  # of the rows
  signatures: np.ndarray  # [K, S] of the frames, by which start states are compared
  handicaps: np.ndarray  # [K] what is added to the distance of each
  symmetric: bool
  draws: int = 0

  def start(self, context: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """See ContextPart."""
    frame = self._nearest(view)
    row = self._row(frame)
    yaw = heading_of(product(self.body.root.quaternion(view.qpos), inverse(row[ORIENTATION])))
    origin = self.body.position(view)[..., :2] - to_world(row[PLACE][..., :2], yaw)
    return self._at(context, frame, origin, yaw)

  def advance(self, context: Context, before: Context, view: View, uniform: Array, level: Array | float) -> Context:
    """See ContextPart. After the last frame a loop begins anew, further on; another clip stays at its end."""
    xp, count = view.qpos.__array_namespace__(), len(self.table)
    frame, origin, yaw = (before.extra[name] for name in (FRAME, ORIGIN, YAW))
    frame = frame + np.float32(1)
    if not self.table.loop:
      return self._at(context, frame.clip(0.0, count - 1.0), origin, yaw)
    over = frame > count - 0.5
    further = origin + to_world(0 * yaw + self.table.advance, yaw)
    return self._at(
      context,
      xp.where(over, frame - np.float32(count), frame),
      xp.where(over[..., None], further, origin),
      xp.where(over[..., None], turned(yaw, 0 * yaw[..., :1] + np.float32(self.table.turn)), yaw),
    )

  def at_age(self, context: Context) -> Context:
    """See ContextPart: episodes begin in any frame anyway."""
    return context

  def mirror(self, context: Context) -> Context:
    """See ContextPart: half a loop later. Raises UserError for a clip that is not its own mirror image then."""
    if not self.symmetric:
      raise UserError(
        'config.network.symmetric: this clip is not the same for left and right, half a loop later, so that a symmetric'
        ' policy cannot follow it; set it to False.'
      )
    count, flip = np.float32(len(self.table)), np.array([1, -1], np.float32)
    before, origin, yaw = (context.extra[name] for name in (FRAME, ORIGIN, YAW))
    place = origin + to_world(self._row(before)[PLACE][..., :2], yaw)
    frame, yaw = (before + count / 2) % count, yaw * flip
    origin = place * flip - to_world(self._row(frame)[PLACE][..., :2], yaw)
    return self._at(context, frame, origin, yaw)

  def _at(self, context: Context, frame: Array, origin: Array, yaw: Array) -> Context:
    """The context in a frame [...] of a clip that begins at origin [..., 2] and faces along yaw [..., 2]."""
    xp, now, row = frame.__array_namespace__(), self._row(frame), self._row(frame + np.float32(1))
    angle = np.float32((2 if self.table.loop else 1) * math.pi / len(self.table)) * frame[..., None]
    place = xp.concatenate([origin + to_world(row[PLACE][..., :2], yaw), row[PLACE][..., 2:]], axis=-1)
    extra = {
      FRAME: frame,
      PHASE: xp.concatenate([xp.sin(angle), xp.cos(angle)], axis=-1),
      ANGLES: row[ANGLES],
      RATES: row[RATES],
      PLACE: place,
      ORIENTATION: product(about_z(yaw), row[ORIENTATION]),
      FEET: _turned(row[FEET], yaw),
      VELOCITY: _turned(row[VELOCITY], yaw),
      ORIGIN: origin,
      YAW: yaw,
    }
    seconds = len(self.table) * self.body.control_step
    mean = np.concatenate([self.table.advance, [self.table.turn]]).astype(np.float32) / np.float32(seconds)
    command = 0 * place + mean
    return context._replace(
      command=command,
      requested=command,
      heading=yaw,
      target_position=origin + to_world(now[PLACE][..., :2], yaw),
      extra={**context.extra, **extra},
    )

  def _row(self, frame: Array) -> dict[str, Array]:
    """The entries of the table at frames [...], linear between its rows: a product, which every array library has."""
    xp = frame.__array_namespace__()
    apart = xp.abs(frame[..., None] - np.arange(len(self.rows), dtype=np.float32))
    row = (1.0 - apart).clip(0.0, 1.0) @ self.rows
    return {name: row[..., place] for name, place in self.columns.items()}

  def _nearest(self, view: View) -> Array:
    """The frame [...] of the clip that is most like the states of a view."""
    xp = view.qpos.__array_namespace__()
    state = signature(self.body, view)
    # The square of the state's own length is the same for all frames, and left out.
    distance = self.handicaps - 2 * (state @ self.signatures.T)
    least = -(-distance).max(axis=-1, keepdims=True)
    chosen = xp.where(distance <= least, np.float32(1), np.float32(0))
    return (chosen * np.arange(len(self.table), dtype=np.float32)).sum(axis=-1) / chosen.sum(axis=-1)


def signature(body: Body, view: View) -> Array:
  """What states [..., S] are compared by: joint angles and rates, height and uprightness, each scaled."""
  xp = view.qpos.__array_namespace__()
  parts = [
    body.joint_angles(view),
    body.joint_velocities(view) / np.float32(RATE_SCALE),
    body.height(view)[..., None] / np.float32(HEIGHT_SCALE),
    body.up(view) / np.float32(UP_SCALE),
  ]
  return xp.concatenate(parts, axis=-1)


def _turned(vectors: Array, yaw: Array) -> Array:
  """Vectors [..., 3 n], joined, turned about the vertical by a heading [..., 2]."""
  xp, parts = vectors.__array_namespace__(), []
  for first in range(0, vectors.shape[-1], 3):
    parts += [to_world(vectors[..., first : first + 2], yaw), vectors[..., first + 2 : first + 3]]
  return xp.concatenate(parts, axis=-1)


def _rows(table: ClipTable, body: Body) -> tuple[np.ndarray, dict[str, slice]]:
  """The table in one array [K + 1, D], and the columns of each entry. The last row is what follows."""
  root = body.root
  parts = {
    ANGLES: table.qpos[:, root.nq :],
    RATES: table.qvel[:, root.nv :],
    PLACE: root.position(table.qpos),
    ORIENTATION: root.quaternion(table.qpos),
    FEET: table.feet.reshape(len(table), -1),
    VELOCITY: table.com,
  }
  columns, first = {}, 0
  for name, values in parts.items():
    columns[name] = slice(first, first + values.shape[1])
    first += values.shape[1]
  rows = np.concatenate(list(parts.values()), axis=1)
  if not table.loop:
    return np.concatenate([rows, rows[-1:]]), columns
  turn = np.array([math.cos(table.turn), math.sin(table.turn)], np.float32)
  after = {name: rows[:1, place] for name, place in columns.items()}
  there = to_world(after[PLACE][:, :2], turn[None]) + table.advance
  after[PLACE] = np.concatenate([there, after[PLACE][:, 2:]], axis=1)
  after[ORIENTATION] = product(about_z(turn[None]), after[ORIENTATION])
  after |= {name: _turned(after[name], turn[None]) for name in (FEET, VELOCITY) if after[name].shape[1]}
  last = np.concatenate([after[name] for name in columns], axis=1)
  return np.concatenate([rows, last]).astype(np.float32), columns


@PARTS.register(NAME)
def reference_motion(config: TaskConfig, body: Body) -> ReferenceMotion:
  """Where the robot should be in the clip of config.task.clip; it also gives command, heading and target position."""
  if not config.clip:
    raise UserError("config.task.context: the part 'reference_motion' needs a clip; name it by config.task.clip.")
  table = clip_table(config.clip, body, once=config.clip_once)
  rows, columns = _rows(table, body)
  count = len(table)
  still = np.zeros((count, 1), np.float32)
  signatures = signature(body, View(still, table.qpos, table.qvel, still, still))
  handicaps = np.square(signatures).sum(axis=1) + EARLIER * np.arange(count) / count
  return ReferenceMotion(
    body, table, rows, columns, signatures, handicaps.astype(np.float32), is_symmetric(table, body)
  )


def entry(context: Context, name: str, user: str) -> Array:
  """An entry of the reference motion. Raises UserError if the context lacks it; `user` needs it."""
  if name not in context.extra:
    raise UserError(f"{user} needs the part 'reference_motion' in config.task.context, and a clip in config.task.clip.")
  return context.extra[name]
