"""What follows from a control step: rewards, ends, resets and what is remembered, in worlds made by hand."""

import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.envs.env import EPISODE_METRICS, Bank, Env
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.engine import view_states
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.native import NativeEngine
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.episodes import STARTS
from mjx_humanoid.tasks.task import Task
from mjx_humanoid.types import View

WORLDS, LIMIT, COMMAND = 4, 10, (0.5, -1.0, 2.0)
KEY = jax.random.PRNGKey(0)


@pytest.fixture(scope='module')
def model():
  return build_model(robots()['humanoid'])


@pytest.fixture(scope='module')
def body(model):
  return describe(robots()['humanoid'], model)


def reward(view, body, context):
  """Height, plus 100 for each unit by which the first control has changed."""
  change = view.ctrl[0] - context.last_action[0]
  return view.qpos[2] + 100 * change, {'height': view.qpos[2], 'change': change}


def observe(view, body, context):
  """Height, time, last first control, age, command: everything that must be right, in the open."""
  return jnp.stack([view.qpos[2], view.time, context.last_action[0], context.step * 1.0, context.command[2]])


@pytest.fixture(scope='module')
def make_env(model, body):
  def make(engine=None, num_envs=WORLDS, limit=LIMIT, reward=reward):
    terminate = lambda view, body, context: view.qpos[2] < 1.0  # noqa: E731
    task = Task(body, reward, observe, terminate, STARTS['standing'], 1.0, COMMAND, limit)
    return Env(task, engine or SimpleNamespace(traceable=False), model, num_envs)

  return make


@pytest.fixture(scope='module')
def env(make_env):
  return make_env()


def worlds(body, model, heights, controls=0.0, time=0.5):
  """A view of resting worlds at these heights, whose first control is this."""
  count = len(heights)
  qpos = np.tile(body.default_qpos, (count, 1))
  qpos[:, 2] = heights
  ctrl = np.zeros((count, body.nu), np.float32)
  ctrl[:, 0] = controls
  sensors = np.zeros((count, model.nsensordata), np.float32)
  return View(np.full(count, time, np.float32), qpos, np.zeros((count, body.nv), np.float32), ctrl, sensors)


@pytest.fixture(scope='module')
def bank(body, model):
  """Three rows, told apart by their heights 5, 6 and 7."""
  view = worlds(body, model, [5, 6, 7], time=0.0)
  return Bank(view.qpos, np.arange(3)[:, None] * np.ones((3, body.nv), np.float32), view)


@pytest.fixture
def begun(env, bank):
  """All worlds at age 3, with height 2 and first control 0.25 behind them, and a return of 10, 20, 30, 40 so far."""
  state, _, _ = env.begin(KEY, bank)
  last = jnp.zeros((WORLDS, env.action_size)).at[:, 0].set(0.25)
  context = state.context._replace(step=jnp.full(WORLDS, 3, jnp.int32), last_action=last)
  return state._replace(context=context, episode_return=jnp.array([10.0, 20, 30, 40]))


@pytest.fixture
def advance(env, bank, body, model, begun):
  """Advances the begun worlds to these heights and controls."""

  def advance(heights=(2.0, 2.0, 2.0, 2.0), controls=0.25, ages=None, change=None):
    state = begun if ages is None else begun._replace(context=begun.context._replace(step=jnp.asarray(ages, jnp.int32)))
    view = worlds(body, model, heights, controls)
    return env.advance(state, bank, change(view) if change else view, KEY)

  return advance


def spoil(field, world, value=np.nan):
  """Puts a value into the last element of a field of one world."""

  def change(view):
    array = np.array(getattr(view, field))
    array.reshape(WORLDS, -1)[world, -1] = value
    return view._replace(**{field: array})

  return change


# Sizes and beginnings


def test_sizes(env, body):
  assert (env.action_size, env.observation_size) == (body.nu, 5) == (21, 5)
  assert env.traceable is False


