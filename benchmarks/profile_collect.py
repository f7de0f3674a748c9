"""Shares of time in an iteration on the native engine, and speed of collecting compared with mujoco.batch alone.

  python benchmarks/profile_collect.py --config=stand

mujoco.batch alone ("bare") steps the same environments from the same states under the same controls.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import jax
import numpy as np
from common import save

from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config import schema
from mjx_humanoid.physics.native import NativeEngine
from mjx_humanoid.run.setup import prepare
from mjx_humanoid.run.trainer import Trainer

WARM_UP = 20  # iterations before the measurement: compilation, and mixed ages of episodes
COUNTED = 20


class Clocked:
  """A native engine that sums up the time in physics, and records the controls."""

  def __init__(self, engine: NativeEngine) -> None:
    self._engine = engine
    self.traceable, self.name = engine.traceable, engine.name
    self.seconds = 0.0
    self.log: list[tuple[str, Any]] = []

  def __getattr__(self, name: str) -> Any:
    return getattr(self._engine, name)

  def step(self, state: Any, *inputs: Any) -> Any:
    start = time.perf_counter()
    result = self._engine.step(state, *inputs)
    self.seconds += time.perf_counter() - start
    self.log.append(('step', inputs))
    return result

  def write(self, state: Any, mask: Any, qpos: Any, qvel: Any) -> Any:
    self.log.append(('write', (mask, np.asarray(qpos), np.asarray(qvel))))
    return self._engine.write(state, mask, qpos, qvel)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--config', default='stand')
  arguments, rest = parser.parse_known_args()
  loaded = config_file.apply_overrides(config_file.load_config(arguments.config), config_file.split_overrides(rest))
  result = profile(schema.resolve(loaded))
  for name, value in result.items():
    print(f'{name:36} {value:,.3f}' if isinstance(value, float) else f'{name:36} {value:,}')
  save('profile_collect', result)


def profile(config: schema.Config) -> dict[str, Any]:
  """Shares of time and rates, averaged over COUNTED iterations."""
  setup = prepare(config)
  engine = Clocked(setup.env.engine)
  object.__setattr__(setup.env, 'engine', engine)
  trainer = Trainer(setup)
  learning = 0.0
  learn = trainer._learn

  def clocked(*values: Any) -> Any:
    nonlocal learning
    start = time.perf_counter()
    done = jax.block_until_ready(learn(*values))
    learning += time.perf_counter() - start
    return done

  trainer._learn = clocked
  state = trainer.start()
  for _ in range(WARM_UP):
    state, _ = trainer.step(state)
  packed = engine.pack(state.carry.physics)
  engine.seconds, engine.log, learning = 0.0, [], 0.0
  start = time.perf_counter()
  for _ in range(COUNTED):
    state, _ = trainer.step(state)
  total = time.perf_counter() - start
  bare = replay(engine, packed)
  steps = COUNTED * trainer.steps_per_iteration
  substeps = setup.env.task.body.substeps
  return {
    'env steps/s with learning': round(steps / total),
    'share of time in physics': engine.seconds / total,
    'share of time in acting, rewards, resets': (total - engine.seconds - learning) / total,
    'share of time in updates': learning / total,
    'physics steps/s while collecting': round(steps * substeps / (total - learning)),
    'physics steps/s of bare mujoco.batch': round(steps * substeps / bare),
    'collecting / bare': bare / (total - learning),
  }


def replay(engine: Clocked, packed: Any) -> float:
  """Seconds that mujoco.batch alone takes for the recorded controls, from the packed state, without resets."""
  inner, seconds = engine._engine, 0.0
  worlds = inner.unpack(packed).worlds
  for kind, value in engine.log:
    if kind == 'write':
      inner.write(None, *value)
      continue
    inner.apply(*value)
    start = time.perf_counter()
    worlds.step(nstep=inner._substeps)
    seconds += time.perf_counter() - start
  return seconds


if __name__ == '__main__':
  main()
