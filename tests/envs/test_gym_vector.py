"""The Gymnasium vector environment: many of the single one, stepped together."""

# ruff: noqa: E402 (what is imported below needs Gymnasium)

import warnings

import numpy as np
import pytest

gymnasium = pytest.importorskip('gymnasium')

from gym_tools import CONTROLS, LIMIT, QUICK, STAND
from gymnasium.vector import AutoresetMode

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.envs import gym_vector
from mjx_humanoid.envs.gym_env import GymEnv
from mjx_humanoid.envs.gym_vector import GymVectorEnv

ENVS = 4
ENDLESS = {**QUICK, 'termination': 'never'}


pytestmark = pytest.mark.usefixtures('registered')


def actions(steps, count=ENVS, strength=1.0):
  return np.random.default_rng(1).uniform(-strength, strength, (steps, count, CONTROLS)).astype(np.float32)


def play(env, controls, seed=None):
  """All that `reset` and each step gave, but for infos."""
  obs, _ = env.reset(seed=seed)
  return [obs, *(x for control in controls for x in env.step(control)[:4])]


def test_make_vec_takes_it_without_a_word():
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    env = gymnasium.make_vec(STAND, num_envs=ENVS, vectorization_mode='vector_entry_point', **QUICK)
    plain = gymnasium.make_vec(STAND, num_envs=2)
  assert type(env) is type(plain) is GymVectorEnv
  assert env.num_envs == ENVS and plain.num_envs == 2
  assert env.metadata['autoreset_mode'] is AutoresetMode.SAME_STEP
  assert env.metadata['render_fps'] == 40


def test_spaces_are_those_of_the_single_environment_in_a_row():
  env, single = GymVectorEnv(ENVS, **QUICK), GymEnv(**QUICK)
  assert env.single_observation_space == single.observation_space
  assert env.single_action_space == single.action_space
  obs, info = env.reset(seed=0)
  assert obs in env.observation_space and info == {}
  obs, rewards, terminated, truncated, _ = env.step(env.action_space.sample())
  assert obs in env.observation_space and obs.dtype == rewards.dtype == np.float32
  assert rewards.shape == terminated.shape == truncated.shape == (ENVS,)
  assert terminated.dtype == truncated.dtype == bool


def test_it_equals_as_many_single_environments():
  """Observations, rewards, terms and ends, over several episodes from the same starts."""
  env, singles = GymVectorEnv(ENVS, **QUICK), [GymEnv(**QUICK) for _ in range(ENVS)]

  def begin(i, seen):
    """The single environment goes to where this one is now; it must see the same."""
    start = {'qpos': env._envs.qpos[i], 'qvel': env._envs.qvel[i]}
    np.testing.assert_allclose(singles[i].reset(options=start)[0], seen, atol=1e-5)

  obs, _ = env.reset(seed=0)
  for i in range(ENVS):
    begin(i, obs[i])
  ends = {'terminated': 0, 'truncated': 0}
  # Half of the environments keep still and stand until the limit; half are shaken until they fall.
  for control in actions(60) * np.array([0, 0, 1, 1], np.float32)[:, None]:
    obs, rewards, terminated, truncated, info = env.step(control)
    for i, single in enumerate(singles):
      seen, reward, fell, late, terms = single.step(control[i])
      assert (fell, late) == (terminated[i], truncated[i])
      np.testing.assert_allclose(rewards[i], reward, atol=2e-5)
      ended = fell or late
      where = info['final_info'] if ended else info
      np.testing.assert_allclose([where[name][i] for name in terms], list(terms.values()), atol=2e-5)
      assert all(where[f'_{name}'][i] for name in terms)
      np.testing.assert_allclose(info['final_obs'][i] if ended else obs[i], seen, atol=5e-5)
      if ended:
        begin(i, obs[i])
    ends['terminated'] += terminated.sum()
    ends['truncated'] += truncated.sum()
  assert min(ends.values()) >= 2


