"""GPU benchmark: agreement of its physics with C MuJoCo, speed, and training of skills.

  python benchmarks/gpu.py --budget-seconds=600
  python benchmarks/gpu.py --parts=skills --train='stand:gpu@1 num_envs=8192' --train='walk:gpu'
  python benchmarks/gpu.py --small    # on a CPU, to test the script

Runs unattended, the most important parts first. Every row is written to benchmarks/results/<name>.json at once. A part
or row that fails is recorded as failed, and the next one runs. What does not fit into the budget is left out and
listed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

os.environ.setdefault('XLA_PYTHON_CLIENT_MEM_FRACTION', '0.4')  # the part 'compiling' starts a second process

import jax
import parity as parity_benchmark
from common import RESULTS, save
from gpu_physics import CONTROL_STEPS, VARIANTS, calls_per_second, installed_engines, program

import mjx_humanoid as mh
from mjx_humanoid import doctor
from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config import schema
from mjx_humanoid.robots import robots
from mjx_humanoid.run.cache import use_compilation_cache
from mjx_humanoid.run.setup import prepare
from mjx_humanoid.run.trainer import Trainer
from mjx_humanoid.studies.benchmark import measured

Row = dict[str, Any]

TRAININGS = ('stand:gpu checkpoint_interval=0', 'walk:gpu checkpoint_interval=0')
TINY = (
  'stand num_envs=16 ppo.batch_size=32 ppo.unroll_length=4 total_timesteps=128 evaluation_episodes=2'
  ' task.episode_length=0.2 task.push.kind=none checkpoint_interval=0',
)
FIGURES = ('passed', 'success_rate', 'survival_rate', 'mean_height', 'drift', 'forward_speed', 'mean_power')  # of cards
NUM_ENVS = (4096, 16384, 1024, 32768, 8192, 2048)  # the most important first


@dataclass(frozen=True)
class Plan:
  """The measurements to make."""

  engines: tuple[str, ...]
  trainings: tuple[str, ...]  # config with variant and seed, and settings: 'walk:gpu@1 num_envs=8192'
  deadline: float  # of time.perf_counter
  num_envs: tuple[int, ...] = NUM_ENVS
  training_envs: tuple[int, ...] = (4096, 8192)
  compared: tuple[int, int] = (64, 20)  # environments and control steps of the part 'parity'
  timed: float = 1.0  # s at least
  videos: str = ''  # first part of the names of videos of what was trained; '': none

  def left(self) -> float:
    """Seconds to the deadline."""
    return self.deadline - time.perf_counter()


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--budget-seconds', type=float, default=600)
  parser.add_argument('--engines', default='', help='by default mjx and, where warp is installed, mjx-warp')
  parser.add_argument('--parts', default=','.join(PARTS), help='%(default)s')
  parser.add_argument('--train', action='append', help='config@seed and settings for the part "skills"; repeatable')
  parser.add_argument('--small', action='store_true', help='few environments and short measurements')
  parser.add_argument('--name', default='gpu', help='of the file in benchmarks/results/')
  arguments = parser.parse_args()
  use_compilation_cache()
  engines = tuple(arguments.engines.split(',')) if arguments.engines else installed_engines()
  deadline = time.perf_counter() + arguments.budget_seconds
  if arguments.small:
    trainings = tuple(arguments.train or TINY)
    plan = Plan(engines, trainings, deadline, num_envs=(4,), training_envs=(8,), compared=(4, 2), timed=0.0)
  else:
    videos = str(RESULTS / f'{arguments.name}_')
    plan = Plan(engines, tuple(arguments.train or TRAININGS), deadline, videos=videos)
  run(plan, arguments.parts.split(','), arguments.name)


def run(plan: Plan, names: list[str], file: str) -> None:
  """All parts, each of which is saved row by row."""
  result: Row = {'left_out': [], 'seconds': {}}
  for name in names:
    if plan.left() <= 0:
      result['left_out'].append(name)
      continue
    start, result[name] = time.perf_counter(), []
    try:
      for row in PARTS[name](plan):
        add(result[name], row, name)
        save(file, result, silently=True)
        if plan.left() <= 0:
          result['left_out'].append(f'the rest of {name}')
          break
    except Exception as error:  # the other parts must still be measured
      add(result[name], failure(error), name)
    result['seconds'][name] = round(time.perf_counter() - start, 1)
    save(file, result, silently=True)
  save(file, result)


def add(rows: list[Row], row: Row, part: str) -> None:
  """Appends and prints a row."""
  rows.append(row)
  print(f'{part}: {row}', flush=True)


def failure(error: BaseException) -> Row:
  """An exception as a row."""
  return {'failed': f'{type(error).__name__}: {str(error).strip()[:500]}'}


def checks(plan: Plan) -> Iterator[Row]:
  """The findings of doctor on versions and devices, and the driver."""
  for name in ('python', 'mujoco', 'warp', 'gpu'):
    finding = doctor.run_check(doctor.CHECKS[name])
    yield {'check': name, 'state': finding.state, 'text': finding.text}
  yield {'check': 'runtime', 'state': 'ok', 'text': ' '.join(jax.devices()[0].client.platform_version.split())}
  command = ['nvidia-smi', '--query-gpu=name,driver_version,memory.total', '--format=csv,noheader']
  try:
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    yield {'check': 'driver', 'state': 'ok', 'text': text}
  except (OSError, subprocess.CalledProcessError):
    yield {'check': 'driver', 'state': 'warn', 'text': 'nvidia-smi gives no answer'}


def parity(plan: Plan) -> Iterator[Row]:
  """Difference of each engine from C MuJoCo under the same controls; see parity.py."""
  yield from parity_benchmark.rows(['native', *plan.engines], *plan.compared)


def skills(plan: Plan) -> Iterator[Row]:
  """Trainings from scratch on each engine, and their report cards in C MuJoCo."""
  for engine in plan.engines:
    for text in plan.trainings:
      try:
        yield trained(text, engine, plan)
      except Exception as error:
        yield {'training': text, 'engine': engine} | failure(error)


def trained(text: str, engine: str, plan: Plan) -> Row:
  """One training: its length, time and report card."""
  first, *words = text.split()
  name, _, seed = first.partition('@')
  given = [f'engine={engine}', f'seed={seed or 0}', *words]
  values = config_file.split_overrides([f'--config.{word}' for word in given])
  config = config_file.apply_overrides(config_file.load_config(name), values)
  times: list[float] = []

  def note(timesteps: int, metrics: Any) -> None:
    times.append(time.perf_counter())
    if plan.left() <= 0:
      raise TimeoutError(f'the budget was spent at step {timesteps:,}')

  start = time.perf_counter()
  with tempfile.TemporaryDirectory() as folder:
    run = mh.train(config, on_metrics=note, run_dir=folder)
    report, in_all = run.report, time.perf_counter() - start
    video = filmed(run, f'{plan.videos}{config.name}_{engine}.mp4') if plan.videos else 'not asked for'
  updates, ppo = len(times), config.ppo
  minibatches = config.num_envs * ppo.unroll_length // ppo.batch_size
  return {
    'training': text,
    'engine': engine,
    'env_steps': report['timesteps'],
    'control_steps': updates * ppo.unroll_length,
    'updates': updates,
    'gradient_steps': updates * minibatches * ppo.num_epochs,
    'seconds_to_first_update': round(times[0] - start, 1),
    'seconds_of_training': round((times[-1] - times[0]) * updates / max(updates - 1, 1), 1),
    'seconds_in_all': round(in_all, 1),
    'video': video,
    **{figure: report[figure] for figure in FIGURES},
  }


def filmed(run: mh.Run, path: str) -> str:
  """Writes a small video of a trained policy. Returns its path, or why there is none, such as no OpenGL."""
  try:
    mh.render(run, seconds=5.0, width=320, height=240, path=path, force=True)
  except Exception as error:  # the trainings count without their videos
    return failure(error)['failed']
  return path


def throughput(plan: Plan) -> Iterator[Row]:
  """Physics steps per second, without learning."""
  first = plan.num_envs[0]  # all variants for this number, the first variant for the others
  cases = [(n, e, v) for e in plan.engines for n in plan.num_envs for v in VARIANTS[e][: None if n == first else 1]]
  pool = ThreadPoolExecutor()
  try:
    made = [(n, e, v, pool.submit(program, n, e, **v)) for n, e, v in cases]
    for num_envs, engine, variant, future in made:
      row: Row = {'engine': engine, 'num_envs': num_envs, **variant}
      try:
        call, state, seconds = future.result(timeout=max(plan.left(), 1))
        steps = num_envs * CONTROL_STEPS * robots()['humanoid'].frame_skip
        rate = calls_per_second(call, state, plan.timed)
        row |= {'physics_steps_per_second': round(rate * steps), 'compile_seconds': round(seconds, 1)}
      except Exception as error:  # such as out of memory
        row |= failure(error)
      yield row
  finally:
    pool.shutdown(wait=False, cancel_futures=True)  # the budget may be spent


def training(plan: Plan) -> Iterator[Row]:
  """Environment steps per second with learning, for stand with 32 gradient steps per update."""
  for engine in plan.engines:
    for num_envs in plan.training_envs:
      config = config_file.load_config('stand')
      config.engine, config.num_envs = engine, num_envs
      config.ppo.batch_size = num_envs * config.ppo.unroll_length // 8
      trainer = Trainer(prepare(schema.resolve(config)))
      calls = calls_per_second(lambda state, step=trainer.step: step(state)[0], trainer.start(), plan.timed)
      steps = calls * trainer.steps_per_iteration
      physics = steps * trainer.setup.env.task.body.substeps
      row: Row = {'engine': engine, 'num_envs': num_envs}
      yield row | {'env_steps_per_second': round(steps), 'physics_steps_per_second': round(physics)}


def compiling(plan: Plan) -> Iterator[Row]:
  """Time from the start of a process to the end of its first update, with an empty and a full compilation cache."""
  for engine in plan.engines:
    with tempfile.TemporaryDirectory() as cache:
      for label in ('cold', 'cached'):
        request = {'config': 'stand', 'overrides': {}, 'engine': engine, 'num_envs': plan.training_envs[0]}
        row = measured({**request, 'seconds': 0}, cache)
        kept = {key: row[key] for key in ('failed', 'seconds_to_first_update') if key in row}
        yield {'engine': engine, 'num_envs': plan.training_envs[0], 'cache': label, **kept}


PARTS: dict[str, Callable[[Plan], Iterator[Row]]] = {
  'checks': checks,
  'parity': parity,
  'skills': skills,
  'training': training,
  'throughput': throughput,
  'compiling': compiling,
}

if __name__ == '__main__':
  main()
