"""The normative gait as a motion of a person, and so as a clip of any humanoid, at a speed."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.motions.capture import HIP_HEIGHT, Capture
from mjx_humanoid.motions.clip import Clip, advance_of, mirrored
from mjx_humanoid.motions.hinges import rotation
from mjx_humanoid.motions.normative import ADULT_LEG, curve, knee_swing, timing
from mjx_humanoid.motions.retarget import leg_length, on_the_floor, retarget, within_limits
from mjx_humanoid.motions.skeleton import Rig, rig_of

NAME = 'gait'  # of the clip; 'gait:1.2' is the gait at 1.2 m/s
USUAL = 1.2  # m/s
SLOWEST, FASTEST = 0.9, 1.6  # m/s of adults: the measured speeds, rounded
FREE = 1.24  # m/s, comfortable speed of adults, to which the curves belong
FRAMES = 61  # of a stride, the last of which is the first
ACROSS = np.array([0.0, 1.0, 0.0])  # to the left: about it, what hangs turns backward
# What the curves do not say: typical angles in degrees. The trunk is upright on a pelvis that is tilted forward.
PELVIC_TILT = 11.0
SHOULDER, ARM_SWING = -4.0, 16.0  # flexion on average, and its amplitude, against the leg of the same side
ELBOW, ELBOW_SWING = 25.0, 9.0
# Soles of robots are longer than feet: without more dorsiflexion in the swing, from 60 % on, their toes would scuff.
CLEARANCE, SWING = 7.0, 0.6
SOURCE = 'normative gait (Schwartz et al., 2008; Fukuchi et al., 2018)'


def is_gait(reference: str) -> bool:
  """Whether a reference to a clip is the normative gait."""
  return reference.partition(':')[0] == NAME


def speed_of(reference: str) -> float:
  """The speed in m/s of 'gait' or 'gait:1.2'. Raises UserError for something else."""
  text = reference.partition(':')[2]
  try:
    return float(text) if text else USUAL
  except ValueError:
    raise UserError(f'clip {reference!r}: the normative gait at a speed in m/s is written as gait:1.2.') from None


def gait_clip(reference: str, robot: Robot) -> Clip:
  """The normative gait of a robot: angles of a person, cadence for the length of its legs, exactly at the speed.

  Speeds of adults and of the robot correspond where v / sqrt(g * leg length) is the same (Froude).

  Raises:
    UserError: a speed out of range, or a robot without the skeleton of a humanoid.
  """
  speed, rig = speed_of(reference), rig_of(robot)
  scale = math.sqrt(ADULT_LEG / leg_length(rig))
  if not SLOWEST <= speed * scale <= FASTEST:
    raise UserError(
      f'clip {reference!r}: the normative gait is known from {SLOWEST / scale:.2f} to {FASTEST / scale:.2f} m/s for the'
      f' legs of robot {robot.name!r}, not at {speed:g} m/s.'
    )
  clip = retarget(person(speed * scale), robot, SOURCE)
  qpos = mirrored(tilted(rig, clip.qpos), rig.body)
  qpos = on_the_floor(rig, qpos, np.zeros(len(qpos), bool), clip.duration / (len(qpos) - 1))
  qpos = mirrored(qpos, rig.body)  # exactly: the floor is found with a filter that has ends
  length = float(np.linalg.norm(advance_of(qpos)[0]))
  return dataclasses.replace(clip, name=reference, qpos=qpos, seconds=clip.seconds * length / speed / clip.duration)


def tilted(rig: Rig, qpos: np.ndarray) -> np.ndarray:
  """Poses [T, nq] with the pelvis tilted forward on the spine, and the thighs bent as much, so that they stay.

  Landmarks do not show how a pelvis is tilted, and the hips of people are measured against it.
  """
  found, angle = qpos.copy(), math.radians(PELVIC_TILT)
  for joint, turn in (('spine', angle), ('left_hip', -angle), ('right_hip', -angle)):
    ids = rig.joints[joint]
    pitch = max(ids, key=lambda i: abs(rig.model.jnt_axis[i] @ ACROSS))
    found[:, rig.model.jnt_qposadr[pitch]] += turn * np.sign(rig.model.jnt_axis[pitch] @ ACROSS)
  return within_limits(rig, found)


def person(speed: float) -> Capture:
  """A stride of an adult at a speed in m/s, from heel strike of the left foot."""
  phase = np.arange(FRAMES) / (FRAMES - 1)
  cadence, step, _ = timing(speed)
  place = np.zeros((FRAMES, 3))
  place[:, 0], place[:, 2] = 2 * step * phase, HIP_HEIGHT
  upright = np.repeat(np.eye(3)[None], FRAMES, axis=0)
  rotations = {
    'root': _flexed(np.full(FRAMES, -PELVIC_TILT)),
    'chest': _flexed(np.full(FRAMES, PELVIC_TILT)),
    'neck': upright,
  }
  for side, late in (('left', 0.0), ('right', 0.5)):
    own = phase - late
    rotations |= {f'{side}_{joint}': turns for joint, turns in _leg(own, speed).items()}
    swing = np.cos(2 * np.pi * own)  # the arm is behind when the foot of its side is ahead
    rotations[f'{side}_shoulder'] = _flexed(SHOULDER - ARM_SWING * swing)
    rotations[f'{side}_elbow'] = _flexed(ELBOW - ELBOW_SWING * swing)
  return Capture(NAME, phase * 120.0 / cadence, True, place, rotations)


def _leg(phase: np.ndarray, speed: float) -> dict[str, np.ndarray]:
  """Rotations [T, 3, 3] of hip, knee and ankle at phases [T] of the stride of this foot.

  Excursions of the hip grow with the length of the steps, those of the knee as measured at 70 % of the stride.
  """
  hip = curve('hip', phase)
  middle = (hip.max() + hip.min()) / 2
  hip = middle + (hip - middle) * timing(speed).step_length / timing(FREE).step_length
  through = ((phase % 1.0) - SWING).clip(0.0, None) / (1.0 - SWING)
  lift = CLEARANCE * np.sin(np.pi * through) ** 2
  knee = curve('knee', phase) * knee_swing(speed) / knee_swing(FREE)
  return {'hip': _flexed(hip), 'knee': _flexed(-knee), 'ankle': _flexed(curve('ankle', phase) + lift)}


def _flexed(degrees: np.ndarray) -> np.ndarray:
  """Rotations [T, 3, 3] that swing forward what hangs, and raise what points ahead, by angles [T]."""
  return np.array([rotation(ACROSS, -angle) for angle in np.radians(degrees)])
