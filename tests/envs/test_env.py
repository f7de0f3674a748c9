"""What follows from a control step: rewards, ends, resets and what is remembered, in worlds made by hand."""

import dataclasses
import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.core.config.schema import TaskConfig
from mjx_humanoid.core.types import View
from mjx_humanoid.envs.env import EPISODE_METRICS, Bank, Env
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.native import NativeEngine
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.curricula import CURRICULA
from mjx_humanoid.tasks.observations import observe_all
from mjx_humanoid.tasks.starts import STARTS
from mjx_humanoid.tasks.task import make_task

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
  """Height, time, latest first control, age, command: everything that must be right, in the open."""
  return jnp.stack([view.qpos[2], view.time, context.last_action[0], context.step * 1.0, context.command[2]])


def too_low(view, body, context):
  return view.qpos[2] < 1.0


@pytest.fixture(scope='module')
def make_env(model, body):
  """An environment of this file's own reward, observation and end; settings are those of the task."""

  def make(engine=None, num_envs=WORLDS, limit=LIMIT, curriculum='none', lifetime=1.0, own=None, **settings):
    task = make_task(TaskConfig(**{'command': COMMAND, **settings}), body)
    parts = {'reward': reward, 'observe': observe, 'terminate': too_low, 'episode_steps': limit, **(own or {})}
    task = dataclasses.replace(task, **parts)
    engine = engine or SimpleNamespace(traceable=False)
    return Env(task, engine, model, num_envs, CURRICULA[curriculum], lifetime)

  return make


def compiled(env):
  """Its three functions; of many worlds, one program is made faster than each of its operations."""
  return SimpleNamespace(begin=jax.jit(env.begin), act=jax.jit(env.act), advance=jax.jit(env.advance))


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
  view.qpos[:, 0] = [50, 60, 70]
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
  qpos, qvel = STARTS['standing'](env.task.body, np.random.default_rng(3), np.ones(7), None)
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
  state, qpos, _ = compiled(make_env(num_envs=600)).begin(KEY, bank)
  assert set(np.asarray(qpos[:, 2]).tolist()) == {5, 6, 7}
  ages = np.bincount(state.context.step, minlength=LIMIT)
  assert len(ages) == LIMIT  # none at or beyond the limit
  # 600 worlds over 10 ages: 60 each, standard deviation sqrt(600 x 0.1 x 0.9) = 7.3
  assert abs(ages - 60).max() < 5 * 7.3


def test_another_key_begins_otherwise(make_env, bank):
  env = compiled(make_env(num_envs=50))
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
  np.testing.assert_allclose(out.next_obs[:2], [[0.5, 0.5, 0.5, 4, 2], [3, 0.5, 0.5, 10, 2]])
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
  env = compiled(make_env(num_envs=300))
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
      'level': 4,
      'term/height': 7,
      'term/change': 1,
    }
  )
  assert set(EPISODE_METRICS) <= set(found)


def test_metrics_of_a_step_without_ends_count_only_steps_and_terms(advance):
  _, out = advance()
  found = {name: float(value) for name, value in out.metrics.items()}
  assert [found[name] for name in EPISODE_METRICS] == [0, 0, 0, 4, 0, 4]


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

  env = make_env(own={'reward': broken})
  state, _, _ = env.begin(KEY, bank)
  state = state._replace(context=state.context._replace(step=jnp.zeros(WORLDS, jnp.int32)))
  _, out = env.advance(state, bank, worlds(body, model, [2, 3, 2, 3]), KEY)
  assert out.reward.tolist() == [1, 0, 1, 0]
  assert out.terminated.tolist() == [False, True, False, True]
  assert float(out.metrics['diverged']) == 2
  assert float(out.metrics['term/bad']) == 2


