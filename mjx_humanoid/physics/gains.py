"""The actuation of a task: the datasheet's, changed by the settings `task.actuation` and `task.pd`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import mujoco
import numpy as np

from mjx_humanoid.core.config.task import PDConfig, TaskConfig
from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.robot import PD, Robot, in_group
from mjx_humanoid.physics.model import compiled, model_file, name_all, read_spec
from mjx_humanoid.physics.motors import check_actuators, is_servo, own_limit, scale_controls

GAINS = tuple(field.name for field in dataclasses.fields(PDConfig))
# Guesses for joints whose gains are neither in the datasheet nor in the MJCF file.
REACH = 1.0  # rad (m for slides) at action = 1, at most half of the joint's range
DAMPING_RATIO = 0.7  # of the joint alone, with the body free
FASTEST = 0.3  # natural frequency [rad] per physics step: PD control is integrated explicitly


def with_actuation(robot: Robot, config: TaskConfig) -> Robot:
  """The datasheet with the actuation that a task asks for.

  Raises:
    UserError: gains without PD control, of an unknown joint group, or not as many as there are motors.
  """
  given = [f'config.task.pd.{name}' for name in GAINS if getattr(config.pd, name)]
  if config.actuation == 'torque':
    if given:
      raise UserError(f'{given[0]} needs PD control, and config.task.actuation=torque has none.')
    return dataclasses.replace(robot, pd=(), torque_motors=True)
  if config.actuation == 'datasheet' and not robot.pd:
    if given:
      raise UserError(
        f'{given[0]} needs PD control, which the datasheet of robot {robot.name!r} has not: set'
        ' config.task.actuation=pd.'
      )
    return robot
  if config.actuation == 'datasheet' and not given:
    return robot
  return _with_gains(robot, config)


def _with_gains(robot: Robot, config: TaskConfig) -> Robot:
  """The datasheet with gains for each joint by name: those of the config, else its own, else guessed."""
  spec = read_spec(model_file(robot), robot.name)
  spec.option.timestep = robot.timestep or spec.option.timestep
  name_all(spec)
  check_actuators(spec, robot)
  for motor in spec.actuators:
    scale_controls(motor)
  joints = [motor.target for motor in spec.actuators]
  if config.actuation == 'datasheet':  # joints without PD control remain without
    joints = [joint for joint in joints if robot.pd_of(joint)]
  lacking = [motor for motor in spec.actuators if motor.target in joints and robot.pd_of(motor.target) is None]
  guesses = guess_gains(spec, lacking, robot) if lacking else {}
  sheet = {joint: robot.pd_of(joint) or guesses[joint] for joint in joints}
  for name in GAINS:
    values = by_joint(getattr(config.pd, name), joints, f'config.task.pd.{name}')
    sheet |= {joint: dataclasses.replace(sheet[joint], **{name: value}) for joint, value in values.items()}
  return dataclasses.replace(robot, pd=tuple(sheet.items()), torque_motors=False)


def by_joint(values: Mapping[str, float] | Sequence[float], joints: Sequence[str], what: str) -> dict[str, float]:
  """Numbers by joint, from numbers by joint group or in the order of the joints; joints in no group are left out.

  Args:
    joints: names of the joints that motors drive, in the order of the motors.
    what: the setting, for messages.

  Raises:
    UserError: an unknown joint group, or another number of values than joints.
  """
  if not isinstance(values, Mapping):
    if len(values) != len(joints):
      raise UserError(
        f'{what} has {len(values)} numbers for {len(joints)} motors: give one number for all, one for each of'
        f' {", ".join(joints)}, or one for each joint group, as in {what}.{joints[0]}=...'
      )
    return dict(zip(joints, values, strict=True))
  for group in values:
    if not any(group in joint for joint in joints):
      raise unknown(f'joint group in {what}:', group, joints)
  found = {joint: in_group(values, joint) for joint in joints}
  return {joint: value for joint, value in found.items() if value is not None}


def guess_gains(spec: mujoco.MjSpec, motors: Sequence[mujoco.MjsActuator], robot: Robot) -> dict[str, PD]:
  """Gains by joint name, for actuators whose controls are scaled.

  A servo of the file keeps its stiffness and damping. A torque motor gets a stiffness that asks for its torque limit
  where the angle is off by the action scale, unless the physics would be unstable with it.

  Args:
    spec: with names, timestep and scaled controls.
  """
  model = compiled(spec, robot.name, model_file(robot))
  inertia = free_inertia(model)
  gains = {}
  for motor in motors:
    joint, gear = model.joint(motor.target), motor.gear[0]
    limited, bounds = bool(model.jnt_limited[joint.id]), model.jnt_range[joint.id]
    scale = min(REACH, float(bounds[1] - bounds[0]) / 2) if limited else REACH
    own = float(inertia[joint.dofadr[0]])
    kp, kd = (-gear * gear * x for x in motor.biasprm[1:3]) if is_servo(motor) else (0.0, 0.0)
    if kp <= 0:
      limit = own_limit(spec, motor)
      kp = min(limit / scale if math.isfinite(limit) else math.inf, own * (FASTEST / model.opt.timestep) ** 2)
    if kd <= 0:
      kd = max(0.0, 2 * DAMPING_RATIO * math.sqrt(kp * own) - float(model.dof_damping[joint.dofadr[0]]))
    gains[motor.target] = PD(kp=_rounded(kp), kd=_rounded(kd), action_scale=_rounded(scale))
  return gains


def free_inertia(model: mujoco.MjModel) -> np.ndarray:
  """Inertia of each degree of freedom [nv] in kg m^2 with all others free to move, in the pose of the MJCF file."""
  data = mujoco.MjData(model)
  mujoco.mj_forward(model, data)
  inverse = np.eye(model.nv)
  mujoco.mj_solveM(model, data, inverse, np.eye(model.nv))
  return np.asarray(1.0 / np.diag(inverse))


def _rounded(x: float) -> float:
  """Three significant digits: guesses are no more precise."""
  return float(f'{x:.3g}')
