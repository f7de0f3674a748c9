"""Protects the play command: a real video of a policy, and mistakes told before anything is rendered."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from mjx_humanoid import play
from mjx_humanoid.media.gl import Gl
from mjx_humanoid.playback.policy import save_policy


@pytest.fixture
def no_rendering(monkeypatch):
  """What would be rendered, as (policy name, out)."""
  asked = []
  monkeypatch.setattr('mjx_humanoid.media.gl.choose_gl', lambda: Gl('egl', 'llvmpipe'))
  monkeypatch.setattr(play, 'render', lambda policy, arguments, out, **how: asked.append((policy.name, out)))
  return asked


def test_a_video_and_a_contact_sheet(opengl, finished_run, tmp_path, capsys, read_video):
  import mediapy

  out = tmp_path / 'new' / 'v.mp4'
  size = ['--width=64', '--height=48', '--seconds=0.5', '--framerate=20', '--episodes=2']
  play.main([str(finished_run), f'--out={out}', *size])
  assert read_video(out)[0].shape == (20, 48, 64, 3)  # 2 episodes x 0.5 s x 20 frames/s
  assert mediapy.read_image(out.with_suffix('.png')).shape == (48, 160, 3)
  assert f'wrote {out} and {out.with_suffix(".png")}' in capsys.readouterr().out


MISTAKES = {
  'no policy': ([], 'policy'),
  'unknown policy': (['nobody'], "unknown run, policy file or ready policy 'nobody'"),
  'a file that does not exist': (['none.safetensors'], 'there is no policy file or run'),
  'another kind of video': (['RUN', '--out=v.avi'], 'videos are written as .mp4'),
  'no seconds': (['RUN', '--seconds=0'], '--seconds=0.0 is out of range: 0.1 to 600'),
  'seconds that are no number': (['RUN', '--seconds=nan'], 'out of range'),
  'too many episodes': (['RUN', '--episodes=101'], 'out of range: 1 to 100'),
  'framerate': (['RUN', '--framerate=0'], 'out of range'),
  'width': (['RUN', '--width=1'], 'out of range'),
  'height': (['RUN', '--height=99999'], 'out of range'),
  'text for a number': (['RUN', '--episodes=two'], 'invalid int value'),
  'a negative seed': (['RUN', '--seed=-1'], 'seed'),
  'two kinds of action': (['RUN', '--random', '--stochastic'], 'not allowed with'),
  'an unknown option': (['RUN', '--colour'], '--colour'),
  'an unknown camera': (['RUN', '--camera=trak', '--seconds=0.1'], "Did you mean 'track'?"),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line_and_no_file(case, finished_run, user_error, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr('mjx_humanoid.media.gl.choose_gl', lambda: Gl('egl', 'llvmpipe'))
  arguments, words = MISTAKES[case]
  message = user_error(play.main, [str(finished_run) if a == 'RUN' else a for a in arguments])
  assert words in message
  assert not list(tmp_path.iterdir())


def test_an_odd_width_is_rendered_or_refused_in_words(opengl, finished_run, tmp_path, capfd):
  out = tmp_path / 'v.mp4'
  try:
    play.main([str(finished_run), f'--out={out}', '--seconds=0.2', '--width=63', '--height=47'])
  except SystemExit as end:
    assert end.code == 2
    assert capfd.readouterr().err.startswith('error: ')
  else:
    assert out.stat().st_size > 0


def test_a_policy_of_another_robot_is_refused(make_policy, user_error, tmp_path, monkeypatch):
  monkeypatch.setattr('mjx_humanoid.media.gl.choose_gl', lambda: Gl('egl', 'llvmpipe'))
  policy = make_policy()
  kernels, biases = (policy.kernels[0], policy.kernels[1][:, :6]), (policy.biases[0], policy.biases[1][:6])
  save_policy(make_policy(kernels=kernels, biases=biases, log_std=policy.log_std[:6]), tmp_path / 'p.safetensors')
  message = user_error(play.main, [tmp_path / 'p.safetensors', f'--out={tmp_path / "v.mp4"}'])
  assert 'it is a policy of another robot or task' in message


def test_without_any_opengl_it_says_what_to_install(finished_run, user_error, tmp_path, monkeypatch):
  monkeypatch.setattr('mjx_humanoid.media.gl.probe', lambda name: None)
  assert 'apt-get install' in user_error(play.main, [finished_run, f'--out={tmp_path / "v.mp4"}'])


@pytest.mark.parametrize(('reference', 'expected'), [('run', 'run.mp4'), ('run/policy.safetensors', 'policy.mp4')])
def test_the_video_is_named_after_the_policy_in_the_current_folder(
  finished_run, tmp_path, monkeypatch, no_rendering, reference, expected
):
  shutil.copytree(finished_run, tmp_path / 'run')
  monkeypatch.chdir(tmp_path)
  play.main([reference])
  assert [(name, str(out)) for name, out in no_rendering] == [('tiny', expected)]


def test_the_current_folder_can_be_the_run(finished_run, monkeypatch, no_rendering):
  monkeypatch.chdir(finished_run)
  play.main(['.'])
  assert no_rendering[0][1].suffix == '.mp4'


def arguments(*more):
  return play.parse(['anything', *more])


def test_actions_are_the_mean_unless_asked_otherwise(make_policy):
  policy = make_policy()
  obs = np.random.default_rng(0).normal(size=(3, policy.observation_size)).astype(np.float32)
  mean = play.controller_of(policy, arguments(), np.random.default_rng(1))(obs)
  np.testing.assert_array_equal(mean, policy(obs))
  sampled = play.controller_of(policy, arguments('--stochastic'), np.random.default_rng(1))(obs)
  np.testing.assert_array_equal(sampled, policy(obs, np.random.default_rng(1)))
  random = play.controller_of(policy, arguments('--random'), np.random.default_rng(1))(obs)
  assert random.shape == (3, 21)
  assert np.abs(random).max() <= 1
  assert len(np.unique(random)) == 63


def test_episodes_go_on_for_their_full_length_even_after_a_fall(scene, make_policy):
  paths = play.play(scene, make_policy(), arguments('--episodes=2', '--seconds=3'), np.random.default_rng(0))
  assert paths.shape == (2, 120, 28)  # 3 s of 25 ms
  assert paths[0, -1, 2] < 0.8  # it has fallen by then


def test_the_seed_decides_the_episode(scene, make_policy):
  first, again, other = (
    play.play(scene, make_policy(), arguments('--seconds=0.1'), np.random.default_rng(seed)) for seed in (0, 0, 1)
  )
  np.testing.assert_array_equal(first, again)
  assert not np.array_equal(first, other)
