"""Environments of Brax with the face that our learning wants: ends, resets and rewards of worlds known by heart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax.envs.base import Env as BraxBase
from brax.envs.base import State
from brax.envs.wrappers import training

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.envs.env import EPISODE_METRICS
from mjx_humanoid.envs.from_brax import FromBrax

WORLDS, LIMIT, EDGE = 4, 10, 5.0
KEY = jax.random.PRNGKey(0)


class Line(BraxBase):
  """A point on a line that moves as it is told; done beyond an edge. Sees its place and a number of its own key."""

  def reset(self, rng):
    place = jax.random.uniform(rng, ())
    return self._state(place, jnp.zeros(()), {'rng': rng})

  def step(self, state, action):
    place = state.pipeline_state + action[0]
    after = self._state(place, jnp.where(place > EDGE, 1.0, 0.0), state.info)
    return state.replace(pipeline_state=place, obs=after.obs, reward=place, done=after.done, metrics=after.metrics)

  def _state(self, place, done, info):
    obs = jnp.stack([place, info['rng'][0] % 7 * 1.0])
    return State(place, obs, jnp.zeros(()), done, {'place': place}, info)

  observation_size = 2
  action_size = 1
  backend = 'line'


class Seeing(Line):
  """A Line that sees otherwise."""

  def __init__(self, see):
    self._see = see

  def reset(self, rng):
    state = super().reset(rng)
    return state.replace(obs=self._see(state.obs))

  def step(self, state, action):
    state = super().step(state, action)
    return state.replace(obs=self._see(state.obs))


class Careless(Line):
  """A Line whose step returns Python's own numbers, as some of Brax's do."""

  def step(self, state, action):
    return super().step(state, action).replace(reward=1.0, done=False)


@pytest.fixture
def worlds():
  return FromBrax(Line(), WORLDS, LIMIT)


@pytest.fixture
def bank(worlds):
  """Three rows at 0.5, 0.6 and 0.7."""
  bank = worlds.make_bank(np.random.default_rng(0), 3)
  place = jnp.array([0.5, 0.6, 0.7])
  return bank.replace(pipeline_state=place, obs=bank.obs.at[:, 0].set(place))


@pytest.fixture
def move(worlds, bank):
  """Moves begun worlds, all at 1 and at these ages, by these steps: everything before and after."""

  def move(by, ages=(3, 3, 3, 3), worlds=worlds, bank=bank, wall=None):
    state, start, _ = worlds.begin(KEY, bank)
    state = state._replace(step=jnp.array(ages), episode_return=jnp.array([10.0, 20, 30, 40]))
    physics = worlds.engine.init(start.replace(pipeline_state=jnp.ones(WORLDS)))
    state, inputs = worlds.act(state, jnp.array(by)[:, None])
    physics, view = worlds.engine.step(physics, *inputs)
    view = wall(view) if wall else view
    after, out = worlds.advance(state, bank, view, KEY)
    return state, view, after, out, worlds.engine.write(physics, out.reset, out.qpos, out.qvel)

  return move


def types(tree):
  return jax.tree.map(lambda x: (x.shape, str(x.dtype), x.weak_type), tree)


# The face


def test_sizes(worlds):
  assert (worlds.observation_size, worlds.action_size, worlds.traceable) == (2, 1, True)
  assert worlds.engine.name == 'brax (line)'


def test_a_bank_holds_resets_and_follows_from_the_generator(worlds):
  banks = [worlds.make_bank(np.random.default_rng(seed), 7) for seed in (1, 1, 2)]
  places = [np.asarray(bank.pipeline_state) for bank in banks]
  assert len(np.unique(places[0])) == 7
  np.testing.assert_array_equal(places[0], places[1])
  assert not np.array_equal(places[0], places[2])


def test_worlds_begin_at_rows_and_at_all_ages(bank):
  many = FromBrax(Line(), 300, LIMIT)
  state, start, _ = many.begin(KEY, bank)
  assert set(np.asarray(state.step)) == set(range(LIMIT))
  np.testing.assert_array_equal(np.unique(start.pipeline_state), np.asarray(bank.pipeline_state))
  np.testing.assert_array_equal(state.obs[:, 0], start.pipeline_state)


# A step


def test_a_step_within_an_episode(move):
  before, _, after, out, physics = move([0.5, 1.0, -0.5, 0.0])
  np.testing.assert_allclose(out.reward, [1.5, 2.0, 0.5, 1.0])
  np.testing.assert_allclose(out.next_obs[:, 0], [1.5, 2.0, 0.5, 1.0])
  np.testing.assert_array_equal(after.obs, out.next_obs)
  np.testing.assert_array_equal(after.step, before.step + 1)
  np.testing.assert_allclose(after.episode_return, [11.5, 22.0, 30.5, 41.0])
  np.testing.assert_allclose(physics.pipeline_state, [1.5, 2.0, 0.5, 1.0])
  assert not (out.terminated.any() or out.truncated.any() or out.reset.any())


def test_a_world_beyond_the_edge_terminates_and_starts_anew_from_a_row(move, bank):
  _, _, after, out, physics = move([9.0, 0.5, 0.5, 0.5])
  assert out.terminated.tolist() == out.reset.tolist() == [True, False, False, False]
  assert float(out.reward[0]) == float(out.next_obs[0, 0]) == 10.0  # its own, before the reset
  assert float(physics.pipeline_state[0]) in np.asarray(bank.pipeline_state)
  assert float(after.obs[0, 0]) == float(physics.pipeline_state[0])
  assert (int(after.step[0]), float(after.episode_return[0])) == (0, 0.0)
  np.testing.assert_allclose(physics.pipeline_state[1:], 1.5)
  assert not physics.done.any()


def test_the_time_limit_truncates_unless_the_world_terminates(move):
  _, _, after, out, _ = move([0.5, 9.0, 0.5, 0.5], ages=(9, 9, 8, 0))
  assert out.truncated.tolist() == [True, False, False, False]
  assert out.terminated.tolist() == [False, True, False, False]
  np.testing.assert_array_equal(after.step, [0, 0, 9, 1])


def test_an_observation_that_is_not_finite_ends_the_world_for_nothing(move):
  before, _, after, out, _ = move([0.5, 0.5, 0.5, 0.5], wall=lambda view: view.replace(obs=view.obs.at[2].set(jnp.nan)))
  assert out.terminated.tolist() == [False, False, True, False]
  assert float(out.reward[2]) == 0.0
  np.testing.assert_array_equal(out.next_obs[2], before.obs[2])
  assert np.isfinite(after.obs).all()
  assert (float(out.metrics['diverged']), float(out.metrics['invalid_reward'])) == (1, 0)


def test_a_reward_that_is_not_finite_is_counted_apart_and_ends_nothing(move):
  _, _, _, out, _ = move([0.5, 0.5, 0.5, 0.5], wall=lambda view: view.replace(reward=view.reward.at[2].set(jnp.nan)))
  assert not out.terminated.any()
  assert float(out.reward[2]) == 0.0
  assert (float(out.metrics['diverged']), float(out.metrics['invalid_reward'])) == (0, 1)


def test_metrics_are_sums(move):
  _, _, _, out, _ = move([9.0, 9.0, 0.5, 0.5])
  assert set(EPISODE_METRICS) <= set(out.metrics)
  expected = {'episodes': 2, 'episode_return': 50.0, 'episode_length': 2, 'steps': WORLDS, 'term/place': 23.0}
  assert {name: float(out.metrics[name]) for name in expected} == expected


def test_a_row_drawn_twice_does_not_live_the_same_life_twice(worlds, bank):
  one = jax.tree.map(lambda x: x[:1], bank)
  _, start, _ = worlds.begin(KEY, one)
  assert len(np.unique(start.info['rng'], axis=0)) == WORLDS
  assert len(np.unique(start.pipeline_state)) == 1


# Other environments


def test_a_time_limit_of_the_environment_itself_truncates(bank):
  limited = FromBrax(training.EpisodeWrapper(Line(), 2, 1), WORLDS, LIMIT)
  bank = limited.make_bank(np.random.default_rng(0), 3)
  state, start, _ = limited.begin(KEY, bank)
  state, physics = state._replace(step=jnp.zeros(WORLDS, jnp.int32)), limited.engine.init(start)
  ends = []
  for ctrl in (0.0, jnp.array([0.0, 9.0, 0.0, 0.0])[:, None], 0.0, 0.0):
    physics, view = limited.engine.step(physics, jnp.broadcast_to(ctrl, (WORLDS, 1)))
    state, out = limited.advance(state, bank, view, KEY)
    physics = limited.engine.write(physics, out.reset, out.qpos, out.qvel)
    ends.append((out.terminated.tolist(), out.truncated.tolist()))
  nobody, second = [False] * 4, [False, True, False, False]
  assert ends == [(nobody, nobody), (second, [True, False, True, True]), (nobody, nobody), (nobody, [True] * 4)]


def test_of_a_dictionary_the_state_is_seen(bank):
  env = Seeing(lambda obs: {'state': obs, 'privileged_state': jnp.zeros(9)})
  worlds = FromBrax(env, WORLDS, LIMIT)
  assert worlds.observation_size == 2
  state, *_ = worlds.begin(KEY, worlds.make_bank(np.random.default_rng(0), 3))
  assert state.obs.shape == (WORLDS, 2)


def test_types_stay_whatever_a_step_returns():
  worlds = FromBrax(Careless(), WORLDS, LIMIT)
  physics = worlds.make_bank(np.random.default_rng(0), WORLDS)
  after, _ = worlds.engine.step(physics, jnp.zeros((WORLDS, 1)))
  assert types(after) == types(physics)


def test_what_is_packed_is_unpacked(worlds, bank):
  arrays = {name: np.asarray(x) for name, x in worlds.engine.pack(bank).items()}
  again = worlds.engine.unpack(arrays)
  assert jax.tree.structure(again) == jax.tree.structure(bank)
  assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(bank), strict=True))


@pytest.mark.parametrize(
  ('env', 'complaint'),
  [
    (training.AutoResetWrapper(training.EpisodeWrapper(Line(), 5, 1)), 'AutoResetWrapper is not needed'),
    (training.EpisodeWrapper(training.VmapWrapper(Line()), 5, 1), 'VmapWrapper is not needed'),
    (Seeing(lambda obs: {'pixels': obs, 'rays': obs}), 'pixels, rays'),
    (Seeing(lambda obs: jnp.zeros((8, 8, 3))), r'\(8, 8, 3\)'),
    ('inverted_pendulum', 'is no environment of Brax'),
  ],
)
def test_what_cannot_be_learned_from_is_refused(env, complaint):
  with pytest.raises(UserError, match=complaint):
    FromBrax(env, WORLDS, LIMIT)
