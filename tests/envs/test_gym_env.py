"""The Gymnasium environment: its protocol, and the same numbers as our own Env and as C MuJoCo by itself."""

# ruff: noqa: E402 (what is imported below needs Gymnasium)

import math
import os
import warnings

import numpy as np
import pytest

gymnasium = pytest.importorskip('gymnasium')

import mujoco
from gym_tools import LIMIT, QUICK, STAND, Direct, actions

from mjx_humanoid.core.config.files import load_config
from mjx_humanoid.core.config.schema import default_config, resolve
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.envs import host_env
from mjx_humanoid.envs.gym_env import GymEnv
from mjx_humanoid.envs.registration import register
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.robots import robots

STILL = np.zeros(21, np.float32)


@pytest.fixture(scope='module', autouse=True)
def registered():
  register()


@pytest.fixture(scope='module')
def model():
  return build_model(robots()['humanoid'])


@pytest.fixture(scope='module')
def env():
  """One quick environment for the tests that reset it themselves."""
  return GymEnv(**QUICK)


@pytest.fixture
def start(model):
  """A start near the standing pose, moving a little."""
  rng = np.random.default_rng(4)
  qpos = model.qpos0.copy()
  qpos[7:] += 0.05 * rng.standard_normal(21)
  return {'qpos': qpos, 'qvel': 0.1 * rng.standard_normal(27)}


def play(env, controls, **reset):
  """The first observation, and what each step gave until the episode ended."""
  obs, _ = env.reset(**reset)
  steps = []
  for control in controls:
    steps.append(env.step(control))
    if steps[-1][2] or steps[-1][3]:
      break
  return obs, steps


def assert_same(first, second, exact=True):
  """Two results of `play` are equal."""
  compare = np.testing.assert_array_equal if exact else lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5)
  assert len(first[1]) == len(second[1])
  compare(first[0], second[0])
  for a, b in zip(first[1], second[1], strict=True):
    compare(a[0], b[0])
    compare(a[1], b[1])
    assert a[2:4] == b[2:4]


# The protocol


def test_the_environment_checker_passes(opengl):
  """It warns of nothing but that observations have no bounds, as those of all MuJoCo environments."""
  env = gymnasium.make(STAND, **QUICK, width=64, height=64).unwrapped
  from gymnasium.utils.env_checker import check_env

  with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    check_env(env)
  assert [str(w.message) for w in caught if 'infinity' not in str(w.message)] == []


def test_spaces_and_metadata(env):
  obs, info = env.reset(seed=0)
  assert env.observation_space.shape == obs.shape and env.observation_space.dtype == obs.dtype == np.float32
  assert env.action_space == gymnasium.spaces.Box(-1, 1, (21,), np.float32)
  assert info == {}
  assert env.metadata == {'render_modes': ['rgb_array'], 'render_fps': 40}
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


def test_a_seed_is_the_same_whatever_came_before(env):
  fresh = play(GymEnv(**QUICK), actions(LIMIT), seed=8)
  play(env, actions(LIMIT), seed=1)
  env.reset()
  assert_same(play(env, actions(LIMIT), seed=8), fresh)


def test_what_is_returned_is_the_callers_own(env):
  controls = actions(4)
  expected = play(env, controls, seed=2)
  env.reset(seed=2)
  for control in controls:
    obs, *_ = env.step(control)
    obs[:] = 1e6
    control[:] = 7
  assert_same(play(env, actions(4), seed=2), expected)


def test_a_step_needs_an_episode(env):
  fresh = GymEnv(**QUICK)
  with pytest.raises(gymnasium.error.ResetNeeded, match='reset'):
    fresh.step(STILL)
  play(env, np.zeros((LIMIT, 21)), seed=0)
  with pytest.raises(gymnasium.error.ResetNeeded, match='reset'):
    env.step(STILL)


# The same numbers


