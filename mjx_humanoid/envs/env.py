"""The batched environment: rewards, ends and resets around an engine, the same for all of them.

`advance` is pure and knows no engine; a traceable engine runs it inside its scan, the native one
runs it in one jitted call between two physics steps. See rl/collect.py for both loops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from mjx_humanoid.physics.engine import Engine, view_states
from mjx_humanoid.tasks.task import Task
from mjx_humanoid.types import Array, Context, Key, View


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
EPISODE_METRICS = ('episodes', 'episode_return', 'episode_length', 'steps', 'diverged')


# A world beyond this is diverging: finite still, but its squares would ruin the running statistics.
MAX_VELOCITY = 1000.0  # m/s and rad/s


@dataclass(frozen=True, eq=False)
class Env:
  """B worlds of one task on one engine."""

  task: Task
  engine: Engine[Any]
  model: mujoco.MjModel
  num_envs: int

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
    bank = self.make_bank(np.random.default_rng(0), 1)
    return int(jax.eval_shape(lambda: self._observe(bank.view, self._context(1, 0))).shape[-1])

  def make_bank(self, rng: np.random.Generator, size: int) -> Bank:
    """`size` fresh start states."""
    qpos, qvel = self.task.start(self.task.body, rng, size, self.task.start_strength)
    return Bank(qpos.astype(np.float32), qvel.astype(np.float32), view_states(self.model, qpos, qvel))

  def begin(self, key: Key, bank: Bank) -> tuple[EnvState, Array, Array]:
    """All worlds at random rows of the bank and at random ages, so that their time limits do not coincide.

    Returns:
      The state, and qpos [B, nq] and qvel [B, nv] for the engine to start from.
    """
    row_key, age_key = jax.random.split(key)
    rows = jax.random.randint(row_key, (self.num_envs,), 0, len(bank.qpos))
    start = jax.tree.map(lambda x: jnp.asarray(x)[rows], bank)
    ages = jax.random.randint(age_key, (self.num_envs,), 0, self.task.episode_steps)
    context = self._context(self.num_envs, ages)
    state = EnvState(context, self._observe(start.view, context), jnp.zeros(self.num_envs))
    return state, start.qpos, start.qvel

  def advance(self, state: EnvState, bank: Bank, view: View, key: Key) -> tuple[EnvState, Outcome]:
    """What follows from a control step that led to `view`: reward, ends, resets, the next observation.

    A world whose physics is no longer finite earns nothing, counts as terminated and starts anew.
    """
    task, context = self.task, state.context
    context = context._replace(step=context.step + 1)
    reward, terms = jax.vmap(lambda v, c: task.reward(v, task.body, c))(view, context)
    next_obs = self._observe(view, context)
    diverged = self._diverged(view, reward, next_obs)
    terminated = jax.vmap(lambda v, c: task.terminate(v, task.body, c))(view, context) | diverged
    truncated = (context.step >= task.episode_steps) & ~terminated
    reset = terminated | truncated
    reward = jnp.where(diverged, 0.0, reward)
    next_obs = jnp.where(diverged[:, None], state.obs, next_obs)

    rows = jax.random.randint(key, (self.num_envs,), 0, len(bank.qpos))
    start: Bank = jax.tree.map(lambda x: x[rows], bank)
    fresh = self._context(self.num_envs, 0)
    context = _where(reset, fresh, context._replace(last_action=view.ctrl))
    obs = _where(reset, self._observe(start.view, fresh), next_obs)

    episode_return = state.episode_return + reward
    metrics = {
      'episodes': jnp.sum(reset),
      'episode_return': jnp.sum(jnp.where(reset, episode_return, 0.0)),
      'episode_length': jnp.sum(jnp.where(reset, state.context.step + 1, 0)),
      'steps': jnp.asarray(self.num_envs),
      'diverged': jnp.sum(diverged),
    }
    metrics |= {f'term/{name}': jnp.sum(jnp.where(diverged, 0.0, value)) for name, value in terms.items()}
    next_state = EnvState(context, obs, jnp.where(reset, 0.0, episode_return))
    return next_state, Outcome(reward, terminated, truncated, next_obs, reset, start.qpos, start.qvel, metrics)

  def _diverged(self, view: View, reward: Array, obs: Array) -> Array:
    """Which worlds [B] hold a number that is not finite, or move faster than anything here can."""
    finite = [jnp.isfinite(x).reshape(self.num_envs, -1).all(axis=1) for x in (*view, reward, obs)]
    return ~jnp.stack(finite).all(axis=0) | (jnp.abs(view.qvel).max(axis=1) > MAX_VELOCITY)

  def _context(self, count: int, steps: Array | int) -> Context:
    return Context(
      step=jnp.broadcast_to(jnp.asarray(steps, jnp.int32), (count,)),
      last_action=jnp.zeros((count, self.task.body.nu)),
      command=jnp.tile(jnp.asarray(self.task.command, jnp.float32), (count, 1)),
    )

  def _observe(self, view: View, context: Context) -> Array:
    return jax.vmap(lambda v, c: self.task.observe(v, self.task.body, c))(view, context)


def _where(mask: Array, new: Any, old: Any) -> Any:
  """Rows of `new` where mask [B] holds, else of `old`, for every array in two equal trees."""
  return jax.tree.map(lambda a, b: jnp.where(mask.reshape((-1,) + (1,) * (a.ndim - 1)), a, b), new, old)