def test_an_observation_that_is_not_finite_does_not_reach_the_policy(make_env, model, body, bank):
  """A world whose physics is sound but whose observation is not must not poison the normaliser."""
  broken = lambda view, body, context: jnp.log(view.qpos[2:3] - 1.5)  # noqa: E731
  env = make_env(own={'observe': broken, 'terminate': lambda v, b, c: v.qpos[2] < 0})
  state, _, _ = env.begin(KEY, bank)
  state, out = env.advance(state, bank, worlds(body, model, [2, 1, 2, 2]), KEY)
  assert np.isfinite(out.next_obs).all()
  assert np.isfinite(state.obs).all()
  assert float(out.metrics['diverged']) == 1


# What guides the worlds


def test_worlds_begin_where_their_row_stands_and_faces(env, bank):
  state, qpos, _ = env.begin(KEY, bank)
  np.testing.assert_array_equal(state.context.place[:, 0], 10 * qpos[:, 2])
  np.testing.assert_array_equal(state.context.heading, np.tile([1, 0], (WORLDS, 1)))


def test_a_world_that_starts_anew_is_guided_from_its_new_row(advance):
  state, out = advance([0.5, 0.5, 2, 2])
  np.testing.assert_array_equal(state.context.place[:2, 0], 10 * out.qpos[:2, 2])
  # The others were led on by (0.5, -1) m/s for 25 ms, and turned by 2 rad/s.
  np.testing.assert_allclose(state.context.heading[2:], np.tile([np.cos(0.05), np.sin(0.05)], (2, 1)), rtol=1e-6)
  np.testing.assert_allclose(state.context.place[2:, 1], -0.025, rtol=1e-5)


def test_the_clock_of_the_gait_goes_with_the_age(make_env, bank, model, body):
  """At 2 strides per second, a step of 25 ms is 0.05 of one; also in worlds that begin in the middle."""
  env = compiled(make_env(gait_frequency=2.0, num_envs=50, limit=100))
  state, _, _ = env.begin(KEY, bank)
  assert len(np.unique(state.context.step)) > 20
  np.testing.assert_allclose(state.context.phase, 0.05 * state.context.step % 1, atol=1e-5)
  state, _ = env.advance(state, bank, worlds(body, model, [2.0] * 50), KEY)
  np.testing.assert_allclose(state.context.phase, 0.05 * state.context.step % 1, atol=1e-5)
  np.testing.assert_allclose(state.context.duty, 0.6)


def test_rewards_are_judged_by_the_context_that_the_action_was_chosen_in(make_env, bank, model, body):
  """And observations made of the one that follows: here with a new command after every step."""

  def told(view, body, context):
    return context.command[0], {}

  def seen(view, body, context):
    return context.command[:1]

  env = make_env(own={'reward': told, 'observe': seen}, commands='sampled', command_interval=0.025, limit=1000)
  state, _, _ = env.begin(KEY, bank)
  view, orders = worlds(body, model, [2.0] * WORLDS), []
  for i in range(3):
    following, out = env.advance(state, bank, view, jax.random.PRNGKey(i))
    np.testing.assert_array_equal(out.reward, state.context.command[:, 0])
    np.testing.assert_array_equal(out.next_obs[:, 0], following.context.command[:, 0])
    state = following
    orders.append(np.asarray(state.context.command[:, 0]))
  assert len(np.unique(orders)) > 8  # another one for every world and step


# Actions that arrive late

DELAY = 3


@pytest.fixture(scope='module')
def late(make_env):
  return make_env(randomization={'action_delay': float(DELAY)}, limit=1000)


def numbered(env, i):
  """Controls whose first element tells the step at which they were sent."""
  return jnp.zeros((env.num_envs, env.action_size)).at[:, 0].set(0.01 * i)


def test_a_world_applies_the_action_of_as_many_steps_ago_as_it_is_late(late, bank, model, body):
  state, _, _ = late.begin(KEY, bank)
  state = state._replace(delay=jnp.arange(WORLDS))  # 0, 1, 2 and 3 steps
  applied = []
  for i in range(1, 7):
    state, inputs = late.act(state, numbered(late, i))
    applied.append(np.asarray(inputs.ctrl[:, 0]))
    view = worlds(body, model, [2.0] * WORLDS)._replace(ctrl=np.asarray(inputs.ctrl))
    state, _ = late.advance(state, bank, view, KEY)
    np.testing.assert_array_equal(state.context.last_action, inputs.ctrl)
  # Nothing has been sent before the first step.
  expected = [[max(i - late, 0) * 0.01 for late in range(4)] for i in range(1, 7)]
  np.testing.assert_allclose(applied, expected, rtol=1e-6)


