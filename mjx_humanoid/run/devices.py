"""The devices of a training: environments and transitions are split over them; each has the whole learner."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.rl.minibatches import DEVICES
from mjx_humanoid.run import hosts


@dataclass(frozen=True)
class Devices:
  """Where a training computes: on one device, or on a mesh of several."""

  one: jax.Device | None = None  # None: JAX's default device
  mesh: Mesh | None = None  # of the axis DEVICES; None: a single device

  @property
  def count(self) -> int:
    """Number of devices."""
    return self.mesh.size if self.mesh else 1

  @property
  def platform(self) -> str:
    """'cpu', 'gpu' or 'tpu'."""
    if self.mesh:
      return str(self.mesh.devices.flat[0].platform)
    return self.one.platform if self.one else jax.default_backend()

  def computing(self) -> AbstractContextManager[Any]:
    """For all that is computed inside: on the one device."""
    return jax.default_device(self.one) if self.one else contextlib.nullcontext()

  def together(self) -> AbstractContextManager[Any]:
    """For programs that run on all devices together."""
    return jax.set_mesh(self.mesh) if self.mesh else contextlib.nullcontext()

  def whole(self, tree: Any) -> Any:
    """Arrays that every device has whole, inside jit and outside."""
    return jax.device_put(tree, NamedSharding(self.mesh, PartitionSpec())) if self.mesh else tree

  def rows(self, tree: Any, num_envs: int) -> Any:
    """Arrays [num_envs, ...] split over the devices, inside jit and outside; every device has other arrays whole."""
    if self.mesh is None:
      return tree
    split = NamedSharding(self.mesh, PartitionSpec(DEVICES))
    whole = NamedSharding(self.mesh, PartitionSpec())
    return jax.tree.map(lambda x: jax.device_put(x, split if x.shape[:1] == (num_envs,) else whole), tree)

  def shared(self, tree: Any) -> Any:
    """Arrays [B, ...] of each of several processes joined to [processes x B, ...], outside jit."""
    assert self.mesh is not None, 'several processes have a mesh'
    split = NamedSharding(self.mesh, PartitionSpec(DEVICES))
    return jax.tree.map(lambda x: jax.make_array_from_process_local_data(split, np.asarray(x)), tree)


SPLITTABLE = ('mjx',)  # engines whose physics XLA can split over devices; kernels of Warp and C MuJoCo it cannot


def choose_devices(wanted: int, num_envs: int, engine: str, device: jax.Device | None = None) -> Devices:
  """The devices of a training.

  Args:
    wanted: config.devices; 0 for as many as JAX sees and num_envs can be split over.
    device: the one device to use, instead of a choice.

  Raises:
    UserError: there are fewer devices, they do not divide num_envs, or the engine cannot use several.
  """
  present = jax.devices()  # of all processes
  if wanted > len(present):
    raise UserError(f'config.devices={wanted}: JAX sees {len(present)} ({present[0].device_kind}).')
  if wanted > 1 and engine not in SPLITTABLE:
    raise UserError(f'config.devices={wanted}: the engine {engine} computes on one device; use --config.engine=mjx.')
  if wanted and num_envs % wanted:
    close = max(wanted, num_envs - num_envs % wanted)
    raise UserError(
      f'config.num_envs={num_envs} cannot be split evenly over config.devices={wanted}; the closest number that can'
      f' is {close}.'
    )
  if hosts.count() > 1:
    return _of_all_processes(wanted, num_envs, engine)
  if device is not None or engine not in SPLITTABLE:
    return Devices(device)
  count = wanted or next(n for n in range(len(present), 0, -1) if num_envs % n == 0)
  return Devices() if count == 1 else Devices(mesh=mesh_of(present[:count]))


def _of_all_processes(wanted: int, num_envs: int, engine: str) -> Devices:
  """All devices for an engine that XLA can split, one device of each process for the native engine."""
  present = jax.devices()
  if engine == 'native':
    return Devices(mesh=mesh_of([next(d for d in present if d.process_index == i) for i in range(hosts.count())]))
  if engine not in SPLITTABLE:
    raise UserError(f'the engine {engine} trains in one process; use --config.engine=mjx.')
  if wanted not in (0, len(present)):
    raise UserError(f'config.devices={wanted}: training in {hosts.count()} processes uses all {len(present)} devices.')
  if num_envs % len(present):
    raise UserError(f'config.num_envs={num_envs} cannot be split evenly over {len(present)} devices.')
  return Devices(mesh=mesh_of(present))


def mesh_of(devices: Sequence[jax.Device]) -> Mesh:
  """A mesh of devices with the one axis DEVICES, over which XLA splits arrays as it finds best."""
  return jax.make_mesh((len(devices),), (DEVICES,), (AxisType.Auto,), devices=devices)