@pytest.mark.parametrize('task', [{}, {'reward': 'walk', 'episode_length': 2.0}])
def test_rewards_ends_and_observations_are_those_of_our_env(start, task):
  """Keeping still to the time limit or a slow fall, moving about, and thrashing until it falls."""
  env, ours = GymEnv(**{**QUICK, **task}), Direct({**QUICK, **task})
  lengths = set()
  for strength in (0.0, 0.3, 1.0):
    controls = actions(100, strength=strength)
    expected = ours.play(start['qpos'], start['qvel'], controls)
    assert_same(play(env, controls, options=start), expected, exact=False)
    assert expected[1][-1][2] != expected[1][-1][3]
    lengths.add(len(expected[1]))
  assert len(lengths) > 1


def test_the_physics_is_that_of_c_mujoco(env, model, start):
  """Height and joint angles, in observations made of them, with nothing of ours in between but the model."""
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:] = np.float32(start['qpos']), np.float32(start['qvel'])
  env.reset(options=start)
  for control in actions(8):
    obs, *_ = env.step(control)
    data.ctrl[:] = control
    mujoco.mj_step(model, data, 5)
    np.testing.assert_allclose(obs[[0, *range(4, 25)]], data.qpos[[2, *range(7, 28)]], atol=1e-5)


def test_the_terms_of_the_reward_add_up_to_it(env):
  _, steps = play(env, actions(LIMIT, strength=0.3), seed=5)
  for _, reward, _, _, info in steps:
    assert {'reward_height', 'reward_alive', 'reward_energy'} <= set(info)
    assert all(type(value) is float for value in info.values())
    assert sum(info.values()) == pytest.approx(reward, abs=1e-5)


def test_actions_beyond_the_limits_count_as_the_limits(env):
  wild, tame = 30 * actions(5), np.clip(30 * actions(5), -1, 1)
  assert_same(play(env, wild, seed=1), play(env, tame, seed=1))


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


def test_a_fall_is_a_termination(env, model):
  prone = {'qpos': np.r_[0, 0, 0.4, 0.7, 0, 0.7, 0, model.qpos0[7:]]}
  _, steps = play(env, [STILL], options=prone)
  assert steps[0][2:4] == (True, False)
  assert steps[0][0][0] < 0.7


def test_every_episode_has_all_its_time():
  env = GymEnv(**{**QUICK, 'termination': 'never'})
  assert [len(play(env, actions(50))[1]) for _ in range(3)] == [LIMIT] * 3


def test_numbers_that_are_none_end_the_episode_without_harm(env):
  obs, _ = env.reset(seed=0)
  found, reward, terminated, truncated, info = env.step(np.full(21, np.nan))
  assert (reward, terminated, truncated) == (0.0, True, False)
  np.testing.assert_array_equal(found, obs)
  assert set(info.values()) == {0.0}
  obs, _ = env.reset()
  assert np.isfinite(obs).all()
  assert math.isfinite(env.step(STILL)[1])


# Worlds that differ, pushes, late actions


def test_each_episode_has_a_world_of_its_own_where_the_task_says_so(start):
  env = GymEnv(**QUICK, randomization={'mass': 0.3})
  controls = actions(4)
  first, second = (play(env, controls, seed=seed, options=start) for seed in (1, 2))
  np.testing.assert_array_equal(first[0], second[0])  # seen alike
  assert np.abs(first[1][-1][0] - second[1][-1][0]).max() > 1e-3  # but not moving alike
  assert_same(play(env, controls, seed=1, options=start), first)
  later = play(env, controls, options=start)
  assert np.abs(first[1][-1][0] - later[1][-1][0]).max() > 1e-3


def test_pushes_come_when_the_task_says(start):
  """The last 50 ms of every 250 ms: in steps 8 and 9 of ten."""
  pushed = {**QUICK, 'push': {'kind': 'force', 'force': (200.0, 200.0), 'duration': 0.05, 'interval': 0.25}}
  alone, shoved = (play(GymEnv(**c), np.zeros((12, 21)), seed=0, options=start) for c in (QUICK, pushed))
  apart = [np.abs(a[0] - b[0]).max() for a, b in zip(alone[1], shoved[1], strict=True)]
  assert max(apart[:8]) < 1e-5
  assert min(apart[8:]) > 1e-2