def test_a_bank_holds_fresh_starts_and_their_views(env, model):
  bank = env.make_bank(np.random.default_rng(3), 7)
  qpos, qvel = STARTS['standing'](env.task.body, np.random.default_rng(3), 7, 1.0)
  np.testing.assert_allclose(bank.qpos, qpos, atol=1e-6)
  np.testing.assert_allclose(bank.qvel, qvel, atol=1e-6)
  assert bank.qpos.dtype == bank.qvel.dtype == np.float32
  expected = view_states(model, qpos, qvel)
  assert all(np.array_equal(a, b) for a, b in zip(bank.view, expected, strict=True))


def test_worlds_begin_at_rows_of_the_bank(env, bank):
  state, qpos, qvel = env.begin(KEY, bank)
  np.testing.assert_array_equal(qvel[:, 0], qpos[:, 2] - 5)  # the row's own velocity, 0, 1 or 2
  np.testing.assert_array_equal(state.obs[:, 0], qpos[:, 2])  # and its own view
  np.testing.assert_array_equal(state.obs[:, 1:3], 0)
  np.testing.assert_array_equal(state.obs[:, 3], state.context.step)
  np.testing.assert_array_equal(state.obs[:, 4], COMMAND[2])
  assert not state.episode_return.any()
  assert not state.context.last_action.any()


def test_all_rows_and_all_ages_are_used_at_the_beginning(make_env, bank):
  """So that the time limits of all worlds do not fall together."""
  state, qpos, _ = make_env(num_envs=600).begin(KEY, bank)
  assert set(np.asarray(qpos[:, 2]).tolist()) == {5, 6, 7}
  ages = np.bincount(state.context.step, minlength=LIMIT)
  assert len(ages) == LIMIT  # none at or beyond the limit
  # 600 worlds over 10 ages: 60 each, standard deviation sqrt(600 x 0.1 x 0.9) = 7.3
  assert abs(ages - 60).max() < 5 * 7.3


def test_another_key_begins_otherwise(make_env, bank):
  env = make_env(num_envs=50)
  a, b = env.begin(KEY, bank)[0], env.begin(jax.random.PRNGKey(1), bank)[0]
  assert not np.array_equal(a.context.step, b.context.step)
  assert np.array_equal(a.context.step, env.begin(KEY, bank)[0].context.step)


# Rewards and what is remembered


def test_reward_is_that_of_the_view_and_the_action_before(advance):
  # Height 2, 1.5, 3, 2; control from 0.25 to 0.5, 0.25, 0, 0.25: 100 x (0.25, 0, -0.25, 0)
  _, out = advance([2, 1.5, 3, 2], [0.5, 0.25, 0, 0.25])
  np.testing.assert_allclose(out.reward, [27, 1.5, -22, 2])


def test_a_world_that_goes_on_remembers_its_action_and_age(advance):
  state, out = advance(controls=[0.5, 0.75, -0.5, 0.25])
  np.testing.assert_allclose(state.context.last_action[:, 0], [0.5, 0.75, -0.5, 0.25])
  np.testing.assert_array_equal(state.context.step, 4)
  np.testing.assert_allclose(state.context.command, np.tile(COMMAND, (WORLDS, 1)))
  assert not out.reset.any()


def test_the_observation_is_of_the_new_view_with_the_action_before(advance):
  # height, time, last action, age, command
  state, out = advance([2, 1.5, 3, 2], 0.5)
  np.testing.assert_allclose(out.next_obs, [[z, 0.5, 0.25, 4, 2] for z in (2, 1.5, 3, 2)])
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
  state = state._replace(context=state.context._replace(step=jnp.zeros(WORLDS, jnp.int32)))
  step = jax.jit(env.advance)
  resets = []
  for _ in range(25):
    state, out = step(state, bank, worlds(body, model, [2.0] * WORLDS), KEY)
    resets.append(bool(out.truncated.all()))
  assert [i for i, reset in enumerate(resets, start=1) if reset] == [10, 20]


