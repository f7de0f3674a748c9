"""num_envs=auto: as many environments as pay on this machine, by their memory and a short measurement.

The first training of a task on a device measures; later ones find the number beside the compilation cache.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax

from mjx_humanoid.core import saved_code
from mjx_humanoid.core.config import ppo
from mjx_humanoid.core.config.schema import AUTO, Config, to_dict
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import read_json, write_json
from mjx_humanoid.physics.choice import choose
from mjx_humanoid.physics.native import available_cores
from mjx_humanoid.run import hosts
from mjx_humanoid.run.cache import cache_folder
from mjx_humanoid.run.measure import sized, timed
from mjx_humanoid.run.memory import SHARE, free_memory, largest
from mjx_humanoid.run.policies import versions
from mjx_humanoid.run.setup import prepare
from mjx_humanoid.run.trainer import Trainer, TrainState

CACHE = 'num_envs.json'
ON_CPU, ON_ACCELERATOR = (128, 256, 512, 1024, 2048), (1024, 4096, 16384, 65536)  # tried in this order
GAIN = 1.1  # factor by which a larger number must be faster than a smaller one
CALLS = 4  # of collecting, whose fastest counts; the first compiles
ENOUGH = 120  # updates that a budget is not cut below; `stand` passed its card after 123 with 4,096 environments
FEW = 100  # updates below which a warning is printed


class Found(NamedTuple):
  """What was measured."""

  num_envs: int
  bytes_each: float  # memory of an environment
  speeds: dict[str, float]  # environment steps/s while collecting, by number of environments
  room: int  # environments that fit into the memory


def settled(config: Config) -> Config:
  """The config with the number of environments that pays here, if its num_envs is auto; else the config itself.

  Raises:
    UserError: training in several processes, or too little memory for one environment.
  """
  if config.num_envs != AUTO:
    return config
  if hosts.count() > 1:
    raise UserError('config.num_envs=auto measures one process; give a number for training in several.')
  found, origin = found_for(config, choose(config.engine)[0])
  result = following(config, found.num_envs)
  print(f'num_envs=auto: {described(found, result)} ({origin})', flush=True)
  return result


def found_for(config: Config, engine: str) -> tuple[Found, str]:
  """What was measured with an engine, and in words whether now or before. Raises UserError like `measured`."""
  key, stored = key_of(config, engine), read_measured(CACHE)
  if key in stored:
    return Found(*stored[key]), 'measured before'
  print('num_envs=auto: measuring how many environments pay ...', flush=True)
  found = measured(dataclasses.replace(config, engine=engine))
  keep_measured(CACHE, {**stored, key: list(found)})
  return found, 'measured now'


def described(found: Found, config: Config) -> str:
  """What was found, and what follows from it, in words."""
  speeds = ', '.join(f'{int(count):,}: {speed:,.0f}' for count, speed in found.speeds.items())
  minibatches = f', minibatches of {config.ppo.batch_size:,}' if config.algorithm in ppo.USERS else ''
  return (
    f'{found.num_envs:,} environments{minibatches}, {config.total_timesteps:,} steps; environment steps/s while'
    f' collecting with {speeds}; {found.bytes_each / 1e3:,.0f} kB each, {found.room:,} fit into the memory'
  )


def measured(config: Config) -> Found:
  """Tries numbers of environments, from few to many, until more would not pay or not fit. Raises UserError."""
  sizes = ON_CPU if jax.default_backend() == 'cpu' else ON_ACCELERATOR
  reference = dataclasses.replace(config, num_envs=config.reference_envs)
  tried: dict[int, Callable[[], float]] = {}
  speeds: dict[int, float] = {}
  bytes_each, room = 0.0, sizes[0]
  for size in sizes:
    if size > room:
      break
    trainer = Trainer(prepare(sized(reference, size)))
    state = trainer.start()
    if not tried:
      bytes_each = trainer.memory(state) / size
      room = int(SHARE * free_memory() / bytes_each)
      if room < size:  # nothing was allocated yet but the state
        return Found(largest(room), bytes_each, {}, room)
    tried[size] = functools.partial(collecting_speed, trainer, state)
    speeds[size] = max(tried[size]() for _ in range(CALLS))
    if len(tried) > 1 and not pays(tried, speeds):
      break
  return Found(knee(speeds), bytes_each, {str(size): speed for size, speed in speeds.items()}, room)


def collecting_speed(trainer: Trainer, state: TrainState) -> float:
  """Environment steps/s of collecting once."""
  return trainer.steps_per_iteration / timed(trainer.collect, state)[0]


def pays(tried: Mapping[int, Callable[[], float]], speeds: dict[int, float]) -> bool:
  """Whether the last number is faster than the one before by the factor GAIN.

  Where it seems not to be, both are measured again in turns: another process may have slowed one of them down.
  """
  *_, before, last = tried
  if speeds[last] < GAIN * speeds[before]:
    for size in (before, last) * CALLS:
      speeds[size] = max(speeds[size], tried[size]())
  return speeds[last] >= GAIN * speeds[before]


def knee(speeds: dict[int, float]) -> int:
  """The smallest number of environments whose speed no larger one exceeds by the factor GAIN."""
  most = max(speeds.values())
  return min(size for size, speed in speeds.items() if GAIN * speed > most)


def following(config: Config, num_envs: int) -> Config:
  """The config with this number of environments, and what follows from it by rule.

  With r times the environments that the config is meant for, PPO makes r^(2/3) times as many minibatches, and the
  training r^(-3/4) times as many updates, but not fewer than ENOUGH. That is the step from `walk` to
  its variant for GPUs. With fewer environments the budget stays the same.
  """
  ratio, reference = num_envs / config.reference_envs, config.reference_envs
  result = dataclasses.replace(config, num_envs=num_envs)
  if config.algorithm in ppo.USERS:
    length, before = config.ppo.unroll_length, config.ppo.batch_size
    minibatches = max(1.0, reference * length / before * ratio ** (2 / 3))
    batch_size = closest_divisor(num_envs * length, num_envs * length / minibatches)
    result = dataclasses.replace(result, ppo=dataclasses.replace(config.ppo, batch_size=batch_size))
  length = unroll_length(config)
  if ratio > 1 and length:
    updates = config.total_timesteps / (reference * length)
    kept = math.ceil(max(min(ENOUGH, updates), updates * ratio**-0.75))
    result = dataclasses.replace(result, total_timesteps=kept * num_envs * length)
  return result


def closest_divisor(number: int, wanted: float) -> int:
  """The divisor of a number that is closest to `wanted` in ratio."""
  small = [n for n in range(1, math.isqrt(number) + 1) if number % n == 0]
  return min([*small, *(number // n for n in small)], key=lambda n: abs(math.log(n / wanted)))


def unroll_length(config: Config) -> int:
  """Control steps of each environment between updates of PPO and A2C; 0 for algorithms that learn at every step."""
  if config.algorithm in ppo.USERS:
    return config.ppo.unroll_length
  return config.a2c.unroll_length if config.algorithm == 'a2c' else 0


def few_updates(config: Config) -> str:
  """A warning where more environments than the config is meant for leave few updates; else ''."""
  collected = config.num_envs * unroll_length(config)
  if not collected or config.num_envs <= config.reference_envs:
    return ''
  updates = math.ceil(config.total_timesteps / collected)
  if updates >= FEW:
    return ''
  return (
    f'warning: {config.total_timesteps:,} steps with {config.num_envs:,} environments, which collect {collected:,}'
    f' steps between updates, make {updates} updates; with fewer than about {FEW} a policy hardly learns:'
    f' --config.total_timesteps={FEW * collected}, or fewer environments.'
  )


def key_of(config: Config, engine: str) -> str:
  """Names the device, the engine and all settings that speed and memory depend on."""
  sections = to_dict(config)
  settings: Sequence[Any] = [sections[name] for name in ('task', 'physics', 'network', 'algorithm', 'custom')]
  machine = [jax.devices()[0].device_kind, jax.device_count(), config.devices, config.num_threads or available_cores()]
  own = [sections.get(config.algorithm), sections['ppo'] if config.algorithm in ppo.USERS else None]
  parts = [engine, machine, settings, own, config.reference_envs, versions()]
  text = json.dumps([parts, saved_code.digests(config.task)], sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()


def keep_measured(name: str, measured: Mapping[str, Any]) -> None:
  """Writes what was measured beside the compilation cache; nothing where that cannot be written."""
  with contextlib.suppress(UserError):  # then it is measured again next time
    write_json(cache_folder() / name, dict(measured), 'what was measured')


def read_measured(name: str) -> dict[str, Any]:
  """What earlier trainings have measured, by keys of `key_of`."""
  try:
    stored = read_json(cache_folder() / name, 'what was measured')
  except UserError:  # none yet, or damaged
    return {}
  return stored if isinstance(stored, dict) else {}
