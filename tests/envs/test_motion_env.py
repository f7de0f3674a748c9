"""Protects the features of motions that an environment adds to transitions: before and after a step, before a reset."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from env_tools import ENVS, KEY, at_age, at_rest

from mjx_humanoid.envs.motion_env import MotionEnv
from mjx_humanoid.rl.algorithm import MOTION, NEXT_MOTION


def height_and_speed(qpos, qvel):
  """Features [..., 2] that can be seen in states made by hand: height, and the first velocity."""
  xp = qpos.__array_namespace__()
  return xp.stack([qpos[..., 2], qvel[..., 0]], axis=-1)


@pytest.fixture(scope='module')
def motion_env(env):
  return MotionEnv(env, height_and_speed)


@pytest.fixture
def begun_motion(motion_env, bank, begun):
  """The four environments of `begun`, all at height 2."""
  state, _, _ = motion_env.begin(KEY, bank)
  return state._replace(env=begun, motion=np.tile(np.float32([2, 0]), (ENVS, 1)))


def test_it_begins_with_the_features_of_the_start_states(motion_env, bank):
  state, qpos, qvel = motion_env.begin(KEY, bank)
  np.testing.assert_array_equal(state.motion, np.stack([qpos[:, 2], qvel[:, 0]], axis=1))
  np.testing.assert_array_equal(state.obs, state.env.obs)


def test_features_are_of_before_and_after_the_step_and_a_reset_comes_later(motion_env, bank, body, model, begun_motion):
  """Heights 2, 3, 0.5 (too low) and 2; the third begins anew at a row of the bank."""
  view = at_rest(body, model, [2.0, 3.0, 0.5, 2.0])
  view.qvel[:, 0] = [1, 2, 3, 4]
  state, out = motion_env.advance(begun_motion, bank, view, KEY)
  np.testing.assert_array_equal(out.extras[MOTION], np.tile([2, 0], (ENVS, 1)))
  np.testing.assert_array_equal(out.extras[NEXT_MOTION], [[2, 1], [3, 2], [0.5, 3], [2, 4]])
  assert out.reset.tolist() == [False, False, True, False]
  np.testing.assert_array_equal(np.asarray(state.motion)[[0, 1, 3]], [[2, 1], [3, 2], [2, 4]])
  np.testing.assert_array_equal(state.motion[2], [out.qpos[2, 2], out.qvel[2, 0]])
  assert out.qpos[2, 2] >= 5


def test_where_the_physics_diverged_features_stay_finite(motion_env, bank, body, model, begun_motion):
  view = at_rest(body, model, [2.0, np.nan, 2.0, 2.0])
  state, out = motion_env.advance(begun_motion, bank, view, KEY)
  np.testing.assert_array_equal(out.extras[NEXT_MOTION], np.tile([2, 0], (ENVS, 1)))
  assert out.diverged.tolist() == [False, True, False, False]
  assert np.isfinite(state.motion).all()


def test_all_else_is_as_without_features(env, motion_env, bank, body, model, begun_motion):
  begun_motion = begun_motion._replace(env=at_age(begun_motion.env, [3, 9, 3, 3]))
  view = at_rest(body, model, [2.0, 2.0, 0.5, 2.0])
  state, out = motion_env.advance(begun_motion, bank, view, KEY)
  inner, plain = env.advance(begun_motion.env, bank, view, KEY)
  jax.tree.map(np.testing.assert_array_equal, state.env, inner)
  jax.tree.map(np.testing.assert_array_equal, out._replace(extras={}), plain)
  sizes = (motion_env.num_envs, motion_env.action_size, motion_env.observation_size, motion_env.traceable)
  assert sizes == (env.num_envs, env.action_size, env.observation_size, env.traceable)
