"""Collects experience with the same pure steps: in a scan for traceable physics, from the host otherwise."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from mjx_humanoid.core.types import Array, Key, Transition
from mjx_humanoid.rl.algorithm import Algorithm, Metrics

Choice = tuple[Array, Any, Metrics]  # an action [B, A], the inputs of the physics under it, and extras


class Collected(NamedTuple):
  """State that is carried from one batch to the next."""

  physics: Any  # the engine's state
  env: Any  # the environment's state
  key: Key


class Engine(Protocol):
  """The physics of B environments, as training uses it; see physics/engine.py. States are pytrees."""

  @property
  def name(self) -> str:
    """Name for messages and policy files."""
    ...

  def init(self, qpos: Any, qvel: Any) -> Any:
    """The initial state, from the return values of `begin`."""
    ...

  def step(self, state: Any, *inputs: Any) -> tuple[Any, Any]:
    """One control step with the inputs from `act`: the next state, and the view for `advance`."""
    ...

  def write(self, state: Any, mask: Array, qpos: Any, qvel: Any) -> Any:
    """The state with the environments of mask [B] reset to rows of qpos and qvel."""
    ...

  def pack(self, state: Any) -> dict[str, Array]:
    """Everything that the next step depends on, as arrays for a checkpoint."""
    ...

  def unpack(self, arrays: dict[str, Array]) -> Any:
    """The state that `pack` was given, exactly."""
    ...


class Outcome(Protocol):
  """The outcome of a control step of B environments."""

  @property
  def reward(self) -> Array: ...  # [B]
  @property
  def terminated(self) -> Array: ...  # [B] bool, see Transition
  @property
  def truncated(self) -> Array: ...  # [B] bool
  @property
  def next_obs(self) -> Array: ...  # [B, O] at the end of the step, before any reset
  @property
  def reset(self) -> Array: ...  # [B] bool
  @property
  def qpos(self) -> Any: ...  # of new episodes, for Engine.write
  @property
  def qvel(self) -> Any: ...
  @property
  def metrics(self) -> Metrics: ...  # sums over the batch: steps, ...; see run/trainer.py. Of a row [N], the first
  @property
  def extras(self) -> dict[str, Array]: ...  # [B, ...] for Transition.extras, beside those of the algorithm


class BatchedEnv(Protocol):
  """B environments to train on, as collecting and the trainer use them; see envs/env.py.

  States and banks (of start states) are pytrees; a state has the attribute `obs` [B, O], from which actions are chosen.
  """

  @property
  def engine(self) -> Engine:
    """Steps the physics."""
    ...

  @property
  def num_envs(self) -> int:
    """B."""
    ...

  @property
  def traceable(self) -> bool:
    """Whether the physics can run inside jit and scan; else it is stepped from the host."""
    ...

  @property
  def observation_size(self) -> int:
    """Elements of an observation, O."""
    ...

  @property
  def action_size(self) -> int:
    """Elements of an action, A."""
    ...

  def make_bank(self, rng: np.random.Generator, size: int) -> Any:
    """`size` start states, made on the host."""
    ...

  def begin(self, key: Key, bank: Any) -> tuple[Any, Any, Any]:
    """All environments reset, at random ages: the state, and qpos and qvel for Engine.init. Pure."""
    ...

  def act(self, state: Any, ctrl: Array) -> tuple[Any, Any]:
    """The state after deciding on ctrl [B, A] in [-1, 1], and the inputs of Engine.step, a tuple. Pure."""
    ...

  def advance(self, state: Any, bank: Any, view: Any, key: Key) -> tuple[Any, Outcome]:
    """Reward, termination, resets and next observation after a physics step. Pure."""
    ...


def choose_action(algorithm: Algorithm[Any], learner: Any, obs: Array, key: Key) -> tuple[Array, Array, Metrics]:
  """The sampled action [B, A], the action clipped to [-1, 1], and extras."""
  action, extras = algorithm.act(learner, obs, key)
  return action, jnp.clip(action, -1.0, 1.0), extras


def collect_traced(
  env: BatchedEnv, algorithm: Algorithm[Any], learner: Any, carry: Collected, bank: Any
) -> tuple[Collected, Transition, Metrics]:
  """unroll_length steps of every environment, as one scan. Pure; call it inside jit.

  Returns:
    The carry, the transitions [T, B, ...], and metrics summed over them.
  """

  def step(carry: Collected, _: None) -> tuple[Collected, tuple[Transition, Metrics]]:
    key, act_key, env_key = jax.random.split(carry.key, 3)
    action, ctrl, extras = choose_action(algorithm, learner, carry.env.obs, act_key)
    state, inputs = env.act(carry.env, ctrl)
    physics, view = env.engine.step(carry.physics, *inputs)
    state, out = env.advance(state, bank, view, env_key)
    physics = env.engine.write(physics, out.reset, out.qpos, out.qvel)
    extras = {**extras, **out.extras}
    transition = Transition(carry.env.obs, action, out.reward, out.terminated, out.truncated, out.next_obs, extras)
    return Collected(physics, state, key), (transition, out.metrics)

  carry, (batch, metrics) = jax.lax.scan(step, carry, None, length=algorithm.unroll_length)
  return carry, batch, {name: first_row(x) if x.ndim > 1 else x.sum(axis=0) for name, x in metrics.items()}


class HostCollector:
  """Collects from engines that are stepped from the host, with one jitted call per control step.

  That call does everything between two physics steps: reward, termination, resets, observation and the next action.
  Only actions, reset rows and views are exchanged between JAX and the engine.
  """

  def __init__(self, env: BatchedEnv, algorithm: Algorithm[Any], process: int = 0) -> None:
    """Compiles nothing yet.

    Args:
      process: index of this process among those that train together; each draws random numbers of its own.
    """
    self._env, self._algorithm, self._process = env, algorithm, process
    self._first = jax.jit(self._act)
    self._between = jax.jit(self._advance_and_act)

  def __call__(self, learner: Any, carry: Collected, bank: Any) -> tuple[Collected, list[Any], list[Metrics]]:
    """unroll_length steps of every environment.

    Returns:
      The carry, and transitions and metrics as one entry a step, for `stack` inside the update.
    """
    engine, state, physics = self._env.engine, carry.env, carry.physics
    # The carried state is the one before the last action: the next batch begins by choosing an action.
    key, acted, choice = self._first(learner, state, carry.key)
    transitions, metrics = [], []
    for _ in range(self._algorithm.unroll_length):
      physics, view = engine.step(physics, *jax.tree.map(np.asarray, choice[1]))
      key, state, acted, out, transition, choice = self._between(learner, acted, bank, view, choice, key)
      physics = engine.write(physics, np.asarray(out[0]), out[1], out[2])
      transitions.append(transition)
      metrics.append(out[3])
    return Collected(physics, state, key), transitions, metrics

  def _act(self, learner: Any, state: Any, key: Key) -> tuple[Key, Any, Choice]:
    key, act_key = jax.random.split(key)
    action, ctrl, extras = choose_action(self._algorithm, learner, state.obs, self._own(act_key))
    state, inputs = self._env.act(state, ctrl)
    return key, state, (action, inputs, extras)

  def _advance_and_act(
    self, learner: Any, state: Any, bank: Any, view: Any, choice: Choice, key: Key
  ) -> tuple[Key, Any, Any, tuple[Array, Array, Array, Metrics], Transition, Choice]:
    key, env_key = jax.random.split(key)
    before = state.obs
    state, out = self._env.advance(state, bank, view, self._own(env_key))
    extras = {**choice[2], **out.extras}
    transition = Transition(before, choice[0], out.reward, out.terminated, out.truncated, out.next_obs, extras)
    key, acted, choice = self._act(learner, state, key)
    return key, state, acted, (out.reset, out.qpos, out.qvel, out.metrics), transition, choice

  def _own(self, key: Key) -> Key:
    """The key of this process."""
    return jax.random.fold_in(key, self._process) if self._process else key


def stack(transitions: list[Transition], metrics: list[Metrics]) -> tuple[Transition, Metrics]:
  """Joins the lists from a HostCollector: transitions [T, B, ...] and summed metrics. Call it inside jit."""
  batch: Transition = jax.tree.map(lambda *x: jnp.stack(x), *transitions)
  parts = {name: [each[name] for each in metrics] for name in metrics[0]}
  return batch, {name: first_row(jnp.stack(x)) if x[0].ndim else sum(x) for name, x in parts.items()}


def first_row(rows: Array) -> Array:
  """Of rows [T, N] the first that does not begin with 0; the first of all if there is none."""
  return rows[jnp.argmax(rows[:, 0] != 0)]
