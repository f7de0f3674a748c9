"""Environments that the host steps, with NumPy arrays: the basis of both Gymnasium environments.

The physics is the native engine's; everything else of a control step is one jitted call, on the CPU.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np
from ml_collections import ConfigDict

from mjx_humanoid.core import saved_code
from mjx_humanoid.core.config import schema, settings
from mjx_humanoid.core.config.files import load_config, of_reward
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.precision import single_precision
from mjx_humanoid.core.types import Array, Inputs, Key, View
from mjx_humanoid.envs.env import Bank, Env, EnvState, Outcome
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.choice import make_engine
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.randomize import of_the_model, randomized_fields
from mjx_humanoid.tasks.checks import check_task, own_code
from mjx_humanoid.tasks.task import make_task, robot_of

CHECKED_STARTS = 16  # start states for checks of a user's own functions
ConfigLike: TypeAlias = str | Path | ConfigDict | schema.Config


class Step(NamedTuple):
  """The outcome of one control step of B environments: NumPy arrays, which the caller owns."""

  obs: np.ndarray  # [B, O] observations for the next action: after a reset, those of the new episode
  reward: np.ndarray  # [B]
  terminated: np.ndarray  # [B] bool
  truncated: np.ndarray  # [B] bool
  final_obs: np.ndarray  # [B, O] at the end of the step, before any reset
  terms: dict[str, np.ndarray]  # reward terms by name, [B] each


@dataclass(frozen=True, eq=False)
class Programs:
  """An environment and its jitted functions; shared by all environments with the same task and number."""

  env: Env
  begin: Callable[[np.uint32, Bank], tuple[Key, EnvState, Array, Array]]
  act: Callable[[EnvState, Array], tuple[EnvState, Inputs]]
  advance: Callable[[EnvState, Bank, View, Key], tuple[Key, EnvState, Outcome]]


def task_config(config: ConfigLike, changes: Mapping[str, Any], others: tuple[str, ...] = ()) -> TaskConfig:
  """The task of a config, with some of its settings changed.

  Args:
    config: a path, the name of a built-in config, or a config itself.
    changes: by name of the setting, without 'config.task.'; sections as dicts, such as command={'value': (1, 0, 0)}.
      Another reward takes the weights of the config's away.
    others: keywords that are not settings of the task, for the message.

  Raises:
    UserError: there is no such config or setting, or a value has the wrong type or is out of range.
  """
  if isinstance(config, str | Path):
    config = load_config(str(config))
  if isinstance(config, ConfigDict):
    config = settings.restore(schema.Config, config.to_dict(), 'config')
  if not isinstance(config, schema.Config):
    raise UserError(f'config must be a path, the name of a built-in config or a config itself, not {config!r}.')
  known = [field.name for field in dataclasses.fields(TaskConfig)]
  for name in changes:
    if name not in known:
      raise unknown('keyword', name, [*known, *others])
  changes = {**of_reward(config.task.reward, changes.get('reward')), **changes}
  task = settings.replaced(config.task, changes, 'config.task')
  saved_code.allow(task)  # the user typed its references
  return task


class HostEnv:
  """B environments of a task at full difficulty. All episodes begin at age 0."""

  def __init__(
    self,
    task: TaskConfig,
    num_envs: int,
    *,
    num_threads: int = 0,
    episode_steps: int = 0,
    autoreset: bool = True,
  ) -> None:
    """Compiles nothing and does not start JAX, so that the process may still be forked.

    Args:
      num_threads: threads of the physics; 0 for one per core.
      episode_steps: the time limit in control steps; 0 for the task's own.
      autoreset: environments whose episodes end are reset in the same step; else call `begin`.

    Raises:
      UserError: an unknown name, or a reward that fails.
    """
    self.task, self.num_envs = task, num_envs
    self._programs = _programs(json.dumps(settings.to_dict(task)), num_envs, episode_steps, _stamps(task))
    self.env = self._programs.env
    self._num_threads, self._autoreset = num_threads, autoreset
    self._varied = of_the_model(task.randomization)
    self._engine = self._make_engine({})
    self._direct = not self.env.task.pusher.ever and not self.env.task.action_delay

  @property
  def observation_size(self) -> int:
    """Elements of an observation, found without JAX."""
    task = self.env.task
    view = self.env.make_bank(np.random.default_rng(0), 1).view
    context = task.context.start(view, np.zeros((1, task.context.draws), np.float32))
    return int(task.observe(view, task.body, context).shape[-1])

  def vary(self, rng: np.random.Generator) -> None:
    """Draws new values of the randomised properties, such as mass. Call `begin` next."""
    if self._varied:
      self._engine = self._make_engine(randomized_fields(self.env.model, self._varied, rng, self.num_envs))

  @single_precision()
  def begin(self, rng: np.random.Generator, bank: Bank) -> np.ndarray:
    """New episodes in all environments, from random rows of the bank. Returns their observations [B, O]."""
    self.use(bank)
    seed = rng.integers(2**32, dtype=np.uint32)
    self._key, self._state, qpos, qvel = self._programs.begin(seed, self._bank)
    self._physics = self._engine.init(qpos, qvel)
    self.qpos, self.qvel = np.array(qpos), np.array(qvel)
    return np.array(self._state.obs)

  @single_precision()
  def use(self, bank: Bank) -> None:
    """Sets the bank for later resets."""
    self._bank = jax.device_put(bank, _cpu())

  @single_precision()
  def step(self, action: Any) -> Step:
    """One control step under action [B, A], clipped to [-1, 1]."""
    ctrl, inputs = np.clip(np.asarray(action, np.float32), -1.0, 1.0), None
    if not self._direct:
      self._state, inputs = self._programs.act(self._state, ctrl)
    self._physics, view = self._engine.step(self._physics, *jax.tree.map(np.asarray, inputs or Inputs(ctrl)))
    self._key, self._state, out = self._programs.advance(self._state, self._bank, view, self._key)
    obs, self.qpos, self.qvel = out.next_obs, view.qpos, view.qvel
    if self._autoreset:
      reset = np.asarray(out.reset)
      self._physics = self._engine.write(self._physics, reset, out.qpos, out.qvel)
      obs = self._state.obs
      self.qpos = np.where(reset[:, None], out.qpos, self.qpos)
      self.qvel = np.where(reset[:, None], out.qvel, self.qvel)
    return Step(
      obs=np.array(obs),
      reward=np.array(out.reward),
      terminated=np.array(out.terminated),
      truncated=np.array(out.truncated),
      final_obs=np.array(out.next_obs),
      terms={name: np.array(value) for name, value in out.terms.items()},
    )

  def _make_engine(self, fields: Mapping[str, np.ndarray]) -> Any:
    return make_engine('native', self.env.model, self.num_envs, self.env.task.body.substeps, self._num_threads, fields)


@functools.lru_cache(maxsize=16)
@single_precision()
def _programs(task: str, num_envs: int, episode_steps: int, stamps: tuple[str, ...]) -> Programs:
  """Programs, cached so that many environments of one task are compiled once.

  Args:
    task: a TaskConfig as JSON, which is hashable.
    stamps: digests of the user's own files in it, so that an edited file is read again.
  """
  config = settings.restore(TaskConfig, json.loads(task), 'config.task')
  robot = robot_of(config)
  model = build_model(robot)
  made = make_task(config, describe(robot, model, config.frame_skip))
  made = dataclasses.replace(made, episode_steps=episode_steps or made.episode_steps)
  _ = made.reward  # an unknown name is rejected now rather than at the first step
  env = Env(made, _NO_ENGINE, model, num_envs)
  if own_code(config):
    check_task(made, env.make_bank(np.random.default_rng(0), CHECKED_STARTS).view)
  # Training begins at random ages below the time limit, so a limit of one step gives age 0.
  fresh = dataclasses.replace(env, task=dataclasses.replace(made, episode_steps=1))
  begin, advance = functools.partial(_begin, fresh), functools.partial(_advance, env)
  return Programs(env, jax.jit(begin), jax.jit(env.act), jax.jit(advance))


_NO_ENGINE: Any = None  # rewards and observations need no engine


def _begin(env: Env, seed: Array, bank: Bank) -> tuple[Key, EnvState, Array, Array]:
  key, begin_key = jax.random.split(jax.random.PRNGKey(seed))
  return key, *env.begin(begin_key, bank)


def _advance(env: Env, state: EnvState, bank: Bank, view: View, key: Key) -> tuple[Key, EnvState, Outcome]:
  key, step_key = jax.random.split(key)
  state, out = env.advance(state, bank, view, step_key)
  return key, state, out._replace(metrics={})


def _stamps(task: TaskConfig) -> tuple[str, ...]:
  """Digests of the user's own files in a task."""
  return tuple(saved_code.digests(task).values())


def _cpu() -> jax.Device | None:
  """The CPU, where the physics runs: an accelerator would need two transfers per step. None: JAX has no CPU."""
  try:
    return jax.local_devices(backend='cpu')[0]
  except RuntimeError:
    return None
