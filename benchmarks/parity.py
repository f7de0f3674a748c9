"""Differences between the engines, with the training solver and with a converged solver.

  python benchmarks/parity.py --engines=native,mjx

64 humanoids start from the perturbed standing pose under smooth random controls, the same for all engines. Prints the
median over environments of the largest difference from the native engine in any position, after several times.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from common import save

from mjx_humanoid.core.process import COMPILER_OPTIONS
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.choice import make_engine
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.states import settle
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.starts import standing

NUM_ENVS, STEPS = 64, 20
SHOWN = (1, 2, 5, 10, 20)  # control steps


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--engines', default='native,mjx')
  found = []
  for row in rows(parser.parse_args().engines.split(','), NUM_ENVS, STEPS):
    found.append(row)
    print(in_words(row), flush=True)
  save('parity', {'rows': found})


def rows(names: list[str], num_envs: int, steps: int) -> Iterator[dict[str, Any]]:
  """The difference of each engine from the first engine, with both solvers."""
  robot = robots()['humanoid']
  for converged in (False, True):
    model = build_model(robot, converged=converged)
    body = describe(robot, model)
    rng = np.random.default_rng(0)
    qpos, qvel = (
      x.astype(np.float32) for x in standing(body, rng, np.ones(num_envs), functools.partial(settle, model))
    )
    controls = np.cumsum(0.1 * rng.normal(size=(steps, num_envs, body.nu)), axis=0).clip(-1, 1).astype(np.float32)
    reference = run(names[0], model, qpos, qvel, controls, robot.frame_skip)
    for name in names[1:]:
      apart = np.abs(run(name, model, qpos, qvel, controls, robot.frame_skip) - reference).max(axis=-1)
      shown = [step for step in SHOWN if step <= steps]
      medians = {f'{step * body.control_step:.3f} s': float(np.median(apart[step - 1])) for step in shown}
      yield {'engine': name, 'against': names[0], 'converged': converged, 'apart': medians}


def in_words(row: dict[str, Any]) -> str:
  """A row as one line."""
  solver = 'converged' if row['converged'] else 'training'
  apart = ', '.join(f'{time} {median:.1e}' for time, median in row['apart'].items())
  return f'{row["engine"]} against {row["against"]}, {solver} solver: {apart}'


def run(name: str, model: Any, qpos: np.ndarray, qvel: np.ndarray, controls: np.ndarray, substeps: int) -> np.ndarray:
  """Positions [T, B, nq]."""
  engine = make_engine(name, model, len(qpos), substeps)
  options = COMPILER_OPTIONS if jax.default_backend() == 'cpu' else None
  step = jax.jit(engine.step, compiler_options=options) if engine.traceable else engine.step
  state = engine.init(jnp.asarray(qpos), jnp.asarray(qvel)) if engine.traceable else engine.init(qpos, qvel)
  path = []
  for ctrl in controls:
    state, view = step(state, ctrl)
    path.append(np.asarray(view.qpos))
  return np.stack(path)


if __name__ == '__main__':
  main()
