"""Environment steps per second with learning over numbers of environments, and compile times, on any engine.

  python benchmarks/throughput.py --engines=mjx,mjx-warp --num_envs=256,1024,4096,16384,65536
  python benchmarks/throughput.py --engines=native --num_envs=128,256,512,1024

The size of minibatches grows with the number of environments, so that the number of gradient steps is constant. Each
row is a separate process, started twice: first with an empty compilation cache, then with a full one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from common import save

ROW = """
import json, sys, time
started = time.perf_counter()
import jax
from mjx_humanoid.core.config import schema, files as config_file
from mjx_humanoid.run.cache import use_compilation_cache
from mjx_humanoid.run.setup import prepare
from mjx_humanoid.run.trainer import Trainer
engine, num_envs, iterations = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
use_compilation_cache()
config = config_file.load_config('stand')
config.engine, config.num_envs = engine, num_envs
config.ppo.batch_size = num_envs * config.ppo.unroll_length // 8
trainer = Trainer(prepare(schema.resolve(config)))
state, metrics = trainer.step(trainer.start())
jax.block_until_ready(metrics)
first = time.perf_counter() - started
start = time.perf_counter()
for _ in range(iterations):
  state, metrics = trainer.step(state)
jax.block_until_ready(metrics)
seconds = time.perf_counter() - start
rate = iterations * trainer.steps_per_iteration / seconds
print(json.dumps({'seconds_to_first_update': first, 'env_steps_per_second': rate}))
"""


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--engines', default='native')
  parser.add_argument('--num_envs', default='128,256,512,1024')
  parser.add_argument('--iterations', type=int, default=10)
  parser.add_argument('--name', default='throughput', help='name of the file in benchmarks/results/')
  arguments = parser.parse_args()
  rows = []
  for engine in arguments.engines.split(','):
    for num_envs in map(int, arguments.num_envs.split(',')):
      with tempfile.TemporaryDirectory() as cache:
        cold, warm = (row(engine, num_envs, arguments.iterations, cache) for _ in range(2))
      rows.append({'engine': engine, 'num_envs': num_envs, 'cold': cold, 'warm': warm})
      print(f'{engine:>9} {num_envs:>7,}: {summary(cold, warm)}', flush=True)
  save(arguments.name, {'rows': rows})


def row(engine: str, num_envs: int, iterations: int, cache: str) -> dict[str, Any]:
  """Runs one process; returns its output, or the error."""
  command = [sys.executable, '-c', ROW, engine, str(num_envs), str(iterations)]
  environment = {**os.environ, 'JAX_COMPILATION_CACHE_DIR': cache}
  run = subprocess.run(command, capture_output=True, text=True, env=environment)
  if run.returncode:
    return {'failed': run.stderr.strip().split('\n')[-1]}
  result: dict[str, Any] = json.loads(run.stdout.strip().split('\n')[-1])
  return result


def summary(cold: dict[str, Any], warm: dict[str, Any]) -> str:
  """The row in words."""
  if failed := cold.get('failed') or warm.get('failed'):
    return f'failed: {failed}'
  return (
    f'{warm["env_steps_per_second"]:>10,.0f} env steps/s; first update after'
    f' {cold["seconds_to_first_update"]:.1f} s cold, {warm["seconds_to_first_update"]:.1f} s cached'
  )


if __name__ == '__main__':
  main()
