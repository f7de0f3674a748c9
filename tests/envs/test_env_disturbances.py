"""Actions that arrive late, pushes and noise of sensors in training."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_tools import ENVS, KEY, at_rest, compiled, context_of, numbered, with_delay

from mjx_humanoid.tasks.observations import observe_all

# Actions that arrive late

DELAY = 3


@pytest.fixture(scope='module')
def late(make_env):
  return make_env(randomization={'action_delay': float(DELAY)}, limit=1000)


def test_an_environment_applies_the_action_of_as_many_steps_ago_as_it_is_late(late, bank, model, body):
  state, _, _ = late.begin(KEY, bank)
  state = with_delay(state, jnp.arange(ENVS))  # 0, 1, 2 and 3 steps
  applied = []
  for i in range(1, 7):
    state, inputs = late.act(state, numbered(late, i))
    applied.append(np.asarray(inputs.ctrl[:, 0]))
    view = at_rest(body, model, [2.0] * ENVS)._replace(ctrl=np.asarray(inputs.ctrl))
    state, _ = late.advance(state, bank, view, KEY)
    np.testing.assert_array_equal(context_of(state).last_action, inputs.ctrl)
  # Nothing has been sent before the first step.
  expected = [[max(i - late, 0) * 0.01 for late in range(4)] for i in range(1, 7)]
  np.testing.assert_allclose(applied, expected, rtol=1e-6)


def test_an_environment_that_is_reset_forgets_what_was_sent(late, bank, model, body):
  state, _, _ = late.begin(KEY, bank)
  state = with_delay(state, jnp.full(ENVS, 2))
  applied = []
  for i in range(1, 7):
    state, inputs = late.act(state, numbered(late, i))
    applied.append(np.asarray(inputs.ctrl[:, 0]))
    heights = [0.5 if i == 3 else 2.0, 2.0, 2.0, 2.0]  # environment 0 falls in the third step
    state, out = late.advance(state, bank, at_rest(body, model, heights), KEY)
    assert out.reset.tolist() == [i == 3, False, False, False]
    assert state.episode.delay.tolist() == [2] * ENVS
  np.testing.assert_allclose(np.stack(applied)[:, 0], [0, 0, 0.01, 0, 0, 0.04], rtol=1e-6)
  np.testing.assert_allclose(np.stack(applied)[:, 1], [0, 0, 0.01, 0.02, 0.03, 0.04], rtol=1e-6)


def test_all_delays_up_to_the_greatest_appear(make_env, bank):
  env = compiled(make_env(randomization={'action_delay': float(DELAY)}, num_envs=400))
  delays = np.bincount(env.begin(KEY, bank)[0].episode.delay)
  # 400 environments over 0, 1, 2, 3: 100 each, standard deviation sqrt(400 x 1/4 x 3/4) = 8.7
  assert len(delays) == DELAY + 1
  assert abs(delays - 100).max() < 5 * 8.7


def test_without_delay_and_pushes_only_the_control_acts(env, begun):
  ctrl = numbered(env, 7)
  state, inputs = env.act(begun, ctrl)
  assert inputs.ctrl is ctrl
  assert (inputs.force, inputs.kick) == (None, None)
  assert state.episode is begun.episode


# Pushes

# In the last 50 ms, which are 2 steps, of every 200 ms, which are 8.
PUSHED = {'push__interval': 0.2, 'push__duration': 0.05, 'push__force': (100.0, 200.0)}


def push(env, bank, view, steps):
  """Inputs of so many steps of environments that all begin at age 0."""
  # Under a limit of one step all ages are 0.
  state, _, _ = dataclasses.replace(env, task=dataclasses.replace(env.task, episode_steps=1)).begin(KEY, bank)
  ctrl, inputs = numbered(env, 1), []
  act, advance = jax.jit(env.act), jax.jit(env.advance)
  for i in range(steps):
    state, acting = act(state, ctrl)
    inputs.append(jax.tree.map(np.asarray, acting))
    state, _ = advance(state, bank, view(i), jax.random.PRNGKey(i))
  return inputs


def test_forces_act_in_the_steps_of_a_push_and_are_each_environments_own(make_env, bank, model, body):
  standing = at_rest(body, model, [2.0] * ENVS)
  env = make_env(push__kind='force', limit=1000, **PUSHED)
  forces = np.stack([acting.force for acting in push(env, bank, lambda i: standing, 17)])
  size = np.linalg.norm(forces, axis=2)
  assert np.flatnonzero(size.any(axis=1)).tolist() == [6, 7, 14, 15]
  assert (size[[6, 7, 14, 15]] >= 100).all()
  assert (size <= 200.001).all()
  np.testing.assert_array_equal(forces[6], forces[7])
  assert len(np.unique(size[[6, 14]])) == 2 * ENVS


def test_kicks_come_once_a_push_with_the_same_impulse(make_env, bank, model, body):
  standing = at_rest(body, model, [2.0] * ENVS)
  force, kick = (
    push(make_env(push__kind=name, limit=1000, **PUSHED), bank, lambda i: standing, 17) for name in ('force', 'kick')
  )
  kicks, forces = np.stack([acting.kick for acting in kick]), np.stack([acting.force for acting in force])
  assert np.flatnonzero(kicks.any(axis=(1, 2))).tolist() == [6, 14]
  np.testing.assert_allclose(kicks[6] * body.total_mass, forces[6:8].sum(axis=0) * 0.025, rtol=1e-5)
  assert kick[6].force is None


def test_an_environment_that_is_reset_is_not_pushed_until_its_own_time(make_env, bank, model, body):
  """The first falls in the middle of its push, at the end of the seventh step; its next one begins 6 steps later."""
  env = make_env(push__kind='force', limit=1000, **PUSHED)
  inputs = push(env, bank, lambda i: at_rest(body, model, [0.5 if i == 6 else 2.0, 2.0, 2.0, 2.0]), 16)
  pushed = np.stack([acting.force for acting in inputs]).any(axis=2)
  assert np.flatnonzero(pushed[:, 0]).tolist() == [6, 13, 14]
  assert np.flatnonzero(pushed[:, 1]).tolist() == [6, 7, 14, 15]


# Noise of sensors


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
    view = at_rest(body, model, [0.5, *[2.0] * (count - 1)])
    state, out = compiled(env).advance(state, bank, view, jax.random.PRNGKey(5))
    seen[strength] = (state, out, qpos)
  (clean_state, clean, clean_qpos), (state, out, qpos) = seen[0.0], seen[noise]
  assert env.observation_size == 4 + 21 + 6 + 21
  for a, b in (
    (clean_qpos, qpos),
    (context_of(clean_state), context_of(state)),
    (clean._replace(next_obs=0), out._replace(next_obs=0)),
  ):
    jax.tree.map(np.testing.assert_array_equal, a, b)
  error = np.asarray(out.next_obs - clean.next_obs)
  np.testing.assert_allclose(error[:, :4], 0, atol=1e-6)  # height and the vertical
  # 500 environments x 21 joints: the standard error of a standard deviation is 1 / sqrt(2 x 10500) = 0.7 %.
  assert error[:, 4:25].std() == pytest.approx(noise, rel=0.03)
  assert error[:, 25:].std() == pytest.approx(10 * noise, rel=0.03)  # velocities: ten times that, per second
  assert abs(error[:, 4:25].mean()) < 5 * noise / np.sqrt(10_500)
  assert len(np.unique(error[:, 4:25])) > 10_000  # another one for every joint and environment
  begun = np.asarray(state.obs - clean_state.obs)[0]  # of the environment that is reset
  assert 0.3 * noise < begun[4:25].std() < 3 * noise


def test_noise_changes_from_step_to_step(make_env, bank, model, body):
  env = make_env(own={'observe': observe_all(['joint_positions'])}, randomization={'sensor_noise': 0.02})
  state, _, _ = env.begin(KEY, bank)
  view = at_rest(body, model, [2.0] * ENVS)
  first, second = (env.advance(state, bank, view, jax.random.PRNGKey(i))[1].next_obs for i in range(2))
  assert np.abs(first - second)[:, 4:].min() > 0
