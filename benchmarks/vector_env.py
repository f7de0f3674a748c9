"""Environment steps per second of vector environments under random actions: this package and EnvPool's Humanoid-v4.

  pip install -e '.[gym]' envpool
  python benchmarks/vector_env.py

There is no learning: only the environments run, each with 5 physics steps per environment step, on all cores, in turns.
EnvPool runs in three modes, and the fastest counts: synchronously with as many environments as this package, with two
per core, and asynchronously (as its authors recommend).

The robots are not the same. EnvPool's has 17 motors and integrates by Runge-Kutta, which evaluates the dynamics four
times a step, with up to 50 solver iterations; ours has 21 motors and takes Euler steps with one Newton iteration. So
both models are also stepped by mujoco.batch alone, which shows the cost of each environment without its physics.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
from common import save

import mjx_humanoid  # noqa: F401 (registers our environments)

OURS, PEER = 'mjx_humanoid/Stand-v0', 'Humanoid-v4'
SUBSTEPS = 5  # EnvPool's own frame_skip of Humanoid-v4
ASYNC_BATCH = 64  # environments whose results are received at a time
WARM_STEPS = 5
CORES = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
Measure = Callable[[float], float]  # seconds -> environment steps/s


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--num_envs', type=int, default=512)
  parser.add_argument('--rounds', type=int, default=5)
  parser.add_argument('--seconds', type=float, default=8.0, help='seconds of each turn')
  arguments = parser.parse_args()
  if importlib.util.find_spec('envpool') is None:
    raise SystemExit('EnvPool is not installed; there are wheels for Linux: pip install envpool')
  ours = GymnasiumEnvs(arguments.num_envs)
  measures: dict[str, Measure] = {
    'mjx_humanoid': ours,
    'mujoco.batch, our model': lambda seconds: bare(ours.model, arguments.num_envs, ours.fallen, seconds),
    f'envpool, {arguments.num_envs} in step': lambda seconds: envpool_in_step(arguments.num_envs, seconds),
    f'envpool, {2 * CORES} in step': lambda seconds: envpool_in_step(2 * CORES, seconds),
    f'envpool, {arguments.num_envs} async': lambda seconds: envpool_async(arguments.num_envs, seconds),
  }
  if (model := envpool_model()) is not None:
    measures["mujoco.batch, EnvPool's model"] = lambda seconds: bare(model, arguments.num_envs, 1.0, seconds)
  rates: dict[str, list[float]] = {name: [] for name in measures}
  for _ in range(arguments.rounds):
    for name, measure in measures.items():
      rates[name].append(measure(arguments.seconds))
      print(f'{name}: {rates[name][-1]:,.0f} env steps/s', flush=True)
  report(rates, arguments.num_envs)


def report(rates: dict[str, list[float]], num_envs: int) -> None:
  """Prints the ratios to EnvPool's best rate in the same round, and saves all rates."""
  peers = [name for name in rates if name.startswith('envpool')]
  best = [max(turn) for turn in zip(*(rates[name] for name in peers), strict=True)]
  ratios = [a / b for a, b in zip(rates['mjx_humanoid'], best, strict=True)]
  print(f"ratio to EnvPool's best: {np.median(ratios):.2f} (median), {min(ratios):.2f} to {max(ratios):.2f}")
  shares = {}
  for name, mine in (('our model', rates['mjx_humanoid']), ("EnvPool's model", best)):
    if bare_rates := rates.get(f'mujoco.batch, {name}'):
      shares[name] = float(np.median([a / b for a, b in zip(mine, bare_rates, strict=True)]))
      print(f'of bare mujoco.batch on {name}: {shares[name]:.0%} (median)')
  settings = {'num_envs': num_envs, 'substeps': SUBSTEPS, 'envpool': envpool_version()}
  save('vector_env', {**settings, 'env_steps_per_second': rates, 'ratios': ratios, 'share_of_bare_physics': shares})


