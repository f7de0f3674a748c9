"""Protects the trajectory command: its files, their names, and mistakes told before anything is written."""

from __future__ import annotations

import dataclasses
import os
import sys

import mujoco
import numpy as np
import pytest

import mjx_humanoid.trajectory as trajectory
from mjx_humanoid.playback.find import PRETRAINED, load
from mjx_humanoid.playback.policy import save_policy

SHORT = ['--seconds=0.2']  # 11 rows of 20 ms


@pytest.fixture
def here(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  return tmp_path


def names(folder):
  return sorted(path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file())


def test_files_are_named_after_the_policy_in_the_current_folder(here, capsys):
  trajectory.main(['stand', *SHORT])
  assert names(here) == ['stand_trajectory.csv', 'stand_trajectory.npz', 'stand_trajectory.xml']
  lines = capsys.readouterr().out.strip().split('\n')
  assert lines[0] == '11 control steps up to 0.200 s, 11 keyframes'
  assert lines[1] == 'wrote stand_trajectory.xml, stand_trajectory.npz, stand_trajectory.csv'
  assert lines[2].startswith('next: python -m mujoco.viewer --mjcf=stand_trajectory.xml')


def test_the_files_hold_one_and_the_same_episode(here):
  trajectory.main(['stand', *SHORT])
  model = mujoco.MjModel.from_xml_path('stand_trajectory.xml')
  arrays = np.load('stand_trajectory.npz', allow_pickle=False)
  table = np.loadtxt('stand_trajectory.csv', delimiter=',', skiprows=1)
  for name in ('time', 'qpos', 'qvel', 'ctrl'):
    np.testing.assert_array_equal(getattr(model, f'key_{name}'), arrays[name])
  np.testing.assert_array_equal(table[:, 0], arrays['time'])
  np.testing.assert_array_equal(table[:, 1:29], arrays['qpos'])
  data = mujoco.MjData(model)
  mujoco.mj_resetDataKeyframe(model, data, 4)
  mujoco.mj_step(model, data, int(arrays['substeps']))
  np.testing.assert_array_equal(data.qpos, model.key_qpos[5])


def test_every_thins_the_keyframes_and_not_the_tables(here, capsys):
  trajectory.main(['stand', *SHORT, '--every=4'])
  assert '11 control steps up to 0.200 s, 3 keyframes' in capsys.readouterr().out
  model = mujoco.MjModel.from_xml_path('stand_trajectory.xml')
  np.testing.assert_allclose(model.key_time, [0, 0.08, 0.16], atol=1e-12)
  assert len(np.load('stand_trajectory.npz')['time']) == 11


def test_seed_and_command_reach_the_episode(here):
  trajectory.main(['stand', *SHORT, '--out=a'])
  trajectory.main(['stand', *SHORT, '--out=b', '--seed=1', '--command', '0.5', '0', '-0.25'])
  a, b = np.load('a.npz'), np.load('b.npz')
  assert not np.array_equal(a['qpos'][0], b['qpos'][0])
  np.testing.assert_array_equal(b['command'][0], [0.5, 0, -0.25])


@pytest.mark.parametrize(
  ('out', 'expected'),
  [
    (None, 'stand_trajectory'),
    ('there', 'there/stand_trajectory'),  # a folder that is there
    ('new/', 'new/stand_trajectory'),
    ('new/walk', 'new/walk'),
    ('v1.2', 'v1.2'),
    ('walk.xml', 'walk'),
    ('new/walk.csv', 'new/walk'),
  ],
)
def test_where_the_files_go(here, out, expected):
  (here / 'there').mkdir()
  files = trajectory.outputs(out, 'stand', plot=True)
  assert [path.as_posix() for path in files.values()] == [expected + kind for kind in ('.xml', '.npz', '.csv', '.png')]
  assert '.png' not in trajectory.outputs(out, 'stand', plot=False)


@pytest.mark.parametrize(
  ('policy', 'expected'),
  [('runs/my.run', 'my.run_trajectory.xml'), ('p.safetensors', 'p_trajectory.xml'), ('stand', 'stand_trajectory.xml')],
)
def test_files_are_named_after_run_file_or_ready_policy(here, policy, expected):
  (here / 'runs' / 'my.run').mkdir(parents=True)
  assert str(trajectory.outputs(None, policy, plot=False)['.xml']) == expected


def test_new_folders_are_made(here):
  trajectory.main(['stand', *SHORT, '--out=new/deep/it'])
  assert names(here) == ['new/deep/it.csv', 'new/deep/it.npz', 'new/deep/it.xml']


@pytest.mark.parametrize('existing', ['stand_trajectory.xml', 'stand_trajectory.npz', 'stand_trajectory.csv'])
def test_a_file_that_exists_is_not_overwritten(here, user_error, existing):
  (here / existing).write_text('precious')
  message = user_error(trajectory.main, ['stand', *SHORT])
  assert message.startswith(f'{existing} exists already: give another --out=..., or --force ')
  assert names(here) == [existing]
  assert (here / existing).read_text() == 'precious'


def test_a_picture_that_exists_is_in_the_way_only_of_another(here, user_error):
  (here / 'it.png').write_text('precious')
  assert 'it.png exists already' in user_error(trajectory.main, ['stand', *SHORT, '--out=it', '--plot'])
  trajectory.main(['stand', *SHORT, '--out=it'])
  assert (here / 'it.png').read_text() == 'precious'


def test_force_overwrites(here):
  (here / 'stand_trajectory.xml').write_text('precious')
  trajectory.main(['stand', *SHORT, '--force'])
  assert mujoco.MjModel.from_xml_path('stand_trajectory.xml').nkey == 11


MISTAKES = {
  'no policy': ([], 'policy'),
  'unknown policy': (['nobody'], "unknown run, policy file or pretrained policy 'nobody'"),
  'a file that does not exist': (['none.safetensors'], 'there is no policy file or run'),
  'no seconds': (['stand', '--seconds=0'], '--seconds=0.0 is out of range: 0.1 to 600'),
  'too many seconds': (['stand', '--seconds=601'], 'out of range: 0.1 to 600'),
  'seconds that are no number': (['stand', '--seconds=nan'], 'out of range'),
  'text for a number': (['stand', '--seconds=long'], 'invalid float value'),
  'no step between keyframes': (['stand', '--every=0'], '--every=0 is out of range: 1 to 100000'),
  'backwards': (['stand', '--every=-1'], '--every=-1 is out of range'),
  'half a step': (['stand', '--every=0.5'], 'invalid int value'),
  'a negative seed': (['stand', '--seed=-1'], '--seed=-1 is out of range: 0 or more'),
  'a command at the speed of sound': (['stand', '--command', '340', '0', '0'], 'out of range: -10 to 10'),
  'half a command': (['stand', '--command', '1'], 'expected 3 arguments'),
  'an unknown option': (['stand', '--colour'], '--colour'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line_and_no_file(case, here, user_error):
  arguments, words = MISTAKES[case]
  assert words in user_error(trajectory.main, arguments)
  assert names(here) == []


def test_a_policy_of_another_robot_is_refused(here, user_error):
  policy = load('stand')
  kernels, biases = (*policy.kernels[:-1], policy.kernels[-1][:, :6]), (*policy.biases[:-1], policy.biases[-1][:6])
  other = dataclasses.replace(policy, kernels=kernels, biases=biases, log_std=policy.log_std[:6], mirror=None)
  save_policy(other, here / 'p.safetensors')
  assert 'it is a policy of another robot or task' in user_error(trajectory.main, ['p.safetensors'])
  assert names(here) == ['p.safetensors']


def test_a_damaged_policy_is_refused(here, user_error):
  whole = (PRETRAINED / 'stand.safetensors').read_bytes()
  (here / 'p.safetensors').write_bytes(whole[: len(whole) // 2])
  assert 'is not a readable policy file' in user_error(trajectory.main, ['p.safetensors'])


@pytest.mark.parametrize('out', ['file/it', 'file/deeper/it', 'blocked'])
def test_a_place_that_cannot_be_written_is_refused_before_any_work(here, user_error, monkeypatch, out):
  (here / 'file').write_text('')
  (here / 'blocked.npz').mkdir()
  monkeypatch.setattr(trajectory, 'make', lambda *a: pytest.fail('it went to work'))
  assert 'cannot be written' in user_error(trajectory.main, ['stand', f'--out={out}'])
  assert names(here) == ['file']


def test_a_disk_that_fills_up_leaves_nothing_half_done(here, user_error, full_disk):
  full_disk('csv')
  message = user_error(trajectory.main, ['stand', *SHORT])
  assert message == 'the trajectory cannot be written to stand_trajectory.csv: No space left on device.'
  assert names(here) == []


def test_without_matplotlib_it_says_so_before_any_work(here, user_error, monkeypatch):
  monkeypatch.setitem(sys.modules, 'matplotlib.figure', None)
  monkeypatch.setattr(trajectory, 'make', lambda *a: pytest.fail('it went to work'))
  assert 'pip install matplotlib' in user_error(trajectory.main, ['stand', '--plot'])
  assert names(here) == []


def test_a_path_with_spaces_is_quoted_in_what_to_do_next(here, capsys):
  trajectory.main(['stand', *SHORT, '--out=my robot'])
  assert "--mjcf='my robot.xml'" in capsys.readouterr().out


def test_an_episode_that_diverges_is_told(here, capsys, monkeypatch):
  from mjx_humanoid.playback import trajectories

  monkeypatch.setattr(trajectories, 'advance', lambda *a, real=trajectories.advance: spoil(real, *a))
  trajectory.main(['stand', *SHORT])
  assert '1 control steps up to 0.000 s, 1 keyframes; there the physics diverged' in capsys.readouterr().out


def spoil(advance, model, data, ctrl, substeps):
  result = advance(model, data, ctrl, substeps)
  data.qvel[0] = np.nan
  return result


def test_plot_adds_a_picture_without_jax_or_a_window_system(here, run_python):
  import mediapy

  code = (
    'import sys; import mjx_humanoid.trajectory as it; it.main(["stand", "--seconds=0.1", "--plot"]);'
    'print(sorted({"jax", "matplotlib.pyplot"} & set(sys.modules)))'
  )
  result = run_python('-c', code, env={**os.environ, 'MUJOCO_GL': 'disabled'})
  assert result.returncode == 0, result.stderr
  assert result.stdout.strip().endswith('[]')
  assert min(mediapy.read_image('stand_trajectory.png').shape[:2]) > 900
