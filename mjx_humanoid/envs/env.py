"""The batched environment: rewards, terminations and resets, the same for every engine.

`advance` is pure and independent of the engine. With a traceable engine it runs inside a scan, with the native engine
in one jitted call between two physics steps. See rl/collect.py for both loops.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from mjx_humanoid.core.network import Base, on_base
from mjx_humanoid.core.types import Array, Inputs, Key, Terms, View
from mjx_humanoid.envs import invalid as invalid_states
from mjx_humanoid.physics.engine import Engine
from mjx_humanoid.physics.states import settle, view_states
from mjx_humanoid.tasks import step
from mjx_humanoid.tasks.context import Context
from mjx_humanoid.tasks.curricula import LOWEST, CurriculumFn, none, share_of_starts
from mjx_humanoid.tasks.step import Episode, Noise
from mjx_humanoid.tasks.task import Task


class Bank(NamedTuple):
  """Start states, made on the host by C MuJoCo; a reset takes one row. All engines use the same."""

  qpos: Array  # [K, nq]
  qvel: Array  # [K, nv]
  view: View  # [K, ...]


class EnvState(NamedTuple):
  """The state of the environments, without the physics."""

  episode: Episode  # [B, ...]
  obs: Array  # [B, O]
  episode_return: Array  # [B]
  length: Array  # [B] int32, control steps of the episode so far, not counting an initial age
  level: Array  # [B] of the curriculum, in (0, 1]


class Outcome(NamedTuple):
  """The outcome of one control step. next_obs is before any reset."""

  reward: Array  # [B]
  terminated: Array  # [B] bool
  truncated: Array  # [B] bool
  next_obs: Array  # [B, O]
  reset: Array  # [B] bool: these environments start a new episode
  qpos: Array  # [B, nq] their start states
  qvel: Array  # [B, nv]
  diverged: Array  # [B] bool: physics or observation was no longer finite; the reward is then 0
  terms: Terms  # reward terms by name, [B] each
  metrics: dict[str, Array]  # sums over the batch, see EPISODE_METRICS; and a row, see invalid.py
  extras: dict[str, Array] = {}  # noqa: RUF012 (never changed) [B, ...] for Transition.extras


# Sums, which can be added over steps and devices; logging divides them.
EPISODE_METRICS = ('episodes', 'episode_return', 'episode_length', 'steps', 'diverged', 'level', 'invalid_reward')


@dataclass(frozen=True, eq=False)
class Env:
  """B environments of one task on one engine."""

  task: Task
  engine: Engine[Any]
  model: mujoco.MjModel
  num_envs: int
  curriculum: CurriculumFn = none
  lifetime: float = 1.0  # control steps of each environment in the whole training, or from one restart to the next
  base: Base | None = None  # to whose actions those of the policy are added

  @property
  def traceable(self) -> bool:
    """Whether physics can run inside jit and scan."""
    return self.engine.traceable

  @property
  def action_size(self) -> int:
    """Elements of an action."""
    return self.task.body.nu

  @property
  def observation_size(self) -> int:
    """Elements of an observation."""
    bank, key = self.make_bank(np.random.default_rng(0), 1), jax.random.PRNGKey(0)
    return int(jax.eval_shape(lambda: self._observe(bank.view, self._begin(bank, key, 1.0).context, key)).shape[-1])

  def make_bank(self, rng: np.random.Generator, size: int) -> Bank:
    """`size` new start states; under a curriculum sorted from easy to hard."""
    share = np.ones(size) if self.curriculum is none else np.arange(1, size + 1) / size
    strength = self.task.config.start_strength * share
    qpos, qvel = self.task.start(self.task.body, rng, strength, functools.partial(settle, self.model))
    return Bank(qpos.astype(np.float32), qvel.astype(np.float32), view_states(self.model, qpos, qvel))

  def begin(self, key: Key, bank: Bank) -> tuple[EnvState, Array, Array]:
    """All environments at random rows of the bank and at random ages, so that their time limits do not coincide.

    Returns:
      The state, and qpos [B, nq] and qvel [B, nv] for the engine to start from.
    """
    row_key, age_key, context_key, delay_key, noise_key = jax.random.split(key, 5)
    count, task = self.num_envs, self.task
    level = jnp.full(count, 1.0 if self.curriculum is none else LOWEST, jnp.float32)
    start = self._draw(bank, level, row_key)
    ages = jax.random.randint(age_key, (count,), 0, task.episode_steps)
    delay = jax.random.randint(delay_key, (count,), 0, task.action_delay + 1)
    episode = self._begin(start, context_key, level)._replace(delay=delay)
    context = task.context.at_age(episode.context._replace(step=ages))
    episode = self._push(episode._replace(context=context), level, jax.random.fold_in(key, 5))
    obs = self._observe(start.view, context, noise_key)
    state = EnvState(episode, obs, jnp.zeros(count), jnp.zeros(count, jnp.int32), level)
    return state, start.qpos, start.qvel

  def act(self, state: EnvState, ctrl: Array) -> tuple[EnvState, Inputs]:
    """Controls and disturbances of the next control step, for the policy's controls ctrl [B, nu] in [-1, 1]."""
    if self.base is not None:
      ctrl = on_base(self.base, ctrl, state.obs).clip(-1.0, 1.0)
    episode, inputs = step.act(self.task, state.episode, ctrl)
    return state._replace(episode=episode), inputs

  def advance(self, state: EnvState, bank: Bank, view: View, key: Key) -> tuple[EnvState, Outcome]:
    """Reward, termination, resets and next observation after a control step that led to `view`.

    An environment whose physics is no longer finite has reward 0, counts as terminated and is reset. One whose
    reward alone is not finite has reward 0 and goes on: the state is sound, and the mistake is the reward's.
    """
    task, keys = self.task, jax.random.split(key, 6)
    judged = step.judged_by(state.episode)
    reward, terms = jax.vmap(lambda v, c: task.reward(v, task.body, c))(view, judged)
    uniform = jax.random.uniform(keys[0], (self.num_envs, task.context.draws))
    following = step.advance(task, state.episode, view, uniform, state.level)
    next_obs = self._observe(view, following.context, keys[1])
    diverged = step.diverged(view) | ~jnp.isfinite(next_obs).all(axis=1)
    invalid = {name: ~jnp.isfinite(value) & ~diverged for name, value in terms.items()}
    invalid_reward = ~jnp.isfinite(reward) & ~diverged
    terminated = task.terminate(view, task.body, judged) | diverged
    truncated = (judged.step >= task.episode_steps) & ~terminated
    reset = terminated | truncated
    reward = jnp.where(diverged | invalid_reward, 0.0, reward)
    next_obs = jnp.where(diverged[:, None], state.obs, next_obs)
    terms = {name: jnp.where(diverged | invalid[name], 0.0, value) for name, value in terms.items()}

    length = state.length + 1
    succeeded = truncated & (length >= task.episode_steps)  # not episodes that began at a later age
    level = self.curriculum(state.level, terminated, succeeded, self.lifetime)
    start = self._draw(bank, level, keys[2])
    fresh = self._begin(start, keys[3], level)._replace(delay=state.episode.delay, push=state.episode.push)
    episode = self._push(_where(reset, fresh, following), level, keys[5])
    obs = _where(reset, self._observe(start.view, fresh.context, keys[4]), next_obs)
    episode_return = state.episode_return + reward
    metrics = self._metrics(reset, episode_return, length, diverged, level, terms)
    metrics |= {'invalid_reward': jnp.sum(invalid_reward)}
    metrics |= {f'invalid_term/{name}': jnp.sum(value) for name, value in invalid.items()}
    anywhere = functools.reduce(jnp.logical_or, invalid.values(), invalid_reward)
    metrics |= {invalid_states.INVALID_STATE: invalid_states.pack(anywhere, judged.step, view)}
    after = EnvState(episode, obs, jnp.where(reset, 0.0, episode_return), jnp.where(reset, 0, length), level)
    return after, Outcome(
      reward, terminated, truncated, next_obs, reset, start.qpos, start.qvel, diverged, terms, metrics
    )

  def _metrics(
    self, reset: Array, episode_return: Array, length: Array, diverged: Array, level: Array, terms: Terms
  ) -> dict[str, Array]:
    """Sums over the batch."""
    metrics = {
      'episodes': jnp.sum(reset),
      'episode_return': jnp.sum(jnp.where(reset, episode_return, 0.0)),
      'episode_length': jnp.sum(jnp.where(reset, length, 0)),
      'steps': jnp.asarray(self.num_envs),
      'diverged': jnp.sum(diverged),
      'level': jnp.sum(level),
    }
    return metrics | {f'term/{name}': jnp.sum(value) for name, value in terms.items()}

  def _draw(self, bank: Bank, level: Array, key: Key) -> Bank:
    """A row of the bank for each environment; from the easy rows at the beginning if its level is low."""
    rows = share_of_starts(self.curriculum, level, jax.random.uniform(key, (self.num_envs,))) * len(bank.qpos)
    drawn: Bank = jax.tree.map(lambda x: jnp.asarray(x)[rows.astype(jnp.int32)], bank)
    return drawn

  def _begin(self, start: Bank, key: Key, level: Array | float) -> Episode:
    """Episodes that begin at these rows, without delay."""
    count = len(start.qpos)
    uniform = jax.random.uniform(key, (count, self.task.context.draws))
    view = jax.tree.map(jnp.asarray, start.view)
    return step.begin(self.task, view, uniform, jnp.zeros(count, jnp.int32), level)

  def _push(self, episode: Episode, level: Array, key: Key) -> Episode:
    """The episodes with the push of the next control step."""
    return step.push(self.task, episode, jax.random.uniform(key, (self.num_envs, step.PUSH_DRAWS)), level)

  def _observe(self, view: View, context: Context, key: Key) -> Array:
    """Observations with sensor noise."""
    noise = None
    if self.task.sensor_noise:
      angles_key, velocities_key = jax.random.split(key)
      count, joints = len(view.qpos), len(self.task.body.joint_names)
      noise = Noise(
        jax.random.normal(angles_key, (count, joints)), jax.random.normal(velocities_key, (count, self.task.body.nv))
      )
    return step.observe(self.task, jax.tree.map(jnp.asarray, view), context, noise)


def _where(mask: Array, new: Any, old: Any) -> Any:
  """Rows of `new` where mask [B] holds, else of `old`, for every array in two equal trees."""
  return jax.tree.map(lambda a, b: jnp.where(mask.reshape((-1,) + (1,) * (a.ndim - 1)), a, b), new, old)