class GymnasiumEnvs:
  """The environments of this package, compiled once."""

  def __init__(self, num_envs: int) -> None:
    env = gymnasium.make_vec(OURS, num_envs=num_envs, frame_skip=SUBSTEPS)
    env.reset(seed=0)
    batched = env.unwrapped._envs.env  # type: ignore[attr-defined]
    self.env, self.model = env, batched.model
    self.fallen = 0.85 * batched.task.body.robot.standing_height

  def __call__(self, seconds: float) -> float:
    actions = random_actions(self.env.num_envs, self.env.single_action_space)
    return rate(lambda i: self.env.step(actions[i % len(actions)]), self.env.num_envs, seconds)


def envpool_in_step(num_envs: int, seconds: float) -> float:
  """All environments wait for the slowest."""
  import envpool

  env = envpool.make(PEER, env_type='gymnasium', num_envs=num_envs, num_threads=CORES, frame_skip=SUBSTEPS)
  actions = random_actions(num_envs, env.action_space)
  env.reset()
  result = rate(lambda i: env.step(actions[i % len(actions)]), num_envs, seconds)
  env.close()
  return result


def envpool_async(num_envs: int, seconds: float) -> float:
  """Environments that are done get their next actions at once."""
  import envpool

  batch = min(ASYNC_BATCH, num_envs)
  env = envpool.make(
    PEER, env_type='gymnasium', num_envs=num_envs, batch_size=batch, num_threads=CORES, frame_skip=SUBSTEPS
  )
  actions = random_actions(batch, env.action_space)
  env.async_reset()

  def step(i: int) -> None:
    info = env.recv()[-1]
    env.send(actions[i % len(actions)], info['env_id'])

  result = rate(step, batch, seconds)
  env.close()
  return result


def bare(model: mujoco.MjModel, num_envs: int, fallen: float, seconds: float) -> float:
  """Physics alone, without observations and rewards; fallen robots are reset to standing."""
  from mujoco import batch

  worlds = batch.Batch(model, num_envs, nthread=CORES)
  qpos, qvel, ctrl = (worlds.bind(name) for name in ('qpos', 'qvel', 'ctrl'))
  low, high = model.actuator_ctrlrange.T
  rng = np.random.default_rng(0)
  actions = rng.uniform(low, high, (16, num_envs, model.nu))

  def step(i: int) -> None:
    ctrl[:] = actions[i % len(actions)]
    worlds.step(nstep=SUBSTEPS)
    down = np.flatnonzero(~(qpos[:, 2] > fallen))
    if len(down):
      worlds.reset(down, stage=mujoco.mjtStage.mjSTAGE_NONE)
      qpos[down] = model.qpos0 + rng.uniform(-0.01, 0.01, (len(down), model.nq))
      qvel[down] = rng.uniform(-0.01, 0.01, (len(down), model.nv))

  return rate(step, num_envs, seconds)


def random_actions(num_envs: int, space: Any) -> np.ndarray:
  """Sixteen batches of random actions, drawn in advance so that no rate includes their time."""
  shape = (16, num_envs, *space.shape)
  return np.random.default_rng(0).uniform(space.low, space.high, shape).astype(space.dtype)


def rate(step: Callable[[int], Any], num_envs: int, seconds: float) -> float:
  """Environment steps/s, not counting the first few."""
  for i in range(WARM_STEPS):
    step(i)
  count, start = 0, time.perf_counter()
  while time.perf_counter() - start < seconds:
    step(count)
    count += 1
  return count * num_envs / (time.perf_counter() - start)


def envpool_model() -> mujoco.MjModel | None:
  """EnvPool's model file, if this version contains one."""
  spec = importlib.util.find_spec('envpool_assets')
  folders = spec.submodule_search_locations if spec else None
  path = Path(next(iter(folders)), 'mujoco', 'assets_gym', 'humanoid.xml') if folders else None
  return mujoco.MjModel.from_xml_path(str(path)) if path is not None and path.is_file() else None


def envpool_version() -> str:
  from importlib.metadata import version

  return version('envpool')


if __name__ == '__main__':
  main()
