"""Makes the reference policy of a robot and a task; motions/gait.py says what it does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.gait import Gait, Places, Reference, Tracking
from mjx_humanoid.motions.kinematics import MARGIN, Legs
from mjx_humanoid.motions.legs import legs_of
from mjx_humanoid.physics.body import GRAVITY, Body

SEEN = ('joint_positions', 'joint_velocities')  # observations that the policy reads, beside a clock
CLOCKS = ('gait_phase', 'gait_clock')
LIFT = 0.1  # of standing height, where the config says nothing
TURN = 2.0  # 1/s
LOWEST = 0.9  # of standing height: how far the body is lowered by itself, for steps that are out of reach of the legs


class Corrections(NamedTuple):
  """What keeps the balance, found by trying."""

  step: float  # gain of the steps, in time constants sqrt(height / g) of an inverted pendulum
  blend: float  # see Gait; above 1, steps are longer than the speed of the robot asks for, which slows it down
  lean: tuple[float, float]  # rad of hip and of ankle per rad of tilt
  lean_time: float  # s


ON_TWO, ON_MORE = Corrections(0.07, 1.2, (0.57, 0.57), 0.15), Corrections(0.2, 0.3, (0.0, 0.0), 0.0)
# PD control of torque motors, by this policy itself, in shares of their torque limits
STIFFNESS, DAMPING = 1.5, 0.015  # per rad and per rad/s


def make_reference(body: Body, task: TaskConfig, places: Mapping[str, tuple[int, int]]) -> Reference:
  """The reference policy of a robot.

  Args:
    places: the slice of each observation by name, as (first element, one past the last).

  Raises:
    UserError: the robot's datasheet names no leg joints, or the task lacks a gait clock or an observation.
  """
  legs = legs_of(body.robot)
  if not task.gait.frequency:
    raise UserError('the reference gait needs a gait clock: set config.task.gait.frequency above 0.')
  return Reference(_places(places), legs, _gait(body, legs, task), _tracking(body, legs))


def has_gait(task: TaskConfig) -> bool:
  """Whether a task has the gait clock and the observations that a reference gait needs."""
  return bool(task.gait.frequency) and {*SEEN} <= {*task.observations} and not {*CLOCKS}.isdisjoint(task.observations)


def _places(places: Mapping[str, tuple[int, int]]) -> Places:
  first = {name: place[0] for name, place in places.items()}
  clock = next((name for name in CLOCKS if name in first), '')
  if lacking := [name for name in (*SEEN, clock or CLOCKS[0]) if name not in first]:
    raise UserError(f'the reference gait reads observations that this task does not have: {", ".join(lacking)}.')
  pose, velocity = (first[name] for name in SEEN)
  optional = (first.get(name, -1) for name in ('command', 'heading_error'))
  return Places(pose + 1, pose + 4, velocity, velocity + 3, velocity + 6, first[clock], *optional)


def _gait(body: Body, legs: Legs, task: TaskConfig) -> Gait:
  config, command, size = task.gait, task.command, body.robot.standing_height
  forward = 2 * config.step_length * config.frequency or command.value[0]
  stance = config.duty / config.frequency
  corrections = ON_TWO if len(body.robot.feet) == 2 else ON_MORE
  sampled = command.kind == 'sampled'
  fastest = max(abs(command.low[0]), abs(command.high[0])) if sampled else abs(forward)
  numbers = {
    'duty': config.duty,
    'stance': stance,
    'lift': config.step_height or LIFT * size,
    'lowered': size - config.body_height if config.body_height else _lowered(legs, stance / 2 * fastest, size),
    'command': (forward, *command.value[1:]),
    'step_gain': corrections.step * math.sqrt(size / GRAVITY),
    'blend': corrections.blend,
    'turn_gain': TURN,
    'lean_gains': corrections.lean,
    'lean_time': corrections.lean_time,
  }
  return Gait(np.array(body.robot.offsets, np.float32), **{k: np.array(v, np.float32) for k, v in numbers.items()})


def _lowered(legs: Legs, step: float, size: float) -> float:
  """How far in m the body is lowered so that straight legs reach feet that are `step` m ahead or behind."""
  longest = (1 - MARGIN) * (legs.thigh + legs.shank)
  furthest = np.minimum(np.abs(legs.foot[:, 0]) + step, longest)
  lacking = -legs.foot[:, 1] - np.sqrt(longest**2 - furthest**2)
  return float(np.clip(lacking.max(), 0.0, (1 - LOWEST) * size))


def tracking_gains(body: Body) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
  """How targets of joint angles become actions: action per rad [A], and the fields of Tracking but for `spread`."""
  affine, (_, per_ctrl, per_angle, _) = body.actuation.affine, body.actuation.slopes
  sprung = affine & (per_angle < 0)
  per_rad = np.where(sprung, -per_angle / np.where(sprung, per_ctrl, 1.0), STIFFNESS)
  driven = body.actuator_joints
  gains = (np.where(sprung, 0.0, gain).astype(np.float32) for gain in (STIFFNESS, DAMPING))
  return per_rad.astype(np.float32), (driven, body.default_angles[driven], *gains)


def _tracking(body: Body, legs: Legs) -> Tracking:
  per_rad, gains = tracking_gains(body)
  moved = legs.joints.T[:, :, None] == gains[0]  # [4, L, A]
  return Tracking((moved * legs.signs.T[:, :, None] * per_rad).astype(np.float32), *gains)
