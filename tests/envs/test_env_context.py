"""The context in training: where it begins, how it goes on, and which one judges."""

from __future__ import annotations

import jax
import numpy as np
from env_tools import ENVS, KEY, at_rest, compiled, context_of


def test_environments_begin_where_their_row_stands_and_faces(env, bank):
  state, qpos, _ = env.begin(KEY, bank)
  np.testing.assert_array_equal(context_of(state).target_position[:, 0], 10 * qpos[:, 2])
  np.testing.assert_array_equal(context_of(state).heading, np.tile([1, 0], (ENVS, 1)))


def test_an_environment_that_is_reset_has_the_targets_of_its_new_row(advance):
  state, out = advance([0.5, 0.5, 2, 2])
  np.testing.assert_array_equal(context_of(state).target_position[:2, 0], 10 * out.qpos[:2, 2])
  # The others were moved by (0.5, -1) m/s for 25 ms, and turned by 2 rad/s.
  np.testing.assert_allclose(context_of(state).heading[2:], np.tile([np.cos(0.05), np.sin(0.05)], (2, 1)), rtol=1e-6)
  np.testing.assert_allclose(context_of(state).target_position[2:, 1], -0.025, rtol=1e-5)


def test_the_clock_of_the_gait_goes_with_the_age(make_env, bank, model, body):
  """At 2 strides per second, a step of 25 ms is 0.05 of one; also in environments that begin in the middle."""
  env = compiled(make_env(gait__frequency=2.0, num_envs=50, limit=100))
  state, _, _ = env.begin(KEY, bank)
  assert len(np.unique(context_of(state).step)) > 20
  np.testing.assert_allclose(context_of(state).phase, 0.05 * context_of(state).step % 1, atol=1e-5)
  state, _ = env.advance(state, bank, at_rest(body, model, [2.0] * 50), KEY)
  np.testing.assert_allclose(context_of(state).phase, 0.05 * context_of(state).step % 1, atol=1e-5)
  np.testing.assert_allclose(context_of(state).duty, 0.6)


def test_rewards_are_judged_by_the_context_that_the_action_was_chosen_in(make_env, bank, model, body):
  """And observations made of the one that follows: here with a new command after every step."""

  def commanded(view, body, context):
    return context.command[0], {}

  def seen(view, body, context):
    return context.command[..., :1]

  env = make_env(
    own={'reward': commanded, 'observe': seen}, command__kind='sampled', command__interval=0.025, limit=1000
  )
  state, _, _ = env.begin(KEY, bank)
  view, orders = at_rest(body, model, [2.0] * ENVS), []
  for i in range(3):
    following, out = env.advance(state, bank, view, jax.random.PRNGKey(i))
    np.testing.assert_array_equal(out.reward, context_of(state).command[:, 0])
    np.testing.assert_array_equal(out.next_obs[:, 0], context_of(following).command[:, 0])
    state = following
    orders.append(np.asarray(context_of(state).command[:, 0]))
  assert len(np.unique(orders)) > 8  # another one for every environment and step
