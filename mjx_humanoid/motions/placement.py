"""Puts a pose on the floor: lowest point on it, soles flat where they can be, nothing inside the floor or itself."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np

from mjx_humanoid.motions.bounded import bounded_step
from mjx_humanoid.motions.contacts import (
  CLEAR,
  floor_gap,
  floor_gaps,
  foot_geoms,
  gap,
  grounded,
  nearest_in_hull,
  overlaps,
  own_pairs,
  support,
)
from mjx_humanoid.motions.skeleton import Rig

STEPS = 40
ARM = ('shoulder', 'elbow')  # the ends of names of the joints of arms
NEAR_FLOOR = 0.2  # m above the lowest foot; a sole that is higher does not stand
LEVEL_ENOUGH = 0.7  # cosine of 45 degrees: a sole that is tilted more stands on its edge, heel or toes
MARGIN = 0.03  # m from the edge of the support within which a balanced robot's centre of mass is
DEEP = 1e-3  # m, the deepest overlap that counts as none
# Weights of the errors that are balanced against each other, per rad, m, or unit.
STAY, STAY_ANKLE, STAY_TILT, TOUCH, FLAT, APART, BALANCE = 0.15, 0.03, 0.3, 10.0, 2.0, 20.0, 6.0
SMALL, LONGEST = 1e-4, 0.2  # rad or m, of a step


class Placed(NamedTuple):
  """A pose on the floor."""

  qpos: np.ndarray  # [nq]
  standing: tuple[str, ...]  # feet whose soles are flat on the floor
  moved: float  # rad, the largest change of a joint's angle
  overlap: float  # m, the deepest overlap of the robot's parts that is left
  off_balance: float  # m, from the centre of mass to the support on the floor, horizontally; 0: above it


def place(rig: Rig, qpos: np.ndarray, *, balance: bool = False) -> Placed:
  """The pose [nq] on the floor.

  Joints move as little as needed: soles that nearly stand are laid flat, and parts that overlap are moved apart.

  Args:
    balance: also move until the centre of mass is above the support.
  """
  start = grounded(rig, np.asarray(qpos, float))
  standing = standing_feet(rig, start)
  found, angles = start, slice(rig.body.root.nq, None)
  for _ in range(STEPS):
    rows, slopes = _errors(rig, found, start, standing, balance=balance)
    step = bounded_step(
      slopes.T @ slopes,
      slopes.T @ rows,
      found[angles],
      rig.body.joint_range.astype(float),
      np.zeros(rig.model.nv, bool),
    )
    step *= min(1.0, LONGEST / max(float(np.abs(step).max()), SMALL))
    found = _moved(rig, found, step)
    if np.abs(step).max() < SMALL:
      break
  found = grounded(rig, _arms_freed(rig, found))
  moved = float(np.abs(found[angles] - np.asarray(qpos)[angles]).max())
  return Placed(found, standing_flat(rig, found, standing), moved, overlaps(rig, found), off_balance(rig, found))


def _arms_freed(rig: Rig, qpos: np.ndarray) -> np.ndarray:
  """The pose [nq] with its arms moved towards rest, as little as frees what small steps could not move apart."""
  rest, arms = rig.body.relaxed_qpos.astype(float), [joint for joint in rig.joints if joint.endswith(ARM)]
  rows = np.concatenate([rig.addresses(joint) for joint in arms])
  for share in np.linspace(0.0, 1.0, 11):
    found = qpos.copy()
    found[rows] += share * (rest[rows] - found[rows])
    if overlaps(rig, found) <= 2 * DEEP:
      return found
  return qpos


def standing_feet(rig: Rig, qpos: np.ndarray) -> tuple[str, ...]:
  """The feet whose soles are to be laid on the floor: low and level enough already."""
  rig.move(qpos)
  heights = floor_gaps(rig)
  feet = {foot: min(heights[geom] for geom in foot_geoms(rig, foot)) for foot in rig.body.robot.feet}
  level = {foot: rig.data.xmat[rig.model.body(foot).id].reshape(3, 3)[2, 2] for foot in feet}
  low = min(feet.values())
  if low > NEAR_FLOOR:  # the robot sits or lies
    return ()
  return tuple(foot for foot in feet if feet[foot] < low + NEAR_FLOOR and level[foot] > LEVEL_ENOUGH)


def standing_flat(rig: Rig, qpos: np.ndarray, feet: tuple[str, ...]) -> tuple[str, ...]:
  """Those of the feet that do stand flat in a pose: all of the sole within 5 mm of the floor."""
  rig.move(qpos)
  heights = floor_gaps(rig)
  return tuple(
    foot
    for foot in feet
    if max(heights[geom] for geom in foot_geoms(rig, foot)) < 0.005 and _tilt(rig, foot)[0].max() < 0.03
  )


def off_balance(rig: Rig, qpos: np.ndarray) -> float:
  """Horizontal distance in m from the centre of mass to the support in a pose [nq]; 0 above it."""
  rig.move(qpos)
  places, _ = support(rig)
  mass = _mass_centre(rig)[:2]
  return float(np.linalg.norm(mass - nearest_in_hull(places, mass))) if len(places) else float('inf')


def _errors(
  rig: Rig, qpos: np.ndarray, start: np.ndarray, standing: tuple[str, ...], *, balance: bool
) -> tuple[np.ndarray, np.ndarray]:
  """Weighted errors [n] of a pose, and their derivatives [n, nv]."""
  rig.move(qpos)
  count, root = rig.model.nv, rig.body.root
  away = np.zeros(count)
  mujoco.mj_differentiatePos(rig.model, away, 1.0, start, qpos)
  weights = np.full(count, STAY)
  weights[: root.nv] = STAY_TILT
  weights[:3] = 1e-3  # free to move, not to tilt
  for joint in rig.joints:
    if joint.endswith('ankle'):  # which are there to lay soles flat
      weights[rig.dofs(joint)] = STAY_ANKLE
  rows, slopes = [weights * away], [np.diag(weights)]

  def add(weight: float, value: np.ndarray | float, slope: np.ndarray) -> None:
    rows.append(np.atleast_1d(weight * np.asarray(value)))
    slopes.append(np.atleast_2d(weight * slope))

  soles = {geom for foot in standing for geom in foot_geoms(rig, foot)}
  below = {geom for geom, height in floor_gaps(rig).items() if height < 0} - soles
  if not soles and not below:  # something must stay on the floor
    heights = floor_gaps(rig)
    below = {min(heights, key=lambda geom: heights[geom])}
  for geom in sorted(soles | below):
    add(TOUCH, *floor_gap(rig, geom))
  for foot in standing:
    add(FLAT, *_tilt(rig, foot))
  for a, b in own_pairs(rig):
    if mujoco.mj_geomDistance(rig.model, rig.data, a, b, CLEAR, None) < DEEP:
      distance, slope = gap(rig, a, b)
      add(APART, distance - 2 * DEEP, slope)
  if balance:
    add(BALANCE, *_imbalance(rig))
  return np.concatenate(rows), np.concatenate(slopes)


def _tilt(rig: Rig, foot: str) -> tuple[np.ndarray, np.ndarray]:
  """The horizontal part [2] of a sole's normal, and its derivatives [2, nv]."""
  body = rig.model.body(foot).id
  normal = rig.data.xmat[body].reshape(3, 3)[:, 2]
  turning = np.zeros((3, rig.model.nv))
  mujoco.mj_jacBody(rig.model, rig.data, None, turning, body)
  return np.abs(normal[:2]), (np.cross(turning.T, normal)[:, :2] * np.where(normal[:2] < 0, -1.0, 1.0)).T


