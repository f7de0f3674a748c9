"""Protects the command `pose` and the API's function: angles, pictures, libraries, and one line for every mistake."""

from __future__ import annotations

import json
import re
import shlex

import numpy as np
import pytest
from people import hidden, landmarks_json, posed
from PIL import Image

import mjx_humanoid as mh
from mjx_humanoid import pose
from mjx_humanoid.core.opengl import Gl
from mjx_humanoid.motions.landmarks import to_rows
from mjx_humanoid.motions.library import read_library
from mjx_humanoid.motions.skeleton import rig_of
from mjx_humanoid.robots import robots


@pytest.fixture(scope='session')
def rig():
  return rig_of(robots()['humanoid'])


@pytest.fixture
def here(tmp_path, monkeypatch, rig):
  """A folder to work in, with the landmarks of a squat."""
  monkeypatch.chdir(tmp_path)
  squat = posed(
    rig, hip_y_left=-60, hip_y_right=-60, knee_left=-70, knee_right=-70, ankle_y_left=-10, ankle_y_right=-10
  )
  (tmp_path / 'squat.json').write_text(landmarks_json(rig, squat))
  return tmp_path


@pytest.fixture
def no_rendering(monkeypatch):
  monkeypatch.setattr('mjx_humanoid.core.opengl.choose_gl', lambda: Gl('egl', 'llvmpipe'))
  monkeypatch.setattr('mjx_humanoid.media.pose_picture.robot_picture', lambda pose: np.zeros((480, 480, 3), np.uint8))


def test_show_prints_angles_and_writes_a_picture_and_json(opengl, here, capsys):
  pose.main(['show', 'squat.json', '--json=found.json'])
  out = capsys.readouterr().out
  assert 'left knee' in out
  assert 'hip_y_left -60' in re.sub(r'\s+', ' ', out)
  assert 'wrote squat_pose.png, found.json' in out
  assert 'next: python -m mjx_humanoid.play walk_any_pose --start=squat.json' in out
  picture = np.asarray(Image.open(here / 'squat_pose.png'))
  assert picture.shape == (480, 960, 3)
  assert picture[:, 480:].std() > 20  # the humanoid before a floor
  found = json.loads((here / 'found.json').read_text())
  assert found['joints']['knee_left'] == pytest.approx(np.radians(-70), abs=0.05)
  assert found['missing'] == []
  again = mh.pose(here / 'found.json')  # its landmarks are read again
  assert again.angles == pytest.approx(found['angles'], abs=1)


def test_another_picture_gets_a_number_unless_it_is_to_be_replaced(here, no_rendering):
  for expected in ('squat_pose.png', 'squat_pose-2.png'):
    pose.main(['show', 'squat.json'])
    assert (here / expected).is_file()
  pose.main(['show', 'squat.json', '--force'])
  assert not (here / 'squat_pose-3.png').exists()


def test_a_name_that_looks_like_markup_is_shown_as_it_is(here, no_rendering, capsys):
  (here / 'squat.json').rename(here / 'a [b].json')
  pose.main(['show', 'a [b].json'])
  out = capsys.readouterr().out
  assert 'a [b]: angles in degrees' in out
  assert 'joints [degrees]' in out
  assert "next: python -m mjx_humanoid.play walk_any_pose --start='a [b].json'" in out


def test_what_is_not_visible_is_said(here, no_rendering, rig, capsys):
  (here / 'half.json').write_text(json.dumps(to_rows(hidden(rig.landmarks(posed(rig)), 'left_wrist', 'right_ankle'))))
  pose.main(['show', 'half.json'])
  assert 'not visible, and so at rest: left elbow, right knee, right ankle' in capsys.readouterr().out


def test_a_library_of_a_folder(here, no_rendering, rig, capsys):
  folder = here / 'people'
  folder.mkdir()
  (folder / 'a.json').write_text(landmarks_json(rig, posed(rig)))
  (folder / 'b.json').write_text('[]')
  (folder / 'c.json').write_text(landmarks_json(rig, posed(rig, knee_left=-50)))
  pose.main(['library', 'people', '--out=poses.npz'])
  out = capsys.readouterr().out
  assert re.search(r'left out: .*b.json: the landmarks have shape 0', out)
  assert 'wrote poses.npz, 2 poses, and poses.png' in out
  assert 'next: python -m mjx_humanoid.play walk_any_pose --start=poses.npz --pose=a' in out
  found = read_library(here / 'poses.npz')
  assert found.names == ('a', 'c')
  found.check(rig.body, 'poses.npz')
  assert np.asarray(Image.open(here / 'poses.png')).shape == (240, 960, 3)  # two pictures at half size in a row


