"""The Gymnasium environment: its protocol, and the same numbers as our own Env and as C MuJoCo by itself."""

# ruff: noqa: E402 (what is imported below needs Gymnasium)

import math
import warnings

import numpy as np
import pytest

gymnasium = pytest.importorskip('gymnasium')

import jax
import mujoco
from gym_tools import LIMIT, QUICK, STAND, STILL, Direct, actions, assert_same, play

from mjx_humanoid.envs import host_env
from mjx_humanoid.envs.gym_env import GymEnv

pytestmark = pytest.mark.usefixtures('registered')


# The protocol


def test_the_environment_checker_passes(opengl):
  """It warns of nothing but that observations have no bounds, as those of all MuJoCo environments."""
  env = gymnasium.make(STAND, **QUICK, width=64, height=64).unwrapped
  from gymnasium.utils.env_checker import check_env

  with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    check_env(env)
  assert [str(w.message) for w in caught if 'infinity' not in str(w.message)] == []


def test_spaces_and_metadata(quick_env):
  obs, info = quick_env.reset(seed=0)
  assert quick_env.observation_space.shape == obs.shape and quick_env.observation_space.dtype == obs.dtype == np.float32
  assert quick_env.action_space == gymnasium.spaces.Box(-1, 1, (21,), np.float32)
  assert info == {}
  assert quick_env.metadata == {'render_modes': ['rgb_array'], 'render_fps': 40}
  assert GymEnv(**{**QUICK, 'frame_skip': 4}).metadata['render_fps'] == 50


def test_a_seed_makes_everything_that_follows():
  def episodes(seed):
    env = GymEnv(**QUICK)
    return [play(env, actions(LIMIT), seed=seed), *(play(env, actions(LIMIT)) for _ in range(18))]

  first, again, other = episodes(3), episodes(3), episodes(4)
  for a, b in zip(first, again, strict=True):
    assert_same(a, b)
  assert not np.array_equal(first[0][0], other[0][0])
  starts = {x[0].tobytes() for x in first}
  assert len(starts) == len(first)  # no start comes twice, in the next bank neither


def test_a_seed_is_the_same_whatever_came_before(quick_env):
  fresh = play(GymEnv(**QUICK), actions(LIMIT), seed=8)
  play(quick_env, actions(LIMIT), seed=1)
  quick_env.reset()
  assert_same(play(quick_env, actions(LIMIT), seed=8), fresh)


def test_what_is_returned_is_the_callers_own(quick_env):
  controls = actions(4)
  expected = play(quick_env, controls, seed=2)
  quick_env.reset(seed=2)
  for control in controls:
    obs, *_ = quick_env.step(control)
    obs[:] = 1e6
    control[:] = 7
  assert_same(play(quick_env, actions(4), seed=2), expected)


def test_a_step_needs_an_episode(quick_env):
  fresh = GymEnv(**QUICK)
  with pytest.raises(gymnasium.error.ResetNeeded, match='reset'):
    fresh.step(STILL)
  play(quick_env, np.zeros((LIMIT, 21)), seed=0)
  with pytest.raises(gymnasium.error.ResetNeeded, match='reset'):
    quick_env.step(STILL)


# The same numbers


@pytest.mark.parametrize('task', [{}, {'reward': 'walk', 'episode_length': 2.0}])
def test_rewards_ends_and_observations_are_those_of_our_env(moving_start, task):
  """Keeping still to the time limit or a slow fall, moving about, and thrashing until it falls."""
  env, ours = GymEnv(**{**QUICK, **task}), Direct({**QUICK, **task})
  lengths = set()
  for strength in (0.0, 0.3, 1.0):
    controls = actions(100, strength=strength)
    expected = ours.play(moving_start['qpos'], moving_start['qvel'], controls)
    assert_same(play(env, controls, options=moving_start), expected, exact=False)
    assert expected[1][-1][2] != expected[1][-1][3]
    lengths.add(len(expected[1]))
  assert len(lengths) > 1


def test_the_physics_is_that_of_c_mujoco(quick_env, model, moving_start):
  """Height and joint angles, in observations made of them, with nothing of ours in between but the model."""
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:] = np.float32(moving_start['qpos']), np.float32(moving_start['qvel'])
  quick_env.reset(options=moving_start)
  for control in actions(8):
    obs, *_ = quick_env.step(control)
    data.ctrl[:] = control
    mujoco.mj_step(model, data, 5)
    np.testing.assert_allclose(obs[[0, *range(4, 25)]], data.qpos[[2, *range(7, 28)]], atol=1e-5)


def test_the_terms_of_the_reward_add_up_to_it(quick_env):
  _, steps = play(quick_env, actions(LIMIT, strength=0.3), seed=5)
  for _, reward, _, _, info in steps:
    assert {'reward_height', 'reward_alive', 'reward_energy'} <= set(info)
    assert all(type(value) is float for value in info.values())
    assert sum(info.values()) == pytest.approx(reward, abs=1e-5)


