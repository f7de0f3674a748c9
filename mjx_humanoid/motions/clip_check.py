"""What is wrong with a clip on a robot: joints out of limits, sinking, floating, sliding, jumps, an open loop."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mjx_humanoid.core.robot import Robot
from mjx_humanoid.motions.clip import Clip
from mjx_humanoid.motions.landmarks import index
from mjx_humanoid.motions.random_poses import clearance
from mjx_humanoid.motions.retarget import CARRYING, heights_on_floor
from mjx_humanoid.motions.skeleton import Rig, rig_of

SINKS = 0.01  # m inside the floor
FLOATS = 0.02  # m above the floor, in every frame
STANDS = 0.005  # m: a sole that is lower, in this and the frames around it, stands on the floor
AROUND = 3  # such frames: a toe that leaves the floor is low for a moment
SLIDES = 0.3  # m/s
FASTEST_JOINT = 30.0  # rad/s; in sprints knees turn at about 20
FASTEST_ROOT = 15.0  # rad/s; somersaults turn at about 10
OPEN = np.radians(10.0)  # rad between the first and the last frame of a loop


class Finding(NamedTuple):
  """One fault, where it is worst."""

  fault: str
  part: str  # joint, or part of the body
  frame: int
  said: str  # by how much


def check_clip(clip: Clip, robot: Robot) -> list[Finding]:
  """The faults of a clip, of each joint and kind the worst. [] for a sound clip.

  Raises:
    UserError: the robot has no skeleton, or other joints than the clip.
  """
  rig = rig_of(robot)
  return [*_limits(clip, rig), *_jumps(clip, rig), *_floor(clip, rig), *_slides(clip, rig), *_open(clip, rig)]


def _limits(clip: Clip, rig: Rig) -> list[Finding]:
  low, high = rig.body.joint_range.T.astype(float)
  angles = clip.qpos[:, rig.body.root.nq :]
  excess = np.degrees(np.maximum(low - angles, angles - high))
  return _worst('out of limits', excess, 0.01, clip.joints, '{:.1f} degrees')


def _jumps(clip: Clip, rig: Rig) -> list[Finding]:
  steps = np.diff(clip.seconds)[:, None]
  rates = np.abs(np.diff(clip.qpos[:, rig.body.root.nq :], axis=0)) / steps
  found = _worst('jumps', rates, FASTEST_JOINT, clip.joints, '{:.0f} rad/s')
  quaternions = rig.body.root.quaternion(clip.qpos)
  cosines = np.abs(np.sum(quaternions[1:] * quaternions[:-1], axis=1)).clip(0, 1)
  turning = 2 * np.arccos(cosines)[:, None] / steps
  return found + _worst('jumps', turning, FASTEST_ROOT, (rig.body.robot.root,), '{:.0f} rad/s')


def _floor(clip: Clip, rig: Rig) -> list[Finding]:
  gaps = clearance(rig.body, clip.qpos)
  found = _worst('sinks', -100 * gaps[:, None], 100 * SINKS, ('lowest part',), '{:.1f} cm')
  if gaps.min() > FLOATS:
    frame = int(gaps.argmin())
    found.append(Finding('floats', 'lowest part', frame, f'{100 * gaps[frame]:.1f} cm above the floor, or more'))
  return found


def _slides(clip: Clip, rig: Rig) -> list[Finding]:
  points = np.array([rig.landmarks(pose).points[[index(name) for name in CARRYING]] for pose in clip.qpos])
  low = np.pad(points[..., 2] - heights_on_floor(rig) < STANDS, ((AROUND, AROUND), (0, 0)), mode='edge')
  stands = np.logical_and.reduce([low[i : i + len(clip) - 1] for i in range(2 * AROUND + 2)])
  speeds = np.linalg.norm(np.diff(points[..., :2], axis=0), axis=-1) / np.diff(clip.seconds)[:, None]
  return _worst('slides', speeds * stands, SLIDES, CARRYING, '{:.2f} m/s')


def _open(clip: Clip, rig: Rig) -> list[Finding]:
  if not clip.loop:
    return []
  apart = np.abs(clip.qpos[-1:, rig.body.root.nq :] - clip.qpos[:1, rig.body.root.nq :])
  found = _worst('loop does not close', np.degrees(apart), float(np.degrees(OPEN)), clip.joints, '{:.0f} degrees')
  return [finding._replace(frame=len(clip) - 1) for finding in found]


def _worst(fault: str, values: np.ndarray, limit: float, parts: tuple[str, ...], words: str) -> list[Finding]:
  """The largest of the values [T, parts] of each part that is above the limit."""
  frames = values.argmax(axis=0)
  return [
    Finding(fault, part, int(frame), words.format(float(values[frame, i])))
    for i, (part, frame) in enumerate(zip(parts, frames, strict=True))
    if values[frame, i] > limit
  ]
