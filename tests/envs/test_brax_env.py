"""Tasks as environments of Brax: by Brax's own wrappers and acting loop, step for step what ours give."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax import envs
from brax.envs.base import Env as BraxBase
from brax.training import acting
from brax.training.agents.ppo import networks
from brax.training.agents.ppo import train as brax_ppo

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.envs.brax_env import FIELDS, BraxEnv, make_brax_env, register
from mjx_humanoid.envs.env import Env
from mjx_humanoid.physics.mjx import MjxEngine
from mjx_humanoid.physics.randomize import randomized_fields

WORLDS, STEPS, LIMIT, STARTS = 4, 5, 4, 8
WHOLE, TIPPING, DIVERGING = 0, 1, 2  # worlds
VARIED = {'mass': 0.2, 'friction': 0.5}
# Everything at once that a task may have, but nothing random between the first step and the last: a push that
# lasts as long as its interval is drawn once in 200 steps, a command once in 500.
RICH = {
  'frame_skip': 1,
  'termination': 'tipped',
  'push': {'kind': 'force', 'interval': 1.0, 'duration': 1.0},
  'randomization': {**VARIED, 'action_delay': 2},
}
KEYS = jax.random.split(jax.random.PRNGKey(3), WORLDS)


@pytest.fixture(scope='module')
def env():
  return make_brax_env('follow', starts=STARTS, seed=5, **RICH)


@pytest.fixture(scope='module')
def wrapped(env):
  return envs.training.wrap(env, episode_length=LIMIT)


@pytest.fixture(scope='module')
def first(wrapped):
  return jax.jit(wrapped.reset)(KEYS)


@pytest.fixture(scope='module')
def prepared(first):
  """All worlds pushed; one about to lean too far, in the air; all else as it was reset."""
  world = first.pipeline_state
  episode = world.env.episode
  context = episode.context._replace(step=jnp.ones(WORLDS, jnp.int32))  # a push has begun
  push = jnp.tile(jnp.array([60.0, -30.0, 0.0]), (WORLDS, 1))
  lean = np.radians(44.0) / 2
  qpos = world.qpos.at[TIPPING, 2:7].set(jnp.array([3.0, np.cos(lean), 0.0, np.sin(lean), 0.0]))
  qvel = world.qvel.at[TIPPING, :6].set(jnp.array([0.0, 0.0, 0.0, 0.0, 2.0, 0.0]))
  return first.replace(
    pipeline_state=world._replace(
      qpos=qpos, qvel=qvel, env=world.env._replace(episode=episode._replace(context=context, push=push))
    )
  )


@pytest.fixture(scope='module')
def unroll(wrapped, env):
  """Brax's acting loop under random actions, some beyond [-1, 1]."""

  def policy(obs, key):
    return jax.random.uniform(key, (*obs.shape[:-1], env.action_size), minval=-1.3, maxval=1.3), {}

  fields = ('truncation', 'steps')
  return jax.jit(
    lambda state: acting.generate_unroll(wrapped, state, policy, jax.random.PRNGKey(0), STEPS, extra_fields=fields)
  )


@pytest.fixture(scope='module')
def unrolled(unroll, prepared):
  """The last state and the transitions [STEPS, WORLDS, ...]."""
  return unroll(prepared)


@pytest.fixture(scope='module')
def ours(env, prepared, unrolled):
  """What our own Env makes of the same worlds under the same actions: outcomes [STEPS, WORLDS, ...]."""
  world = prepared.pipeline_state
  rows = np.asarray(world.variant)
  fields = randomized_fields(env.model, VARIED, np.random.default_rng([5, FIELDS]), STARTS)
  engine = MjxEngine(env.model, 1, impl='jax', num_envs=WORLDS, fields={k: v[rows] for k, v in fields.items()})
  task = dataclasses.replace(env.task, episode_steps=LIMIT + 1)  # it is at step 1 already
  own = Env(task, engine, env.model, WORLDS)
  bank = own.make_bank(np.random.default_rng(0), 4)

  @jax.jit
  def step(state, physics, action):
    state, inputs = own.act(state, jnp.clip(action, -1.0, 1.0))
    physics, view = engine.step(physics, *inputs)
    state, out = own.advance(state, bank, view, jax.random.PRNGKey(1))
    return state, engine.write(physics, out.reset, out.qpos, out.qvel), out

  state, physics, outcomes = world.env, engine.init(world.qpos, world.qvel), []
  for action in unrolled[1].action:
    state, physics, out = step(state, physics, action)
    outcomes.append(out)
  return jax.tree.map(lambda *x: np.stack(x), *outcomes)


