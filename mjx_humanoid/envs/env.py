"""The batched environment: rewards, ends and resets around an engine, the same for all of them.

`advance` is pure and knows no engine; a traceable engine runs it inside its scan, the native one
runs it in one jitted call between two physics steps. See rl/collect.py for both loops.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from mjx_humanoid.physics.engine import MAX_VELOCITY, Engine, settle, view_states
from mjx_humanoid.physics.randomize import VELOCITY_NOISE_RATIO
from mjx_humanoid.tasks.context import guide
from mjx_humanoid.tasks import pushes
from mjx_humanoid.tasks.curricula import LOWEST, CurriculumFn, none, share_of_starts
from mjx_humanoid.tasks.task import Task
from mjx_humanoid.core.types import Array, Context, Inputs, Key, View


class Bank(NamedTuple):
  """Start states, made on the host by C MuJoCo and shared by all engines: a finished world takes a row."""

  qpos: Array  # [K, nq]
  qvel: Array  # [K, nv]
  view: View  # [K, ...]


class EnvState(NamedTuple):
  """What the environment remembers of its worlds, beside their physics."""

  context: Context  # [B, ...]
  obs: Array  # [B, O]
  episode_return: Array  # [B]
  push: Array  # [B, 3] N on the torso during the next control step
  level: Array  # [B] of the curriculum, in (0, 1]
  sent: Array  # [B, D, nu] the latest controls, newest first, where actions arrive late
  delay: Array  # [B] int32, control steps by which they do


class Outcome(NamedTuple):
  """What one control step led to. next_obs is the step's own, before any reset."""

  reward: Array  # [B]
  terminated: Array  # [B] bool
  truncated: Array  # [B] bool
  next_obs: Array  # [B, O]
  reset: Array  # [B] bool: these worlds start anew
  qpos: Array  # [B, nq] where they start
  qvel: Array  # [B, nv]
  metrics: dict[str, Array]  # sums over the batch; see EPISODE_METRICS


# Sums, so that they add up over steps and devices: means are taken when they are logged.
EPISODE_METRICS = ('episodes', 'episode_return', 'episode_length', 'steps', 'diverged', 'level')