def test_a_world_that_starts_anew_forgets_what_was_sent(late, bank, model, body):
  state, _, _ = late.begin(KEY, bank)
  state = state._replace(delay=jnp.full(WORLDS, 2))
  applied = []
  for i in range(1, 7):
    state, inputs = late.act(state, numbered(late, i))
    applied.append(np.asarray(inputs.ctrl[:, 0]))
    heights = [0.5 if i == 3 else 2.0, 2.0, 2.0, 2.0]  # world 0 falls in the third step
    state, out = late.advance(state, bank, worlds(body, model, heights), KEY)
    assert out.reset.tolist() == [i == 3, False, False, False]
    assert state.delay.tolist() == [2] * WORLDS
  np.testing.assert_allclose(np.stack(applied)[:, 0], [0, 0, 0.01, 0, 0, 0.04], rtol=1e-6)
  np.testing.assert_allclose(np.stack(applied)[:, 1], [0, 0, 0.01, 0.02, 0.03, 0.04], rtol=1e-6)


def test_all_delays_up_to_the_greatest_appear(make_env, bank):
  env = compiled(make_env(randomization={'action_delay': float(DELAY)}, num_envs=400))
  delays = np.bincount(env.begin(KEY, bank)[0].delay)
  # 400 worlds over 0, 1, 2, 3: 100 each, standard deviation sqrt(400 x 1/4 x 3/4) = 8.7
  assert len(delays) == DELAY + 1
  assert abs(delays - 100).max() < 5 * 8.7


def test_without_delay_and_pushes_only_the_control_acts(env, begun):
  ctrl = numbered(env, 7)
  state, inputs = env.act(begun, ctrl)
  assert inputs.ctrl is ctrl
  assert (inputs.force, inputs.kick) == (None, None)
  assert state is begun


# Pushes

# In the last 50 ms, which are 2 steps, of every 200 ms, which are 8.
PUSHED = {'push_interval': 0.2, 'push_duration': 0.05, 'push_force': (100.0, 200.0)}


def push(env, bank, view, steps):
  """Inputs of so many steps of worlds that all begin at age 0."""
  state, _, _ = env.begin(KEY, bank)
  state = state._replace(context=state.context._replace(step=jnp.zeros(env.num_envs, jnp.int32)))
  ctrl, inputs = numbered(env, 1), []
  act, advance = jax.jit(env.act), jax.jit(env.advance)
  for i in range(steps):
    state, acting = act(state, ctrl)
    inputs.append(jax.tree.map(np.asarray, acting))
    state, _ = advance(state, bank, view(i), jax.random.PRNGKey(i))
  return inputs


def test_forces_act_in_the_steps_of_a_push_and_are_each_worlds_own(make_env, bank, model, body):
  standing = worlds(body, model, [2.0] * WORLDS)
  env = make_env(pushes='force', limit=1000, **PUSHED)
  forces = np.stack([acting.force for acting in push(env, bank, lambda i: standing, 17)])
  size = np.linalg.norm(forces, axis=2)
  assert np.flatnonzero(size.any(axis=1)).tolist() == [6, 7, 14, 15]
  assert (size[[6, 7, 14, 15]] >= 100).all()
  assert (size <= 200.001).all()
  np.testing.assert_array_equal(forces[6], forces[7])
  assert len(np.unique(size[[6, 14]])) == 2 * WORLDS


