"""Whether the physics of a robot is stable at its timestep: its energy against that at a finer one."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.physics import poses
from mjx_humanoid.physics.body import GRAVITY
from mjx_humanoid.physics.engine import MAX_VELOCITY
from mjx_humanoid.physics.find_root import find_root
from mjx_humanoid.physics.model import CONVERGED, quiet

SECONDS = 1.0  # s of simulation
HOLD = 0.02  # s that a random control is held
FINE = 8  # timesteps of the reference in one of the model
GROWTH = 3.0  # times the energy of the reference, beyond which physics is unstable
NOISE = 0.1  # of the weight times the standing height: smaller differences of energy count as none
FINEST = 1e-4  # s


@dataclass(frozen=True)
class Stability:
  """The growth of energy at a timestep, as a factor: 1 is none, inf is divergence."""

  timestep: float  # s
  at_rest: float  # with controls of 0, from the standing pose
  under_control: float  # with random controls

  @property
  def stable(self) -> bool:
    """Whether the energy grows by less than GROWTH."""
    return max(self.at_rest, self.under_control) < GROWTH


def stability(robot: Robot, model: mujoco.MjModel, timestep: float | None = None) -> Stability:
  """The growth of energy within a second, relative to an eighth of the model's timestep, with a converged solver.

  Args:
    timestep: in s; None: that of the model.
  """
  tried, fine = copy.copy(model), copy.copy(model)
  tried.opt.timestep = model.opt.timestep if timestep is None else timestep
  fine.opt.timestep = model.opt.timestep / FINE
  for each in (tried, fine):  # the timestep is judged, not the few iterations of training
    each.opt.iterations, each.opt.ls_iterations = CONVERGED
  start = poses.standing(model, robot, find_root(model))
  controls = np.random.default_rng(0).uniform(-1, 1, (round(SECONDS / HOLD), model.nu))
  floor = NOISE * model.body_subtreemass[0] * GRAVITY * robot.standing_height
  growth = []
  for ctrl in (np.zeros_like(controls), controls):
    energy, reference = (_peak_energy(m, start, ctrl) for m in (tried, fine))
    growth.append((energy + floor) / (reference + floor) if np.isfinite(energy) else np.inf)
  return Stability(float(tried.opt.timestep), *map(float, growth))


@quiet()
def _peak_energy(model: mujoco.MjModel, start: np.ndarray, controls: np.ndarray) -> float:
  """Largest kinetic energy in J on the way, from rest at `start` [nq] under controls [T, nu]; inf if it diverges."""
  model.opt.enableflags |= int(mujoco.mjtEnableBit.mjENBL_ENERGY)
  data, peak = mujoco.MjData(model), 0.0
  data.qpos[:] = start
  substeps = max(1, round(HOLD / model.opt.timestep))
  for ctrl in controls:
    data.ctrl[:] = ctrl
    for _ in range(substeps):
      mujoco.mj_step(model, data)
      peak = max(peak, float(data.energy[1]))
    if not np.isfinite(data.qvel).all() or np.abs(data.qvel).max(initial=0.0) > MAX_VELOCITY:
      return float('inf')
  return peak


def stable_timestep(robot: Robot, model: mujoco.MjModel) -> float | None:
  """The largest timestep in s, of halves of the model's, at which its physics is stable; None if there is none."""
  timestep = float(model.opt.timestep)
  while timestep > FINEST:
    timestep = float(f'{timestep / 2:.2g}')
    if stability(robot, model, timestep).stable:
      return timestep
  return None


def refuse_unstable(robot: Robot, model: mujoco.MjModel) -> None:
  """Raises UserError with a stable timestep for a robot whose physics is unstable at its own."""
  found = stability(robot, model)
  if found.stable:
    return
  finer = stable_timestep(robot, model)
  cure = 'no smaller timestep is stable either: look at its masses, damping and gains'
  if finer:
    cure = f'set timestep="{finer:g}" in <option> of its MJCF file, or timestep={finer:g} in its datasheet'
  softer = ', or lower config.task.pd.kp and config.task.pd.kd' if robot.pd else ''
  raise UserError(
    f'robot {robot.name!r}: physics is unstable at its timestep of {found.timestep:g} s (the energy grows'
    f' {describe_growth(max(found.at_rest, found.under_control))}); {cure}{softer}.'
  )


def describe_growth(growth: float) -> str:
  """A growth of energy in words."""
  return 'without bound' if not np.isfinite(growth) else f'to {growth:.3g} times that at a fine timestep'
