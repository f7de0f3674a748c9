"""Adapts environments with Brax's interface, also MuJoCo Playground's, to the algorithms of this package.

Such an environment keeps physics and task in one State, so the State of B environments is both the state of the engine
and the view. Brax itself is not imported.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Array, Key
from mjx_humanoid.envs.env import Outcome

SEEN = 'state'  # entry of dictionary observations that the policy observes
FACE = ('reset', 'step', 'action_size')
UNWANTED = ('AutoReset', 'Vmap')  # in the names of wrappers that do what this adapter does


class BraxState(NamedTuple):
  """The state of the environments beside their States."""

  obs: Array  # [B, O]
  step: Array  # [B] int32, control steps since the episode began, or would have begun
  episode_return: Array  # [B]
  length: Array  # [B] int32, control steps of the episode so far, not counting its initial age


class BraxEngine:
  """Steps B environments; see physics/engine.py. Here qpos is a whole State, and qvel is None."""

  traceable = True

  def __init__(self, env: Any) -> None:
    self._env = env
    self.name = f'brax ({getattr(env, "backend", "mjx")})'

  def init(self, qpos: Any, qvel: None = None) -> Any:
    """Copies these States, because training consumes them, and two arrays of a State may be one."""
    return jax.tree.map(jnp.copy, qpos)

  def step(self, state: Any, ctrl: Array) -> tuple[Any, Any]:
    """One step of every environment under ctrl [B, A]."""
    after = jax.vmap(self._env.step)(state, ctrl)
    after = jax.tree.map(_as_before, after, state)
    return after, after

  def write(self, state: Any, mask: Array, qpos: Any, qvel: None = None) -> Any:
    """Replaces the States where mask [B] holds by those of qpos."""

    def pick(old: Array, new: Array) -> Array:
      return jnp.where(mask.reshape((-1,) + (1,) * (old.ndim - 1)), new, old)

    return jax.tree.map(pick, state, qpos)

  def pack(self, state: Any) -> dict[str, Array]:
    """The arrays of the States, numbered."""
    return {f'leaf_{i}': leaf for i, leaf in enumerate(jax.tree.leaves(state))}

  def unpack(self, arrays: dict[str, Array]) -> Any:
    """The States that `pack` was given."""
    structure = jax.tree.structure(jax.eval_shape(self._env.reset, jax.random.PRNGKey(0)))
    return jax.tree.unflatten(structure, [jnp.asarray(arrays[f'leaf_{i}']) for i in range(len(arrays))])


@dataclass(frozen=True, eq=False)
class FromBrax:
  """B copies of an environment that has reset, step and action_size; see BatchedEnv in rl/collect.py."""

  env: Any
  num_envs: int
  episode_steps: int  # time limit, in addition to any that the environment flags in info['truncation']

  def __post_init__(self) -> None:
    """Raises UserError for an environment with wrappers that are not needed, or without flat observations."""
    if not all(hasattr(self.env, name) for name in FACE):
      raise UserError(f'{self.env!r} is no environment of Brax: it must have {", ".join(FACE)}.')
    wrapper = self.env
    while wrapper is not None:
      name = type(wrapper).__name__
      if any(part in name for part in UNWANTED):
        raise UserError(f'{name} is not needed here: pass a single, unwrapped environment.')
      wrapper = getattr(wrapper, '__dict__', {}).get('env')
    shape = self._example.shape
    if len(shape) != 1:
      raise UserError(f'the environment has observations of shape {shape}; they must be flat arrays, [n].')

  @functools.cached_property
  def engine(self) -> BraxEngine:
    """Steps the environments."""
    return BraxEngine(self.env)

  @property
  def traceable(self) -> bool:
    """Whether physics can live inside jit and scan."""
    return True

  @property
  def action_size(self) -> int:
    """Elements of an action."""
    return int(self.env.action_size)

  @property
  def observation_size(self) -> int:
    """Elements of an observation."""
    return int(self._example.shape[0])

  @functools.cached_property
  def _example(self) -> Any:
    return seen(jax.eval_shape(self.env.reset, jax.random.PRNGKey(0)).obs)

  def make_bank(self, rng: np.random.Generator, size: int) -> Any:
    """The States of `size` resets, [size, ...]."""
    keys = jax.random.split(jax.random.PRNGKey(int(rng.integers(2**31))), size)
    return self._reset(keys)

  @functools.cached_property
  def _reset(self) -> Any:
    return jax.jit(jax.vmap(self.env.reset))

  def begin(self, key: Key, bank: Any) -> tuple[BraxState, Any, None]:
    """All environments at random rows of the bank and at random ages, so that their time limits do not coincide.

    Returns:
      Their state, and the arguments of BraxEngine.init.
    """
    row_key, age_key = jax.random.split(key)
    start = self._draw(bank, row_key)
    ages = jax.random.randint(age_key, (self.num_envs,), 0, self.episode_steps)
    return BraxState(seen(start.obs), ages, jnp.zeros(self.num_envs), jnp.zeros_like(ages)), start, None

  def act(self, state: BraxState, ctrl: Array) -> tuple[BraxState, tuple[Array]]:
    """The inputs of BraxEngine.step for the policy's actions ctrl [B, A] in [-1, 1]."""
    return state, (ctrl,)

  def advance(self, state: BraxState, bank: Any, view: Any, key: Key) -> tuple[BraxState, Outcome]:
    """Reward, termination, resets and next observation after a step that led to the States `view`.

    An environment whose observation is no longer finite has reward 0, counts as terminated and is reset; one whose
    reward alone is not finite has reward 0 and goes on.
    """
    next_obs, step = seen(view.obs), state.step + 1
    diverged = ~jnp.isfinite(next_obs).all(axis=1)
    invalid_reward = ~jnp.isfinite(view.reward) & ~diverged
    done = view.done.astype(bool)
    late = view.info['truncation'].astype(bool) if 'truncation' in view.info else jnp.zeros_like(done)
    terminated = (done & ~late) | diverged
    truncated = ((step >= self.episode_steps) | (done & late)) & ~terminated
    reset = terminated | truncated
    reward = jnp.where(diverged | invalid_reward, 0.0, view.reward)
    next_obs = jnp.where(diverged[:, None], state.obs, next_obs)

    start = self._draw(bank, key)
    episode_return, length = state.episode_return + reward, state.length + 1
    metrics = {
      'episodes': jnp.sum(reset),
      'episode_return': jnp.sum(jnp.where(reset, episode_return, 0.0)),
      'episode_length': jnp.sum(jnp.where(reset, length, 0)),
      'steps': jnp.asarray(self.num_envs),
      'diverged': jnp.sum(diverged),
      'invalid_reward': jnp.sum(invalid_reward),
      'level': jnp.asarray(self.num_envs * 1.0),  # there are no curricula here
    }
    single = {k: v for k, v in view.metrics.items() if jnp.shape(v) == (self.num_envs,)}
    invalid = {name: ~jnp.isfinite(value) & ~diverged for name, value in single.items()}
    terms = {name: jnp.where(diverged | invalid[name], 0.0, value) for name, value in single.items()}
    metrics |= {f'term/{name}': jnp.sum(value) for name, value in terms.items()}
    metrics |= {f'invalid_term/{name}': jnp.sum(value) for name, value in invalid.items()}
    following = BraxState(
      obs=jnp.where(reset[:, None], seen(start.obs), next_obs),
      step=jnp.where(reset, 0, step),
      episode_return=jnp.where(reset, 0.0, episode_return),
      length=jnp.where(reset, 0, length),
    )
    return following, Outcome(reward, terminated, truncated, next_obs, reset, start, None, diverged, terms, metrics)

  def _draw(self, bank: Any, key: Key) -> Any:
    """A row of the bank for each environment. A random key in a State is replaced, so that episodes differ."""
    row_key, life_key = jax.random.split(key)
    rows = jax.random.randint(row_key, (self.num_envs,), 0, len(jax.tree.leaves(bank)[0]))
    start = jax.tree.map(lambda x: x[rows], bank)
    keys = jax.random.split(life_key, self.num_envs)
    known = start.info.get('rng')
    if known is None or (known.shape, known.dtype) != (keys.shape, keys.dtype):
      return start
    return start.replace(info={**start.info, 'rng': keys})


def seen(obs: Any) -> Any:
  """The observation of the policy: the observation itself if it is an array, else its entry 'state'.

  Raises:
    UserError: there is no such entry.
  """
  if not isinstance(obs, Mapping):
    return obs
  if SEEN not in obs:
    raise UserError(f'observations have the entries {", ".join(sorted(obs))}; training needs one named {SEEN!r}.')
  return obs[SEEN]


def _as_before(new: Any, old: Array) -> Array:
  """`new` with the dtype of `old`: environments may return Python numbers, and a scan needs constant dtypes."""
  new = jnp.asarray(new)
  return new if new.dtype == old.dtype and not new.weak_type else jax.lax.convert_element_type(new, old.dtype)