def test_kicks_come_once_a_push_with_the_same_impulse(make_env, bank, model, body):
  standing = worlds(body, model, [2.0] * WORLDS)
  force, kick = (
    push(make_env(pushes=name, limit=1000, **PUSHED), bank, lambda i: standing, 17) for name in ('force', 'kick')
  )
  kicks, forces = np.stack([acting.kick for acting in kick]), np.stack([acting.force for acting in force])
  assert np.flatnonzero(kicks.any(axis=(1, 2))).tolist() == [6, 14]
  np.testing.assert_allclose(kicks[6] * body.total_mass, forces[6:8].sum(axis=0) * 0.025, rtol=1e-5)
  assert kick[6].force is None


def test_a_world_that_starts_anew_is_not_pushed_until_its_own_time(make_env, bank, model, body):
  """World 0 falls in the middle of its push, at the end of the seventh step; its next one begins 6 steps later."""
  env = make_env(pushes='force', limit=1000, **PUSHED)
  inputs = push(env, bank, lambda i: worlds(body, model, [0.5 if i == 6 else 2.0, 2.0, 2.0, 2.0]), 16)
  pushed = np.stack([acting.force for acting in inputs]).any(axis=2)
  assert np.flatnonzero(pushed[:, 0]).tolist() == [6, 13, 14]
  assert np.flatnonzero(pushed[:, 1]).tolist() == [6, 7, 14, 15]


# Noise of the sensors


def test_noise_is_seen_and_nothing_else(make_env, model, body):
  """Reward, ends, rows and context stay what they are; joints seen have the standard deviation asked for."""
  names = ('joint_positions', 'joint_velocities')
  own = {'observe': observe_all(names)}
  count, noise = 500, 0.02
  bank = make_env(own=own).make_bank(np.random.default_rng(0), 3)
  seen = {}
  for strength in (0.0, noise):
    env = make_env(own=own, num_envs=count, randomization={'sensor_noise': strength})
    state, qpos, _ = compiled(env).begin(KEY, bank)
    view = worlds(body, model, [0.5, *[2.0] * (count - 1)])
    state, out = compiled(env).advance(state, bank, view, jax.random.PRNGKey(5))
    seen[strength] = (state, out, qpos)
  (clean_state, clean, clean_qpos), (state, out, qpos) = seen[0.0], seen[noise]
  assert env.observation_size == 4 + 21 + 6 + 21
  for a, b in (
    (clean_qpos, qpos),
    (clean_state.context, state.context),
    (clean._replace(next_obs=0), out._replace(next_obs=0)),
  ):
    jax.tree.map(np.testing.assert_array_equal, a, b)
  error = np.asarray(out.next_obs - clean.next_obs)
  np.testing.assert_allclose(error[:, :4], 0, atol=1e-6)  # height and the vertical
  # 500 worlds x 21 joints: the standard error of a standard deviation is 1 / sqrt(2 x 10500) = 0.7 %.
  assert error[:, 4:25].std() == pytest.approx(noise, rel=0.03)
  assert error[:, 25:].std() == pytest.approx(10 * noise, rel=0.03)  # velocities: ten times that, per second
  assert abs(error[:, 4:25].mean()) < 5 * noise / np.sqrt(10_500)
  assert len(np.unique(error[:, 4:25])) > 10_000  # another one for every joint and world
  begun = np.asarray(state.obs - clean_state.obs)[0]  # of the world that starts anew
  assert 0.3 * noise < begun[4:25].std() < 3 * noise


def test_noise_changes_from_step_to_step(make_env, bank, model, body):
  env = make_env(own={'observe': observe_all(['joint_positions'])}, randomization={'sensor_noise': 0.02})
  state, _, _ = env.begin(KEY, bank)
  view = worlds(body, model, [2.0] * WORLDS)
  first, second = (env.advance(state, bank, view, jax.random.PRNGKey(i))[1].next_obs for i in range(2))
  assert np.abs(first - second)[:, 4:].min() > 0


# Curricula


@pytest.mark.parametrize(('curriculum', 'strengths'), [('none', [2, 2, 2, 2]), ('linear', [0.5, 1, 1.5, 2])])
def test_banks_grow_harder_row_by_row_under_a_curriculum(make_env, curriculum, strengths):
  asked = []

  def start(body, rng, strength, settle):
    asked.append(strength)
    return STARTS['standing'](body, rng, strength, settle)

  make_env(own={'start': start}, start_strength=2.0, curriculum=curriculum).make_bank(np.random.default_rng(0), 4)
  np.testing.assert_allclose(asked, [strengths])


