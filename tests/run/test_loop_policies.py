"""Protects trainings that start from a policy, and those that continue them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from loop_tools import go, same_arrays, store

from mjx_humanoid import train
from mjx_humanoid.playback.find import load
from mjx_humanoid.playback.policy import save_policy
from mjx_humanoid.run.checkpoint import flatten
from mjx_humanoid.run.loop import Loop
from mjx_humanoid.run.policies import to_policy
from mjx_humanoid.run.setup import prepare

# From a policy that is there already


def like(policy, **more):
  """Settings of a training that can go on from a policy."""
  return {
    'task__observations': policy.task.observations,
    'task__frame_skip': policy.task.frame_skip,
    'network__policy_layers': tuple(kernel.shape[1] for kernel in policy.kernels[:-1]),
    'network__activation': policy.activation,
    'network__symmetric': policy.mirror is not None,
    'total_timesteps': 64,
    **more,
  }


def test_a_training_that_starts_from_the_ready_policy_acts_like_it(tiny, tmp_path):
  """On the observations of its own start states, before anything is learned."""
  ready = load('stand')
  loop = Loop(prepare(tiny(**like(ready, init_from='stand'))), tmp_path)
  state = loop.begin()
  policy, obs = to_policy(loop.setup, state.learner, 0), np.asarray(state.carry.env.obs)
  np.testing.assert_allclose(policy(obs), ready(obs), atol=2e-3)
  scratch = Loop(prepare(tiny(**like(ready))), tmp_path).begin()
  assert np.abs(to_policy(loop.setup, scratch.learner, 0)(obs) - ready(obs)).max() > 0.1
  assert policy.info['init_from'] == 'stand'


def test_a_resumed_run_does_not_load_it_again(tiny, tmp_path, make_policy):
  """It goes on from its own checkpoint; the policy it began with may be gone by then."""
  source = tmp_path / 'first.safetensors'
  save_policy(make_policy(), source)
  settings = like(make_policy(), init_from=str(source), network__symmetric=False)
  folder = tmp_path / 'run'
  folder.mkdir()
  go(Loop(prepare(tiny(**settings)), folder))
  learned = store(folder).load()[1]
  source.unlink()
  loop = Loop(prepare(tiny(**{**settings, 'total_timesteps': 128})), folder)
  state = loop.begin(resume=True)
  assert state.iteration == 1
  same_arrays(flatten({'learner': state.learner}), {k: v for k, v in learned.items() if k.startswith("['learner']")})
  assert loop.run(state)['timesteps'] == 128


INIT_MISMATCHES = {
  'other observations': ({'task__observations': ('joint_positions',)}, 'sees joint_positions, joint_velocities'),
  'other layers': ({'network__policy_layers': (16, 4)}, 'set config.network.policy_layers=(8,)'),
  'another activation': ({'network__activation': 'relu'}, 'set config.network.activation=elu'),
  'a symmetric network': ({'network__symmetric': True}, 'set config.network.symmetric=False'),
  'no normaliser': ({'ppo__normalize_observations': False}, 'set config.ppo.normalize_observations=True'),
}


@pytest.mark.parametrize('case', INIT_MISMATCHES)
def test_a_policy_that_does_not_fit_is_one_line_and_no_folder(case, tiny_arguments, tmp_path, make_policy, user_error):
  changes, words = INIT_MISMATCHES[case]
  source = tmp_path / 'first.safetensors'
  save_policy(make_policy(), source)
  settings = like(make_policy(), init_from=source, network__symmetric=False)
  message = user_error(train.main, tiny_arguments(**{**settings, **changes}))
  assert message.startswith('config.init_from: ')
  assert words in message
  assert [path.name for path in tmp_path.iterdir()] == ['first.safetensors']


def test_a_run_that_is_gone_on_from_is_told_in_the_report(tiny_arguments, tmp_path, finished_run):
  train.main(tiny_arguments(init_from=finished_run, total_timesteps=64))
  assert json.loads((tmp_path / 'tiny' / 'report.json').read_text())['info']['init_from'] == str(finished_run)
  assert json.loads((tmp_path / 'tiny' / 'config.json').read_text())['init_from'] == str(finished_run)


def test_a_run_goes_on_when_the_policy_that_it_began_with_is_gone(tiny_arguments, tmp_path, finished_run, capsys):
  source = tmp_path / 'source'
  shutil.copytree(finished_run, source)
  train.main(tiny_arguments(init_from=source, total_timesteps=64))
  assert f'starts from the policy {source}' in capsys.readouterr().out
  shutil.rmtree(source)
  train.main([f'--resume={tmp_path / "tiny"}', '--config.total_timesteps=128'])
  assert 'starts from' not in capsys.readouterr().out