@dataclass(frozen=True, eq=False)
class Env:
  """B worlds of one task on one engine."""

  task: Task
  engine: Engine[Any]
  model: mujoco.MjModel
  num_envs: int
  curriculum: CurriculumFn = none
  lifetime: float = 1.0  # control steps of each world in the whole training, or from one restart to the next

  @property
  def traceable(self) -> bool:
    """Whether physics can live inside jit and scan."""
    return self.engine.traceable

  @property
  def action_size(self) -> int:
    """Elements of an action."""
    return self.task.body.nu

  @property
  def observation_size(self) -> int:
    """Elements of an observation."""
    bank, key = self.make_bank(np.random.default_rng(0), 1), jax.random.PRNGKey(0)
    return int(jax.eval_shape(lambda: self._observe(bank.view, self._fresh(bank, key, jnp.ones(1)), key)).shape[-1])

  def make_bank(self, rng: np.random.Generator, size: int) -> Bank:
    """`size` fresh start states; under a curriculum the later the harder."""
    share = np.ones(size) if self.curriculum is none else np.arange(1, size + 1) / size
    strength = self.task.start_strength * share
    qpos, qvel = self.task.start(self.task.body, rng, strength, functools.partial(settle, self.model))
    return Bank(qpos.astype(np.float32), qvel.astype(np.float32), view_states(self.model, qpos, qvel))

  def begin(self, key: Key, bank: Bank) -> tuple[EnvState, Array, Array]:
    """All worlds at random rows of the bank and at random ages, so that their time limits do not coincide.

    Returns:
      The state, and qpos [B, nq] and qvel [B, nv] for the engine to start from.
    """
    row_key, age_key, context_key, delay_key, noise_key = jax.random.split(key, 5)
    count, task = self.num_envs, self.task
    level = jnp.full(count, 1.0 if self.curriculum is none else LOWEST, jnp.float32)
    start = self._draw(bank, level, row_key)
    ages = jax.random.randint(age_key, (count,), 0, task.episode_steps)
    context = task.guide.timed(self._fresh(start, context_key, level)._replace(step=ages))
    state = EnvState(
      context=context,
      obs=self._observe(start.view, context, noise_key),
      episode_return=jnp.zeros(count),
      push=jnp.zeros((count, 3)),
      level=level,
      sent=jnp.zeros((count, task.action_delay, task.body.nu)),
      delay=jax.random.randint(delay_key, (count,), 0, task.action_delay + 1),
    )
    return state, start.qpos, start.qvel

  def act(self, state: EnvState, ctrl: Array) -> tuple[EnvState, Inputs]:
    """What acts on the physics in the next control step, when the policy says ctrl [B, nu] in [-1, 1]."""
    if self.task.action_delay:
      sent = jnp.concatenate([ctrl[:, None], state.sent], axis=1)
      ctrl = jnp.take_along_axis(sent, state.delay[:, None, None], axis=1)[:, 0]
      state = state._replace(sent=sent[:, :-1])
    return state, self.task.pusher.inputs(ctrl, state.context.step, state.push)

  def advance(self, state: EnvState, bank: Bank, view: View, key: Key) -> tuple[EnvState, Outcome]:
    """What follows from a control step that led to `view`: reward, ends, resets, the next observation.

    A world whose physics is no longer finite earns nothing, counts as terminated and starts anew.
    """
    task, before = self.task, state.context
    keys = jax.random.split(key, 6)
    # Judged by the context that the action was chosen in; seen in the one that follows.
    context = before._replace(step=before.step + 1)
    reward, terms = jax.vmap(lambda v, c: task.reward(v, task.body, c))(view, context)
    uniform = jax.random.uniform(keys[0], (self.num_envs, guide.DRAWS))
    following = task.guide.advance(before, view, uniform, state.level)
    next_obs = self._observe(view, following, keys[1])
    diverged = self._diverged(view, reward, next_obs)
    terminated = jax.vmap(lambda v, c: task.terminate(v, task.body, c))(view, context) | diverged
    truncated = (context.step >= task.episode_steps) & ~terminated
    reset = terminated | truncated
    reward = jnp.where(diverged, 0.0, reward)
    next_obs = jnp.where(diverged[:, None], state.obs, next_obs)

    level = self.curriculum(state.level, terminated, truncated, self.lifetime)
    start = self._draw(bank, level, keys[2])
    fresh = self._fresh(start, keys[3], level)
    context = _where(reset, fresh, following)
    obs = _where(reset, self._observe(start.view, fresh, keys[4]), next_obs)

    episode_return = state.episode_return + reward
    metrics = {
      'episodes': jnp.sum(reset),
      'episode_return': jnp.sum(jnp.where(reset, episode_return, 0.0)),
      'episode_length': jnp.sum(jnp.where(reset, state.context.step + 1, 0)),
      'steps': jnp.asarray(self.num_envs),
      'diverged': jnp.sum(diverged),
      'level': jnp.sum(level),
    }
    metrics |= {f'term/{name}': jnp.sum(jnp.where(diverged, 0.0, value)) for name, value in terms.items()}
    next_state = state._replace(
      context=context,
      obs=obs,
      episode_return=jnp.where(reset, 0.0, episode_return),
      push=self._push(state.push, context, level, keys[5]),
      level=level,
      sent=jnp.where(reset[:, None, None], 0.0, state.sent),
    )
    return next_state, Outcome(reward, terminated, truncated, next_obs, reset, start.qpos, start.qvel, metrics)

  def _diverged(self, view: View, reward: Array, obs: Array) -> Array:
    """Which worlds [B] hold a number that is not finite, or move faster than anything here can."""
    finite = [jnp.isfinite(x).reshape(self.num_envs, -1).all(axis=1) for x in (*view, reward, obs)]
    return ~jnp.stack(finite).all(axis=0) | (jnp.abs(view.qvel).max(axis=1) > MAX_VELOCITY)

  def _draw(self, bank: Bank, level: Array, key: Key) -> Bank:
    """A row of the bank for each world, among the first ones where its level is low."""
    rows = share_of_starts(self.curriculum, level, jax.random.uniform(key, (self.num_envs,))) * len(bank.qpos)
    drawn: Bank = jax.tree.map(lambda x: jnp.asarray(x)[rows.astype(jnp.int32)], bank)
    return drawn

  def _fresh(self, start: Bank, key: Key, level: Array) -> Context:
    """The context of episodes that begin at these rows."""
    uniform = jax.random.uniform(key, (len(start.qpos), guide.DRAWS))
    return self.task.guide.start(jnp.asarray(start.qpos), self.task.body.nu, uniform, level)

  def _push(self, push: Array, context: Context, level: Array, key: Key) -> Array:
    """The force of the next control step [B, 3]."""
    if not self.task.pusher.ever:
      return push
    uniform = jax.random.uniform(key, (self.num_envs, pushes.DRAWS))
    return self.task.pusher.draw(context.step, push, uniform, level)

  def _observe(self, view: View, context: Context, key: Key) -> Array:
    """What the policy sees, with the noise of its sensors."""
    noise = self.task.sensor_noise
    if noise:
      position_key, velocity_key = jax.random.split(key)
      angles = noise * jax.random.normal(position_key, view.qpos[:, 7:].shape)
      rates = noise * VELOCITY_NOISE_RATIO * jax.random.normal(velocity_key, view.qvel.shape)
      qpos = jnp.asarray(view.qpos).at[:, 7:].add(angles)
      view = view._replace(qpos=qpos, qvel=view.qvel + rates)
    return jax.vmap(lambda v, c: self.task.observe(v, self.task.body, c))(view, context)


def _where(mask: Array, new: Any, old: Any) -> Any:
  """Rows of `new` where mask [B] holds, else of `old`, for every array in two equal trees."""
  return jax.tree.map(lambda a, b: jnp.where(mask.reshape((-1,) + (1,) * (a.ndim - 1)), a, b), new, old)