# Resets


def test_next_obs_is_the_true_one_where_the_world_starts_anew(advance):
  """The value after a time limit is that of where the episode was, not of where the next begins."""
  state, out = advance([0.5, 3, 2, 2], 0.5, ages=[3, 9, 3, 3])
  np.testing.assert_allclose(out.next_obs[:2], [[0.5, 0.5, 0.25, 4, 2], [3, 0.5, 0.25, 10, 2]])
  assert (state.obs[:2, 0] >= 5).all()


def test_a_world_that_starts_anew_takes_a_row_of_the_bank_and_forgets(advance):
  state, out = advance([0.5, 0.5, 2, 2], 0.5, ages=[3, 9, 3, 3])
  for world in (0, 1):
    height = float(out.qpos[world, 2])
    assert height in (5, 6, 7)
    np.testing.assert_array_equal(out.qvel[world], height - 5)  # position and velocity of one row
    np.testing.assert_array_equal(state.obs[world], [height, 0, 0, 0, 2])
    assert state.context.step[world] == 0
    assert not state.context.last_action[world].any()
    assert state.episode_return[world] == 0
  np.testing.assert_array_equal(state.context.step[2:], 4)
  np.testing.assert_allclose(state.context.last_action[2:, 0], 0.5)


def test_rows_are_drawn_anew_for_every_world_and_key(make_env, bank, body, model):
  env = make_env(num_envs=300)
  state, _, _ = env.begin(KEY, bank)
  fallen = worlds(body, model, [0.5] * 300)
  first = np.asarray(env.advance(state, bank, fallen, KEY)[1].qpos[:, 2])
  other = np.asarray(env.advance(state, bank, fallen, jax.random.PRNGKey(1))[1].qpos[:, 2])
  # 300 worlds over 3 rows: 100 each, standard deviation sqrt(300 x 1/3 x 2/3) = 8.2
  assert all(abs(np.sum(first == z) - 100) < 5 * 8.2 for z in (5, 6, 7))
  assert not np.array_equal(first, other)


# Metrics


def test_metrics_are_sums_over_the_batch(advance):
  # World 0 falls at age 4 with 10 + 0.5; world 1 meets its limit at age 10 with 20 + 3. Heights: 0.5 + 3 + 2 + 1.5 = 7.
  # Controls from 0.25 to 0.5 in all four worlds: 4 x 0.25 = 1, worth 25 to each return.
  _, out = advance([0.5, 3, 2, 1.5], 0.5, ages=[3, 9, 3, 3])
  found = {name: float(value) for name, value in out.metrics.items()}
  assert found == pytest.approx(
    {
      'episodes': 2,
      'episode_return': 10.5 + 25 + 23 + 25,
      'episode_length': 4 + 10,
      'steps': 4,
      'diverged': 0,
      'term/height': 7,
      'term/change': 1,
    }
  )
  assert set(EPISODE_METRICS) <= set(found)


def test_metrics_of_a_step_without_ends_count_only_steps_and_terms(advance):
  _, out = advance()
  found = {name: float(value) for name, value in out.metrics.items()}
  assert [found[name] for name in EPISODE_METRICS] == [0, 0, 0, 4, 0]


# Worlds that diverge


@pytest.mark.parametrize('field', View._fields)
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_a_world_that_is_not_finite_anywhere_ends_and_spoils_nothing(advance, field, value):
  """Not even in a sensor that no reward reads."""
  clean_state, clean = advance()
  state, out = advance(change=spoil(field, 1, value))
  assert out.terminated.tolist() == [False, True, False, False]
  assert not out.truncated.any()
  assert out.reset.tolist() == [False, True, False, False]
  assert float(out.metrics['diverged']) == 1
  everything = jax.tree.leaves((state, out._replace(metrics=dict(out.metrics))))
  assert all(np.isfinite(x).all() for x in everything)
  others = np.array([0, 2, 3])
  np.testing.assert_array_equal(out.reward[others], clean.reward[others])
  np.testing.assert_array_equal(out.next_obs[others], clean.next_obs[others])
  for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(clean_state), strict=True):
    np.testing.assert_array_equal(np.asarray(a)[others], np.asarray(b)[others])


