"""Several processes that train together, on one machine or many. The first one prints, writes and judges.

Every process runs the same command. With the engine mjx the environments are split over the devices of all processes;
with the engine native each process steps its share of them, and updates are computed together.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.run.rendezvous import meet

ADDRESS, COUNT, INDEX = 'JAX_COORDINATOR_ADDRESS', 'JAX_NUM_PROCESSES', 'JAX_PROCESS_ID'
TIMEOUT = 30  # s to find the coordinator


def wanted(address: str | None, environment: Mapping[str, str] = os.environ) -> tuple[str, int, int] | None:
  """Address of the coordinator, number of processes and index of this one; None for a training in one process.

  Args:
    address: host:port of --coordinator; by default that of the environment.

  Raises:
    UserError: the number of processes or the index is missing or no number.
  """
  address = address or environment.get(ADDRESS)
  if not address:
    return None
  host, _, port = address.rpartition(':')
  if not host or not port.isdigit():
    raise UserError(f'the coordinator {address!r} must be host:port.')
  try:
    count, index = int(environment[COUNT]), int(environment[INDEX])
  except (KeyError, ValueError):
    raise UserError(
      f'training in several processes needs {COUNT} and {INDEX} in the environment of each, such as'
      f' {COUNT}=2 {INDEX}=0.'
    ) from None
  if not 0 <= index < count:
    raise UserError(f'{INDEX}={index} must be at least 0 and less than {COUNT}={count}.')
  return address, count, index


def connect(address: str, count: int, index: int) -> None:
  """Joins the training. Processes other than the first print nothing from now on.

  Raises:
    UserError: the coordinator was not reached in TIMEOUT seconds, or another process did not come.
  """
  print(f'process {index} of {count}: waiting for the others at {address} ...', flush=True)
  meet(address, count, index, TIMEOUT)
  # On CPUs two programs that run at once could wait for each other's processes for ever.
  jax.config.update('jax_cpu_enable_async_dispatch', False)
  try:
    jax.distributed.initialize(
      address, count, index, initialization_timeout=TIMEOUT, cluster_detection_method='deactivate'
    )
  except Exception as error:  # JAX raises its runtime's own kinds
    line = str(error).strip().split('\n')[0][:200]
    raise UserError(f'the coordinator {address} was not reached within {TIMEOUT} s: {line}') from None
  if index:
    sys.stdout = open(os.devnull, 'w', encoding='utf-8')  # noqa: SIM115 (for the rest of the process)


def count() -> int:
  """Number of processes."""
  return jax.process_count()


def index() -> int:
  """Index of this process."""
  return jax.process_index()


def first() -> bool:
  """Whether this process prints, writes and judges."""
  return index() == 0


def agreed(flag: bool) -> bool:
  """Whether the flag is set in any process. Every process must call this."""
  if count() == 1:
    return flag
  from jax.experimental import multihost_utils

  return bool(np.any(multihost_utils.process_allgather(np.asarray(flag))))


def share(num_envs: int) -> int:
  """The number of environments that this process steps. Raises UserError if num_envs cannot be split evenly."""
  if num_envs % count():
    close = max(count(), num_envs - num_envs % count())
    raise UserError(
      f'config.num_envs={num_envs} cannot be split evenly over {count()} processes; the closest number that can is'
      f' {close}.'
    )
  return num_envs // count()


def local(tree: Any) -> Any:
  """This process's copy of arrays that every device has whole."""
  return jax.tree.map(lambda x: x.addressable_data(0) if isinstance(x, jax.Array) else x, tree) if count() > 1 else tree


def joined(tree: Any, rows: int) -> Any:
  """Arrays on the host: those of other processes are joined to those [rows, ...] that each process has of its own.

  Every process must call this. Arrays that are split over the devices of all processes are put together.
  """
  if count() == 1:
    return tree
  from jax.experimental import multihost_utils

  def whole(x: Any) -> Any:
    if isinstance(x, jax.Array) and not x.is_fully_addressable:
      return multihost_utils.process_allgather(x, tiled=True)
    if rows and np.shape(x)[:1] == (rows,):
      return multihost_utils.process_allgather(np.asarray(x), tiled=True)
    return np.asarray(x)

  return jax.tree.map(whole, tree)


def own_rows(tree: Any, rows: int) -> Any:
  """The rows of this process of arrays [count * rows, ...] from `joined`; other arrays as they are."""
  if count() == 1 or not rows:
    return tree
  start = index() * rows

  def part(x: Any) -> Any:
    return x[start : start + rows] if np.shape(x)[:1] == (count() * rows,) else x

  return jax.tree.map(part, tree)
