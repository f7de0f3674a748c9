"""Environments whose physics, reward or observation is no longer finite: they end, earn nothing and spoil nothing."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_tools import ENVS, KEY, at_age, at_rest

from mjx_humanoid.core.types import View
from mjx_humanoid.envs.invalid import INVALID_STATE, unpack


def spoil(field, row, value=np.nan):
  """Puts a value into the last element of a field of one environment."""

  def change(view):
    array = np.array(getattr(view, field))
    array.reshape(ENVS, -1)[row, -1] = value
    return view._replace(**{field: array})

  return change


@pytest.mark.parametrize('field', View._fields)
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_an_environment_that_is_not_finite_anywhere_ends_and_spoils_nothing(advance, field, value):
  """Not even in a sensor that no reward reads."""
  clean_state, clean = advance()
  state, out = advance(change=spoil(field, 1, value))
  assert out.terminated.tolist() == [False, True, False, False]
  assert not out.truncated.any()
  assert out.reset.tolist() == [False, True, False, False]
  assert out.diverged.tolist() == [False, True, False, False]
  assert float(out.metrics['diverged']) == 1
  everything = jax.tree.leaves((state, out._replace(metrics=dict(out.metrics))))
  assert all(np.isfinite(x).all() for x in everything)
  others = np.array([0, 2, 3])
  np.testing.assert_array_equal(out.reward[others], clean.reward[others])
  np.testing.assert_array_equal(out.next_obs[others], clean.next_obs[others])
  for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(clean_state), strict=True):
    np.testing.assert_array_equal(np.asarray(a)[others], np.asarray(b)[others])


def test_an_environment_that_diverges_earns_nothing_and_keeps_its_last_observation(advance, begun):
  state, out = advance(change=spoil('qpos', 2))
  assert out.reward.tolist() == out.terms['height'].tolist() == [2, 2, 0, 2]
  np.testing.assert_array_equal(out.next_obs[2], begun.obs[2])
  # Its return so far still counts as an episode of four steps; its terms do not count.
  found = {name: float(value) for name, value in out.metrics.items() if value.ndim == 0}
  assert (found['episodes'], found['episode_return'], found['episode_length']) == (1, 30, 4)
  assert found['term/height'] == 3 * 2
  assert float(state.obs[2, 0]) in (5, 6, 7)


@pytest.mark.parametrize(('speed', 'diverged'), [(1001, True), (-1001, True), (999, False)])
def test_an_environment_faster_than_anything_real_has_diverged(advance, speed, diverged):
  """Finite still, but its squares would ruin the running statistics."""
  _, out = advance(change=spoil('qvel', 1, speed))
  assert out.terminated.tolist() == [False, diverged, False, False]
  assert float(out.metrics['diverged']) == diverged


def test_divergence_at_the_time_limit_is_a_termination(advance):
  _, out = advance(ages=[9, 9, 9, 9], change=spoil('qvel', 0))
  assert out.terminated.tolist() == [True, False, False, False]
  assert out.truncated.tolist() == [False, True, True, True]


def test_a_fall_is_no_divergence_even_where_it_earns_nothing(make_env, bank, body, model):
  """A total of 0 made of terms that cancel keeps its terms."""
  terms = {'fell': jnp.array(-1.0), 'alive': jnp.array(1.0)}
  env = make_env(own={'reward': lambda view, body, context: (jnp.array(0.0), terms)})
  state = at_age(env.begin(KEY, bank)[0], 0)
  _, out = env.advance(state, bank, at_rest(body, model, [0.5, 2, 2, 2]), KEY)
  assert out.terminated.tolist() == [True, False, False, False]
  assert not out.diverged.any()
  assert out.terms['fell'].tolist() == [-1] * 4


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_a_reward_that_is_not_finite_is_counted_apart_and_ends_nothing(make_env, bank, body, model, value):
  def broken(view, body, context):
    bad = jnp.where(view.qpos[2] > 2.5, value, 1.0)
    return bad, {'bad': bad}

  env = make_env(own={'reward': broken})
  state = at_age(env.begin(KEY, bank)[0], 0)
  _, out = env.advance(state, bank, at_rest(body, model, [2, 3, 2, 3]), KEY)
  assert out.reward.tolist() == [1, 0, 1, 0]
  assert not out.reset.any()
  assert float(out.metrics['diverged']) == 0
  assert float(out.metrics['invalid_reward']) == float(out.metrics['invalid_term/bad']) == 2
  assert float(out.metrics['term/bad']) == 2
  found = unpack(np.asarray(out.metrics[INVALID_STATE]), body.nq, body.nv)
  assert (found.environment, found.step, found.qpos[2]) == (1, 1, 3)
  assert (found.qpos.shape, found.qvel.shape, found.ctrl.shape) == ((body.nq,), (body.nv,), (body.nu,))


def test_without_an_invalid_reward_there_is_no_state_of_one(advance, body):
  _, out = advance(change=spoil('qpos', 0))
  assert unpack(np.asarray(out.metrics[INVALID_STATE]), body.nq, body.nv) is None


def test_a_term_that_is_not_finite_is_counted_by_its_name_though_the_total_is(make_env, bank, body, model):
  terms = lambda view, body, context: (jnp.array(1.0), {'root': jnp.sqrt(view.qpos[2] - 2.5)})  # noqa: E731
  env = make_env(own={'reward': terms})
  state = at_age(env.begin(KEY, bank)[0], 0)
  _, out = env.advance(state, bank, at_rest(body, model, [2, 2.75, 3.5, 2]), KEY)
  found = {name: float(out.metrics[name]) for name in ('invalid_reward', 'invalid_term/root', 'term/root')}
  assert found == {'invalid_reward': 0, 'invalid_term/root': 2, 'term/root': 1.5}


def test_an_observation_that_is_not_finite_does_not_reach_the_policy(make_env, model, body, bank):
  """An environment whose physics is sound but whose observation is not must not poison the normaliser."""
  broken = lambda view, body, context: jnp.log(view.qpos[..., 2:3] - 1.5)  # noqa: E731
  env = make_env(own={'observe': broken, 'terminate': lambda v, b, c: v.qpos[..., 2] < 0})
  state, _, _ = env.begin(KEY, bank)
  state, out = env.advance(state, bank, at_rest(body, model, [2, 1, 2, 2]), KEY)
  assert np.isfinite(out.next_obs).all()
  assert np.isfinite(state.obs).all()
  assert float(out.metrics['diverged']) == 1