def test_infos_have_the_form_that_gymnasium_gives_them():
  """Names, masks, shapes and types as SyncVectorEnv has them with same-step resets."""
  task = {**ENDLESS, 'episode_length': 0.05}
  kwargs = {'autoreset_mode': AutoresetMode.SAME_STEP}
  ours = gymnasium.make_vec(STAND, num_envs=ENVS, **task)
  theirs = gymnasium.make_vec(STAND, num_envs=ENVS, vectorization_mode='sync', vector_kwargs=kwargs, **task)

  def form(info):
    types = {float: 'number', np.float32: 'number', np.float64: 'number'}
    return {
      name: form(value) if isinstance(value, dict) else (value.shape, types.get(value.dtype.type, value.dtype.type))
      for name, value in info.items()
    }

  for env in (ours, theirs):
    env.reset(seed=0)
  for step in range(4):
    controls = np.zeros((ENVS, CONTROLS), np.float32)
    (*_, info), (*_, expected) = ours.step(controls), theirs.step(controls)
    ended = step % 2 == 1
    assert ('final_obs' in info) == ended
    if ended:  # all of them: theirs names no terms outside final_info then, ours names them with an empty mask
      assert not any(mask.any() for name, mask in info.items() if name.startswith('_reward_'))
      info = {name: value for name, value in info.items() if 'final' in name}
      assert all(
        type(a) is np.ndarray and a.shape == b.shape
        for a, b in zip(info['final_obs'], expected['final_obs'], strict=True)
      )
    assert form(info) == form(expected)


def test_a_seed_makes_everything_that_follows():
  env = GymVectorEnv(ENVS, **QUICK)
  first, later = play(env, actions(50), seed=3), play(env, actions(3))
  again = play(env, actions(50), seed=3)
  for a, b in zip(first, again, strict=True):
    np.testing.assert_array_equal(a, b)
  np.testing.assert_array_equal(play(env, actions(3))[0], later[0])
  assert not np.array_equal(first[0], later[0])
  assert not np.array_equal(play(env, [], seed=4)[0], first[0])
  assert len(np.unique(first[0][:, 4])) == ENVS  # starts differ among environments


def test_the_number_of_threads_changes_nothing():
  one, two = (play(GymVectorEnv(ENVS, num_threads=n, **QUICK), actions(30), seed=0) for n in (1, 2))
  for a, b in zip(one, two, strict=True):
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(('keywords', 'limit'), [({}, LIMIT), ({'max_episode_steps': 3}, 3)])
def test_all_episodes_begin_at_their_first_step(keywords, limit):
  """So all reach the time limit at once, and again."""
  env = gymnasium.make_vec(STAND, num_envs=ENVS, **ENDLESS, **keywords)
  env.reset(seed=0)
  ends = [env.step(np.zeros((ENVS, CONTROLS)))[2:4] for _ in range(2 * limit + 1)]
  assert not any(terminated.any() for terminated, _ in ends)
  assert [i + 1 for i, (_, truncated) in enumerate(ends) if truncated.any()] == [limit, 2 * limit]
  assert all(truncated.all() for _, truncated in ends if truncated.any())


def test_gymnasiums_own_wrappers_understand_it():
  env = gymnasium.make_vec(STAND, num_envs=ENVS, **ENDLESS)
  env = gymnasium.wrappers.vector.RecordEpisodeStatistics(env)
  env.reset(seed=0)
  total = np.zeros(ENVS)
  for _ in range(LIMIT):
    _, rewards, _, _, info = env.step(np.zeros((ENVS, CONTROLS)))
    total += rewards
  assert info['episode']['l'].tolist() == [LIMIT] * ENVS
  np.testing.assert_allclose(info['episode']['r'], total, rtol=1e-5)


def test_an_environment_that_diverges_spoils_no_other():
  env = GymVectorEnv(ENVS, **ENDLESS)
  env.reset(seed=0)
  controls = np.zeros((ENVS, CONTROLS), np.float32)
  controls[1] = np.nan
  obs, rewards, terminated, truncated, info = env.step(controls)
  assert terminated.tolist() == [False, True, False, False] and not truncated.any()
  assert rewards[1] == 0 and (rewards[[0, 2, 3]] > 0.1).all()
  assert np.isfinite(obs).all() and np.isfinite(info['final_obs'][1]).all()
  assert np.isfinite(env.step(0 * np.nan_to_num(controls))[0]).all()


