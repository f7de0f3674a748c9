"""Bytes that the devices of a training exchange for one update, counted in the program that XLA compiles.

  python benchmarks/collectives.py --config=stand:gpu --devices=8

Simulates devices on a CPU and only compiles. Counted are the outputs of all-reduce, all-gather, all-to-all,
reduce-scatter and collective-permute on one device, each as often as its loop runs it.
"""

from __future__ import annotations

import argparse
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from common import save

KINDS = 'all-reduce|all-gather|all-to-all|reduce-scatter|collective-permute'
COLLECTIVE = re.compile(rf'= (.*?) ({KINDS})(?:-start)?\(')
SHAPE = re.compile(r'(pred|[suf]\d+|bf16)\[([\d,]*)\]')
BYTES = {'pred': 1, 'bf16': 2}
HEAD = re.compile(r'^(ENTRY )?%?([\w.\-]+) \(.*\{$')
CALLED = re.compile(r'(?:to_apply|calls|body|condition|branch_computations)=\{?((?:%[\w.\-]+(?:, )?)+)')
TRIPS = re.compile(r'known_trip_count":\{"n":"(\d+)"')


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--config', default='stand:gpu')
  parser.add_argument('--devices', type=int, default=8)
  arguments = parser.parse_args()
  os.environ['XLA_FLAGS'] = (
    f'{os.environ.get("XLA_FLAGS", "")} --xla_force_host_platform_device_count={arguments.devices}'
  )
  os.environ['JAX_PLATFORMS'] = 'cpu'
  result = measure(arguments.config, arguments.devices)
  for kind, numbers in result['collectives'].items():
    print(f'{kind:20} {numbers["count"]:>8,} times {numbers["bytes"]:>14,} bytes')
  save('collectives', result)


def measure(name: str, devices: int) -> dict[str, Any]:
  """Counts of one update of a config's algorithm, with its environments split over the devices."""
  import jax

  from mjx_humanoid.core.config import files, schema
  from mjx_humanoid.rl.algorithm import Spec, make_algorithm
  from mjx_humanoid.run.devices import mesh_of
  from mjx_humanoid.run.setup import prepare

  config = schema.resolve(files.load_config(name))
  few = schema.resolve({**schema.to_dict(config), 'engine': 'native', 'num_envs': 16, 'ppo': {'batch_size': 16}})
  env, mirror = prepare(few).env, prepare(few).task.mirror
  algorithm = make_algorithm(config, Spec(env.observation_size, env.action_size, mirror))
  compiled = compiled_update(algorithm, env, config.num_envs, mesh_of(jax.devices()[:devices]))
  learner = jax.eval_shape(algorithm.init, jax.random.PRNGKey(0))
  return {
    'config': name,
    'devices': devices,
    'num_envs': config.num_envs,
    'transitions': algorithm.unroll_length * config.num_envs,
    'parameters': sum(x.size for x in jax.tree.leaves(learner.params)),
    'collectives': count(compiled.as_text()),
  }


def compiled_update(algorithm: Any, env: Any, num_envs: int, mesh: Any) -> Any:
  """The program of one update, for transitions that are split over the devices of a mesh by environment."""
  import jax
  import jax.numpy as jnp
  from jax.sharding import NamedSharding, PartitionSpec

  from mjx_humanoid.core.types import Transition

  split, whole = NamedSharding(mesh, PartitionSpec(None, 'devices')), NamedSharding(mesh, PartitionSpec())

  def like(*sizes: int, dtype: Any = jnp.float32) -> Any:
    return jax.ShapeDtypeStruct((algorithm.unroll_length, num_envs, *sizes), dtype, sharding=split)

  obs, action, ended = like(env.observation_size), like(env.action_size), like(dtype=bool)
  key = jax.ShapeDtypeStruct((2,), jnp.uint32, sharding=whole)
  learner = jax.eval_shape(algorithm.init, jax.random.PRNGKey(0))
  learner = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=whole), learner)
  batch = Transition(obs, action, like(), ended, ended, obs, {'log_prob': like(), 'mean': action})
  with jax.set_mesh(mesh):
    return jax.jit(algorithm.update, out_shardings=whole).lower(learner, batch, key).compile()


def count(text: str) -> dict[str, dict[str, int]]:
  """Calls and bytes of each kind of collective in one run of a compiled program."""
  bodies: dict[str, list[str]] = defaultdict(list)
  entry = name = ''
  for line in text.splitlines():
    if head := HEAD.match(line):
      name = head[2]
      entry = name if head[1] else entry
    else:
      bodies[name].append(line)
  found: dict[str, dict[str, int]] = {}
  for times, line in walk(bodies, entry, 1):
    if match := COLLECTIVE.search(line):
      numbers = found.setdefault(match[2], {'count': 0, 'bytes': 0})
      numbers['count'] += times
      numbers['bytes'] += times * size(match[1])
  return found


def walk(bodies: dict[str, list[str]], name: str, times: int) -> Iterator[tuple[int, str]]:
  """Every line that runs when a computation is called, and how often."""
  for line in bodies.get(name, ()):
    yield times, line
    trips = TRIPS.search(line)
    for called in CALLED.findall(line):
      for inner in re.findall(r'%([\w.\-]+)', called):
        yield from walk(bodies, inner, times * (int(trips[1]) if trips else 1))


def size(shapes: str) -> int:
  """Bytes of the arrays in the type of an instruction."""
  total = 0
  for kind, dimensions in SHAPE.findall(shapes):
    elements = 1
    for dimension in filter(None, dimensions.split(',')):
      elements *= int(dimension)
    total += elements * BYTES.get(kind, int(re.sub(r'\D', '', kind) or 8) // 8)
  return total


if __name__ == '__main__':
  main()
