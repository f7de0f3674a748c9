"""Protects the play command: a real video of a policy, and mistakes told before anything is rendered."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from mjx_humanoid import play
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.opengl import Gl
from mjx_humanoid.media import render
from mjx_humanoid.playback.policy import save_policy


@pytest.fixture
def without_opengl(monkeypatch):
  """A renderer that is never asked to draw."""
  monkeypatch.setattr('mjx_humanoid.core.opengl.choose_gl', lambda: Gl('egl', 'llvmpipe'))


@pytest.fixture
def no_rendering(monkeypatch, without_opengl):
  """What would be rendered, as (names of the stages, out)."""
  asked = []

  def shoot(stages, arguments, **how):
    asked.append([[stage.name for stage in stages]])
    return []

  monkeypatch.setattr(play, 'shoot', shoot)
  monkeypatch.setattr(render, 'write_video', lambda out, pictures, framerate: asked[-1].append(out))
  monkeypatch.setattr(render, 'write_sheet', lambda out, pictures, picks: None)
  return asked


@pytest.fixture
def saved(make_policy, tmp_path):
  """saved('name', **task) -> the file of a policy of this name and task."""

  def save(name, **settings):
    path = tmp_path / f'{name}.safetensors'
    save_policy(make_policy(info={'name': name}, task=TaskConfig(**settings)), path)
    return str(path)

  return save


def test_a_video_and_a_contact_sheet(opengl, finished_run, tmp_path, capsys, read_video):
  import mediapy

  out = tmp_path / 'new' / 'v.mp4'
  size = ['--width=64', '--height=48', '--seconds=0.5', '--framerate=20', '--episodes=2']
  play.main([str(finished_run), f'--out={out}', *size])
  assert read_video(out)[0].shape == (20, 48, 64, 3)  # 2 episodes x 0.5 s x 20 frames/s
  assert mediapy.read_image(out.with_suffix('.png')).shape == (48, 160, 3)
  assert f'wrote {out} and {out.with_suffix(".png")}' in capsys.readouterr().out


def test_one_after_the_other_and_side_by_side(opengl, finished_run, saved, tmp_path, capsys, read_video):
  """Two policies of 0.2 s each in a row; the same two and random actions beside each other, in the time of one."""
  second, size = saved('second', frame_skip=4), ['--width=64', '--height=48', '--seconds=0.2', '--framerate=20']
  play.main([str(finished_run), second, f'--out={tmp_path / "row.mp4"}', *size])
  assert read_video(tmp_path / 'row.mp4')[0].shape == (8, 48, 64, 3)
  play.main(['--compare', 'random', str(finished_run), second, f'--out={tmp_path / "beside.mp4"}', *size])
  assert read_video(tmp_path / 'beside.mp4')[0].shape == (4, 48, 3 * 64, 3)
  assert f'next: python -m mjx_humanoid.evaluate {finished_run}\n' in capsys.readouterr().out


def test_a_film_is_not_overwritten_unless_asked(finished_run, tmp_path, monkeypatch, no_rendering, user_error):
  """Without --out it gets a number; --out needs --force."""
  (tmp_path / 'run').symlink_to(finished_run)
  monkeypatch.chdir(tmp_path)
  name = finished_run.resolve().name
  for file in (f'{name}.mp4', f'{name}-2.png', 'mine.mp4', 'yours.png'):
    (tmp_path / file).write_text('older')
  play.main(['run'])
  assert no_rendering[-1][1] == Path(f'{name}-3.mp4')
  play.main(['run', '--force'])
  assert no_rendering[-1][1] == Path(f'{name}.mp4')
  for out in ('mine', 'yours'):
    assert '--force' in user_error(play.main, ['run', f'--out={out}.mp4'])
    play.main(['run', f'--out={out}.mp4', '--force'])
    assert no_rendering[-1][1] == Path(f'{out}.mp4')


MISTAKES = {
  'no policy': ([], 'policy'),
  'unknown policy': (['nobody'], "unknown run, policy file or pretrained policy 'nobody'"),
  'an unknown one after a good one': (['RUN', 'nobody'], "unknown run, policy file or pretrained policy 'nobody'"),
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
  'random actions alone': (['--compare', 'random'], "--compare needs a policy beside 'random'"),
  'random actions in a row': (['RUN', 'random'], "unknown run, policy file or pretrained policy 'random'"),
  'a push that pulls': (['RUN', '--push=-1'], '--push=-1.0 is out of range: 0 to 10000 N'),
  'a push too hard': (['RUN', '--push=10001'], '--push=10001.0 is out of range'),
  'a push that is no number': (['RUN', '--push=nan'], '--push=nan is out of range'),
  'a push in words': (['RUN', '--push=hard'], 'invalid float value'),
  'starts too strong': (['RUN', '--start-strength=101'], '--start-strength=101.0 is out of range: 0 to 100'),
  'half a command': (['RUN', '--command', '1', '0'], 'expected 3 arguments'),
  'a command too fast': (['RUN', '--command', '1', '0', '-10.1'], 'is out of range: -10 to 10 m/s and rad/s'),
  'a command that is no number': (['RUN', '--command', '1', 'nan', '0'], 'is out of range: -10 to 10'),
  'a command in words': (['RUN', '--command', 'go', '0', '0'], 'invalid float value'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line_and_no_file(case, finished_run, user_error, tmp_path, monkeypatch, without_opengl):
  monkeypatch.chdir(tmp_path)
  arguments, words = MISTAKES[case]
  message = user_error(play.main, [str(finished_run) if a == 'RUN' else a for a in arguments])
  assert words in message
  assert not list(tmp_path.iterdir())


def test_a_policy_of_another_robot_after_one_of_this_is_one_line(saved, user_error, twin, without_opengl, tmp_path):
  message = user_error(play.main, [saved('a'), saved('b', robot='twin'), f'--out={tmp_path / "v.mp4"}'])
  assert message == 'b is a policy of twin and cannot go on where a, of humanoid, ends.'
  assert not (tmp_path / 'v.mp4').exists()


def test_an_odd_width_is_rendered_or_refused_in_words(opengl, finished_run, tmp_path, capfd):
  out = tmp_path / 'v.mp4'
  try:
    play.main([str(finished_run), f'--out={out}', '--seconds=0.2', '--width=63', '--height=47'])
  except SystemExit as end:
    assert end.code == 2
    assert capfd.readouterr().err.startswith('error: ')
  else:
    assert out.stat().st_size > 0


def test_a_policy_of_another_robot_is_refused(make_policy, user_error, tmp_path, without_opengl):
  policy = make_policy()
  kernels, biases = (policy.kernels[0], policy.kernels[1][:, :6]), (policy.biases[0], policy.biases[1][:6])
  save_policy(make_policy(kernels=kernels, biases=biases, log_std=policy.log_std[:6]), tmp_path / 'p.safetensors')
  message = user_error(play.main, [tmp_path / 'p.safetensors', f'--out={tmp_path / "v.mp4"}'])
  assert 'it is a policy of another robot or task' in message


def test_without_any_opengl_it_says_what_to_install(finished_run, user_error, tmp_path, no_opengl):
  assert 'apt-get install' in user_error(play.main, [finished_run, f'--out={tmp_path / "v.mp4"}'])


@pytest.mark.parametrize(('reference', 'expected'), [('run', 'run.mp4'), ('run/policy.safetensors', 'policy.mp4')])
def test_the_video_is_named_after_the_policy_in_the_current_folder(
  finished_run, tmp_path, monkeypatch, no_rendering, reference, expected
):
  shutil.copytree(finished_run, tmp_path / 'run')
  monkeypatch.chdir(tmp_path)
  play.main([reference])
  assert no_rendering == [[['tiny'], Path(expected)]]


def test_the_current_folder_can_be_the_run(finished_run, monkeypatch, no_rendering):
  monkeypatch.chdir(finished_run)
  play.main(['.'])
  assert no_rendering[0][1].suffix == '.mp4'


def test_the_video_of_several_is_named_after_all_of_them(finished_run, saved, tmp_path, monkeypatch, no_rendering):
  shutil.copytree(finished_run, tmp_path / 'run')
  saved('walk')
  monkeypatch.chdir(tmp_path)
  play.main(['run', 'walk.safetensors'])
  play.main(['--compare', 'random', 'run', 'walk.safetensors'])
  assert no_rendering == [
    [['tiny', 'walk'], Path('run_walk.mp4')],
    [['random', 'tiny', 'walk'], Path('random_run_walk.mp4')],
  ]


def test_the_examples_of_the_help_are_understood():
  lines = [re.split(r'  +', line.strip())[0] for line in play.EPILOG.splitlines()[1:]]
  assert len(lines) > 3
  for line in lines:
    command, *given = shlex.split(line.removeprefix('python -m '))
    assert command == 'mjx_humanoid.play'
    assert play.parse(given).policy
