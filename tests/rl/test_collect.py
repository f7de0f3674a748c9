"""Protects collecting: what a transition holds, and that both ways of driving physics give the same ones.

The fake world: a point x per world that moves by the control; it terminates beyond 1, and its time limit is 3 steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.rl.collect import Collected, HostCollector, collect_traced, stack

STARTS = np.array([[0.0], [0.5], [-4.0]], np.float32)  # of three worlds, whenever they begin anew
STEPS = 7


class State(NamedTuple):
  age: Any
  obs: Any


class Outcome(NamedTuple):
  reward: Any
  terminated: Any
  truncated: Any
  next_obs: Any
  reset: Any
  qpos: Any
  qvel: Any
  metrics: Any


class TracedPoint:
  """The point's physics in JAX."""

  def step(self, state, ctrl):
    return state + ctrl, state + ctrl

  def write(self, state, mask, qpos, qvel):
    return jnp.where(mask[:, None], qpos, state)


class HostPoint:
  """The point's physics in NumPy, changed in place as the native engine does."""

  def step(self, state, ctrl):
    assert isinstance(ctrl, np.ndarray)
    state += ctrl
    return state, state.copy()

  def write(self, state, mask, qpos, qvel):
    assert isinstance(mask, np.ndarray)
    state[mask] = np.asarray(qpos)[mask]
    return state


class PointEnv:
  def __init__(self, engine):
    self.engine = engine

  def advance(self, state, bank, view, key):
    age = state.age + 1
    terminated = view[:, 0] > 1
    truncated = (age >= 3) & ~terminated
    reset = terminated | truncated
    obs = jnp.where(reset[:, None], bank, view)
    metrics = {'episodes': reset.sum(), 'steps': jnp.asarray(len(age))}
    out = Outcome(10 * view[:, 0], terminated, truncated, view, reset, bank, bank, metrics)
    return State(jnp.where(reset, 0, age), obs), out


class Pusher:
  """Acts without chance: learner * (x + 1), which exceeds what a control may be."""

  unroll_length = STEPS

  def act(self, learner, obs, key):
    return learner * (obs + 1), {'seen': obs[:, 0]}


def start():
  return State(jnp.zeros(3, jnp.int32), jnp.asarray(STARTS))


def traced(learner):
  carry = Collected(jnp.asarray(STARTS), start(), jax.random.PRNGKey(0))
  env, algorithm = PointEnv(TracedPoint()), Pusher()
  collect = jax.jit(lambda learner, carry, bank: collect_traced(env, algorithm, learner, carry, bank))
  return collect(learner, carry, jnp.asarray(STARTS))


def hosted(learner):
  collector = HostCollector(PointEnv(HostPoint()), Pusher())
  carry = Collected(STARTS.copy(), start(), jax.random.PRNGKey(0))
  carry, transitions, metrics = collector(learner, carry, jnp.asarray(STARTS))
  return carry, *stack(transitions, metrics)


@pytest.mark.parametrize('collect', [traced, hosted])
def test_transitions_by_hand(collect):
  """World 0 at 0.4 (x + 1): 0 -> 0.4 -> 0.96 -> 1.744, ends there, and begins anew at 0."""
  _, batch, metrics = collect(0.4)
  np.testing.assert_allclose(batch.obs[:, 0, 0], [0, 0.4, 0.96, 0, 0.4, 0.96, 0], atol=1e-6)
  np.testing.assert_allclose(batch.next_obs[:, 0, 0], [0.4, 0.96, 1.744, 0.4, 0.96, 1.744, 0.4], atol=1e-6)
  np.testing.assert_allclose(batch.reward[:, 0], 10 * batch.next_obs[:, 0, 0], rtol=1e-6)
  np.testing.assert_array_equal(batch.terminated[:, 0], [0, 0, 1, 0, 0, 1, 0])
  assert not batch.truncated[:, 0].any()
  # World 2 starts at -4 and acts -1.2, clipped to -1: it meets the time limit in every third step.
  np.testing.assert_allclose(batch.next_obs[:, 2, 0], [-5, -6, -7, -5, -6, -7, -5], atol=1e-6)
  np.testing.assert_array_equal(batch.truncated[:, 2], [0, 0, 1, 0, 0, 1, 0])
  assert not batch.terminated[:, 2].any()
  # World 1: 0.5 -> 1.1, ends in every step. In all: 2 + 7 + 2 ends, 3 worlds x 7 steps.
  assert batch.terminated[:, 1].all()
  assert int(metrics['episodes']) == 11
  assert int(metrics['steps']) == 21


@pytest.mark.parametrize('collect', [traced, hosted])
def test_the_action_is_kept_as_sampled_while_physics_gets_it_clipped(collect):
  _, batch, _ = collect(0.4)
  assert float(batch.action[0, 2, 0]) == pytest.approx(-1.2)
  assert float(batch.next_obs[0, 2, 0] - batch.obs[0, 2, 0]) == pytest.approx(-1.0)


@pytest.mark.parametrize('collect', [traced, hosted])
def test_extras_belong_to_the_observation_that_was_acted_upon(collect):
  _, batch, _ = collect(0.4)
  np.testing.assert_array_equal(batch.extras['seen'], batch.obs[:, :, 0])


@pytest.mark.parametrize('learner', [0.4, -0.3])
def test_scan_and_host_loop_give_the_same_transitions_and_go_on_from_the_same_place(learner):
  first, second = traced(learner), hosted(learner)
  jax.tree.map(np.testing.assert_array_equal, first[1], second[1])
  jax.tree.map(np.testing.assert_array_equal, first[2], second[2])
  np.testing.assert_array_equal(first[0].physics, second[0].physics)
  jax.tree.map(np.testing.assert_array_equal, first[0].env, second[0].env)


@pytest.mark.parametrize('collect', [traced, hosted])
def test_the_state_carried_on_is_the_one_after_the_last_step(collect):
  carry, batch, _ = collect(0.4)
  reset = np.asarray(batch.terminated[-1] | batch.truncated[-1])[:, None]
  np.testing.assert_allclose(carry.env.obs, np.where(reset, STARTS, batch.next_obs[-1]), atol=1e-6)
  np.testing.assert_allclose(carry.physics, carry.env.obs, atol=1e-6)


class Dice(Pusher):
  """Acts by chance alone."""

  def act(self, learner, obs, key):
    return jax.random.normal(key, obs.shape), {}


@pytest.mark.parametrize('host', [False, True])
def test_every_step_and_every_batch_draws_new_random_numbers(host):
  carry = Collected(STARTS.copy() if host else jnp.asarray(STARTS), start(), jax.random.PRNGKey(0))
  bank, drawn = jnp.asarray(STARTS), []
  collector = HostCollector(PointEnv(HostPoint()), Dice())
  for _ in range(2):
    if host:
      carry, transitions, metrics = collector(0.0, carry, bank)
      batch, _ = stack(transitions, metrics)
    else:
      carry, batch, _ = collect_traced(PointEnv(TracedPoint()), Dice(), 0.0, carry, bank)
    drawn.append(np.asarray(batch.action).ravel())
  assert len(np.unique(np.concatenate(drawn))) == 2 * STEPS * 3
