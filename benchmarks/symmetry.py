"""Time of a gradient step and of a whole update of PPO: networks without symmetry, averaged and equivariant.

  python benchmarks/symmetry.py --config=walk

The three are measured in turns, on random transitions of the config's sizes.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from common import save

from mjx_humanoid.core.config import files, schema
from mjx_humanoid.core.precision import single_precision
from mjx_humanoid.core.process import COMPILER_OPTIONS
from mjx_humanoid.core.types import Transition
from mjx_humanoid.rl.algorithm import Algorithm, Spec, make_algorithm
from mjx_humanoid.rl.ppo_loss import Batch, ppo_loss
from mjx_humanoid.run.setup import prepare

KINDS: dict[str, dict[str, Any]] = {
  'none': {'symmetric': False},
  'averaged': {'symmetry': 'averaged'},
  'equivariant': {'symmetry': 'equivariant'},
}
ROUNDS = 20
Call = Callable[[], Any]


@single_precision()
def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--config', default='walk')
  arguments, rest = parser.parse_known_args()
  loaded = files.load_config(arguments.config)
  config = schema.resolve(files.apply_overrides(loaded, files.split_overrides(rest)))
  small = dataclasses.replace(config, engine='native', num_envs=16, ppo=dataclasses.replace(config.ppo, batch_size=16))
  setup = prepare(small)
  assert setup.task is not None, 'a config of this package has a task'
  spec = Spec(setup.env.observation_size, setup.env.action_size, setup.task.mirror)
  calls: dict[str, tuple[Call, Call]] = {}
  for kind, changes in KINDS.items():
    network = dataclasses.replace(config.network, **changes)
    algorithm = make_algorithm(dataclasses.replace(config, network=network), spec)
    calls[kind] = gradient_step(algorithm, spec, config.ppo.batch_size), update(algorithm, spec, config.num_envs)
  times: dict[str, list[tuple[float, ...]]] = {kind: [] for kind in calls}
  for _ in range(ROUNDS):
    for kind, both in calls.items():
      times[kind].append(tuple(milliseconds(call) for call in both))
  rows = []
  for kind, found in times.items():
    step, whole = (statistics.median(column) for column in zip(*found, strict=True))
    rows.append({'symmetry': kind, 'gradient_step_ms': round(step, 3), 'update_ms': round(whole, 2)})
    print(f'{kind:>12}: gradient step {step:8.3f} ms, update {whole:9.2f} ms', flush=True)
  transitions = config.num_envs * config.ppo.unroll_length
  save(
    'symmetry',
    {'config': arguments.config, 'batch_size': config.ppo.batch_size, 'transitions': transitions, 'rows': rows},
  )


def compiled(function: Callable[..., Any], *arguments: Any) -> Call:
  """A call of the function, compiled and made once."""
  options = COMPILER_OPTIONS if jax.default_backend() == 'cpu' else None
  program = jax.jit(function, compiler_options=options)
  jax.block_until_ready(program(*arguments))
  return lambda: program(*arguments)


def gradient_step(algorithm: Algorithm[Any], spec: Spec, size: int) -> Call:
  """The gradient of the loss of one minibatch [size]."""
  net: Any = algorithm
  params = algorithm.init(jax.random.PRNGKey(0)).params
  obs, action = normal(size, spec.observation_size), normal(size, spec.action_size)
  batch = Batch(obs, action, normal(size), action, normal(size), normal(size))

  def loss(params: Any, batch: Batch) -> Any:
    return ppo_loss(net.net, net.hyper, jnp.zeros(spec.action_size), params, batch)[0]

  return compiled(jax.grad(loss), params, batch)


def update(algorithm: Algorithm[Any], spec: Spec, num_envs: int) -> Call:
  """A whole update from transitions [T, num_envs]."""
  shape = algorithm.unroll_length, num_envs
  learner = algorithm.init(jax.random.PRNGKey(0))
  obs, never = normal(*shape, spec.observation_size), jnp.zeros(shape, bool)
  action, extras = algorithm.act(learner, obs, jax.random.PRNGKey(1))
  batch = Transition(obs, action, normal(*shape), never, never, obs, extras)
  return compiled(algorithm.update, learner, batch, jax.random.PRNGKey(2))


def normal(*shape: int) -> Any:
  """Normally distributed numbers."""
  return jax.random.normal(jax.random.PRNGKey(3), shape)


def milliseconds(call: Call) -> float:
  """Time until all results of a call are there."""
  start = time.perf_counter()
  jax.block_until_ready(call())
  return 1e3 * (time.perf_counter() - start)


if __name__ == '__main__':
  main()
