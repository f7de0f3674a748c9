"""Figures of how hard an episode is on the body: joint limits, motors, contact forces. Each is [N].

They read the states and sensors at the end of each control step, so that a peak between two control steps is missed.
"""

from __future__ import annotations

import numpy as np

from mjx_humanoid.physics.body import GRAVITY, UNLIMITED, Body
from mjx_humanoid.playback.rollout import Trajectories

AT_LIMIT = 0.01  # rad (0.6 degrees), m for slides: a joint within this of its limit, or beyond, is at its limit
SATURATED = 0.99  # of the torque limit


def strain(paths: Trajectories, body: Body, alive: np.ndarray) -> dict[str, np.ndarray]:
  """The figures over the steps `alive` [N, T].

  joint_at_limit and motor_saturated are shares of the time, of the joint and of the motor with the largest share.
  Forces are sums over all bodies in units of body weight; the rate is the largest rise within a control step, per s.
  """
  force = contact_force(paths, body)
  before = np.concatenate([_total(paths.start.sensordata, body)[:, None], force[:, :-1]], axis=1)
  return {
    'joint_at_limit': largest_share(at_limit(paths, body), alive),
    'motor_saturated': largest_share(saturated(paths, body), alive),
    'peak_force': _most(force, alive),
    'force_rate': _most((force - before) / body.control_step, alive),
  }


def at_limit(paths: Trajectories, body: Body) -> np.ndarray:
  """Whether each joint is at one of its limits, bool [N, T, joints]."""
  angles, (low, high) = body.joint_angles(paths.views), body.joint_range.T
  limited = ~np.isclose(body.joint_range, UNLIMITED).all(axis=1)
  return np.asarray(limited & ((angles <= low + AT_LIMIT) | (angles >= high - AT_LIMIT)))


def saturated(paths: Trajectories, body: Body) -> np.ndarray:
  """Whether each motor is at its torque limit, bool [N, T, nu]."""
  return np.asarray(np.abs(body.torque(paths.views)) >= SATURATED * body.torque_limit)


def contact_force(paths: Trajectories, body: Body) -> np.ndarray:
  """Normal forces of all contacts together [N, T], in units of body weight."""
  return _total(paths.views.sensordata, body)


def _total(sensordata: np.ndarray, body: Body) -> np.ndarray:
  touches = [sensordata[..., body.sensors[f'{name}_touch']] for name in body.touch_names]
  total = np.concatenate(touches, axis=-1).sum(axis=-1) if touches else np.zeros(sensordata.shape[:-1])
  return np.asarray(total / (body.total_mass * GRAVITY))


def largest_share(held: np.ndarray, counted: np.ndarray) -> np.ndarray:
  """Shares of the steps in `counted` [N, T] at which `held` [N, T, n] is true: the largest of the n, [N]."""
  if not held.shape[-1]:
    return np.zeros(len(held))
  share = (held & counted[..., None]).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)[:, None]
  return np.asarray(share.max(axis=-1))


def _most(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
  return np.asarray(np.where(counted, np.nan_to_num(values), 0.0).max(axis=1))
