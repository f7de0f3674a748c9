"""Strides of a robot on two legs: joint angles from one touchdown of a foot to the next, beside those of people."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mjx_humanoid.motions.legs import legs_of
from mjx_humanoid.motions.normative import JOINTS, curve
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.rotations import along
from mjx_humanoid.playback.rollout import Trajectories

SETTLING = 2.0  # s; after it a gait counts as steady
IN_THE_AIR = 0.1  # s that a foot is in the air before a touchdown: after a heel strike it may rebound for less
SHORTEST, LONGEST = 0.3, 2.5  # s, duration of a stride
PHASES = np.arange(100) / 100  # of the stride, at which angles are compared
FEET = 2


class Stride(NamedTuple):
  """One stride of one foot, from its touchdown to the next."""

  foot: int
  first: int  # control step of the touchdown
  last: int  # control step of the next one


def has_strides(body: Body) -> bool:
  """Whether the datasheet says all that the figures of strides need: two feet, with hips, knees and ankles."""
  legs = body.robot.leg_joints
  return len(body.robot.feet) == FEET and bool(legs) and all(leg.knee and leg.ankle for leg in legs)


def gait_figures(paths: Trajectories, body: Body, alive: np.ndarray) -> dict[str, np.ndarray]:
  """Figures [N] of the strides from 2 s on; 0 for an episode without a whole stride. {} for robots without strides.

  Correlation and root mean square error [degrees] of hip, knee and ankle against the normative gait, step width [m],
  stride length [m], cadence [steps/min], vertical movement of the centre of mass within a stride [m], and asymmetry
  [degrees], the root mean square difference between the two legs.
  """
  if not has_strides(body):
    return {}
  angles, feet = flexions(paths, body), _feet(paths, body)
  com = body.sensor(paths.views, 'com_pos')[..., 2]
  rows = []
  for i, counted in enumerate(alive):
    strides = list(strides_of(feet[i], counted, body.control_step))
    rows.append(_figures(strides, angles[i], com[i], body) | _steps(paths, body, i, strides))
  return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def mean_strides(paths: Trajectories, body: Body) -> np.ndarray | None:
  """Mean joint angles [feet, joints, 100] in degrees over all strides of all episodes; None without any.

  Legs that make no whole stride are NaN.
  """
  if not has_strides(body):
    return None
  alive = ~np.logical_or.accumulate(paths.terminated, axis=1)
  angles, feet = flexions(paths, body), _feet(paths, body)
  found: list[list[np.ndarray]] = [[] for _ in range(FEET)]
  for i, counted in enumerate(alive):
    for stride in strides_of(feet[i], counted, body.control_step):
      found[stride.foot].append(resampled(angles[i, :, stride.foot], stride))
  if not any(found):
    return None
  blank = np.full((len(JOINTS), len(PHASES)), np.nan)
  return np.array([np.mean(each, axis=0) if each else blank for each in found])


def flexions(paths: Trajectories, body: Body) -> np.ndarray:
  """Flexion of hip and knee and dorsiflexion of the ankle [N, T, feet, 3] in degrees; 0 for straight legs on flat feet.

  The standing pose says how far the legs are bent in it; a turn of a joint about y, to the left, swings what hangs
  from it backward.
  """
  legs, angles = legs_of(body.robot), body.joint_angles(paths.views)
  turns = (angles[..., legs.joints[:, :3]] - body.default_angles[legs.joints[:, :3]]) * legs.signs[:, :3]
  thigh, shank = legs.angles.T
  at_rest = np.stack([thigh, thigh - shank, -shank], axis=-1)
  return np.asarray(np.degrees(at_rest + turns * (-1, 1, -1)))


def strides_of(feet: np.ndarray, counted: np.ndarray, step: float) -> Iterator[Stride]:
  """The strides of one episode, from foot contacts [T, 2] and the steps that count [T]; `step` is in s."""
  first, gap = round(SETTLING / step), max(1, round(IN_THE_AIR / step))
  for foot in range(feet.shape[-1]):
    downs = touchdowns(feet[:, foot], gap)
    downs = downs[(downs >= first) & counted[downs]]
    for a, b in itertools.pairwise(downs.tolist()):
      if SHORTEST <= (b - a) * step <= LONGEST:
        yield Stride(foot, a, b)


def touchdowns(contact: np.ndarray, gap: int) -> np.ndarray:
  """Steps at which a foot touches down, from contacts [T], after at least `gap` steps in the air."""
  edges = np.diff(contact.astype(int))
  downs, ups = np.flatnonzero(edges == 1) + 1, np.flatnonzero(edges == -1) + 1
  lifted = [int(d - ups[ups <= d][-1]) if (ups <= d).any() else gap for d in downs]
  return downs[np.array(lifted, int) >= gap] if len(downs) else downs


def resampled(angles: np.ndarray, stride: Stride) -> np.ndarray:
  """Angles [T, 3] of one stride at PHASES, [3, 100]."""
  steps = stride.first + PHASES * (stride.last - stride.first)
  rows = np.arange(stride.first, stride.last + 1)
  return np.array([np.interp(steps, rows, column) for column in angles[rows].T])


def _feet(paths: Trajectories, body: Body) -> np.ndarray:
  return np.stack([body.sensor(paths.views, f'{foot}_touch')[..., 0] > 0 for foot in body.robot.feet], axis=-1)


def _figures(strides: list[Stride], angles: np.ndarray, com: np.ndarray, body: Body) -> dict[str, float]:
  """Angles, timing and vertical movement of one episode, from joint angles [T, feet, 3] and heights [T]."""
  legs = [[resampled(angles[:, s.foot], s) for s in strides if s.foot == foot] for foot in range(FEET)]
  means = [np.mean(leg, axis=0) for leg in legs if leg]
  values = {}
  for j, joint in enumerate(JOINTS):
    wanted = curve(joint, PHASES)
    values[f'{joint}_correlation'] = _mean([_correlation(mean[j], wanted) for mean in means])
    values[f'{joint}_error'] = _mean([np.sqrt(np.mean(np.square(mean[j] - wanted))) for mean in means])
  seconds = _mean([(s.last - s.first) * body.control_step for s in strides])
  values['cadence'] = 60.0 * FEET / seconds if seconds else 0.0
  values['vertical_movement'] = _mean([np.ptp(com[s.first : s.last]) for s in strides])
  both = len(means) == FEET
  values['asymmetry'] = float(np.sqrt(np.mean(np.square(means[0] - means[1])))) if both else 0.0
  return values


def _steps(paths: Trajectories, body: Body, i: int, strides: list[Stride]) -> dict[str, float]:
  """Length of the strides, and width of the steps that begin them, of episode i."""
  places = [body.sensor(paths.views, f'{foot}_pos')[i, :, :2] for foot in body.robot.feet]
  lengths = [float(np.linalg.norm(places[s.foot][s.last] - places[s.foot][s.first])) for s in strides]
  across = along(places[0] - places[1], paths.contexts.heading[i])[:, 1]
  return {
    'step_width': abs(_mean([across[s.first] for s in strides])),
    'stride_length': _mean(lengths),
  }


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
  """Pearson's correlation of two curves [n]; 0 where one of them is flat."""
  a, b = a - a.mean(), b - b.mean()
  size = float(np.linalg.norm(a) * np.linalg.norm(b))
  return float(a @ b) / size if size > 1e-9 else 0.0


def _mean(values: list[float]) -> float:
  return float(np.mean(values)) if values else 0.0
