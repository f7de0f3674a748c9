"""The size of a replay memory in bytes, stated before training, and refused where it does not fit."""

from __future__ import annotations

import jax.numpy as jnp

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.memory import available_memory
from mjx_humanoid.rl.replay import row_bytes

USABLE = 0.9  # of the memory that is free; the rest is for everything else


def free_memory() -> tuple[int, str]:
  """Bytes that are free on the device that learns, and the name of that memory."""
  device = next(iter(jnp.zeros(()).devices()))  # the default one of this moment
  stats = getattr(device, 'memory_stats', lambda: None)()
  if device.platform == 'cpu' or not stats or 'bytes_limit' not in stats:
    return available_memory(), 'main memory'
  return stats['bytes_limit'] - stats.get('bytes_in_use', 0), f'memory of the {device.device_kind}'


def check_memory(transitions: int, observation_size: int, action_size: int, setting: str) -> None:
  """Prints the size of a replay memory.

  Args:
    setting: dotted name of the setting that determines it, for the message.

  Raises:
    UserError: it does not fit; says which size does.
  """
  each, (free, where) = row_bytes(observation_size, action_size), free_memory()
  needed = each * transitions
  if needed > USABLE * free:
    raise UserError(
      f'{setting}: {transitions:,} transitions of {observation_size} observations need {gigabytes(needed)}, and'
      f' {gigabytes(free)} of {where} are free; the largest size that fits is {int(USABLE * free / each)}.'
    )
  print(f'replay memory: {transitions:,} transitions, {gigabytes(needed)} of {where}', flush=True)


def gigabytes(count: float) -> str:
  """A number of bytes in GB, with three digits."""
  return f'{count / 1e9:.3g} GB'
