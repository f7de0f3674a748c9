"""The task `stand` as a Gymnasium environment on one MjData in NumPy, as an SB3 user would write it."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import mujoco
import numpy as np

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.types import View
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model, quiet
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.context import Context
from mjx_humanoid.tasks.observations import observe_all
from mjx_humanoid.tasks.starts import STARTS
from mjx_humanoid.tasks.terminations import TERMINATIONS


def gaussian(error: Any, scale: float) -> float:
  return math.exp(-float(np.dot(error, error)) / scale**2)


class StandEnv(gymnasium.Env[np.ndarray, np.ndarray]):
  """The same model, physics steps, observation, reward, termination and start states as in this package."""

  def __init__(self, config: TaskConfig, weights: dict[str, float], seed: int = 0) -> None:
    self.silence = quiet()
    self.silence.__enter__()  # as long as this environment lives
    robot = robots()[config.robot]
    self.model = build_model(robot)
    self.data = mujoco.MjData(self.model)
    self.body = describe(robot, self.model, config.frame_skip)
    self.config, self.weights = config, weights
    self.observer = observe_all(config.observations)
    self.substeps = self.body.substeps
    self.limit = round(config.episode_length / self.body.control_step)
    self.rng = np.random.default_rng(seed)
    self.last_action, self.heading = np.zeros(self.body.nu, np.float32), np.array([1.0, 0.0])
    size = self._observe(self._view()).shape[0]
    self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32)
    self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self.body.nu,), np.float32)

  def reset(
    self, *, seed: int | None = None, options: dict[str, Any] | None = None
  ) -> tuple[np.ndarray, dict[str, Any]]:
    super().reset(seed=seed)
    strength = np.full(1, self.config.start_strength)
    qpos, qvel = STARTS[self.config.start](self.body, self.rng, strength, lambda qpos, qvel, seconds: (qpos, qvel))
    mujoco.mj_resetData(self.model, self.data)
    self.data.qpos[:], self.data.qvel[:] = qpos[0], qvel[0]
    mujoco.mj_forward(self.model, self.data)
    self.steps, self.last_action = 0, np.zeros(self.body.nu, np.float32)
    self.heading = self.body.heading(self._view())
    return self._observe(self._view()), {}

  def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
    self.data.ctrl[:] = np.clip(action, -1, 1)
    mujoco.mj_step(self.model, self.data, self.substeps)
    self.steps += 1
    view = self._view()
    reward = sum(self.terms(view, self.last_action).values())
    self.last_action = view.ctrl
    terminated = bool(TERMINATIONS[self.config.termination](view, self.body, self._context()))
    return self._observe(view), reward, terminated, self.steps >= self.limit and not terminated, {}

  def terms(self, view: View, last_action: np.ndarray) -> dict[str, float]:
    """The weighted terms of tasks/rewards.py, in NumPy."""
    body, sensor = self.body, lambda name: self.body.sensor(view, name)
    feet = (sensor('foot_left_pos') + sensor('foot_right_pos')) / 2
    com, com_vel, up = sensor('com_pos'), sensor('com_vel'), sensor('torso_up')
    lead = math.sqrt(max(com[2] - feet[2], 0.1) / 9.81)
    ahead, command = self.heading, np.asarray(self.config.command.value[:2])
    error = np.array([com_vel[:2] @ ahead, ahead[0] * com_vel[1] - ahead[1] * com_vel[0]]) - command
    distance = math.hypot(*error) / (0.3 + math.hypot(*command))
    angles, (low, high) = body.joint_angles(view), body.joint_range.T
    offset = angles - body.relaxed_angles
    depth = np.clip(np.maximum(low - angles, angles - high) / 0.05 + 1, 0, 2)
    values = {
      'alive': 1.0,
      'height': gaussian(sensor('torso_pos')[2] - body.robot.standing_height, 0.15),
      'upright': gaussian(up[:2], 0.42),
      'balance': gaussian((com + lead * com_vel - feet)[:2], 0.25),
      'velocity': 0.5 * gaussian(error, 0.2) + 0.5 * max(1 - distance, 0),
      'relaxed': gaussian(math.sqrt(float(np.dot(offset, offset)) / len(offset) + 1e-8), 0.5),
      'energy': float(np.sum(np.abs(view.ctrl * body.torque_limit * view.qvel[body.actuator_dofs]))) / 1000,
      'action_rate': float(np.mean((view.ctrl - last_action) ** 2)),
      'joint_limits': float(np.sum(depth**2)),
    }
    return {name: weight * values[name] for name, weight in self.weights.items()}

  def _view(self) -> View:
    """Arrays of the environment in float32, as the policy observes them."""
    data = self.data
    return View(
      np.float32(data.time), *(x.astype(np.float32) for x in (data.qpos, data.qvel, data.ctrl, data.sensordata))
    )

  def _context(self) -> Context:
    command = np.asarray(self.config.command.value, np.float32)
    nothing = np.zeros(2, np.float32)
    return Context(np.int32(0), self.last_action, command, self.heading, nothing, np.float32(0), np.float32(1), command)

  def _observe(self, view: View) -> np.ndarray:
    return self.observer(view, self.body, self._context())
