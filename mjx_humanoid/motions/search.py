"""Searches for a motion from one pose to another: the cross-entropy method over open-loop controls in C MuJoCo.

Rubinstein, 'The cross-entropy method for combinatorial and continuous optimization' (1999): draw plans from a normal
distribution, move it to the best of them, again and again. A plan is controls at knots, linear in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import mujoco
import numpy as np

from mjx_humanoid.core.types import View
from mjx_humanoid.physics.native import NativeEngine

PLANS = 256
ELITE = 24  # best plans, which define the next distribution
ROUNDS = 45
KNOT = 0.15  # s between knots
SPREAD, LEAST_SPREAD = 0.6, 0.04  # standard deviation of the controls: initial, and lower bound
INERTIA = 0.25  # weight of the old distribution in each round
BEYOND = 1.2  # bound on plans, beyond the control range of 1
EFFORT = 0.02  # cost of a mean square control of 1
AT_THE_END = 12  # last control steps that the final cost averages, so that the robot stays in the goal

CostFn = Callable[[View], np.ndarray]  # n states -> cost [n]


class Motion(NamedTuple):
  """T control steps from a start state."""

  qpos: np.ndarray  # [T + 1, nq] including the start state
  qvel: np.ndarray  # [T + 1, nv]
  ctrl: np.ndarray  # [T, nu] in [-1, 1]
  cost: float  # of the final state


@np.errstate(over='ignore', invalid='ignore')  # plans that diverge are never the best
def find_motion(
  model: mujoco.MjModel,
  qpos: np.ndarray,
  seconds: float,
  substeps: int,
  end: CostFn,
  along: CostFn,
  basis: np.ndarray,
  noise: float,
  rng: np.random.Generator,
) -> Motion:
  """A motion from rest at a pose, `seconds` long: the mean of the final distribution of plans, without noise.

  Args:
    qpos: [nq] start pose.
    substeps: physics steps per control step.
    end: cost of the final state.
    along: cost of each earlier step.
    basis: [A, nu] controls that each of the A numbers of a plan drives, such as both legs together.
    noise: standard deviation of noise on the controls in the search, so that a policy with exploration noise can follow
      the plan.
  """
  engine = NativeEngine(model, PLANS, substeps)
  steps, knots = round(seconds / (model.opt.timestep * substeps)), max(2, round(seconds / KNOT) + 1)
  weights = between_knots(steps, knots)
  rest = qpos, np.zeros(model.nv)
  mean, spread = np.zeros((knots, len(basis))), np.full((knots, len(basis)), SPREAD)
  for _ in range(ROUNDS):
    plans = np.clip(mean + spread * rng.normal(size=(PLANS, *mean.shape)), -BEYOND, BEYOND)
    views = follow(engine, rest, weights, plans @ basis, noise, rng)
    elite = np.argsort(cost_of_plans(plans, views, steps, end, along))[:ELITE]
    mean = INERTIA * mean + (1 - INERTIA) * plans[elite].mean(axis=0)
    spread = np.maximum(INERTIA * spread + (1 - INERTIA) * plans[elite].std(axis=0), LEAST_SPREAD)
  played = list(follow(engine, rest, weights, np.tile(mean @ basis, (PLANS, 1, 1)), 0.0, rng))
  positions, velocities = zip(rest, *((view.qpos[0], view.qvel[0]) for view in played), strict=True)
  ctrl = np.array([view.ctrl[0] for view in played])
  return Motion(np.array(positions, np.float64), np.array(velocities, np.float64), ctrl, float(end(played[-1])[0]))


def cost_of_plans(plans: np.ndarray, views: Iterator[View], steps: int, end: CostFn, along: CostFn) -> np.ndarray:
  """Cost [n] of plans [n, knots, A]: their effort and the cost of their states."""
  cost = EFFORT * np.square(plans).mean(axis=(1, 2))
  for t, view in enumerate(views):
    cost += along(view)
    if t >= steps - AT_THE_END:
      cost += end(view) / AT_THE_END
  return np.asarray(np.nan_to_num(cost, nan=np.inf, posinf=np.inf))


def follow(
  engine: NativeEngine,
  start: tuple[np.ndarray, np.ndarray],
  weights: np.ndarray,
  plans: np.ndarray,
  noise: float,
  rng: np.random.Generator,
) -> Iterator[View]:
  """States after each control step of plans [n, knots, nu] under noise, all from one start: qpos [nq], qvel [nv]."""
  state = engine.init(*(np.tile(x, (len(plans), 1)) for x in start))
  for shares in weights:
    ctrl = np.tensordot(plans, shares, axes=(1, 0))
    ctrl += noise * rng.normal(size=ctrl.shape)
    state, view = engine.step(state, np.clip(ctrl, -1.0, 1.0))
    yield view


def between_knots(steps: int, knots: int) -> np.ndarray:
  """Weight of each knot in each control step, [steps, knots]; rows sum to 1."""
  place = np.linspace(0, knots - 1, steps)
  return np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(knots)))
