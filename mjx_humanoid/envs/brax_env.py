"""Tasks as Brax environments: one MJX environment with pure reset and step, for any training on Brax.

Brax's wrappers batch it, set its time limit (`episode_steps`) and reset it:

  env = make_brax_env('stand')
  env = brax.envs.training.wrap(env, episode_length=env.episode_steps)

Physics, rewards, terminations and observations are those of envs/env.py.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mjx_humanoid.core.config.files import config_names
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.precision import single_precision
from mjx_humanoid.core.process import quiet_imports
from mjx_humanoid.core.types import Array, Key, View
from mjx_humanoid.envs.env import Env, EnvState
from mjx_humanoid.envs.host_env import CHECKED_STARTS, ConfigLike, task_config
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.mjx import STATE_FIELDS, MjxEngine, MjxState
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.randomize import FIELDS, randomized_fields
from mjx_humanoid.tasks.checks import check_task, own_code
from mjx_humanoid.tasks.step import judged_by
from mjx_humanoid.tasks.task import make_task, robot_of
from mjx_humanoid.tasks.terminations import TERMINATIONS

with quiet_imports():
  from brax import envs as brax_envs
  from brax.envs.base import Env as BraxBase
  from brax.envs.base import State
  from mujoco import mjx

PREFIX = 'mjx_humanoid_'  # of the names in Brax's registry
STARTS = 1024  # number of start states; with domain randomisation, also of different environments
NO_LIMIT = 2**31 - 1  # control steps; Brax's EpisodeWrapper sets the real limit


class World(NamedTuple):
  """Brax's pipeline_state: everything that the next step depends on. Brax's wrappers need arrays, not mjx.Data."""

  qpos: Array  # [nq]
  qvel: Array  # [nv]
  time: Array  # [] s
  qacc_warmstart: Array  # [nv] initial value of the constraint solver
  env: EnvState  # without its batch axis
  variant: Array  # [] int32, index of the randomised model


class BraxEnv(BraxBase):  # type: ignore[misc, unused-ignore]  # Brax is untyped
  """One environment of a task. Brax's wrappers or jax.vmap make batches.

  Resets are Brax's: AutoResetWrapper resets an environment to its first start state. There are no curricula, so that
  everything is at full difficulty.
  """

  @single_precision()
  def __init__(self, config: TaskConfig, starts: int = STARTS, seed: int = 0) -> None:
    """Raises UserError for an unknown name, or a reward that fails.

    Args:
      starts: number of start states to draw from.
      seed: of the start states and of the domain randomisation.
    """
    if starts < 1:
      raise UserError(f'starts={starts} is out of range: it must be at least 1.')
    robot = robot_of(config)
    self.model = build_model(robot)
    self.task = make_task(config, describe(robot, self.model, config.frame_skip))
    _ = self.task.reward  # an unknown name is rejected now rather than at the first step
    fields = randomized_fields(self.model, config.randomization, np.random.default_rng([seed, FIELDS]), starts)
    self._variants = starts if fields else 1
    self._engine = SingleEngine(self.model, self.task.body.substeps, impl='jax', num_envs=1, fields=fields)
    # Brax resets environments itself, so only one that diverged is reset here. Training begins at random ages below
    # the time limit, so a limit of one step gives age 0.
    endless = dataclasses.replace(self.task, terminate=TERMINATIONS['never'], episode_steps=NO_LIMIT)
    newborn = dataclasses.replace(self.task, episode_steps=1)
    self._running = Env(endless, self._engine, self.model, num_envs=1)
    self._starting = Env(newborn, self._engine, self.model, num_envs=1)
    self._bank = self._starting.make_bank(np.random.default_rng(seed), starts)
    self._fallback = jax.tree.map(lambda x: jnp.asarray(x[:1]), self._bank)  # state after divergence
    if own_code(config):
      check_task(self.task, jax.tree.map(lambda x: x[:CHECKED_STARTS], self._bank.view))

  @single_precision()
  def reset(self, rng: Key) -> State:
    """A new episode, from one of the start states."""
    keys = jax.random.split(rng, 3)
    env, qpos, qvel = self._starting.begin(keys[0], self._bank)
    variant = jax.random.randint(keys[1], (), 0, self._variants)
    world = _world(self._engine.pack(self._engine.init(qpos, qvel)), env, variant)
    zero = jnp.zeros((), jnp.float32)
    return State(world, world.env.obs, zero, zero, dict.fromkeys(self._metric_names, zero), {'rng': keys[2]})

  @single_precision()
  def step(self, state: State, action: Array) -> State:
    """One control step under action [nu], clipped to [-1, 1].

    `done` means termination, never the time limit. An environment whose physics is no longer finite is done, has reward
    0, and is reset, so that this function returns finite numbers only.
    """
    world = state.pipeline_state
    key, step_key = jax.random.split(state.info['rng'])
    ctrl = jnp.clip(jnp.asarray(action, jnp.float32), -1.0, 1.0)
    before, inputs = self._running.act(_batched(world.env), ctrl[None])
    engine = self._engine
    packed = {k: getattr(world, k)[None] for k in STATE_FIELDS}
    physics, view = engine.step(engine.unpack_variant(packed, world.variant), *inputs)
    env, out = self._running.advance(before, self._fallback, view, step_key)
    ended = self.task.terminate(view, self.task.body, judged_by(before.episode))
    physics = engine.write(physics, out.reset, out.qpos, out.qvel)
    after = _world(engine.pack(physics), env, world.variant)
    return state.replace(
      pipeline_state=after,
      obs=after.env.obs,
      reward=out.reward[0].astype(jnp.float32),
      done=(ended | out.terminated)[0].astype(jnp.float32),
      metrics={**state.metrics, **{k: out.metrics[k].astype(jnp.float32) for k in self._metric_names}},
      info={**state.info, 'rng': key},
    )

  @property
  def observation_size(self) -> int:
    """Elements of an observation."""
    return int(jax.eval_shape(self.reset, jax.random.PRNGKey(0)).obs.shape[-1])

  @property
  def action_size(self) -> int:
    """Elements of an action."""
    return self.task.body.nu

  @property
  def backend(self) -> str:
    """The physics backend, by Brax's name."""
    return 'mjx'

  @property
  def dt(self) -> float:
    """Seconds of a control step."""
    return self.task.body.control_step

  @property
  def episode_steps(self) -> int:
    """The task's time limit in control steps: Brax's `episode_length`."""
    return self.task.episode_steps

  @functools.cached_property
  def _metric_names(self) -> tuple[str, ...]:
    """Names in `metrics`: each reward term, and whether the environment diverged."""

    def outcome(key: Key) -> dict[str, Array]:
      begun, *_ = self._starting.begin(key, self._fallback)
      return self._running.advance(begun, self._fallback, self._fallback.view, key)[1].metrics

    names = jax.eval_shape(outcome, jax.random.PRNGKey(0))
    return (*(name for name in names if name.startswith('term/')), 'diverged', 'invalid_reward')