def test_actions_beyond_the_limits_count_as_the_limits(quick_env):
  wild, tame = 30 * actions(5), np.clip(30 * actions(5), -1, 1)
  assert_same(play(quick_env, wild, seed=1), play(quick_env, tame, seed=1))


def test_numbers_are_the_same_in_a_process_that_computes_in_double_precision(moving_start):
  rich = {**QUICK, 'randomization': {'sensor_noise': 0.01, 'action_delay': 1}, 'command': {'kind': 'sampled'}}
  expected = play(GymEnv(**rich), actions(6), seed=4, options=moving_start)
  host_env._programs.cache_clear()
  with jax.enable_x64(True):
    found = play(GymEnv(**rich), actions(6).astype(np.float64), seed=4, options=moving_start)
  assert_same(found, expected)
  assert {x[0].dtype.name for x in found[1]} == {'float32'}


# Ends


def test_a_time_limit_is_a_truncation_with_the_true_last_observation(model):
  env = GymEnv(**{**QUICK, 'termination': 'never'})
  standing = {'qpos': model.qpos0, 'qvel': np.zeros(27)}
  controls = actions(50, strength=0.1)
  _, steps = play(env, controls, options=standing)
  assert len(steps) == LIMIT
  assert [s[2:4] for s in steps] == [(False, False)] * (LIMIT - 1) + [(False, True)]
  data = mujoco.MjData(model)
  for control in controls[:LIMIT]:
    data.ctrl[:] = control
    mujoco.mj_step(model, data, 5)
  # 0.5 s on the floor: where the episode was, not where the next one begins.
  np.testing.assert_allclose(steps[-1][0][0], data.qpos[2], atol=1e-3)
  np.testing.assert_allclose(env._envs.qpos[0, 2], data.qpos[2], atol=1e-3)


def test_a_fall_is_a_termination(quick_env, model):
  prone = {'qpos': np.r_[0, 0, 0.4, 0.7, 0, 0.7, 0, model.qpos0[7:]]}
  _, steps = play(quick_env, [STILL], options=prone)
  assert steps[0][2:4] == (True, False)
  assert steps[0][0][0] < 0.7


def test_every_episode_has_all_its_time():
  env = GymEnv(**{**QUICK, 'termination': 'never'})
  assert [len(play(env, actions(50))[1]) for _ in range(3)] == [LIMIT] * 3


def test_numbers_that_are_none_end_the_episode_without_harm(quick_env):
  obs, _ = quick_env.reset(seed=0)
  found, reward, terminated, truncated, info = quick_env.step(np.full(21, np.nan))
  assert (reward, terminated, truncated) == (0.0, True, False)
  np.testing.assert_array_equal(found, obs)
  assert set(info.values()) == {0.0}
  obs, _ = quick_env.reset()
  assert np.isfinite(obs).all()
  assert math.isfinite(quick_env.step(STILL)[1])


# Worlds that differ, pushes, late actions


def test_each_episode_has_a_world_of_its_own_where_the_task_says_so(moving_start):
  env = GymEnv(**QUICK, randomization={'mass': 0.3})
  controls = actions(4)
  first, second = (play(env, controls, seed=seed, options=moving_start) for seed in (1, 2))
  np.testing.assert_array_equal(first[0], second[0])  # seen alike
  assert np.abs(first[1][-1][0] - second[1][-1][0]).max() > 1e-3  # but not moving alike
  assert_same(play(env, controls, seed=1, options=moving_start), first)
  later = play(env, controls, options=moving_start)
  assert np.abs(first[1][-1][0] - later[1][-1][0]).max() > 1e-3


def test_pushes_come_when_the_task_says(moving_start):
  """The last 50 ms of every 250 ms: in steps 8 and 9 of ten."""
  pushed = {**QUICK, 'push': {'kind': 'force', 'force': (200.0, 200.0), 'duration': 0.05, 'interval': 0.25}}
  alone, shoved = (play(GymEnv(**c), np.zeros((12, 21)), seed=0, options=moving_start) for c in (QUICK, pushed))
  apart = [np.abs(a[0] - b[0]).max() for a, b in zip(alone[1], shoved[1], strict=True)]
  assert max(apart[:8]) < 1e-5
  assert min(apart[8:]) > 1e-2


def test_actions_may_come_late(moving_start):
  env = GymEnv(**QUICK, randomization={'action_delay': 1})
  at_once, unmoved = (
    play(env_, c, options=moving_start) for env_, c in ((GymEnv(**QUICK), [STILL + 0.8]), (env, [STILL]))
  )
  seen = set()
  for seed in range(12):
    obs = play(env, [STILL + 0.8], seed=seed, options=moving_start)[1][0][0]
    seen.add((np.allclose(obs, at_once[1][0][0], atol=1e-5), np.allclose(obs, unmoved[1][0][0], atol=1e-5)))
  assert seen == {(True, False), (False, True)}
