"""Protects the command clip: what it lists, shows, checks and writes, and mistakes told in one line."""

from __future__ import annotations

import numpy as np
import pytest
from clip_tools import rows, stepping, swaying, write_person, written
from PIL import Image

from mjx_humanoid import clip
from mjx_humanoid.motions import clips
from mjx_humanoid.motions.clip_files import read_poses


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """The current folder, with the clips `walk` and `sway`; pybullet_data is not installed."""
  motions = tmp_path / 'motions'
  motions.mkdir()
  write_person(motions / 'humanoid3d_walk.txt', stepping(9))
  monkeypatch.setenv(clips.VARIABLE, str(motions))
  monkeypatch.setattr(clips, 'PACKAGE', 'not_installed')
  monkeypatch.chdir(tmp_path)
  return tmp_path


def test_clips_are_listed_with_their_lengths(folder, body, capsys):
  written(swaying(body), folder / 'motions' / 'sway.npz')
  (folder / 'motions' / 'bad.txt').write_text('no')
  clip.main(['list'])
  out = capsys.readouterr().out
  lines = {line.split()[1]: line.split() for line in out.split('\n') if line.startswith('│')}
  assert lines['walk'][3:9:2] == ['0.40', '9', 'yes']
  assert lines['sway'][3:9:2] == ['1.00', '21', 'yes']
  assert 'left out: ' in out
  assert 'bad.txt is not a clip' in out


def test_names_that_look_like_markup_are_listed_as_they_are(folder, body, capsys):
  written(swaying(body), folder / 'motions' / '[red]a[b].npz')
  clip.main(['list'])
  assert '│ [red]a[b] ' in capsys.readouterr().out


def still(body, ahead):
  """A robot that stands, and is moved over the floor by `ahead` m in 1 s."""
  clip = swaying(body, ahead=ahead)
  clip.qpos[:, 1:] = body.default_qpos[1:]
  return clip


def test_a_sound_clip_has_nothing_wrong(folder, body, capsys):
  written(still(body, 0.0), folder / 'sway.npz')
  clip.main(['check', 'sway.npz'])
  out = capsys.readouterr().out
  assert 'sway: a loop of 1.00 s and 21 frames on humanoid' in out
  assert 'nothing is wrong with it' in out


def test_faults_are_printed_and_end_with_status_one(folder, body, capsys):
  """The robot goes on by 0.5 m in 1 s while its feet are on the floor."""
  written(still(body, 0.5), folder / 'sway.npz')
  with pytest.raises(SystemExit) as end:
    clip.main(['check', 'sway.npz'])
  assert end.value.code == 1
  assert 'slides: left_heel, frame' in capsys.readouterr().out


@pytest.mark.parametrize('suffix', ['.npz', '.csv'])
def test_a_person_is_converted_to_the_robot(folder, suffix, capsys):
  clip.main(['convert', 'walk', f'--out=walk{suffix}', '--robot=humanoid_pd'])
  found = read_poses(folder / f'walk{suffix}')
  assert (found.robot, found.loop, len(found.joints)) == ('humanoid_pd', True, 21)
  assert (
    f'next: python -m mjx_humanoid.train --config=imitate --config.task.clip=walk{suffix}' in capsys.readouterr().out
  )


@pytest.fixture
def small(monkeypatch, opengl):
  """Pictures of 96 x 80 pixels: rendering without a GPU is slow."""
  monkeypatch.setattr('mjx_humanoid.media.clip_picture.WIDTH', 96)
  monkeypatch.setattr('mjx_humanoid.media.clip_picture.HEIGHT', 80)


def test_person_and_robot_are_shown_one_above_the_other(folder, small):
  clip.main(['show', 'walk'])
  picture = Image.open(folder / 'humanoid3d_walk_clip.png')
  assert picture.size == (8 * 96, 2 * 80)
  above, below = np.asarray(picture)[:80], np.asarray(picture)[80:]
  assert (above == 125).all(axis=2).mean() > 0.8  # a stick figure on grey
  assert (below == 125).all(axis=2).mean() < 0.1


@pytest.mark.slow
def test_a_video_has_frames_at_its_rate(folder, small, read_video, monkeypatch):
  """0.4 s at 10 frames a second."""
  monkeypatch.setattr(clip, 'FRAMERATE', 10)
  clip.main(['show', 'walk', '--out=walk.mp4'])
  frames, rate = read_video(folder / 'walk.mp4')
  assert (frames.shape[:3], rate) == ((4, 160, 96), 10)


def test_the_normative_gait_needs_no_file(folder, monkeypatch, capsys):
  monkeypatch.delenv(clips.VARIABLE)
  clip.main(['check', 'gait:1.0'])
  assert 'gait:1.0: a loop of' in capsys.readouterr().out
  clip.main(['convert', 'gait', '--out=gait.csv'])
  assert read_poses(folder / 'gait.csv').loop


def nan():
  frames = rows(3)
  frames[1, 20] = np.nan
  return frames


MISTAKES = {
  'no action': ([], 'required: list, show, check or convert'),
  'an unknown clip': (['check', 'wak'], "unknown clip 'wak'. Did you mean 'walk'?"),
  'a speed out of range': (['check', 'gait:3'], 'is known from 0.86 to'),
  'a clip of another robot': (['show', 'few.csv'], "few.csv lacks 20 joints of robot 'humanoid'"),
  'a missing file': (['show', 'none.txt'], "clip 'none.txt': there is no such file; clips of motion capture come with"),
  'a clip with NaN': (['check', 'nan.txt'], 'frame 1 of right_knee is not a finite number'),
  'no clip': (['convert', 'text.txt', '--out=a.npz'], 'text.txt is not a clip of DeepMimic'),
  'another suffix': (['convert', 'walk', '--out=a.mp4'], 'a.mp4: it must end in .npz or .csv'),
  'a file that exists': (['convert', 'walk', '--out=there.npz'], 'there.npz'),
  'another picture': (['show', 'walk', '--out=a.gif'], 'a.gif: it must end in .png or .mp4'),
  'an unknown robot': (['check', 'walk', '--robot=humanid'], "unknown robot 'humanid'. Did you mean 'humanoid'?"),
  'a robot without the anatomy': (['check', 'walk', '--robot=biped'], "'biped' cannot take the pose of a person"),
  'no such folder': (['list', 'nowhere'], "there is no folder or file 'nowhere'"),
  'an empty folder': (['list', 'empty'], 'empty has no clips'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line_and_writes_nothing(case, folder, user_error, snapshot):
  arguments, words = MISTAKES[case]
  write_person(folder / 'nan.txt', nan())
  (folder / 'text.txt').write_text('walk')
  (folder / 'there.npz').write_bytes(b'mine')
  (folder / 'empty').mkdir()
  row = '0,0,1,1,0,0,0,0\n'
  (folder / 'few.csv').write_text(f'time,x,y,z,qw,qx,qy,qz,knee_left\n0,{row}1,{row}')
  before = snapshot(folder)
  assert words in user_error(clip.main, arguments)
  assert snapshot(folder) == before


def test_without_clips_it_says_how_to_get_them(folder, monkeypatch, user_error):
  monkeypatch.delenv(clips.VARIABLE)
  said = user_error(clip.main, ['list'])
  assert said.startswith('no clips are installed: clips of motion capture come with the package pybullet')
  assert 'pip install pybullet' in said
