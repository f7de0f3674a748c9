"""Completes the actuators of an MJCF file: controls in [-1, 1], torque motors and PD control."""

from __future__ import annotations

import math

import mujoco

from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.robot import PD, Robot, in_group

NO_LIMIT = math.inf


def complete_actuators(spec: mujoco.MjSpec, robot: Robot) -> None:
  """Scales controls to [-1, 1], and makes the PD control of the datasheet.

  Raises:
    UserError: there are no actuators, some drive no joint or have a state, a joint group of PD control is unknown, or a
      servo that is to become a torque motor has no limit.
  """
  check_actuators(spec, robot)
  for motor in spec.actuators:
    scale_controls(motor)
    if (pd := robot.pd_of(motor.target)) is not None:
      _make_pd(spec, motor, pd, robot)
    elif robot.torque_motors and is_servo(motor):
      _make_torque_motor(spec, motor, robot)


def check_actuators(spec: mujoco.MjSpec, robot: Robot) -> None:
  """Raises UserError for actuators that this package cannot control; see complete_actuators."""
  if not spec.actuators:
    raise UserError(f'robot {robot.name!r}: {robot.file} has no actuators, so there is nothing to control.')
  of_joints = (mujoco.mjtTrn.mjTRN_JOINT, mujoco.mjtTrn.mjTRN_JOINTINPARENT)
  if elsewhere := [motor.name for motor in spec.actuators if motor.trntype not in of_joints]:
    raise UserError(f'robot {robot.name!r}: actuators must drive joints; these do not: {", ".join(elsewhere)}.')
  for motor in spec.actuators:
    if motor.dyntype != mujoco.mjtDyn.mjDYN_NONE:  # resets and checkpoints hold positions and velocities alone
      kind = motor.dyntype.name.removeprefix('mjDYN_').lower()
      raise UserError(
        f'robot {robot.name!r}: the actuator {motor.name or motor.target!r} has a state of its own (dyntype {kind}),'
        ' which is not supported; leave out its dyntype, or use <motor>.'
      )
  joints = [joint.name for joint in spec.joints]
  for group, _ in robot.pd:
    if not any(group in joint for joint in joints):
      raise unknown(f'joint group of PD control in the datasheet of robot {robot.name!r}:', group, joints)


def scale_controls(motor: mujoco.MjsActuator) -> None:
  """Scales the control range of the file to [-1, 1]."""
  low, high = motor.ctrlrange
  if motor.ctrllimited != mujoco.mjtLimited.mjLIMITED_FALSE and low < high and (low, high) != (-1.0, 1.0):
    middle, half = (low + high) / 2, (high - low) / 2
    motor.biasprm[0] += motor.gainprm[0] * middle
    if middle and motor.biastype == mujoco.mjtBias.mjBIAS_NONE:
      motor.biastype = mujoco.mjtBias.mjBIAS_AFFINE
    motor.gainprm[0] *= half
  motor.ctrllimited, motor.ctrlrange = True, (-1.0, 1.0)
  if motor.biastype == mujoco.mjtBias.mjBIAS_NONE and motor.gaintype == mujoco.mjtGain.mjGAIN_FIXED:
    _gain_into_gear(motor)


def _gain_into_gear(motor: mujoco.MjsActuator) -> None:
  """Moves the gain into the gear, so that the gear is the torque at ctrl = 1. Torques stay the same."""
  gain = motor.gainprm[0]
  if gain > 0 and gain != 1:
    motor.gear[0], motor.gainprm[0], motor.forcerange = motor.gear[0] * gain, 1.0, motor.forcerange / gain


def is_servo(motor: mujoco.MjsActuator) -> bool:
  """Whether the torque of an actuator depends on its joint's state or has an offset, as that of <position> does."""
  return bool(motor.biastype != mujoco.mjtBias.mjBIAS_NONE)


def own_limit(spec: mujoco.MjSpec, motor: mujoco.MjsActuator) -> float:
  """Largest torque in N m that the file allows an actuator whose controls are scaled; inf if it allows any."""
  joint, gear = spec.joint(motor.target), abs(motor.gear[0])
  limits = [NO_LIMIT if is_servo(motor) else gear]
  if _limited(motor.forcelimited, motor.forcerange):
    limits.append(gear * motor.forcerange[1])
  if _limited(joint.actfrclimited, joint.actfrcrange):
    limits.append(joint.actfrcrange[1])
  return float(min(limits))


def _limited(limited: int, bounds: tuple[float, float]) -> bool:
  """Whether a range of the file is in force. Without the attribute, a range alone is."""
  return bool(limited != mujoco.mjtLimited.mjLIMITED_FALSE and bounds[1] > 0)


def _make_pd(spec: mujoco.MjSpec, motor: mujoco.MjsActuator, pd: PD, robot: Robot) -> None:
  """Turns an actuator into PD control; see PD.

  Forces are in units of the gear, which is the torque limit: a gear multiplies lengths and velocities too.
  """
  joint = spec.joint(motor.target)
  limit = pd.torque_limit or own_limit(spec, motor)
  gear = limit if math.isfinite(limit) else 1.0
  angle = in_group(dict(robot.pose or ()), motor.target)
  standing = joint.ref if angle is None else angle
  motor.gear[0] = gear
  motor.gaintype, motor.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
  motor.gainprm[0] = pd.kp / gear * pd.action_scale
  motor.biasprm[:3] = [pd.kp / gear * standing, -pd.kp / gear / gear, -pd.kd / gear / gear]
  if math.isfinite(limit):
    motor.forcelimited, motor.forcerange = True, (-1.0, 1.0)
  else:
    motor.forcelimited = False
  joint.actfrclimited = False  # the limit is now the actuator's


def _make_torque_motor(spec: mujoco.MjSpec, motor: mujoco.MjsActuator, robot: Robot) -> None:
  """Turns a servo of the file into a motor with the torque limit of the servo. Raises UserError if it has none."""
  limit = own_limit(spec, motor)
  if not math.isfinite(limit):
    raise UserError(
      f'robot {robot.name!r}: config.task.actuation=torque needs a torque limit, and the servo {motor.name!r} has none;'
      ' give it a forcerange in the MJCF file.'
    )
  motor.gear[0], motor.gainprm[0], motor.biasprm[:3] = limit, 1.0, [0.0, 0.0, 0.0]
  motor.gaintype, motor.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_NONE
  motor.forcelimited = False
