"""MJX: environments are JAX arrays; a scan over physics steps calls one vmapped step."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.process import quiet_imports
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics import external
from mjx_humanoid.physics.engine import NOTHING
from mjx_humanoid.physics.find_root import find_root

with quiet_imports():
  from mujoco import mjx
  from mujoco.mjx.warp import types as mjx_warp

ROOM = 1.25  # contacts and constraint rows in MuJoCo Warp, as a multiple of those that MJX can have
UNKNOWN_ROOM = (64, 256)  # the same for robots whose contacts MJX cannot count
OVERFLOWS = 0b11111  # bits of MuJoCo Warp's OverflowType for constraint rows and contacts that did not fit

# Kind of sensor that MJX accepts and does not compute at the stage of accelerations, in place of user sensors.
UNREAD = int(mujoco.mjtSensor.mjSENS_CLOCK)

# Fields that the next step reads; everything else in mjx.Data is computed from them.
STATE_FIELDS = ('time', 'qpos', 'qvel', 'qacc_warmstart')


class MjxState(NamedTuple):
  """B environments. Data and model fields are arguments of the jitted step."""

  data: Any  # mjx.Data, batched
  fields: dict[str, Array]  # model fields that differ between environments, [B, ...] each


def put_model(model: mujoco.MjModel, impl: str, graph_mode: Any) -> Any:
  """The model as mjx.Model. Raises UserError with MJX's reason if MJX cannot simulate it."""
  try:
    return mjx.put_model(model, impl=impl, graph_mode=graph_mode)
  except NotImplementedError as error:
    reason = ' '.join(str(error).split()).rstrip('.')
    raise UserError(f'MJX cannot simulate this robot: {reason}; use the engine native.') from None


