"""What follows from a control step: rewards, ends, resets and what is remembered, in states made by hand."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from env_tools import COMMAND, ENVS, KEY, LIMIT, at_age, at_rest, compiled, context_of

from mjx_humanoid.envs.env import EPISODE_METRICS
from mjx_humanoid.physics.native import NativeEngine
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.tasks.starts import STARTS

# Sizes and beginnings


def test_sizes(env, body):
  assert (env.action_size, env.observation_size) == (body.nu, 5) == (21, 5)
  assert env.traceable is False


def test_a_bank_holds_fresh_starts_and_their_views(env, model):
  bank = env.make_bank(np.random.default_rng(3), 7)
  qpos, qvel = STARTS['standing'](env.task.body, np.random.default_rng(3), np.ones(7), None)
  np.testing.assert_allclose(bank.qpos, qpos, atol=1e-6)
  np.testing.assert_allclose(bank.qvel, qvel, atol=1e-6)
  assert bank.qpos.dtype == bank.qvel.dtype == np.float32
  expected = view_states(model, qpos, qvel)
  assert all(np.array_equal(a, b) for a, b in zip(bank.view, expected, strict=True))


def test_environments_begin_at_rows_of_the_bank(env, bank):
  state, qpos, qvel = env.begin(KEY, bank)
  np.testing.assert_array_equal(qvel[:, 0], qpos[:, 2] - 5)  # the row's own velocity, 0, 1 or 2
  np.testing.assert_array_equal(state.obs[:, 0], qpos[:, 2])  # and its own view
  np.testing.assert_array_equal(state.obs[:, 1:3], 0)
  np.testing.assert_array_equal(state.obs[:, 3], context_of(state).step)
  np.testing.assert_array_equal(state.obs[:, 4], COMMAND[2])
  assert not state.episode_return.any()
  assert not context_of(state).last_action.any()


def test_all_rows_and_all_ages_are_used_at_the_beginning(make_env, bank):
  """So that the time limits of all environments do not fall together."""
  state, qpos, _ = compiled(make_env(num_envs=600)).begin(KEY, bank)
  assert set(np.asarray(qpos[:, 2]).tolist()) == {5, 6, 7}
  ages = np.bincount(context_of(state).step, minlength=LIMIT)
  assert len(ages) == LIMIT  # none at or beyond the limit
  # 600 environments over 10 ages: 60 each, standard deviation sqrt(600 x 0.1 x 0.9) = 7.3
  assert abs(ages - 60).max() < 5 * 7.3


def test_another_key_begins_otherwise(make_env, bank):
  env = compiled(make_env(num_envs=50))
  a, b = env.begin(KEY, bank)[0], env.begin(jax.random.PRNGKey(1), bank)[0]
  assert not np.array_equal(context_of(a).step, context_of(b).step)
  assert np.array_equal(context_of(a).step, context_of(env.begin(KEY, bank)[0]).step)


# Rewards and what is remembered


def test_reward_is_that_of_the_view_and_the_action_before(advance):
  # Height 2, 1.5, 3, 2; control from 0.25 to 0.5, 0.25, 0, 0.25: 100 x (0.25, 0, -0.25, 0)
  _, out = advance([2, 1.5, 3, 2], [0.5, 0.25, 0, 0.25])
  np.testing.assert_allclose(out.reward, [27, 1.5, -22, 2])
  np.testing.assert_allclose(out.terms['height'], [2, 1.5, 3, 2])
  np.testing.assert_allclose(out.terms['change'], [0.25, 0, -0.25, 0])


def test_an_environment_that_goes_on_remembers_its_action_and_age(advance):
  state, out = advance(controls=[0.5, 0.75, -0.5, 0.25])
  np.testing.assert_allclose(context_of(state).last_action[:, 0], [0.5, 0.75, -0.5, 0.25])
  np.testing.assert_array_equal(context_of(state).step, 4)
  np.testing.assert_allclose(context_of(state).command, np.tile(COMMAND, (ENVS, 1)))
  assert not out.reset.any()


def test_the_observation_is_of_the_new_view_with_the_context_that_follows(advance):
  # height, time, the control that led here, age, command
  state, out = advance([2, 1.5, 3, 2], 0.5)
  np.testing.assert_allclose(out.next_obs, [[z, 0.5, 0.5, 4, 2] for z in (2, 1.5, 3, 2)])
  np.testing.assert_array_equal(state.obs, out.next_obs)


def test_returns_add_up_over_the_episode(advance):
  state, _ = advance([2, 1.5, 3, 2])
  np.testing.assert_allclose(state.episode_return, [12, 21.5, 33, 42])


# Ends


def test_a_fall_terminates_and_is_no_time_limit(advance):
  _, out = advance([2, 0.5, 2, 0.5])
  assert out.terminated.tolist() == [False, True, False, True]
  assert out.truncated.tolist() == [False] * 4
  assert out.reset.tolist() == out.terminated.tolist()
  np.testing.assert_allclose(out.reward, [2, 0.5, 2, 0.5])  # the terminal step itself is rewarded


def test_a_time_limit_truncates_at_exactly_its_step(advance):
  """The limit is 10: the step that makes an age of 10 is the last."""
  _, out = advance(ages=[7, 8, 9, 3])
  assert out.truncated.tolist() == [False, False, True, False]
  assert out.terminated.tolist() == [False] * 4
  assert out.reset.tolist() == out.truncated.tolist()


def test_a_fall_at_the_time_limit_is_a_fall(advance):
  """Else the value of a fallen state would be added to its reward."""
  _, out = advance([0.5, 2, 2, 2], ages=[9, 9, 3, 3])
  assert out.terminated.tolist() == [True, False, False, False]
  assert out.truncated.tolist() == [False, True, False, False]


def test_an_episode_has_as_many_steps_as_its_limit(env, bank, body, model):
  state, _, _ = env.begin(KEY, bank)
  state = at_age(state, 0)
  step = jax.jit(env.advance)
  resets = []
  for _ in range(25):
    state, out = step(state, bank, at_rest(body, model, [2.0] * ENVS), KEY)
    resets.append(bool(out.truncated.all()))
  assert [i for i, reset in enumerate(resets, start=1) if reset] == [10, 20]


# Resets


def test_next_obs_is_the_true_one_where_the_environment_is_reset(advance):
  """The value after a time limit is that of where the episode was, not of where the next begins."""
  state, out = advance([0.5, 3, 2, 2], 0.5, ages=[3, 9, 3, 3])
  np.testing.assert_allclose(out.next_obs[:2], [[0.5, 0.5, 0.5, 4, 2], [3, 0.5, 0.5, 10, 2]])
  assert (state.obs[:2, 0] >= 5).all()


def test_an_environment_that_is_reset_takes_a_row_of_the_bank_and_forgets(advance):
  state, out = advance([0.5, 0.5, 2, 2], 0.5, ages=[3, 9, 3, 3])
  for i in (0, 1):
    height = float(out.qpos[i, 2])
    assert height in (5, 6, 7)
    np.testing.assert_array_equal(out.qvel[i], height - 5)  # position and velocity of one row
    np.testing.assert_array_equal(state.obs[i], [height, 0, 0, 0, 2])
    assert context_of(state).step[i] == 0
    assert not context_of(state).last_action[i].any()
    assert state.episode_return[i] == 0
  np.testing.assert_array_equal(context_of(state).step[2:], 4)
  np.testing.assert_allclose(context_of(state).last_action[2:, 0], 0.5)


def test_other_rows_are_drawn_for_every_environment_and_key(make_env, bank, body, model):
  env = compiled(make_env(num_envs=300))
  state, _, _ = env.begin(KEY, bank)
  fallen = at_rest(body, model, [0.5] * 300)
  first = np.asarray(env.advance(state, bank, fallen, KEY)[1].qpos[:, 2])
  other = np.asarray(env.advance(state, bank, fallen, jax.random.PRNGKey(1))[1].qpos[:, 2])
  # 300 environments over 3 rows: 100 each, standard deviation sqrt(300 x 1/3 x 2/3) = 8.2
  assert all(abs(np.sum(first == z) - 100) < 5 * 8.2 for z in (5, 6, 7))
  assert not np.array_equal(first, other)


# Metrics


def test_metrics_are_sums_over_the_batch(advance):
  # The first falls at age 4 with 10 + 0.5; the second meets its limit at age 10 with 20 + 3.
  # Heights: 0.5 + 3 + 2 + 1.5 = 7.
  # Controls from 0.25 to 0.5 in all four environments: 4 x 0.25 = 1, worth 25 to each return.
  _, out = advance([0.5, 3, 2, 1.5], 0.5, ages=[3, 9, 3, 3])
  found = {name: float(value) for name, value in out.metrics.items() if value.ndim == 0}
  assert found == pytest.approx(
    {
      'episodes': 2,
      'episode_return': 10.5 + 25 + 23 + 25,
      'episode_length': 4 + 10,
      'steps': 4,
      'diverged': 0,
      'level': 4,
      'invalid_reward': 0,
      'invalid_term/height': 0,
      'invalid_term/change': 0,
      'term/height': 7,
      'term/change': 1,
    }
  )
  assert set(EPISODE_METRICS) <= set(found)


def test_the_length_of_an_episode_is_that_of_the_steps_played_in_it(env, bank, body, model):
  """And not those of the random age at which training begins it."""
  state, _, _ = env.begin(KEY, bank)
  ages, step = np.asarray(context_of(state).step), jax.jit(env.advance)
  assert ages.max() > 2
  ends = np.zeros(ENVS, int)
  for played in range(1, LIMIT + 1):
    state, out = step(state, bank, at_rest(body, model, [2.0] * ENVS), KEY)
    assert float(out.metrics['episode_length']) == played * int(out.truncated.sum())
    ends[np.asarray(out.truncated)] = played
    np.testing.assert_array_equal(state.length, np.where(ends, played - ends, played))
    if ends.all():
      break
  np.testing.assert_array_equal(ends, LIMIT - ages)


def test_metrics_of_a_step_without_ends_count_only_steps_and_terms(advance):
  _, out = advance()
  found = {name: float(value) for name, value in out.metrics.items() if value.ndim == 0}
  assert [found[name] for name in EPISODE_METRICS] == [0, 0, 0, 4, 0, 4, 0]


# With physics


def test_environments_on_the_native_engine_end_and_go_on_from_their_rows(make_env, model):
  """Limp robots fall within two seconds; the environment that fell goes on as a fresh one from the row it took."""
  engine = NativeEngine(model, ENVS, 5)
  env = make_env(engine, limit=1000)
  bank = env.make_bank(np.random.default_rng(0), 8)
  state, qpos, qvel = env.begin(KEY, bank)
  physics, step = engine.init(qpos, qvel), jax.jit(env.advance)
  fresh = NativeEngine(model, ENVS, 5)
  ctrl, fallen, taken = np.zeros((ENVS, env.action_size)), 0, None
  for i in range(80):
    physics, view = engine.step(physics, ctrl)
    if taken is not None:
      mask, start = taken
      again = fresh.step(fresh.init(*start), ctrl)[1]
      np.testing.assert_array_equal(view.qpos[mask], again.qpos[mask])
    before = state
    state, out = step(state, bank, view, jax.random.PRNGKey(i))
    reset = np.asarray(out.reset)
    assert reset.tolist() == (view.qpos[:, 2] < 1.0).tolist()
    np.testing.assert_allclose(out.next_obs[:, 0], view.qpos[:, 2])
    expected = np.where(reset, 0, before.episode_return + out.reward)
    np.testing.assert_allclose(state.episode_return, expected, rtol=1e-6)
    physics = engine.write(physics, reset, out.qpos, out.qvel)
    taken = (reset, (out.qpos, out.qvel)) if reset.any() else None
    fallen += reset.sum()
  assert fallen >= ENVS