def test_actions_may_come_late(start):
  env = GymEnv(**QUICK, randomization={'action_delay': 1})
  at_once, unmoved = (play(env_, c, options=start) for env_, c in ((GymEnv(**QUICK), [STILL + 0.8]), (env, [STILL])))
  seen = set()
  for seed in range(12):
    obs = play(env, [STILL + 0.8], seed=seed, options=start)[1][0][0]
    seen.add((np.allclose(obs, at_once[1][0][0], atol=1e-5), np.allclose(obs, unmoved[1][0][0], atol=1e-5)))
  assert seen == {(True, False), (False, True)}


# Settings


def test_a_config_may_be_a_name_a_path_or_itself(tmp_path):
  path = tmp_path / 'mine.py'
  path.write_text(
    'from mjx_humanoid.core.config.schema import default_config\n'
    'def get_config():\n  config = default_config()\n  config.task.episode_length = 0.05\n  return config\n'
  )
  edited = default_config()
  edited.task.episode_length = 0.05
  for config in (path, str(path), edited, resolve(edited)):
    assert GymEnv(config)._envs.env.task.episode_steps == 2
  assert GymEnv('walk')._envs.task == resolve(load_config('walk')).task


def test_settings_of_the_task_are_keywords_of_make():
  env = gymnasium.make(STAND, **{**QUICK, 'episode_length': 0.05})
  assert env.unwrapped._envs.env.task.episode_steps == 2


def test_a_second_environment_of_a_task_compiles_nothing(env):
  assert GymEnv(**QUICK)._envs._programs is env._envs._programs


def test_a_reward_of_ones_own_is_read_again_when_it_was_edited(tmp_path):
  path = tmp_path / 'mine.py'
  for value, when in ((2.0, 1), (3.0, 2)):
    path.write_text(f'def reward(view, body, context):\n  return {value}')
    os.utime(path, (when, when))
    env = GymEnv(**QUICK, reward=f'{path}:reward', weights={})
    _, steps = play(env, [STILL], seed=0)
    assert (steps[0][1], steps[0][4]) == (value, {})


def test_a_start_file_serves(tmp_path, model):
  qpos = model.qpos0.copy()
  qpos[2] = 1.5
  np.savez(tmp_path / 'poses.npz', qpos=qpos[None])
  obs, _ = GymEnv(**QUICK, start=str(tmp_path / 'poses.npz'), start_strength=0.0).reset(seed=0)
  assert obs[0] == pytest.approx(1.5)


@pytest.mark.parametrize(
  ('keywords', 'message'),
  [
    ({'episode_lenght': 5.0}, "unknown keyword 'episode_lenght'. Did you mean 'episode_length'?.*render_mode"),
    ({'episode_length': 'long'}, "config.task.episode_length must be a number, not 'long'"),
    ({'episode_length': -1.0}, 'config.task.episode_length=-1.0 is out of range'),
    ({'reward': 'stnd'}, "unknown reward 'stnd'. Did you mean 'stand'?"),
    ({'config': 'stant'}, "no config file 'stant'"),
    ({'config': 3}, 'config must be a path, the name of a ready config or a config itself, not 3'),
    ({'render_mode': 'ascii'}, "unknown render mode 'ascii'.*rgb_array"),
    ({'camera': 'trak'}, "unknown camera 'trak'. Did you mean 'track'?"),
    ({'width': 0}, 'width=0, height=480: a picture needs at least one pixel'),
  ],
)
def test_a_wrong_keyword_is_refused_with_the_choices(keywords, message):
  with pytest.raises(UserError, match=message):
    GymEnv(**keywords)


def test_a_wrong_keyword_of_make_is_refused_in_the_same_words():
  with pytest.raises(UserError, match='Did you mean'):
    gymnasium.make(STAND, episode_lenght=5.0)


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'qpo': [0.0]}, "unknown option of reset 'qpo'. Did you mean 'qpos'?"),
    ({'qpos': [0.0, 1.0]}, r'the option qpos must be 28 finite numbers, not of shape \(2,\)'),
    ({'qvel': [math.nan] * 27}, r'the option qvel must be 27 finite numbers'),
  ],
)
def test_a_wrong_option_of_reset_is_refused(env, options, message):
  with pytest.raises(UserError, match=message):
    env.reset(options=options)


