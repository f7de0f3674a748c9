"""Protects what is saved and restored, on points without physics: all of a training, and no more than is asked for."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from points import PointEnv, point_setup

from mjx_humanoid.core.config.amp import AMPConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback.policy import load_policy
from mjx_humanoid.rl.algorithm import MOTION, NEXT_MOTION, Spec, make_algorithm
from mjx_humanoid.run import saving
from mjx_humanoid.run.checkpoint import CheckpointStore
from mjx_humanoid.run.listeners import Callback
from mjx_humanoid.run.loop import Loop

pytestmark = pytest.mark.usefixtures('made_up_card')


def store(folder):
  return CheckpointStore(folder / 'checkpoints', 9)


def go(loop, resume=False):
  return loop.run(loop.begin(resume))


def same_arrays(first, second):
  assert first.keys() == second.keys()
  assert [name for name in first if first[name].tobytes() != second[name].tobytes()] == []


@pytest.mark.parametrize('restart_interval', [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (8, 24)), 16])
def test_n_and_n_more_iterations_equal_2n(tmp_path, restart_interval):
  folders = straight, halves = tmp_path / 'straight', tmp_path / 'halves'
  for folder in folders:
    folder.mkdir()
  go(Loop(point_setup(restart_interval=restart_interval), straight))
  half = point_setup(restart_interval=restart_interval)
  config = dataclasses.replace(half.config, total_timesteps=16)
  go(Loop(dataclasses.replace(half, config=config), halves))
  go(Loop(point_setup(restart_interval=restart_interval), halves), resume=True)
  same_arrays(store(straight).load()[1], store(halves).load()[1])


class MovingPoints(PointEnv):
  """Their motion is where they are; a clip's points go on by a quarter."""

  def advance(self, state, bank, view, key):
    following, out = super().advance(state, bank, view, key)
    return following, out._replace(extras={MOTION: state.obs, NEXT_MOTION: view})


def with_style(**settings):
  """A training by AMP: PPO, and a discriminator with its normaliser and its memory."""
  setup, env = point_setup(**settings), MovingPoints()
  style = AMPConfig(layers=(8,), batch_size=8, replay_size=64, learning_rate=1e-2)
  config = dataclasses.replace(setup.config, algorithm='amp', amp=style)
  clip = np.array([[[0.0], [0.25]], [[0.25], [0.5]]], np.float32)
  algorithm = make_algorithm(config, Spec(1, 1, lambda: None, style=lambda: clip))
  return dataclasses.replace(setup, config=config, env=env, algorithm=algorithm)


def test_n_and_n_more_iterations_equal_2n_with_a_style_that_is_learned_too(tmp_path):
  folders = straight, halves = tmp_path / 'straight', tmp_path / 'halves'
  for folder in folders:
    folder.mkdir()
  go(Loop(with_style(), straight))
  half = with_style()
  config = dataclasses.replace(half.config, total_timesteps=16)
  go(Loop(dataclasses.replace(half, config=config), halves))
  early = store(halves).load()[1]
  go(Loop(with_style(), halves), resume=True)
  same_arrays(store(straight).load()[1], store(halves).load()[1])
  ends = ('.memory.pairs', "['learner'].normalizer.mean", "['learner'].normalizer.std")
  kept = [name for name in early if '.critic' in name or name.endswith(ends)]
  assert len(kept) > 10
  late = store(halves).load()[1]
  assert [name for name in kept if early[name].tobytes() == late[name].tobytes()] == []


@pytest.mark.slow
def test_the_unroll_of_a_style_is_named_by_its_section(tmp_path):
  go(Loop(with_style(), tmp_path))
  other = with_style(total_timesteps=64)
  ppo = dataclasses.replace(other.config.ppo, unroll_length=1, batch_size=4)
  config = dataclasses.replace(other.config, ppo=ppo)
  algorithm = dataclasses.replace(other.algorithm, ppo=dataclasses.replace(other.algorithm.ppo, hyper=ppo))
  loop = Loop(dataclasses.replace(other, config=config, algorithm=algorithm), tmp_path)
  with pytest.raises(UserError, match=r'config\.ppo\.unroll_length=1 is not that of the run'):
    loop.begin(resume=True)


