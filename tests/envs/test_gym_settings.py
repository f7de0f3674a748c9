"""The Gymnasium environment: its settings and what is refused, pictures, where it computes, and who learns on it."""

# ruff: noqa: E402 (what is imported below needs Gymnasium)

import math
import os

import numpy as np
import pytest

gymnasium = pytest.importorskip('gymnasium')

from gym_tools import LIMIT, QUICK, STAND, STILL, actions, play

from mjx_humanoid.core.config.files import load_config
from mjx_humanoid.core.config.schema import default_config, resolve
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.envs import host_env
from mjx_humanoid.envs.gym_env import GymEnv

pytestmark = pytest.mark.usefixtures('registered')


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


def test_a_second_environment_of_a_task_compiles_nothing():
  assert GymEnv(**QUICK)._envs._programs is GymEnv(**QUICK)._envs._programs


def test_a_reward_of_ones_own_is_read_again_when_it_was_edited(tmp_path):
  path = tmp_path / 'mine.py'
  for value, when in ((2.0, 1), (3.0, 2)):
    path.write_text(f'def reward(view, body, context):\n  return {value}')
    os.utime(path, (when, when))
    env = GymEnv(**QUICK, reward=f'{path}:reward')
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
    ({'config': 3}, 'config must be a path, the name of a built-in config or a config itself, not 3'),
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
def test_a_wrong_option_of_reset_is_refused(quick_env, options, message):
  with pytest.raises(UserError, match=message):
    quick_env.reset(options=options)


@pytest.mark.parametrize('action', [0.0, np.zeros(20), np.zeros((1, 21))])
def test_an_action_of_another_shape_is_refused(quick_env, action):
  quick_env.reset(seed=0)
  with pytest.raises(UserError, match=r'the action has shape .*; it must be \(21,\)'):
    quick_env.step(action)


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
  for control in actions(8, strength=1.0):
    env.step(control)
  assert np.abs(first - env.render()).max() > 20
  env.close()
  env.close()


def test_without_a_render_mode_there_is_no_picture(quick_env):
  with pytest.warns(UserWarning, match='render_mode'):
    assert quick_env.render() is None


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
