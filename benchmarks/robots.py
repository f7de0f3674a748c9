"""Environment steps per second of every robot, beside Gymnasium's AsyncVectorEnv around the same model.

  pip install -e '.[gym]'
  python benchmarks/robots.py

There is no learning: only the environments run, under random actions, in turns. Ours is the vector environment of the
task `stand`. The peer is what Gymnasium offers for a model of one's own: an environment that steps the same compiled
model with MuJoCo's Python bindings and observes the same positions and velocities, with a reward that costs nothing, in
AsyncVectorEnv, which runs each environment in a process; of several numbers of processes the fastest counts.
"""

from __future__ import annotations

import argparse
import functools
import os
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import mujoco
import numpy as np
from common import save
from gymnasium.spaces import Box
from gymnasium.vector import AsyncVectorEnv

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.envs.gym_vector import GymVectorEnv
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.task import robot_of

CORES = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
PROCESSES = (CORES, 4 * CORES)  # of the peer
EPISODE = 500  # control steps of the peer
WARM_STEPS = 5


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--num_envs', type=int, default=512)
  parser.add_argument('--rounds', type=int, default=3)
  parser.add_argument('--seconds', type=float, default=4.0, help='seconds of each turn')
  parser.add_argument('--robots', nargs='*', default=list(robots()), help='by default all of this package')
  arguments = parser.parse_args()
  rows = [row_of(name, arguments) for name in arguments.robots]
  save('robots', {'num_envs': arguments.num_envs, 'processes': list(PROCESSES), 'rows': rows})


def row_of(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
  """Rates of one robot, measured in turns."""
  ours = GymVectorEnv(arguments.num_envs, 'stand', robot=name, frame_skip=0, termination='fallen')
  body = describe(robot_of(TaskConfig(robot=name)), build_model(robots()[name]))
  peers = [AsyncVectorEnv([functools.partial(Bare, name)] * count) for count in PROCESSES]
  environments: dict[str, Any] = {'mjx_humanoid': ours}
  environments |= {f'AsyncVectorEnv of {count}': env for count, env in zip(PROCESSES, peers, strict=True)}
  for env in environments.values():
    env.reset(seed=0)
  rates: dict[str, list[float]] = {label: [] for label in environments}
  for _ in range(arguments.rounds):
    for label, env in environments.items():
      rates[label].append(measured(env, arguments.seconds))
  for env in environments.values():
    env.close()
  best = np.max([rates[label] for label in rates if label != 'mjx_humanoid'], axis=0)
  ratio = float(np.median(np.array(rates['mjx_humanoid']) / best))
  print(f'{name}: {np.median(rates["mjx_humanoid"]):,.0f} env steps/s, {ratio:.1f} times the peer', flush=True)
  return {'robot': name, 'physics_steps': body.substeps, 'env_steps_per_second': rates, 'ratio': ratio}


def measured(env: Any, seconds: float) -> float:
  """Environment steps/s under random actions, not counting the first few."""
  space = env.single_action_space
  actions = np.random.default_rng(0).uniform(space.low, space.high, (16, env.num_envs, *space.shape))
  step: Callable[[int], Any] = lambda i: env.step(actions[i % 16].astype(space.dtype))  # noqa: E731
  for i in range(WARM_STEPS):
    step(i)
  count, start = 0, time.perf_counter()
  while time.perf_counter() - start < seconds:
    step(count)
    count += 1
  return count * env.num_envs / (time.perf_counter() - start)


class Bare(gymnasium.Env[np.ndarray, np.ndarray]):
  """A robot stepped by MuJoCo's Python bindings, as in Gymnasium's own environments."""

  def __init__(self, name: str) -> None:
    robot = robot_of(TaskConfig(robot=name))
    self._model = build_model(robot)
    self._data, self._body = mujoco.MjData(self._model), describe(robot, self._model)
    size = self._model.nq + self._model.nv
    self.observation_space = Box(-np.inf, np.inf, (size,), np.float64)
    self.action_space = Box(-1.0, 1.0, (self._model.nu,), np.float32)
    self._steps = 0

  def reset(
    self, *, seed: int | None = None, options: dict[str, Any] | None = None
  ) -> tuple[np.ndarray, dict[str, Any]]:
    super().reset(seed=seed)
    mujoco.mj_resetData(self._model, self._data)
    self._data.qpos[:] = self._body.default_qpos
    self._steps = 0
    return self._observation(), {}

  def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
    self._data.ctrl[:] = action
    mujoco.mj_step(self._model, self._data, nstep=self._body.substeps)
    self._steps += 1
    fallen = float(self._body.root.height(self._data.qpos)) < self._body.robot.fallen_height
    return self._observation(), 1.0, fallen, self._steps >= EPISODE, {}

  def _observation(self) -> np.ndarray:
    return np.concatenate([self._data.qpos, self._data.qvel])


if __name__ == '__main__':
  main()