@pytest.fixture(scope='module')
def long_bank(body, model):
  """Fifty rows of heights 2.00, 2.01, ..."""
  view = worlds(body, model, 2 + 0.01 * np.arange(50), time=0.0)
  return Bank(view.qpos, np.zeros((50, body.nv), np.float32), view)


def row(qpos):
  return np.round(100 * (np.asarray(qpos)[:, 2] - 2)).astype(int)


def test_worlds_draw_among_the_first_rows_where_their_level_is_low(make_env, long_bank, model, body):
  env = compiled(make_env(num_envs=600, curriculum='survival', limit=100))
  state, qpos, _ = env.begin(KEY, long_bank)
  np.testing.assert_allclose(state.level, 0.1)
  assert {1, 2, 3, 4} <= set(row(qpos)) <= set(range(5))  # a tenth of 50; of the first one by one chance in 625
  level = jnp.repeat(jnp.array([0.26, 0.56, 0.96]), 200)
  state = state._replace(level=level)
  # All fall, which first makes it easier by 0.06: levels 0.2, 0.5, 0.9; so that 10, 25 and 45 rows are drawn from.
  state, out = env.advance(state, long_bank, worlds(body, model, [0.5] * 600), KEY)
  np.testing.assert_allclose(state.level, np.repeat([0.2, 0.5, 0.9], 200), rtol=1e-6)
  for i, count in enumerate((10, 25, 45)):
    rows = row(out.qpos[200 * i : 200 * (i + 1)])
    # Mostly of the harder ones: the mean fourth root of a uniform number is 4/5.
    assert rows.mean() + 0.5 == pytest.approx(4 / 5 * count, rel=0.06)
    assert 0.8 * count < rows.max() + 1 <= count
  assert float(out.metrics['level']) == pytest.approx(200 * (0.2 + 0.5 + 0.9), rel=1e-5)


def test_without_a_curriculum_all_rows_are_drawn_from(make_env, long_bank):
  state, qpos, _ = compiled(make_env(num_envs=600)).begin(KEY, long_bank)
  assert set(row(qpos)) == set(range(50))
  np.testing.assert_array_equal(state.level, 1)


def test_the_level_is_a_factor_on_commands_and_pushes(make_env, bank, model, body):
  ranges = {'command': (0.0, 0.0, 0.0), 'command_low': COMMAND, 'command_high': COMMAND, 'command_rest': 0.0}
  ranges |= {**PUSHED, 'push_force': (100.0, 100.0)}
  env = make_env(commands='sampled', pushes='force', curriculum='survival', limit=100, **ranges)
  state, _, _ = env.begin(KEY, bank)
  np.testing.assert_allclose(state.context.command, 0.1 * np.tile(COMMAND, (WORLDS, 1)), rtol=1e-6)
  level = jnp.array([0.2, 0.4, 0.6, 0.8])
  state = state._replace(level=level, context=state.context._replace(step=jnp.full(WORLDS, 5, jnp.int32)))
  state, _ = env.advance(state, bank, worlds(body, model, [2.0] * WORLDS), KEY)
  np.testing.assert_allclose(np.linalg.norm(state.push, axis=1), 100 * level, rtol=1e-5)
  state, _ = env.advance(state, bank, worlds(body, model, [0.5] * WORLDS), KEY)
  np.testing.assert_allclose(state.context.command, np.outer(level - 0.06, COMMAND), rtol=1e-5)


def test_linear_curricula_know_the_length_of_the_training(make_env, bank, model, body):
  env = make_env(curriculum='linear', lifetime=90.0)
  state, _, _ = env.begin(KEY, bank)
  state, _ = env.advance(state, bank, worlds(body, model, [2.0] * WORLDS), KEY)
  np.testing.assert_allclose(state.level, 0.1 + 2 * 0.9 / 90, rtol=1e-5)


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