def test_the_score_is_a_running_mean_of_returns(tmp_path, monkeypatch):
  """By hand: the first return counts in full, each later one a tenth; updates without an end change nothing."""
  scores = []
  monkeypatch.setattr(CheckpointStore, 'save', lambda self, step, tree, score, *more: scores.append(score))
  loop = Loop(point_setup(checkpoint_interval=8), tmp_path)
  step, returns = loop.trainer.step, iter([(0, 0.0), (2, 10.0), (0, 0.0), (5, 20.0)])

  def told(state):
    state, values = step(state)
    episodes, mean = next(returns)
    return state, {**values, 'episodes': np.array(episodes), 'episode_return': np.array(mean)}

  monkeypatch.setattr(loop.trainer, 'step', told)
  go(loop)
  assert scores == [-np.inf, -np.inf, 10.0, 10.0, pytest.approx(0.9 * 10 + 0.1 * 20)]


@pytest.mark.parametrize('changes', [{'curriculum': 'linear'}, {'restart_interval': 16}])
def test_where_returns_do_not_compare_the_best_is_the_latest(changes, tmp_path):
  go(Loop(point_setup(checkpoint_interval=8, keep_checkpoints=1, **changes), tmp_path))
  assert (store(tmp_path).best(), store(tmp_path).steps()) == (32, [32])


def test_it_is_saved_before_the_first_update_with_the_policy(tmp_path):
  def killed(step, metrics):
    raise RuntimeError('killed')

  with pytest.raises(RuntimeError, match='killed'):
    go(Loop(point_setup(), tmp_path, [Callback(killed)]))
  assert store(tmp_path).steps() == [0]
  assert load_policy(tmp_path / 'policy.safetensors').info['timesteps'] == 0
  straight = tmp_path / 'straight'
  straight.mkdir()
  go(Loop(point_setup(), straight))
  go(Loop(point_setup(), tmp_path), resume=True)
  same_arrays(store(straight).load()[1], store(tmp_path).load()[1])


@pytest.mark.parametrize(('seconds', 'saved'), [(25.0, [0, 24, 32]), (0.0, [0, 32]), (10.0, [0, 8, 16, 24, 32])])
def test_it_is_saved_by_time(tmp_path, monkeypatch, seconds, saved):
  """Updates of 8 steps that take 10 s each."""
  now = [0.0]
  monkeypatch.setattr(saving, 'time', SimpleNamespace(monotonic=lambda: now[0]))
  later = Callback(lambda step, metrics: now.__setitem__(0, now[0] + 10))
  go(Loop(point_setup(checkpoint_seconds=seconds, keep_checkpoints=9), tmp_path, [later]))
  assert store(tmp_path).steps() == saved


class Forgetful:
  """An algorithm that leaves its optimiser out of checkpoints, as another would its replay buffer."""

  def __init__(self, algorithm):
    self._algorithm = algorithm

  def __getattr__(self, name):
    return getattr(self._algorithm, name)

  def kept(self, learner):
    return {'params': learner.params}

  def restored(self, fresh, kept):
    return fresh._replace(params=kept['params'])


def test_an_algorithm_may_leave_something_out_of_its_checkpoints(tmp_path):
  setup = point_setup()
  setup = dataclasses.replace(setup, algorithm=Forgetful(setup.algorithm))
  go(Loop(setup, tmp_path))
  saved = store(tmp_path).load()[1]
  learned = {name for name in saved if name.startswith("['learner']")}
  assert learned and all(name.startswith("['learner']['params']") for name in learned)
  more = dataclasses.replace(setup, config=dataclasses.replace(setup.config, total_timesteps=64))
  loop = Loop(more, tmp_path)
  state = loop.begin(resume=True)
  fresh = Loop(more, tmp_path).begin()
  np.testing.assert_array_equal(
    state.learner.params['mean_head']['kernel'], saved["['learner']['params']['mean_head']['kernel']"]
  )
  jax.tree.map(np.testing.assert_array_equal, state.learner.opt_state, fresh.learner.opt_state)
  assert loop.run(state)['timesteps'] == 64


def test_another_unroll_length_is_refused_by_its_name(tmp_path):
  go(Loop(point_setup(), tmp_path))
  setup = point_setup(total_timesteps=64)
  ppo = dataclasses.replace(setup.config.ppo, unroll_length=1, batch_size=4)
  other = point_setup(total_timesteps=64, ppo=ppo)
  with pytest.raises(UserError, match=r'config\.ppo\.unroll_length=1 is not that of the run'):
    Loop(other, tmp_path).begin(resume=True)