@pytest.mark.parametrize('action', [0.0, np.zeros(20), np.zeros((1, 21))])
def test_an_action_of_another_shape_is_refused(env, action):
  env.reset(seed=0)
  with pytest.raises(UserError, match=r'the action has shape .*; it must be \(21,\)'):
    env.step(action)


def test_a_reward_that_does_not_work_is_refused_by_name(tmp_path):
  path = tmp_path / 'mine.py'
  path.write_text('def reward(view, body, context):\n  return view.qpos')
  with pytest.raises(UserError, match='the total has shape'):
    GymEnv(reward=f'{path}:reward', weights={})


# Pictures


def test_pictures_show_the_world_as_it_is(opengl):
  env = gymnasium.make(STAND, **QUICK, render_mode='rgb_array', width=80, height=60)
  env.reset(seed=0)
  first, again = env.render().astype(int), env.render()
  assert again.shape == (60, 80, 3) and again.dtype == np.uint8 and again.std() > 5
  assert np.abs(first - again).max() < 10  # one OpenGL rounds colours otherwise each time
  for control in actions(10, strength=1.0):
    env.step(control)
  assert np.abs(first - env.render()).max() > 50
  env.close()
  env.close()


def test_without_a_render_mode_there_is_no_picture(env):
  with pytest.warns(UserWarning, match='render_mode'):
    assert env.render() is None


def test_no_opengl_is_chosen_before_the_first_picture(monkeypatch):
  def refuse():
    raise UserError('no OpenGL can be loaded')

  monkeypatch.setattr('mjx_humanoid.physics.camera.choose_gl', refuse)
  env = GymEnv(**QUICK, render_mode='rgb_array')
  env.reset(seed=0)
  with pytest.raises(UserError, match='no OpenGL can be loaded'):
    env.render()


# Where it runs, and with whom


def test_it_computes_on_the_cpu_where_jax_knows_of_one(monkeypatch):
  def refuse(backend):
    raise RuntimeError(f'no {backend}')

  assert host_env._cpu().platform == 'cpu'
  monkeypatch.setattr(host_env.jax, 'local_devices', refuse)
  assert host_env._cpu() is None


def test_making_one_starts_no_jax(run_python):
  """So that environments can be made in a process that is forked then, as AsyncVectorEnv does."""
  code = (
    'import gymnasium, mjx_humanoid.envs.registration as ours; ours.register()\n'
    f'env = gymnasium.make("{STAND}")\n'
    'from jax._src import xla_bridge; print(xla_bridge.backends_are_initialized())'
  )
  assert run_python('-c', code).stdout.strip() == 'False'


def test_stable_baselines3_learns_on_it():
  """PPO runs and its episodes are what ours are: at most 20 steps, with a return that is finite."""
  pytest.importorskip('stable_baselines3')
  from stable_baselines3 import PPO
  from stable_baselines3.common.env_util import make_vec_env

  envs = make_vec_env(STAND, n_envs=4, env_kwargs=QUICK, seed=0)
  small = {'net_arch': [16]}
  model = PPO('MlpPolicy', envs, n_steps=128, batch_size=256, n_epochs=1, policy_kwargs=small, seed=0, device='cpu')
  before = [p.detach().clone() for p in model.policy.parameters()]
  model.learn(2048)
  episodes = list(model.ep_info_buffer)
  assert model.num_timesteps == 2048
  assert len(episodes) > 2048 / LIMIT / 2
  assert all(1 <= e['l'] <= LIMIT and math.isfinite(e['r']) for e in episodes)
  assert any(
    not np.array_equal(a.numpy(), b.detach().numpy()) for a, b in zip(before, model.policy.parameters(), strict=True)
  )
  envs.close()