def test_what_is_returned_is_the_callers_own():
  env = GymVectorEnv(ENVS, **QUICK)
  expected = play(env, actions(30), seed=0)
  found = [env.reset(seed=0)[0].copy()]
  for control in actions(30):
    given = env.step(control)[:4]
    found += [x.copy() for x in given]
    for array in given:
      array[:] = 0
    control[:] = 5
  for a, b in zip(found, expected, strict=True):
    np.testing.assert_array_equal(a, b)


def test_starts_do_not_run_out(monkeypatch):
  """Fresh ones come after a while; until then ended environments choose from the ones there are."""
  monkeypatch.setattr(gym_vector, 'BANK_SIZE', 1)
  monkeypatch.setattr(gym_vector, 'BANK_STEPS', 6)
  env = GymVectorEnv(1, **{**ENDLESS, 'episode_length': 0.05})
  seen = [env.reset(seed=0)[0].tobytes()]
  for _ in range(12):
    obs, _, _, truncated, _ = env.step(np.zeros((1, CONTROLS)))
    seen += [obs.tobytes()] * bool(truncated)
  # Ends after 2, 4, 6 steps; the next bank serves steps 7 to 12.
  assert len(set(seen[:4])) == len(set(seen[4:])) == 1
  assert seen[0] != seen[4]


def test_environments_differ_where_the_task_says_so_and_by_the_seed():
  env = GymVectorEnv(ENVS, **ENDLESS, start_strength=0.0, randomization={'mass': 0.3})
  env.reset(seed=0)
  env._envs.qpos[:] = 0
  heights = [play(env, np.zeros((10, ENVS, CONTROLS)), seed=seed)[-4][:, 0] for seed in (0, 1, 0)]
  assert len(np.unique(heights[0].round(6))) == ENVS
  np.testing.assert_array_equal(heights[0], heights[2])
  assert not np.allclose(heights[0], heights[1], atol=1e-6)


def test_pictures_of_all_environments(opengl):
  env = GymVectorEnv(2, **QUICK, render_mode='rgb_array', width=40, height=30)
  env.reset(seed=0)
  frames = env.render()
  assert [f.shape for f in frames] == [(30, 40, 3)] * 2
  assert not np.array_equal(*frames)
  env.close()
  env.close()


def test_without_a_render_mode_there_is_no_picture():
  with pytest.warns(UserWarning, match='render_mode'):
    assert GymVectorEnv(1, **QUICK).render() is None


@pytest.mark.parametrize(
  ('keywords', 'message'),
  [
    ({'num_envs': 0}, 'num_envs=0.*num_envs must be at least 1'),
    ({'num_threads': -1}, 'num_threads=-1.*the others at least 0'),
    ({'max_episode_steps': -1}, 'max_episode_steps=-1'),
    ({'episode_lenght': 5.0}, "unknown keyword 'episode_lenght'. Did you mean 'episode_length'?.*num_threads"),
    ({'render_mode': 'human'}, "unknown render mode 'human'"),
  ],
)
def test_a_wrong_keyword_is_refused_with_the_choices(keywords, message):
  with pytest.raises(UserError, match=message):
    GymVectorEnv(**keywords)


def test_a_step_before_the_first_reset_is_refused():
  with pytest.raises(gymnasium.error.ResetNeeded, match='reset'):
    GymVectorEnv(ENVS, **QUICK).step(actions(1)[0])


def test_actions_of_another_shape_and_options_are_refused():
  env = GymVectorEnv(ENVS, **QUICK)
  with pytest.raises(UserError, match="unknown option of reset 'reset_mask'"):
    env.reset(options={'reset_mask': np.ones(ENVS, bool)})
  env.reset(seed=0)
  with pytest.raises(UserError, match=r'the action has shape \(21,\); it must be \(4, 21\)'):
    env.step(np.zeros(CONTROLS))