def finite(tree):
  return all(np.isfinite(x).all() for x in jax.tree.leaves(tree))


def same(a, b):
  return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


# The face


def test_it_has_the_face_of_brax(env):
  assert isinstance(env, BraxBase)
  assert isinstance(env, BraxEnv)
  assert (env.action_size, env.backend) == (21, 'mjx')
  assert env.observation_size == env.reset(KEYS[0]).obs.shape[-1]
  assert env.dt == pytest.approx(0.005)
  assert env.episode_steps == round(7.5 / 0.005)


def test_an_episode_begins_at_a_row_of_the_bank_and_at_age_zero(env, first):
  bank = np.asarray(env._bank.qpos)
  for qpos in np.asarray(first.pipeline_state.qpos):
    assert (np.abs(bank - qpos).max(axis=1) == 0).any()
  assert not first.pipeline_state.env.episode.context.step.any()
  assert not first.pipeline_state.time.any()
  assert not (first.done.any() or first.reward.any())


def test_keys_decide_the_beginning(env):
  reset = jax.jit(jax.vmap(env.reset))
  many = reset(jax.random.split(jax.random.PRNGKey(0), 64)).pipeline_state
  assert len(np.unique(many.qpos[:, 3])) == STARTS
  assert len(np.unique(many.variant)) == STARTS
  assert len(np.unique(many.env.episode.context.command, axis=0)) > 32
  assert same(reset(KEYS), reset(KEYS))


def test_every_part_of_a_batch_leads_with_the_worlds(first):
  """Brax's AutoResetWrapper leaves parts alone that do not."""
  assert {x.shape[0] for x in jax.tree.leaves(first.pipeline_state)} == {WORLDS}


def test_a_step_keeps_the_types_of_a_state(env):
  before = jax.eval_shape(env.reset, KEYS[0])
  after = jax.eval_shape(env.step, before, jnp.zeros(env.action_size))
  assert jax.tree.structure(before) == jax.tree.structure(after)
  pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
  assert all((a.shape, a.dtype, a.weak_type) == (b.shape, b.dtype, b.weak_type) for a, b in pairs)


def test_types_are_the_same_in_a_process_that_computes_in_double_precision(env):
  def types(action):
    reset = jax.eval_shape(env.reset, KEYS[0])
    step = jax.eval_shape(lambda key, action: env.step(env.reset(key), action), KEYS[0], action)
    return jax.tree.map(lambda x: (x.shape, x.dtype), (reset, step))

  single = types(jnp.zeros(env.action_size))
  with jax.enable_x64(True):
    assert types(jnp.zeros(env.action_size, jnp.float64)) == single
    made = make_brax_env('stand', starts=2)
    assert {x.dtype.name for x in jax.tree.leaves(made._bank)} == {'float32'}
  assert jax.tree.structure(single[0]) == jax.tree.structure(single[1])


def test_metrics_are_the_terms_of_the_reward(first):
  assert {'term/velocity', 'term/upright', 'diverged'} <= set(first.metrics)
  assert not any(np.any(value) for value in first.metrics.values())


# Steps


def test_rewards_ends_and_observations_are_ours(ours, unrolled):
  """Up to each world's first end: after it ours goes on from another start."""
  data = unrolled[1]
  ended = np.asarray(1 - data.discount, bool)
  np.testing.assert_array_equal(ended[:LIMIT], (ours.terminated | ours.truncated)[:LIMIT])
  alive = np.cumsum(ended, axis=0) - ended == 0
  np.testing.assert_allclose(data.reward[alive], ours.reward[alive], atol=1e-5)
  seen = alive & ~ended  # at its end a world shows Brax its next beginning
  np.testing.assert_allclose(data.next_observation[seen], ours.next_obs[seen], atol=2e-3)
  assert np.asarray(data.reward)[alive].std() > 0.01


