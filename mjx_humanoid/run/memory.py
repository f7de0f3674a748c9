"""Memory of the device of a training: what is free, what an environment takes, what fits where it was too little."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import jax
import psutil

from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.run.measure import sized
from mjx_humanoid.run.setup import prepare
from mjx_humanoid.run.trainer import Trainer

SHARE = 0.7  # of the memory that environments may fill
TRIED = 64  # environments whose memory is taken from a compiled program where more did not fit
EXHAUSTED = 'RESOURCE_EXHAUSTED'  # in the message of JAX's error


def free_memory() -> int:
  """Bytes that the first device has left; of a CPU those of the machine."""
  statistics = jax.devices()[0].memory_stats() or {}
  if 'bytes_limit' in statistics:
    return int(statistics['bytes_limit'] - statistics.get('bytes_in_use', 0))
  return int(psutil.virtual_memory().available)


def whole_memory() -> int:
  """Bytes that programs can use on the first device, free or not."""
  statistics = jax.devices()[0].memory_stats() or {}
  return int(statistics.get('bytes_limit') or psutil.virtual_memory().total)


def bytes_each(config: Config) -> float:
  """Bytes of one environment, from the compiled program of a training with a few."""
  few = min(TRIED, config.num_envs)
  trainer = Trainer(prepare(sized(dataclasses.replace(config), few)))
  return trainer.memory(trainer.start()) / few


def largest(room: int) -> int:
  """The largest power of two that fits. Raises UserError if not even one environment does."""
  if room < 1:
    raise UserError('not even one environment fits into the free memory of this device; use smaller layers.')
  return 1 << (room.bit_length() - 1)


@contextlib.contextmanager
def explained(config: Config) -> Iterator[None]:
  """Turns an error of JAX for want of memory into a UserError with the number of environments that fits."""
  try:
    yield
  except jax.errors.JaxRuntimeError as error:
    if EXHAUSTED not in str(error):
      raise
  else:
    return
  print('out of memory: measuring how many environments fit ...', flush=True)
  each, whole = bytes_each(config), whole_memory()
  fits = min(largest(int(SHARE * whole / each)), config.num_envs // 2 or 1)
  raise UserError(
    f'config.num_envs={config.num_envs}: too little memory on {jax.devices()[0].device_kind} ({whole / 1e9:.1f} GB); an'
    f' environment takes {each / 1e3:,.0f} kB. --config.num_envs={fits} fits, or --config.num_envs=auto.'
  )
