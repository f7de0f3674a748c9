"""Environments of Brax, or anything with the same face such as MuJoCo Playground's, for the learning of this package.

Such an environment keeps physics and task in one State, so the State of B worlds is both the physics that the
engine steps and the view that follows from it. Knows the face only: Brax itself is not imported.
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

SEEN = 'state'  # of observations that are a dictionary, the entry that is learned from
FACE = ('reset', 'step', 'action_size')
UNWANTED = ('AutoReset', 'Vmap')  # in the names of wrappers that do what is done here


class BraxState(NamedTuple):
  """What is remembered of the worlds beside their States."""

  obs: Array  # [B, O]
  step: Array  # [B] int32, control steps since the episode began, or would have begun
  episode_return: Array  # [B]
  length: Array  # [B] int32, control steps of the episode, without the age that it began at


class BraxEngine:
  """Steps B worlds; see physics/engine.py. What it calls qpos there is a whole State here, and qvel is None."""

  traceable = True

  def __init__(self, env: Any) -> None:
    self._env = env
    self.name = f'brax ({getattr(env, "backend", "mjx")})'

  def init(self, qpos: Any, qvel: None = None) -> Any:
    """Worlds in these States. Copied, because training consumes them, and two arrays of a State may be one."""
    return jax.tree.map(jnp.copy, qpos)

  def step(self, state: Any, ctrl: Array) -> tuple[Any, Any]:
    """One step of every world under ctrl [B, A]."""
    after = jax.vmap(self._env.step)(state, ctrl)
    after = jax.tree.map(_as_before, after, state)
    return after, after

  def write(self, state: Any, mask: Array, qpos: Any, qvel: None = None) -> Any:
    """The States of qpos where mask [B] holds."""

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
  """B worlds of an environment that has reset, step and action_size; see rl/collect.py's BatchedEnv."""

  env: Any
  num_envs: int
  episode_steps: int  # time limit; where the environment flags one itself, in info['truncation'], both hold

  def __post_init__(self) -> None:
    """Raises UserError for an environment that is wrapped too far, or sees no flat array of numbers."""
    if not all(hasattr(self.env, name) for name in FACE):
      raise UserError(f'{self.env!r} is no environment of Brax: it must have {", ".join(FACE)}.')
    wrapper = self.env
    while wrapper is not None:
      name = type(wrapper).__name__
      if any(part in name for part in UNWANTED):
        raise UserError(f'{name} is not needed here: give the environment as it is, of one world.')
      wrapper = getattr(wrapper, '__dict__', {}).get('env')
    shape = self._example.shape
    if len(shape) != 1:
      raise UserError(f'the environment shows an array of shape {shape}; only flat observations, [n], can be learned.')

  @functools.cached_property
  def engine(self) -> BraxEngine:
    """Steps the worlds."""
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
    """Elements of what is learned from."""
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
    """All worlds at random rows of the bank and at random ages, so that their time limits do not coincide.

    Returns:
      What is remembered of them, and what BraxEngine.init takes.
    """
    row_key, age_key = jax.random.split(key)
    start = self._draw(bank, row_key)
    ages = jax.random.randint(age_key, (self.num_envs,), 0, self.episode_steps)
    return BraxState(seen(start.obs), ages, jnp.zeros(self.num_envs), jnp.zeros_like(ages)), start, None

  def act(self, state: BraxState, ctrl: Array) -> tuple[BraxState, tuple[Array]]:
    """What BraxEngine.step takes when the policy says ctrl [B, A] in [-1, 1]."""
    return state, (ctrl,)

  def advance(self, state: BraxState, bank: Any, view: Any, key: Key) -> tuple[BraxState, Outcome]:
    """What follows from a step that led to the States `view`: reward, ends, resets, the next observation.

    A world whose reward or observation is no longer finite earns nothing, counts as terminated and starts anew.
    """
    next_obs, step = seen(view.obs), state.step + 1
    diverged = ~(jnp.isfinite(next_obs).all(axis=1) & jnp.isfinite(view.reward))
    done = view.done.astype(bool)
    late = view.info['truncation'].astype(bool) if 'truncation' in view.info else jnp.zeros_like(done)
    terminated = (done & ~late) | diverged
    truncated = ((step >= self.episode_steps) | (done & late)) & ~terminated
    reset = terminated | truncated
    reward = jnp.where(diverged, 0.0, view.reward)
    next_obs = jnp.where(diverged[:, None], state.obs, next_obs)

    start = self._draw(bank, key)
    episode_return, length = state.episode_return + reward, state.length + 1
    metrics = {
      'episodes': jnp.sum(reset),
      'episode_return': jnp.sum(jnp.where(reset, episode_return, 0.0)),
      'episode_length': jnp.sum(jnp.where(reset, length, 0)),
      'steps': jnp.asarray(self.num_envs),
      'diverged': jnp.sum(diverged),
      'level': jnp.asarray(self.num_envs * 1.0),  # there are no curricula here
    }
    single = {k: v for k, v in view.metrics.items() if jnp.shape(v) == (self.num_envs,)}
    terms = {name: jnp.where(diverged, 0.0, value) for name, value in single.items()}
    metrics |= {f'term/{name}': jnp.sum(value) for name, value in terms.items()}
    following = BraxState(
      obs=jnp.where(reset[:, None], seen(start.obs), next_obs),
      step=jnp.where(reset, 0, step),
      episode_return=jnp.where(reset, 0.0, episode_return),
      length=jnp.where(reset, 0, length),
    )
    return following, Outcome(reward, terminated, truncated, next_obs, reset, start, None, diverged, terms, metrics)

  def _draw(self, bank: Any, key: Key) -> Any:
    """A row of the bank for each world. Where States carry a key of their own, a fresh one: no two lives are alike."""
    row_key, life_key = jax.random.split(key)
    rows = jax.random.randint(row_key, (self.num_envs,), 0, len(jax.tree.leaves(bank)[0]))
    start = jax.tree.map(lambda x: x[rows], bank)
    keys = jax.random.split(life_key, self.num_envs)
    known = start.info.get('rng')
    if known is None or (known.shape, known.dtype) != (keys.shape, keys.dtype):
      return start
    return start.replace(info={**start.info, 'rng': keys})


def seen(obs: Any) -> Any:
  """What is learned from: an observation that is an array itself, or its entry 'state'.

  Raises:
    UserError: there is no such entry.
  """
  if not isinstance(obs, Mapping):
    return obs
  if SEEN not in obs:
    raise UserError(f'observations have the entries {", ".join(sorted(obs))}; one named {SEEN!r} is learned from.')
  return obs[SEEN]


def _as_before(new: Any, old: Array) -> Array:
  """In the old one's type: environments may return Python numbers, and a scan wants types that stay."""
  new = jnp.asarray(new)
  return new if new.dtype == old.dtype and not new.weak_type else jax.lax.convert_element_type(new, old.dtype)