def test_a_world_that_ends_early_is_done_and_one_that_lasts_is_truncated(unrolled):
  data = unrolled[1]
  ended, late = np.asarray(1 - data.discount, bool), np.asarray(data.extras['state_extras']['truncation'], bool)
  early = np.flatnonzero(ended[:, TIPPING])[0]
  assert early < LIMIT - 1
  assert not late[early, TIPPING]
  assert ended[:, WHOLE].tolist() == late[:, WHOLE].tolist() == [step == LIMIT - 1 for step in range(STEPS)]


def test_an_ended_world_starts_anew_where_it_first_began(unrolled, first):
  last, data = unrolled
  np.testing.assert_array_equal(data.next_observation[LIMIT - 1, WHOLE], first.obs[WHOLE])
  assert int(last.pipeline_state.env.episode.context.step[WHOLE]) == STEPS - LIMIT == int(last.info['steps'][WHOLE])
  assert float(last.pipeline_state.time[WHOLE]) == pytest.approx(0.005 * (STEPS - LIMIT))


def test_steps_are_pure(unroll, prepared, unrolled):
  assert same(unroll(prepared), unrolled)


def test_a_world_that_diverges_is_done_for_nothing_and_leaves_no_nan(unroll, prepared):
  world = prepared.pipeline_state
  broken = prepared.replace(pipeline_state=world._replace(qvel=world.qvel.at[DIVERGING, 0].set(jnp.nan)))
  last, data = unroll(broken)
  assert (float(data.reward[0, DIVERGING]), float(data.discount[0, DIVERGING])) == (0.0, 0.0)
  assert finite((last, data))
  assert np.asarray(data.discount[0]).tolist() == [1.0, 1.0, 0.0, 1.0]


# Made and found by name


def test_mistakes_are_told():
  with pytest.raises(UserError, match='episode_length'):
    make_brax_env('stand', episode_lenght=2.0)
  with pytest.raises(UserError, match='stand_robust'):
    make_brax_env('nowhere')
  with pytest.raises(UserError, match='starts=0'):
    make_brax_env('stand', starts=0)
  with pytest.raises(UserError, match="Did you mean 'stand'"):
    make_brax_env('stand', reward='stnd')


def test_a_reward_of_ones_own_is_tried(tmp_path):
  path = tmp_path / 'mine.py'
  path.write_text('def bad(view, body, context):\n  return view.qpos\n')
  with pytest.raises(UserError, match='scalar'):
    make_brax_env('stand', starts=4, reward=f'{path}:bad')


def test_builtin_configs_are_found_in_the_registry_of_brax(monkeypatch):
  monkeypatch.setattr(envs, '_envs', dict(envs._envs))
  names = register()
  assert {'mjx_humanoid_stand', 'mjx_humanoid_walk', 'mjx_humanoid_getup'} <= set(names)
  found = envs.get_environment('mjx_humanoid_walk', starts=2, episode_length=3.0)
  assert found.episode_steps == 150


# Brax's own training


def replicated(tree, devices):
  """jax.device_put_replicated, which jax 0.10 no longer has and Brax 0.14 asks for: a row for each device."""
  return jax.tree.map(lambda x: jnp.stack([x] * len(devices)), tree)


@pytest.mark.slow
def test_the_ppo_of_brax_trains_on_it(monkeypatch):
  """Unchanged but for that one function; everything else of it runs on jax 0.10."""
  if not hasattr(jax, 'device_put_replicated'):
    monkeypatch.setattr(jax, 'device_put_replicated', replicated, raising=False)
  env = make_brax_env('stand', starts=64, frame_skip=1, episode_length=0.1)
  small = functools.partial(networks.make_ppo_networks, policy_hidden_layer_sizes=(32,), value_hidden_layer_sizes=(32,))
  policy, params, metrics = brax_ppo.train(
    env,
    num_timesteps=4096,
    episode_length=env.episode_steps,
    num_envs=32,
    unroll_length=8,
    batch_size=32,
    num_minibatches=4,
    num_updates_per_batch=2,
    learning_rate=1e-3,
    normalize_observations=True,
    num_evals=2,
    num_eval_envs=16,
    network_factory=small,
  )
  assert finite(params)
  assert metrics['eval/avg_episode_length'] == env.episode_steps == 20
  assert 0 < metrics['eval/episode_term/height'] < metrics['eval/episode_reward'] < env.episode_steps
  action, _ = policy(params, deterministic=True)(jnp.zeros((3, env.observation_size)), KEYS[0])
  assert action.shape == (3, env.action_size)