def test_a_world_that_diverges_earns_nothing_and_keeps_its_last_observation(advance, begun):
  state, out = advance(change=spoil('qpos', 2))
  assert out.reward.tolist() == [2, 2, 0, 2]
  np.testing.assert_array_equal(out.next_obs[2], begun.obs[2])
  # Its return so far still counts as an episode of four steps; its terms do not count.
  found = {name: float(value) for name, value in out.metrics.items()}
  assert (found['episodes'], found['episode_return'], found['episode_length']) == (1, 30, 4)
  assert found['term/height'] == 3 * 2
  assert float(state.obs[2, 0]) in (5, 6, 7)


@pytest.mark.parametrize(('speed', 'diverged'), [(1001, True), (-1001, True), (999, False)])
def test_a_world_faster_than_anything_real_has_diverged(advance, speed, diverged):
  """Finite still, but its squares would ruin the running statistics."""
  _, out = advance(change=spoil('qvel', 1, speed))
  assert out.terminated.tolist() == [False, diverged, False, False]
  assert float(out.metrics['diverged']) == diverged


def test_divergence_at_the_time_limit_is_a_termination(advance):
  _, out = advance(ages=[9, 9, 9, 9], change=spoil('qvel', 0))
  assert out.terminated.tolist() == [True, False, False, False]
  assert out.truncated.tolist() == [False, True, True, True]


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_a_reward_that_is_not_finite_counts_as_diverged(make_env, bank, body, model, value):
  def broken(view, body, context):
    bad = jnp.where(view.qpos[2] > 2.5, value, 1.0)
    return bad, {'bad': bad}

  env = make_env(reward=broken)
  state, _, _ = env.begin(KEY, bank)
  state = state._replace(context=state.context._replace(step=jnp.zeros(WORLDS, jnp.int32)))
  _, out = env.advance(state, bank, worlds(body, model, [2, 3, 2, 3]), KEY)
  assert out.reward.tolist() == [1, 0, 1, 0]
  assert out.terminated.tolist() == [False, True, False, True]
  assert float(out.metrics['diverged']) == 2
  assert float(out.metrics['term/bad']) == 2


def test_an_observation_that_is_not_finite_does_not_reach_the_policy(model, body, bank):
  """A world whose physics is sound but whose observation is not must not poison the normaliser."""
  broken = lambda view, body, context: jnp.log(view.qpos[2:3] - 1.5)  # noqa: E731
  task = Task(body, reward, broken, lambda v, b, c: v.qpos[2] < 0, STARTS['standing'], 1.0, COMMAND, LIMIT)
  env = Env(task, SimpleNamespace(traceable=False), model, WORLDS)
  state, _, _ = env.begin(KEY, bank)
  state, out = env.advance(state, bank, worlds(body, model, [2, 1, 2, 2]), KEY)
  assert np.isfinite(out.next_obs).all()
  assert np.isfinite(state.obs).all()
  assert float(out.metrics['diverged']) == 1


# With physics


def test_worlds_on_the_native_engine_end_and_go_on_from_their_rows(make_env, model):
  """Limp robots fall within two seconds; the world that fell goes on as a fresh one from the row it took."""
  engine = NativeEngine(model, WORLDS, 5)
  env = make_env(engine, limit=1000)
  bank = env.make_bank(np.random.default_rng(0), 8)
  state, qpos, qvel = env.begin(KEY, bank)
  physics, step = engine.init(qpos, qvel), jax.jit(env.advance)
  fresh = NativeEngine(model, WORLDS, 5)
  ctrl, fallen, taken = np.zeros((WORLDS, env.action_size)), 0, None
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
  assert fallen >= WORLDS
