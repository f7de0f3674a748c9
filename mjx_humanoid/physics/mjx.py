"""MJX: the worlds live in JAX arrays, one vmapped step inside a scan over physics steps."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from mjx_humanoid.core.process import quiet_imports
from mjx_humanoid.physics.engine import NOTHING
from mjx_humanoid.physics.model import ROOT
from mjx_humanoid.core.types import Array, View

with quiet_imports():
  from mujoco import mjx

# Room for contacts and constraint rows of one world in MuJoCo Warp: all geoms on the floor, all joints at a limit.
WARP_CONTACTS = 40
WARP_CONSTRAINTS = 192

# What the next step reads: everything else in mjx.Data is computed anew from these.
STATE_FIELDS = ('time', 'qpos', 'qvel', 'qacc_warmstart')


class MjxEngine:
  """The engines 'mjx' and 'mjx-warp': pure functions of batched mjx.Data."""

  traceable = True

  def __init__(
    self,
    model: mujoco.MjModel,
    substeps: int,
    *,
    impl: str,
    num_envs: int,
    fields: Mapping[str, np.ndarray] = NOTHING,
  ) -> None:
    """Args: impl: 'jax' or 'warp'; fields: see make_engine."""
    self.name = 'mjx-warp' if impl == 'warp' else 'mjx'
    self._substeps = substeps
    self._num_envs = num_envs
    model = copy.copy(model)
    # MJX never starts a world anew by itself, and MuJoCo Warp refuses the flag that asks it not to.
    model.opt.disableflags &= ~int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
    self._model = mjx.put_model(model, impl=impl)
    # Fields of the model that have a row for each world are mapped over, the others shared.
    self._axes = jax.tree.map(lambda _: None, self._model)
    if fields:
      self._model = self._model.tree_replace({k: jnp.asarray(v, jnp.float32) for k, v in fields.items()})
      self._axes = self._axes.tree_replace(dict.fromkeys(fields, 0))
    sizes = {'naconmax': WARP_CONTACTS * num_envs, 'njmax': WARP_CONSTRAINTS} if impl == 'warp' else {}
    # make_data binds its arrays to a device; mixed with unbound ones, every program would compile twice.
    data = mjx.make_data(model, impl=impl, **sizes)
    self._data = jax.tree.map(lambda x: jnp.asarray(np.asarray(x)) if isinstance(x, jax.Array) else x, data)

  def init(self, qpos: Array, qvel: Array) -> Any:
    """See Engine."""
    return jax.vmap(lambda q, v: self._data.replace(qpos=q, qvel=v))(jnp.asarray(qpos), jnp.asarray(qvel))

  def step(self, state: Any, ctrl: Array, force: Array | None = None, kick: Array | None = None) -> tuple[Any, View]:
    """See Engine."""
    state = state.replace(ctrl=ctrl)
    if force is not None:
      state = state.replace(xfrc_applied=state.xfrc_applied.at[:, ROOT, :3].set(force))
    if kick is not None:
      state = state.replace(qvel=state.qvel.at[:, :3].add(kick))

    def substep(data: Any, _: None) -> tuple[Any, None]:
      return jax.vmap(mjx.step, in_axes=(self._axes, 0))(self._model, data), None

    state, _ = jax.lax.scan(substep, state, None, length=self._substeps)
    return state, View(state.time, state.qpos, state.qvel, state.ctrl, state.sensordata)

  def write(self, state: Any, mask: Array, qpos: Array, qvel: Array) -> Any:
    """See Engine. Only what the next step reads is written: the rest is computed from it."""
    fresh = {
      'qpos': qpos,
      'qvel': qvel,
      'time': jnp.zeros_like(state.time),
      'qacc_warmstart': jnp.zeros_like(state.qacc_warmstart),
    }

    def pick(new: Array, old: Array) -> Array:
      return jnp.where(mask.reshape((-1,) + (1,) * (old.ndim - 1)), new, old)

    return state.replace(**{name: pick(value, getattr(state, name)) for name, value in fresh.items()})

  def pack(self, state: Any) -> dict[str, Array]:
    """See Engine."""
    return {name: getattr(state, name) for name in STATE_FIELDS}

  def unpack(self, arrays: dict[str, Array]) -> Any:
    """See Engine."""
    state = self.init(arrays['qpos'], arrays['qvel'])
    return state.replace(**{name: jnp.asarray(arrays[name]) for name in STATE_FIELDS})
