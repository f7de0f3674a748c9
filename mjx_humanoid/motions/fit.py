"""The pose of a robot whose bones point as a person's do: Gauss-Newton from a closed-form start, within limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import mujoco
import numpy as np

from mjx_humanoid.motions.bones import BONES, MATRIX, OF_TORSO, SIDES, USED, Directions, directions, robot_directions
from mjx_humanoid.motions.bounded import bounded_step
from mjx_humanoid.motions.first_guess import limbs_guess, torso_guess
from mjx_humanoid.motions.landmarks import Landmarks
from mjx_humanoid.motions.skeleton import Rig

STEPS = 60  # at most; without noise 6 to 12 are enough
SMALL = 1e-6  # rad, the largest part of a step below which the pose counts as found
EXACT = 1e-3  # m, an error up to which landmarks count as exact; then every angle is believed
FOUND = 1e-6  # m, an error of exact landmarks above which another start is tried
# Else angles pull to rest in proportion to the error, as the prior of a normal distribution of this standard deviation
# would, so that noise does not decide what the landmarks hardly show.
SPREAD = 1.0  # rad
SPREADS = {'spine': 0.6, 'ankle': 0.3}
NOISE = (0.01, 0.03)  # m, the least and the largest error that is assumed
DOUBTFUL = 0.02  # m, an error above which another start is tried
DAMPING, MOST_DAMPING = 1e-3, 1e3  # m/rad, of the first step and at most (Levenberg and Marquardt)


# The robot's shoulder has two hinges: where it cannot give both arm bones their directions, the elbow's bend counts.
BENDS = [(f'{side}_upper_arm', f'{side}_forearm') for side in SIDES]
ROWS = np.array([[list(BONES).index(bone) for bone in pair] for pair in BENDS])
BEND = 2.0  # weight of the cosine between the two, beside that of their directions


class Fit(NamedTuple):
  """A robot in the pose of a person."""

  qpos: np.ndarray  # [nq]; the place of the root is that of `rest`
  missing: tuple[str, ...]  # human joints that could not be told from the landmarks and are at rest
  error: float  # m, root mean square of what is left between the bones' directions, times their lengths


def fit(rig: Rig, landmarks: Landmarks) -> Fit:
  """The pose in which the robot's bones point as those between the landmarks.

  Args:
    landmarks: in the robot's world; those that are not visible are not used.

  Raises:
    UserError: shoulders or hips are not visible.
  """
  wanted, rest = directions(landmarks), rig.body.relaxed_qpos.astype(float)
  missing = tuple(joint for joint in rig.joints if not wanted.joint_known(joint))
  qpos, error = _solve(rig, wanted, rest, missing, 0.0)
  if error > EXACT:
    qpos, error = _solve(rig, wanted, rest, missing, float(np.clip(error, *NOISE)))
  return Fit(qpos, missing, error)


def _solve(
  rig: Rig, wanted: Directions, rest: np.ndarray, missing: Sequence[str], noise: float
) -> tuple[np.ndarray, float]:
  """The pose [nq] and its error, if the landmarks have this much noise in m.

  First torso and spine, then the limbs. Were all solved for at once, the trunk would bend for the sake of an arm that
  the robot's shoulder, of two hinges, cannot follow.
  """
  torso = Solver(rig, wanted.only(OF_TORSO), rest, ['spine'], noise, root=True)
  found = torso.solve(torso_guess(rig, wanted, rest))
  if found[1] > DOUBTFUL and wanted.known('neck'):  # a bent trunk may have led into another valley
    found = min(found, torso.solve(torso_guess(rig, wanted, rest, 'neck')), key=lambda each: each[1])
  limbs = [bone for bone in BONES if bone not in OF_TORSO]
  solver = Solver(rig, wanted.only(limbs), rest, [j for j in rig.joints if j not in (*missing, 'spine')], noise)
  best = solver.solve(limbs_guess(rig, wanted, found[0]))
  if FOUND < best[1] < EXACT:  # a straight leg with its hip at a limit: another valley beside that of the pose
    best = min(best, solver.solve(solver.amid(found[0])), key=lambda each: each[1])
  return best[0], float(np.hypot(best[1], found[1]))


class Solver:
  """Damped Gauss-Newton steps for one set of directions; see fit, and follow.py."""

  def __init__(
    self, rig: Rig, wanted: Directions, rest: np.ndarray, joints: Sequence[str], noise: float, *, root: bool = False
  ) -> None:
    """Solves for these human joints, and for the orientation of the root if asked, with noise in m."""
    self.rig, self.wanted, self.rest = rig, wanted, rest
    free = np.zeros(rig.model.nv, bool)
    free[: rig.body.root.nv] = root
    for joint in joints:
      free[rig.dofs(joint)] = True
    self.fixed = ~free
    self.hinges = np.arange(rig.body.root.nv, rig.model.nv)  # degrees of freedom
    self.limits = rig.body.joint_range.astype(float)
    spread = np.full(len(self.limits), SPREAD)
    for joint, narrower in SPREADS.items():
      for name in (joint, f'left_{joint}', f'right_{joint}'):
        if name in rig.joints:
          spread[rig.dofs(name) - rig.body.root.nv] = narrower
    self.pull = noise / spread
    self.bend_weights = BEND * wanted.weights[ROWS].min(axis=1)

  def solve(self, qpos: np.ndarray) -> tuple[np.ndarray, float]:
    """The best pose [nq] near `qpos`, and what is left, in m."""
    damping = DAMPING
    residual = self._residual(qpos)
    for _ in range(STEPS):
      step = self._step(qpos, residual, damping)
      moved = self._moved(qpos, step)
      left = self._residual(moved)
      if self._cost(moved, left) <= self._cost(qpos, residual):
        qpos, residual, damping = moved, left, damping / 4
        if np.abs(step).max() < SMALL:
          break
      else:
        damping *= 8
        if damping > MOST_DAMPING:
          break
    return qpos, float(np.sqrt(np.mean(np.square(residual))))

  def amid(self, qpos: np.ndarray) -> np.ndarray:
    """A pose [nq] with the hinges that are solved for amid their limits."""
    start, first = qpos.copy(), self.rig.body.root.nq
    start[first:] = np.where(self.fixed[self.hinges], qpos[first:], self.limits.mean(axis=1))
    return start

  def _angles(self, qpos: np.ndarray) -> np.ndarray:
    return qpos[self.rig.body.root.nq :]

  def _residual(self, qpos: np.ndarray) -> np.ndarray:
    self.rig.move(qpos)
    vectors, _ = robot_directions(self.rig.points())
    bends = self.bend_weights * (_cosines(vectors) - _cosines(self.wanted.vectors))
    return np.concatenate([(self.wanted.weights[:, None] * (vectors - self.wanted.vectors)).ravel(), bends])

  def _cost(self, qpos: np.ndarray, residual: np.ndarray) -> float:
    away = (self._angles(qpos) - self._angles(self.rest)) * self.pull
    return float(residual @ residual + away @ away)

  def _jacobian(self, qpos: np.ndarray) -> np.ndarray:
    """Derivatives [3 bones + bends, nv] of the residual."""
    self.rig.move(qpos)
    points = self.rig.points()
    vectors, lengths = robot_directions(points)
    of_points = np.array([self.rig.jacobian(points, int(landmark)) for landmark in USED])
    of_lines = (MATRIX[:, USED] @ of_points.reshape(len(USED), -1)).reshape(len(vectors), 3, -1)
    across = of_lines - vectors[:, :, None] * (vectors[:, None] @ of_lines)
    turning = across / lengths[:, None, None]
    upper, lower = ROWS.T
    bending = np.einsum('bi,bij->bj', vectors[lower], turning[upper])
    bending += np.einsum('bi,bij->bj', vectors[upper], turning[lower])
    rows = (self.wanted.weights[:, None, None] * turning).reshape(-1, self.rig.model.nv)
    return np.concatenate([rows, self.bend_weights[:, None] * bending])

  def _step(self, qpos: np.ndarray, residual: np.ndarray, damping: float) -> np.ndarray:
    """The step [nv] that reduces the cost within the joint limits: hinges that would leave them stop there."""
    jacobian = self._jacobian(qpos)
    weights = np.zeros(self.rig.model.nv)
    weights[self.hinges] = self.pull**2
    gradient = jacobian.T @ residual
    gradient[self.hinges] += self.pull**2 * (self._angles(qpos) - self._angles(self.rest))
    matrix = jacobian.T @ jacobian + np.diag(weights + damping**2 + 1e-12)
    return bounded_step(matrix, gradient, self._angles(qpos), self.limits, self.fixed)

  def _moved(self, qpos: np.ndarray, step: np.ndarray) -> np.ndarray:
    moved = qpos.copy()
    mujoco.mj_integratePos(self.rig.model, moved, step, 1.0)
    angles = slice(self.rig.body.root.nq, None)
    moved[angles] = np.clip(moved[angles], *self.limits.T)
    return moved


def _cosines(vectors: np.ndarray) -> np.ndarray:
  upper, lower = vectors[ROWS[:, 0]], vectors[ROWS[:, 1]]
  return np.asarray((upper * lower).sum(axis=1))
