"""The physics of training: a copy of the robot's model with the solver, timestep and integrator of the config."""

from __future__ import annotations

import copy
from typing import NamedTuple

import mujoco

from mjx_humanoid.core.config.physics import FILE, EnginePhysics
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.physics.stability import describe_growth, stability

SOLVERS = {'newton': mujoco.mjtSolver.mjSOL_NEWTON, 'cg': mujoco.mjtSolver.mjSOL_CG}
INTEGRATORS = {
  'euler': mujoco.mjtIntegrator.mjINT_EULER,
  'rk4': mujoco.mjtIntegrator.mjINT_RK4,
  'implicitfast': mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
  'discrete': mujoco.mjtIntegrator.mjINT_DISCRETE,
}


class TrainingPhysics(NamedTuple):
  """What an engine steps in training."""

  model: mujoco.MjModel
  substeps: int  # physics steps per control step
  changed: str  # in words, how it differs from the robot's own physics; '' if it does not


def training_physics(
  robot: Robot, model: mujoco.MjModel, control_step: float, settings: EnginePhysics, section: str
) -> TrainingPhysics:
  """The physics of training.

  Args:
    model: that of the robot; not changed.
    control_step: in s; it stays the same for any number of substeps.
    section: dotted name of the settings, for messages.

  Raises:
    UserError: physics is unstable with the timestep or the integrator of the settings.
  """
  substeps = settings.substeps or round(control_step / model.opt.timestep)
  if settings == EnginePhysics():
    return TrainingPhysics(model, substeps, '')
  trained = copy.copy(model)
  if settings.solver != FILE:
    trained.opt.solver = int(SOLVERS[settings.solver])
  if settings.integrator != FILE:
    trained.opt.integrator = int(INTEGRATORS[settings.integrator])
  trained.opt.iterations = settings.iterations or model.opt.iterations
  trained.opt.ls_iterations = settings.line_search_iterations or model.opt.ls_iterations
  if settings.substeps:
    trained.opt.timestep = control_step / substeps
  if settings.substeps or settings.integrator != FILE:
    _refuse_unstable(robot, trained, control_step, section)
  return TrainingPhysics(trained, substeps, describe(trained, substeps))


def describe(model: mujoco.MjModel, substeps: int) -> str:
  """The physics in words: 'solver cg with 2 iterations, 2 physics steps of 10 ms per control step, euler'."""
  solver = mujoco.mjtSolver(model.opt.solver).name.removeprefix('mjSOL_').lower()
  integrator = mujoco.mjtIntegrator(model.opt.integrator).name.removeprefix('mjINT_').lower()
  iterations = f'{model.opt.iterations} iteration{"s" * (model.opt.iterations != 1)}'
  steps = f'{substeps} physics step{"s" * (substeps != 1)} of {1000 * model.opt.timestep:.3g} ms per control step'
  return f'solver {solver} with {iterations}, {steps}, integrator {integrator}'


def _refuse_unstable(robot: Robot, model: mujoco.MjModel, control_step: float, section: str) -> None:
  """Raises UserError with a number of substeps that is stable, if the model's timestep is not."""
  found = stability(robot, model)
  if found.stable:
    return
  substeps = round(control_step / model.opt.timestep)
  more = (n for n in range(substeps + 1, 8 * substeps + 1) if stability(robot, model, control_step / n).stable)
  stable = next(more, None)
  cure = f'set {section}.substeps={stable}' if stable else 'no number of substeps is stable: choose another integrator'
  growth = describe_growth(max(found.at_rest, found.under_control))
  raise UserError(
    f'{section}: physics of robot {robot.name!r} is unstable with {substeps} substeps of {found.timestep:.3g} s per'
    f' control step (the energy grows {growth}); {cure}.'
  )
