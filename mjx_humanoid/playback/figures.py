"""Figures of recorded episodes, for report cards. Each is [N], one number per episode.

Units: s, m, degrees, N m, W, m/s, rad/s. Means are over the steps until the episode ended. The figures of joint limits,
motors and contact forces are in strain.py, those of strides in strides.py.
"""

from __future__ import annotations

import itertools

import numpy as np

from mjx_humanoid.physics.body import GRAVITY, Body
from mjx_humanoid.physics.rotations import along
from mjx_humanoid.playback.rollout import Trajectories
from mjx_humanoid.playback.strain import strain
from mjx_humanoid.playback.strides import SETTLING, gait_figures

Figures = dict[str, np.ndarray]

STRIDE = 1.0  # s, window of means of velocities and headings, which oscillate within a stride
GOING = 0.1  # m/s; a slower robot counts as standing still


def measure(paths: Trajectories, body: Body) -> Figures:
  """The figures of each episode, [N] each."""
  alive = ~np.logical_or.accumulate(paths.terminated, axis=1)
  with np.errstate(over='ignore', invalid='ignore'):  # episodes that have diverged, and so ended
    return {
      **_survival(paths, body, alive),
      **_posture(paths, body, alive),
      **_motion(paths, body, alive),
      **_gait(paths, body, alive),
      **_economy(paths, body, alive),
      **strain(paths, body, alive),
      **gait_figures(paths, body, alive),
    }


def _survival(paths: Trajectories, body: Body, alive: np.ndarray) -> Figures:
  return {
    'survived': alive.all(axis=1).astype(float),
    'survival_seconds': alive.sum(axis=1) * body.control_step,
  }


def _posture(paths: Trajectories, body: Body, alive: np.ndarray) -> Figures:
  height = body.root_sensor(paths.views, 'pos')[..., 2]
  rates = np.sqrt(np.square(body.joint_velocities(paths.views)).mean(axis=-1))
  return {
    'mean_height': mean(height, alive),
    'height_error': mean(np.abs(height - body.robot.standing_height), alive),
    'tilt': mean(tilt(paths, body), alive),
    'joint_speed': mean(rates, alive),
  }


def _motion(paths: Trajectories, body: Body, alive: np.ndarray) -> Figures:
  views, contexts = paths.views, paths.contexts
  start = body.position(paths.start)[:, None, :2]
  path = body.position(views)[..., :2] - start
  velocity = body.sensor(views, 'com_vel')[..., :2]
  forward = along(velocity, contexts.heading)
  aside = along(path, body.heading(paths.start)[:, None])[..., 1]
  steps = round(STRIDE / body.control_step)
  # Directions are averaged as vectors: the mean of 179 and -179 degrees is 180, not 0.
  off = smoothed(along(contexts.heading, body.heading(views)), steps)
  heading_error = np.degrees(np.arctan2(off[..., 1], off[..., 0]))
  error = smoothed(forward - contexts.requested[..., :2], steps)
  turning = smoothed(body.root_sensor(views, 'angvel')[..., 2] - contexts.requested[..., 2], steps)
  return {
    'drift': most(np.linalg.norm(path, axis=-1), alive),
    'sideways': most(np.abs(aside), alive),
    'heading_error': most(np.abs(heading_error), alive),
    'speed': mean(np.linalg.norm(velocity, axis=-1), alive),
    'forward_speed': mean(forward[..., 0], after(alive, SETTLING, body)),
    'leftward_speed': mean(forward[..., 1], after(alive, SETTLING, body)),
    'velocity_error': mean(np.linalg.norm(error, axis=-1), alive),
    'turning_error': mean(np.abs(turning), alive),
  }


def _gait(paths: Trajectories, body: Body, alive: np.ndarray) -> Figures:
  if not body.robot.feet:
    return dict.fromkeys(('least_duty', 'most_duty', 'strides_with_flight'), np.zeros(len(alive)))
  feet = np.stack([touching(paths, body, foot) for foot in body.robot.feet], axis=-1)
  steady = after(alive, SETTLING, body)
  duty = np.stack([mean(feet[..., i], steady) for i in range(feet.shape[-1])], axis=-1)
  strides = [strides_with_flight(row[held]) for row, held in zip(feet, steady, strict=True)]
  return {
    'least_duty': duty.min(axis=-1),
    'most_duty': duty.max(axis=-1),
    'strides_with_flight': np.array(strides),
  }


def _economy(paths: Trajectories, body: Body, alive: np.ndarray) -> Figures:
  torque = np.abs(body.torque(paths.views))
  power = mean((torque * np.abs(paths.views.qvel[..., body.actuator_dofs])).sum(axis=-1), alive)
  speed = mean(np.linalg.norm(body.sensor(paths.views, 'com_vel')[..., :2], axis=-1), alive)
  return {
    'mean_torque': mean(torque.mean(axis=-1), alive),
    'mean_power': power,
    # Mechanical cost of transport: work of the motors per weight and distance; 0 for a robot that stands still.
    'cost_of_transport': np.where(speed > GOING, power / (body.total_mass * GRAVITY * np.maximum(speed, GOING)), 0.0),
  }


def mean(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
  """Means [N] of values [N, T] over the steps in `counted` [N, T]; 0 if there are none."""
  total = np.where(counted, np.nan_to_num(np.asarray(values, float)), 0.0).sum(axis=1)
  return np.asarray(total / np.maximum(counted.sum(axis=1), 1))


def most(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
  """The largest [N] of the values [N, T] >= 0 over the steps in `counted`."""
  return np.asarray(np.where(counted, np.nan_to_num(values), 0.0).max(axis=1))


def after(alive: np.ndarray, seconds: float, body: Body) -> np.ndarray:
  """The steps of `alive` [N, T] after `seconds`."""
  return alive & (np.arange(alive.shape[1]) >= round(seconds / body.control_step))


def smoothed(values: np.ndarray, steps: int) -> np.ndarray:
  """Means over the last `steps` steps of values [N, T] or [N, T, n], which were 0 before the start.

  So the errors of all steps have the same weight. With shorter windows at the start, the first errors, which no robot
  can avoid while it starts to move, would count four times or more.
  """
  total = np.cumsum(np.nan_to_num(values), axis=1, dtype=float)
  before = np.zeros_like(total)
  before[:, steps:] = total[:, :-steps]
  return np.asarray((total - before) / steps)


def touching(paths: Trajectories, body: Body, name: str) -> np.ndarray:
  """Whether a body touches the floor, bool [N, T]."""
  return np.asarray(body.sensor(paths.views, f'{name}_touch')[..., 0] > 0)


def tilt(paths: Trajectories, body: Body) -> np.ndarray:
  """Angle [N, T] in degrees between the axis of the root and the vertical."""
  return np.degrees(np.arccos(np.clip(body.root_sensor(paths.views, 'up')[..., 2], -1, 1)))


def strides_with_flight(feet: np.ndarray) -> float:
  """Share of the strides with a flight phase, from foot contacts [T, feet] of one episode.

  A stride lasts from one touchdown of the first foot to the next.
  """
  downs = np.flatnonzero(feet[1:, 0] & ~feet[:-1, 0]) + 1
  flying = np.logical_not(feet.any(axis=1))
  strides = [flying[a:b].any() for a, b in itertools.pairwise(downs)]
  return float(np.mean(strides)) if strides else 0.0
