"""Time of a gradient step and of a whole update of PPO: networks without symmetry, averaged and equivariant.

  python benchmarks/symmetry.py --config=walk

The three are measured in turns, on random transitions of the config's sizes. Floating-point operations are those that
XLA counts in the program of the gradient step.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

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
Call = Callable[[], Any]


class Measured(NamedTuple):
  """A compiled program with its arguments."""

  call: Call
  operations: float  # floating-point operations in a call


@single_precision()
def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--config', default='walk')
  parser.add_argument('--rounds', type=int, default=20)
  arguments, rest = parser.parse_known_args()
  loaded = files.load_config(arguments.config)
  config = schema.resolve(files.apply_overrides(loaded, files.split_overrides(rest)))
  small = dataclasses.replace(config, engine='native', num_envs=16, ppo=dataclasses.replace(config.ppo, batch_size=16))
  setup = prepare(small)
  assert setup.task is not None, 'a config of this package has a task'
  spec = Spec(setup.env.observation_size, setup.env.action_size, setup.task.mirror)
  programs: dict[str, tuple[Measured, Measured]] = {}
  for kind, changes in KINDS.items():
    network = dataclasses.replace(config.network, **changes)
    algorithm = make_algorithm(dataclasses.replace(config, network=network), spec)
    programs[kind] = gradient_step(algorithm, spec, config.ppo.batch_size), update(algorithm, spec, config.num_envs)
  times: dict[str, list[tuple[float, ...]]] = {kind: [] for kind in programs}
  for _ in range(arguments.rounds):
    for kind, both in programs.items():
      times[kind].append(tuple(milliseconds(each.call) for each in both))
  rows = []
  for kind, found in times.items():
    step, whole = (statistics.median(column) for column in zip(*found, strict=True))
    millions = round(programs[kind][0].operations / 1e6, 1)
    rows.append({'symmetry': kind, 'million_operations': millions, 'gradient_step_ms': step, 'update_ms': whole})
    print(f'{kind:>12}: gradient step {millions:,.0f}M operations, {step:.3f} ms; update {whole:.2f} ms', flush=True)
  transitions = config.num_envs * config.ppo.unroll_length
  save(
    'symmetry',
    {'config': arguments.config, 'batch_size': config.ppo.batch_size, 'transitions': transitions, 'rows': rows},
  )


def compiled(function: Callable[..., Any], *arguments: Any) -> Measured:
  """The function compiled, and called once."""
  options = COMPILER_OPTIONS if jax.default_backend() == 'cpu' else None
  program = jax.jit(function, compiler_options=options).lower(*arguments).compile()
  jax.block_until_ready(program(*arguments))
  return Measured(lambda: program(*arguments), (program.cost_analysis() or {}).get('flops', float('nan')))


def gradient_step(algorithm: Algorithm[Any], spec: Spec, size: int) -> Measured:
  """The gradient of the loss of one minibatch [size]."""
  net: Any = algorithm
  params = algorithm.init(jax.random.PRNGKey(0)).params
  obs, action = normal(size, spec.observation_size), normal(size, spec.action_size)
  batch = Batch(obs, action, normal(size), action, normal(size), normal(size))

  def loss(params: Any, batch: Batch) -> Any:
    return ppo_loss(net.net, net.hyper, jnp.zeros(spec.action_size), params, batch)[0]

  return compiled(jax.grad(loss), params, batch)


def update(algorithm: Algorithm[Any], spec: Spec, num_envs: int) -> Measured:
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
