"""An environment whose transitions also have features of the robot's motion before and after each control step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from mjx_humanoid.core.types import Array, Inputs, Key, View
from mjx_humanoid.envs.env import Bank, Env, EnvState, Outcome
from mjx_humanoid.physics.engine import Engine
from mjx_humanoid.rl.algorithm import MOTION, NEXT_MOTION

Features = Callable[[Array, Array], Array]  # qpos [B, nq], qvel [B, nv] -> [B, F]


class MotionState(NamedTuple):
  """The state of the environments, without the physics."""

  env: EnvState
  motion: Array  # [B, F] features of the present state

  @property
  def obs(self) -> Array:
    """Observations [B, O]."""
    return self.env.obs


@dataclass(frozen=True, eq=False)
class MotionEnv:
  """See BatchedEnv in rl/collect.py. Only `advance` adds to what `env` does."""

  env: Env
  features: Features

  @property
  def engine(self) -> Engine[Any]:
    """Steps the physics."""
    return self.env.engine

  @property
  def num_envs(self) -> int:
    """Number of environments, B."""
    return self.env.num_envs

  @property
  def traceable(self) -> bool:
    """Whether physics can run inside jit and scan."""
    return self.env.traceable

  @property
  def action_size(self) -> int:
    """Elements of an action."""
    return self.env.action_size

  @property
  def observation_size(self) -> int:
    """Elements of an observation."""
    return self.env.observation_size

  def make_bank(self, rng: np.random.Generator, size: int) -> Bank:
    """See Env."""
    return self.env.make_bank(rng, size)

  def begin(self, key: Key, bank: Bank) -> tuple[MotionState, Array, Array]:
    """See Env."""
    state, qpos, qvel = self.env.begin(key, bank)
    return MotionState(state, self.features(qpos, qvel)), qpos, qvel

  def act(self, state: MotionState, ctrl: Array) -> tuple[MotionState, Inputs]:
    """See Env."""
    inner, inputs = self.env.act(state.env, ctrl)
    return state._replace(env=inner), inputs

  def advance(self, state: MotionState, bank: Bank, view: View, key: Key) -> tuple[MotionState, Outcome]:
    """See Env. The outcome has the extras MOTION and NEXT_MOTION [B, F], both before any reset.

    Where the physics diverged, both are the features before the step, which are finite.
    """
    inner, out = self.env.advance(state.env, bank, view, key)
    # Both together, as their program is long to compile.
    after, fresh = self.features(jnp.stack([view.qpos, out.qpos]), jnp.stack([view.qvel, out.qvel]))
    reached = jnp.where(out.diverged[:, None], state.motion, after)
    motion = jnp.where(out.reset[:, None], fresh, reached)
    return MotionState(inner, motion), out._replace(extras={MOTION: state.motion, NEXT_MOTION: reached})