def _mass_centre(rig: Rig) -> np.ndarray:
  return np.asarray(rig.data.subtree_com[rig.body.root.body])


def _imbalance(rig: Rig) -> tuple[np.ndarray, np.ndarray]:
  """From the support, made smaller by MARGIN, to the centre of mass [2]; and how that changes [2, nv]."""
  places, carriers = support(rig, below=0.05)
  mass, slope = _mass_centre(rig)[:2], np.zeros((3, rig.model.nv))
  mujoco.mj_jacSubtreeCom(rig.model, rig.data, slope, rig.body.root.body)
  if not len(places):
    return np.zeros(2), 0 * slope[:2]
  middle = places.mean(axis=0)
  shrunk = middle + (places - middle) * (1 - MARGIN / np.maximum(_lengths(places - middle), MARGIN))[:, None]
  for body in carriers:  # the support moves with what stands on it
    carried = np.zeros((3, rig.model.nv))
    mujoco.mj_jacBody(rig.model, rig.data, carried, None, body)
    slope -= carried / len(carriers)
  return mass - nearest_in_hull(shrunk, mass), slope[:2]


def _lengths(lines: np.ndarray) -> np.ndarray:
  return np.asarray(np.linalg.norm(lines, axis=1))


def _moved(rig: Rig, qpos: np.ndarray, step: np.ndarray) -> np.ndarray:
  moved = qpos.copy()
  mujoco.mj_integratePos(rig.model, moved, step, 1.0)
  angles, (low, high) = slice(rig.body.root.nq, None), rig.body.joint_range.astype(float).T
  moved[angles] = np.clip(moved[angles], low, high)  # rounding
  return moved