class SingleEngine(MjxEngine):
  """An MjxEngine for batches of one environment, with one of many randomised models."""

  def unpack_variant(self, arrays: dict[str, Array], index: Array) -> MjxState:
    """The state that `pack` was given, with the randomised model `index` []."""
    state = self.unpack(arrays)
    return state._replace(fields={name: values[index][None] for name, values in self.fields.items()})

  def step(
    self, state: MjxState, ctrl: Array, force: Array | None = None, kick: Array | None = None
  ) -> tuple[MjxState, View]:
    """See Engine. Steps without a batch axis: with both Brax's and this package's, XLA takes 3 times as long."""
    fields = {name: values[0] for name, values in state.fields.items()}
    model = self._model.tree_replace(fields) if fields else self._model
    acted = self._acted_on(state.data, ctrl, force, kick)

    def substep(data: Any, _: None) -> tuple[Any, None]:
      return mjx.step(model, data), None

    data, _ = jax.lax.scan(substep, jax.tree.map(lambda x: x[0], acted), None, length=self._substeps)
    data, readings = _batched((data, self._readings(model, data)))
    return state._replace(data=data), View(data.time, data.qpos, data.qvel, data.ctrl, readings)


def make_brax_env(config: ConfigLike = 'stand', *, starts: int = STARTS, seed: int = 0, **changes: Any) -> BraxEnv:
  """A task as a Brax environment.

  Args:
    config: a path, the name of a built-in config, or a config; only its task is used.
    starts, seed: see BraxEnv.
    changes: settings of the task, such as episode_length=5.0.

  Raises:
    UserError: an unknown name, a wrong setting, or a reward that fails.
  """
  return BraxEnv(task_config(config, changes, ('config', 'starts', 'seed')), starts, seed)


def register() -> list[str]:
  """Registers each built-in config with Brax: brax.envs.get_environment('mjx_humanoid_stand'). Returns the names."""
  ready = {PREFIX + name: functools.partial(make_brax_env, name) for name in config_names()}
  for name, make in ready.items():
    brax_envs.register_environment(name, make)
  return list(ready)


def _batched(tree: Any) -> Any:
  """Adds a batch axis of length 1."""
  return jax.tree.map(lambda x: x[None], tree)


def _world(packed: dict[str, Array], env: EnvState, variant: Array) -> World:
  """The World of a batch of length 1. dtypes are the same after every step, as Brax's scans require."""
  single = jax.tree.map(lambda x: jax.lax.convert_element_type(x[0], x.dtype), (packed, env))
  return World(**single[0], env=single[1], variant=variant.astype(jnp.int32))