class MjxEngine:
  """The engines 'mjx' and 'mjx-warp': pure functions of batched mjx.Data.

  Matrix products use full float32 precision for any setting of JAX. The default on newer GPUs keeps 10 bits of
  mantissa: on an H200 the difference between MJX and C MuJoCo was then 200 times that on a CPU.
  """

  traceable = True

  def __init__(
    self,
    model: mujoco.MjModel,
    substeps: int,
    *,
    impl: str,
    num_envs: int,
    fields: Mapping[str, np.ndarray] = NOTHING,
    graph_mode: str = '',
  ) -> None:
    """Makes the model and the data of one environment.

    Args:
      impl: 'jax' or 'warp'.
      fields: see make_engine.
      graph_mode: how Warp captures CUDA graphs, a name in mujoco.mjx.warp.types.GraphMode; empty for MJX's default.

    Raises:
      UserError: MJX cannot simulate the model.
    """
    self.name = 'mjx-warp' if impl == 'warp' else 'mjx'
    self.fields = {name: jnp.asarray(values, jnp.float32) for name, values in fields.items()}
    self._substeps = substeps
    self._num_envs = num_envs
    self._external = external.slots(model)
    root = find_root(model)
    self._root_body, (self._kicked, self._kick_axes) = root.body, root.kicks
    model = for_mjx(model, impl)
    # MJX never resets an environment by itself, and MuJoCo Warp rejects models with this flag.
    model.opt.disableflags &= ~int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
    mode = getattr(mjx_warp.GraphMode, graph_mode) if graph_mode else None
    self._model = put_model(model, impl, mode)
    # Model fields with a row for each environment are mapped over; the others are shared.
    self._axes = jax.tree.map(lambda _: None, self._model)
    if fields:
      self._axes = self._axes.tree_replace(dict.fromkeys(fields, 0))
    # make_data commits its arrays to a device; mixed with uncommitted ones, every program would compile twice.
    data = mjx.make_data(model, impl=impl, **(sizes(model, num_envs) if impl == 'warp' else {}))
    self._data = jax.tree.map(lambda x: jnp.asarray(np.asarray(x)) if isinstance(x, jax.Array) else x, data)

  def init(self, qpos: Array, qvel: Array) -> MjxState:
    """See Engine."""
    data = jax.vmap(lambda q, v: self._data.replace(qpos=q, qvel=v))(jnp.asarray(qpos), jnp.asarray(qvel))
    return MjxState(data, jax.tree.map(jnp.copy, self.fields))  # copies: training consumes its state

  def step(
    self, state: MjxState, ctrl: Array, force: Array | None = None, kick: Array | None = None
  ) -> tuple[MjxState, View]:
    """See Engine."""
    model = self._model.tree_replace(state.fields) if state.fields else self._model
    data = self._stepped(model, self._acted_on(state.data, ctrl, force, kick), self._substeps)
    readings = jax.vmap(self._readings, in_axes=(self._axes, 0))(model, data)
    return state._replace(data=data), View(data.time, data.qpos, data.qvel, data.ctrl, readings)

  def bare(self, state: MjxState, count: int = 1) -> MjxState:
    """`count` control steps of physics alone, under the controls of the last one; for measurements."""
    model = self._model.tree_replace(state.fields) if state.fields else self._model
    return state._replace(data=self._stepped(model, state.data, self._substeps * count))

  def _stepped(self, model: Any, data: Any, count: int) -> Any:
    """The data [B] after `count` physics steps: a scan over one vmapped mjx.step."""

    def substep(data: Any, _: None) -> tuple[Any, None]:
      with jax.default_matmul_precision('highest'):
        return jax.vmap(mjx.step, in_axes=(self._axes, 0))(model, data), None

    return jax.lax.scan(substep, data, None, length=count)[0]

  def _readings(self, model: Any, data: Any) -> Array:
    """The sensor readings [ns] of one environment, with the external forces on its bodies if it has such sensors."""
    if not self._external:
      return data.sensordata
    forces = self._external.of(mjx.rne_postconstraint(model, data)._impl.cfrc_ext)
    return data.sensordata.at[..., jnp.asarray(self._external.columns)].set(forces)

  def write(self, state: MjxState, mask: Array, qpos: Array, qvel: Array) -> MjxState:
    """See Engine. Writes the fields that the next step reads; the others are computed from them."""
    data = state.data
    fresh = {
      'qpos': qpos,
      'qvel': qvel,
      'time': jnp.zeros_like(data.time),
      'qacc_warmstart': jnp.zeros_like(data.qacc_warmstart),
    }

    def pick(new: Array, old: Array) -> Array:
      return jnp.where(mask.reshape((-1,) + (1,) * (old.ndim - 1)), new, old)

    written = data.replace(**{name: pick(value, getattr(data, name)) for name, value in fresh.items()})
    return state._replace(data=written)

  def overflow(self, state: MjxState) -> Array | None:
    """Environments [] whose contacts or constraints did not all fit in the last physics step.

    None for MJX in JAX, which has room for every contact.
    """
    bits = getattr(state.data._impl, 'overflow', None)
    return None if bits is None else jnp.sum(bits.reshape(-1) & OVERFLOWS != 0)

  def pack(self, state: MjxState) -> dict[str, Array]:
    """See Engine. The model's fields follow from the seed of the run."""
    return {name: getattr(state.data, name) for name in STATE_FIELDS}

  def unpack(self, arrays: dict[str, Array]) -> MjxState:
    """See Engine."""
    state = self.init(arrays['qpos'], arrays['qvel'])
    data = state.data.replace(**{name: jnp.asarray(arrays[name]) for name in STATE_FIELDS})
    return state._replace(data=data)

  def _acted_on(self, data: Any, ctrl: Array, force: Array | None, kick: Array | None) -> Any:
    """The data [B] at the start of a control step, with controls and disturbances."""
    data = data.replace(ctrl=ctrl)
    if force is not None:
      data = data.replace(xfrc_applied=data.xfrc_applied.at[..., self._root_body, :3].set(force))
    if kick is not None and len(self._kicked):
      data = data.replace(qvel=data.qvel.at[..., jnp.asarray(self._kicked)].add(kick @ self._kick_axes.T))
    return data


def sizes(model: mujoco.MjModel, num_envs: int) -> dict[str, int]:
  """Sizes for mjx.make_data of MuJoCo Warp; its contacts are those of all environments together."""
  contacts, rows = rooms(model)
  return {'naconmax': contacts * num_envs, 'njmax': rows}


def rooms(model: mujoco.MjModel) -> tuple[int, int]:
  """Room for contacts and for constraint rows of one environment in MuJoCo Warp.

  MJX in JAX has one for each that is possible; Warp may find a few more where geoms lie flat on each other.
  """
  try:
    data = mjx.make_data(for_mjx(model, 'jax'), impl='jax')
  except (NotImplementedError, ValueError):  # a pair of geoms without a collision function
    return UNKNOWN_ROOM
  return math.ceil(ROOM * data._impl.ncon), math.ceil(ROOM * data._impl.nefc)


def for_mjx(model: mujoco.MjModel, impl: str) -> mujoco.MjModel:
  """A copy of a model that MJX accepts.

  Newton's method replaces the solver PGS, which MJX lacks: both solve the same problem, and agree where they converge.

  Raises:
    UserError: MuJoCo Warp is to compute external forces.
  """
  model = copy.copy(model)
  if model.opt.solver == int(mujoco.mjtSolver.mjSOL_PGS):
    model.opt.solver = int(mujoco.mjtSolver.mjSOL_NEWTON)
  user = model.sensor_type == external.USER
  if external.slots(model):
    if impl == 'warp':
      raise UserError('engine mjx-warp does not compute external forces on bodies; use --config.engine=mjx or native.')
    model.sensor_type[user] = UNREAD
  return model
