"""A robot that moves as a person did: bones in the same directions, feet on the floor where the person's were.

The joint angles are fitted frame by frame (follow.py), so that limbs may have other lengths. The pelvis moves as the
person's, scaled by the length of the legs; then the height is corrected so that what carries the robot is on the floor,
and the place so that it does not slide.
"""

from __future__ import annotations

import numpy as np

from mjx_humanoid.core.robot import Robot
from mjx_humanoid.motions.capture import HIP_HEIGHT, Capture
from mjx_humanoid.motions.clip import Clip, closed, facing_ahead, resampled
from mjx_humanoid.motions.follow import follow
from mjx_humanoid.motions.landmarks import Landmarks, index
from mjx_humanoid.motions.random_poses import clearance
from mjx_humanoid.motions.skeleton import Rig, rig_of

RATE = 60.0  # frames per second of the clip
SMOOTHING = 0.02  # s, standard deviation of the filter over joint angles
SPARE = 0.05  # rad (3 degrees), from joint limits
AIRBORNE = 0.06  # m: a person whose lowest part is higher is in the air; captured soles are off by some centimetres
TOUCHING = 0.03  # m: a part of the robot that is lower carries it
NEARNESS = 0.003  # m: by so much lower, a part carries 2.7 times as much; toes swing 1 cm above the floor
FLOOR_SMOOTHING = 0.04  # s, of the correction of heights
HIPS = ('left_hip', 'right_hip')
SOLES = tuple(f'{side}_{end}' for side in ('left', 'right') for end in ('heel', 'foot_index'))
WRISTS = ('left_wrist', 'right_wrist')
CARRYING = (*SOLES, *WRISTS)


def retarget(capture: Capture, robot: Robot, source: str = '') -> Clip:
  """The clip of a robot that moves as the person. Raises UserError if the robot has no skeleton of a humanoid."""
  rig = rig_of(robot)
  people = [capture.landmarks(i) for i in range(len(capture))]
  qpos = follow(rig, people)
  scale = leg_length(rig) / HIP_HEIGHT
  qpos[:, :3] += scale * capture.place - _middle(rig, qpos, HIPS)
  clip = Clip(capture.name, robot.name, rig.body.joint_names, capture.seconds, qpos, capture.loop, source)
  frames = 2 * max(1, round(clip.duration * RATE / 2)) + 1  # odd: half a loop is a whole number of frames
  seconds = np.linspace(0.0, clip.duration, frames)
  qpos = within_limits(rig, _smooth(resampled(clip, seconds), rig.body.root.nq, clip.duration / (frames - 1)))
  lowest = np.interp(seconds, capture.seconds, [_lowest(each) for each in people])
  qpos = on_the_floor(rig, qpos, lowest > AIRBORNE, clip.duration / (frames - 1))
  if capture.loop:
    qpos = within_limits(rig, closed(qpos))
    qpos = on_the_floor(rig, qpos, lowest > AIRBORNE, clip.duration / (frames - 1))
    qpos[-1, 2] = qpos[0, 2]
  qpos = facing_ahead(without_sliding(rig, qpos))
  return Clip(capture.name, robot.name, rig.body.joint_names, seconds, qpos, capture.loop, source)


def leg_length(rig: Rig) -> float:
  """Height of the robot's hips above the floor when it stands, in m."""
  standing = rig.body.default_qpos[None].astype(float)
  return float(_middle(rig, standing, HIPS)[0, 2] - clearance(rig.body, standing)[0])


def on_the_floor(rig: Rig, qpos: np.ndarray, airborne: np.ndarray, step: float) -> np.ndarray:
  """Poses [T, nq] raised or lowered so that the robot stands on the floor and sinks nowhere.

  Args:
    airborne: [T] bool, frames in which it may be above the floor; there the correction goes on between its ends.
    step: s between frames.
  """
  gaps, frames = clearance(rig.body, qpos), np.arange(len(qpos))
  carried = ~airborne if (~airborne).any() else np.ones(len(qpos), bool)
  shift = np.interp(frames, frames[carried], -gaps[carried])
  shift = np.maximum(_filtered(shift[:, None], FLOOR_SMOOTHING / step)[:, 0], -gaps)
  found = qpos.copy()
  found[:, 2] += shift
  return found


def without_sliding(rig: Rig, qpos: np.ndarray) -> np.ndarray:
  """Poses [T, nq] moved over the floor so that what carries the robot stays where it is.

  Of soles and hands that carry it, lower ones count more. In the air, or on other parts, it goes on as it was.
  """
  points = np.array([rig.landmarks(pose).points[[index(name) for name in CARRYING]] for pose in qpos])
  heights = np.maximum(points[..., 2] - heights_on_floor(rig), 0.0)
  lower = np.maximum(heights[1:], heights[:-1])
  weights = np.exp(-lower / NEARNESS) * (lower < TOUCHING)
  total = weights.sum(axis=1, keepdims=True)
  slide = (weights[..., None] * (points[1:, :, :2] - points[:-1, :, :2])).sum(axis=1) / np.maximum(total, 1e-9)
  found = qpos.copy()
  found[1:, :2] -= np.cumsum(np.where(total > 0, slide, 0.0), axis=0)
  return found


def heights_on_floor(rig: Rig) -> np.ndarray:
  """Heights [CARRYING] in m of soles and wrists while they carry the robot: in the standing pose, and of its hands."""
  standing = rig.body.default_qpos[None].astype(float)
  soles = rig.landmarks(standing[0]).points[[index(name) for name in SOLES], 2] - clearance(rig.body, standing)
  hands = [rig.model.geom_rbound[rig.model.body_geomadr[rig.bodies[index(name)]]] for name in WRISTS]
  return np.concatenate([soles, hands])


def _middle(rig: Rig, qpos: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
  """Places [T, 3] of the middle of landmarks in poses [T, nq]."""
  return np.array([rig.landmarks(pose).point(*names) for pose in qpos])


def _lowest(person: Landmarks) -> float:
  """Height of the lowest landmark."""
  return float(person.points[person.visibility > 0, 2].min())


def within_limits(rig: Rig, qpos: np.ndarray) -> np.ndarray:
  """Poses [T, nq] with joint angles 3 degrees before their limits, so that a robot may follow without being stopped."""
  low, high = rig.body.joint_range.T.astype(float)
  spare = np.minimum(SPARE, (high - low) / 4)
  found, first = qpos.copy(), rig.body.root.nq
  found[:, first:] = np.clip(found[:, first:], low + spare, high - spare)
  return found


def _smooth(qpos: np.ndarray, first: int, step: float) -> np.ndarray:
  """Poses [T, nq] with filtered joint angles, which begin at element `first`."""
  found = qpos.copy()
  found[:, first:] = _filtered(qpos[:, first:], SMOOTHING / step)
  return found


def _filtered(values: np.ndarray, deviation: float) -> np.ndarray:
  """Values [T, n] under a Gaussian filter of so many frames; the ends are continued by their mirror images."""
  reach = min(max(1, round(3 * deviation)), len(values) - 1)
  weights = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / max(deviation, 1e-6)))
  weights /= weights.sum()
  padded = np.pad(values, ((reach, reach), (0, 0)), mode='reflect', reflect_type='odd')
  return np.array([np.convolve(column, weights, mode='valid') for column in padded.T]).T