def with_nan():
  return json.dumps([[float('nan'), 0, 0, 1]] * 33)


MISTAKES = {
  'nothing': ([], 'show or library'),
  'no file': (['show', 'none.jpg'], 'there is no photo'),
  'no image': (['show', 'text.jpg'], 'is not an image'),
  'a folder': (['show', 'empty'], 'is a folder'),
  'a robot without a skeleton': (['show', 'squat.json', '--robot=cart'], "unknown robot 'cart'"),
  'landmarks with NaN': (['show', 'nan.json'], 'the landmark nose has a number that is not finite'),
  'landmarks of another shape': (['show', 'short.json'], 'they must be 33 x [x, y, z, visibility]'),
  'nobody of that number': (['show', 'squat.json', '--person=0'], '--person=0 is out of range'),
  'a crop of landmarks': (['show', 'squat.json', '--crop=0,0,9,9'], '--crop and --person are for photos'),
  'a crop in words': (['show', 'text.jpg', '--crop=all'], '--crop=all: it must be x,y,w,h'),
  'another kind of picture': (['show', 'squat.json', '--out=a.gif'], 'a.gif: it must end in .png'),
  'another kind of library': (['library', 'empty', '--out=a.npy'], 'a.npy: it must end in .npz'),
  'a library of nothing': (['library', 'empty', '--out=a.npz'], 'empty holds no images'),
  'a library without anybody': (['library', 'bad', '--out=a.npz'], 'no pose is found in the 1 files of bad'),
  'a library of no folder': (['library', 'none', '--out=a.npz'], "there is no folder 'none'"),
  'a library nowhere': (['library', 'empty'], '--out'),
  'an unknown option': (['show', 'squat.json', '--colour'], '--colour'),
  'no model': (['show', 'photo.png', '--model=none.task'], "there is no pose model 'none.task' (--model)"),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line_and_no_file(case, here, no_rendering, user_error, snapshot):
  (here / 'text.jpg').write_text('hello')
  (here / 'nan.json').write_text(with_nan())
  (here / 'short.json').write_text('[[1, 2, 3, 1]]')
  (here / 'empty').mkdir()
  (here / 'bad').mkdir()
  (here / 'bad' / 'a.jpg.json').write_text('{}')
  Image.new('RGB', (64, 64)).save(here / 'photo.png')
  before = snapshot(here)
  arguments, words = MISTAKES[case]
  assert words in user_error(pose.main, arguments)
  assert snapshot(here) == before


def test_files_that_exist_are_kept(here, no_rendering, user_error):
  (here / 'mine.png').write_text('older')
  assert '--force' in user_error(pose.main, ['show', 'squat.json', '--out=mine.png'])
  assert (here / 'mine.png').read_text() == 'older'


def test_the_examples_of_the_help_are_understood():
  lines = [re.split(r'  +', line.strip())[0] for line in pose.EPILOG.splitlines()[1:]]
  for line in (line for line in lines if 'mjx_humanoid.pose' in line):
    assert pose.parse(shlex.split(line.removeprefix('python -m mjx_humanoid.pose'))).action in ('show', 'library')


def test_from_python(here, rig):
  found = mh.pose('squat.json', balance=True)
  assert found.qpos.shape == (28,)
  assert found.angles['left_knee'] == pytest.approx(71.4, abs=8)
  assert set(found.joints) == set(rig.body.joint_names)
  assert 'qpos' not in repr(found)
  with pytest.raises(mh.UserError, match='person=0 is out of range'):
    mh.pose('squat.json', person=0)
  with pytest.raises(mh.UserError, match="unknown robot 'dog'"):
    mh.pose('squat.json', robot='dog')


def test_the_file_that_a_pose_is_taken_from_is_never_replaced(here, no_rendering, user_error):
  before = (here / 'squat.json').read_bytes()
  assert 'would be replaced' in user_error(pose.main, ['show', 'squat.json', '--json=squat.json', '--force'])
  assert (here / 'squat.json').read_bytes() == before
