"""Protects collecting: what a transition holds, and that both ways of driving physics give the same ones.

The fake world: a point x per world that moves by the control; it terminates beyond 1, and its time limit is 3 steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from outcomes import Outcome

from mjx_humanoid.core.types import Inputs
from mjx_humanoid.rl.collect import Collected, HostCollector, collect_traced, first_row, stack

STARTS = np.array([[0.0], [0.5], [-4.0]], np.float32)  # of three worlds, whenever they begin anew
STEPS = 7


class State(NamedTuple):
  age: Any
  obs: Any
  sent: Any  # the controls of the step before, where they arrive a step late


class TracedPoint:
  """The point's physics in JAX. A force moves it too, a kick ten times as far."""

  def step(self, state, ctrl, force=None, kick=None):
    state = state + ctrl + (0 if force is None else force) + (0 if kick is None else 10 * kick)
    return state, state

  def write(self, state, mask, qpos, qvel):
    return jnp.where(mask[:, None], qpos, state)


class HostPoint:
  """The point's physics in NumPy, changed in place as the native engine does."""

  def step(self, state, ctrl, force=None, kick=None):
    assert all(x is None or isinstance(x, np.ndarray) for x in (ctrl, force, kick))
    state += ctrl + (0 if force is None else force) + (0 if kick is None else 10 * kick)
    return state, state.copy()

  def write(self, state, mask, qpos, qvel):
    assert isinstance(mask, np.ndarray)
    state[mask] = np.asarray(qpos)[mask]
    return state


class PointEnv:
  def __init__(self, engine):
    self.engine = engine

  def act(self, state, ctrl):
    return state, Inputs(ctrl)

  def advance(self, state, bank, view, key):
    age = state.age + 1
    terminated = view[:, 0] > 1
    truncated = (age >= 3) & ~terminated
    reset = terminated | truncated
    obs = jnp.where(reset[:, None], bank, view)
    metrics = {'episodes': reset.sum(), 'steps': jnp.asarray(len(age))}
    out = Outcome(10 * view[:, 0], terminated, truncated, view, reset, bank, bank, metrics)
    return state._replace(age=jnp.where(reset, 0, age), obs=obs), out


class LatePointEnv(PointEnv):
  """Controls arrive one step late; every step is pushed by 0.01 times its age, kicked by 0.001 times that."""

  def act(self, state, ctrl):
    age = state.age[:, None]
    return state._replace(sent=ctrl), Inputs(state.sent, 0.01 * age, 0.001 * age)


def test_of_rows_the_first_that_says_something_is_kept():
  rows = jnp.array([[0.0, 9.0], [1.0, 5.0], [1.0, 6.0]])
  assert first_row(rows).tolist() == [1, 5]
  assert first_row(rows[:1]).tolist() == [0, 9]
  _, metrics = stack([jnp.zeros(2)] * 3, [{'row': row, 'sum': row[1]} for row in rows])
  assert (metrics['row'].tolist(), float(metrics['sum'])) == ([1, 5], 20)


class Acting:
  """Acts without chance: learner * (x + 1), which exceeds what a control may be."""

  unroll_length = STEPS

  def act(self, learner, obs, key):
    return learner * (obs + 1), {'seen': obs[:, 0]}


def start():
  return State(jnp.zeros(3, jnp.int32), jnp.asarray(STARTS), jnp.zeros((3, 1)))


def traced(learner, kind=PointEnv, batches=1):
  carry = Collected(jnp.asarray(STARTS), start(), jax.random.PRNGKey(0))
  env, algorithm = kind(TracedPoint()), Acting()
  collect = jax.jit(lambda learner, carry, bank: collect_traced(env, algorithm, learner, carry, bank))
  for _ in range(batches):
    carry, batch, metrics = collect(learner, carry, jnp.asarray(STARTS))
  return carry, batch, metrics


def hosted(learner, kind=PointEnv, batches=1):
  collector = HostCollector(kind(HostPoint()), Acting())
  carry = Collected(STARTS.copy(), start(), jax.random.PRNGKey(0))
  for _ in range(batches):
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


@pytest.mark.parametrize('collect', [traced, hosted])
def test_the_environment_decides_what_acts_on_the_physics(collect):
  """World 2 acts 0.4 (x + 1), clipped to -1, but a step late; pushed by 0.01 and kicked by 10 x 0.001 times its age."""
  _, batch, _ = collect(0.4, LatePointEnv)
  found = np.asarray(batch.next_obs[:, 2, 0])
  np.testing.assert_allclose(found[:3], [-4, -5 + 0.02, -6 + 0.06], atol=1e-5)
  assert batch.truncated[2, 2]
  # It begins anew at -4; what it said last, -1, arrives now: the fake does not forget.
  np.testing.assert_allclose(found[3], -5, atol=1e-5)
  np.testing.assert_allclose(batch.action[:, 2, 0], 0.4 * (np.asarray(batch.obs[:, 2, 0]) + 1), rtol=1e-5)


@pytest.mark.parametrize('kind', [PointEnv, LatePointEnv])
def test_what_was_sent_is_remembered_from_batch_to_batch_alike(kind):
  """Deciding twice on the same step would put its control twice into what is on its way."""
  first, second = traced(0.4, kind, 3), hosted(0.4, kind, 3)
  for a, b in zip(jax.tree.leaves(first[1]), jax.tree.leaves(second[1]), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5)
  for a, b in zip(jax.tree.leaves(first[0].env), jax.tree.leaves(second[0].env), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5)
  np.testing.assert_allclose(first[0].physics, second[0].physics, atol=1e-5)


@pytest.mark.parametrize('collect', [traced, hosted])
def test_one_long_batch_is_several_short_ones(collect, monkeypatch):
  """Nothing may be lost or done twice at the seam."""
  seen = {}
  for length, batches in ((12, 1), (4, 3)):
    monkeypatch.setattr(Acting, 'unroll_length', length)
    carry, _, _ = collect(0.4, LatePointEnv, batches)
    seen[batches] = (np.array(carry.physics), *map(np.array, carry.env))
  for a, b in zip(seen[1], seen[3], strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5)


class Dice(Acting):
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
