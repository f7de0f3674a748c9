"""engine=auto where several engines run: the one that collects fastest, by the measurement of num_envs=auto.

The first training of a task on a device measures; later ones find the speeds beside the compilation cache. The engine
is kept in the config of the run, which goes on with it.
"""

from __future__ import annotations

import dataclasses

from mjx_humanoid.core.config.schema import AUTO, Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.choice import candidates
from mjx_humanoid.run import hosts
from mjx_humanoid.run.auto_envs import CALLS, collecting_speed, found_for, keep_measured, key_of, read_measured
from mjx_humanoid.run.devices import SPLITTABLE
from mjx_humanoid.run.setup import prepare
from mjx_humanoid.run.trainer import Trainer

CACHE = 'engines.json'


def settled(config: Config) -> Config:
  """The config with the engine that is the fastest here, if its engine is auto and several run; else the config itself.

  An engine that fails, such as one that lacks a sensor of the robot, is left out, and its error is shown.
  """
  if config.engine != 'auto' or len(engines := candidates()[0]) < 2:
    return config
  if config.devices > 1 or hosts.count() > 1:
    engine = next(name for name in engines if name in SPLITTABLE)
    print(f'engine=auto: {engine}, since the others compute on one device', flush=True)
    return dataclasses.replace(config, engine=engine)
  speeds, origin = speeds_of(config, engines)
  if not speeds:  # the training itself says what is wrong
    return config
  engine = max(speeds, key=lambda name: speeds[name])
  count = 'as many environments as pay' if config.num_envs == AUTO else f'{config.num_envs:,} environments'
  each = ', '.join(f'{name} {speed:,.0f}' for name, speed in speeds.items())
  print(f'engine=auto: {engine}; environment steps/s while collecting with {count}: {each} ({origin})', flush=True)
  return dataclasses.replace(config, engine=engine)


def speeds_of(config: Config, engines: tuple[str, ...]) -> tuple[dict[str, float], str]:
  """Environment steps/s of the engines that do not fail, now or before, and which of the two in words."""
  key, stored = key_of(config, f'{"/".join(engines)} {config.num_envs}'), read_measured(CACHE)
  if key in stored:
    return stored[key], 'measured before'
  print(f'engine=auto: measuring {" and ".join(engines)} ...', flush=True)
  speeds = {}
  for engine in engines:
    try:
      speeds[engine] = speed_of(dataclasses.replace(config, engine=engine))
    except Exception as error:  # of Warp, of its compiler or of JAX for want of memory: the other engine may run
      reason = error if isinstance(error, UserError) else f'{type(error).__name__}: {error}'
      print(f'engine=auto: {engine} does not run: {str(reason).splitlines()[0]}', flush=True)
  if len(speeds) == len(engines):  # else the reason may be gone next time
    keep_measured(CACHE, {**stored, key: speeds})
  return speeds, 'measured now'


def speed_of(config: Config) -> float:
  """Environment steps/s of collecting with the config's engine, at its number of environments or the one that pays."""
  if config.num_envs == AUTO:
    found, _ = found_for(config, config.engine)
    return found.speeds.get(str(found.num_envs), 0.0)
  trainer = Trainer(prepare(config))
  state = trainer.start()
  return max(collecting_speed(trainer, state) for _ in range(CALLS))
