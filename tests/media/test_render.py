"""Protects frames, videos and contact sheets: which step a frame shows, and that files are whole or absent."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.media import render

DT = 0.025  # s, a control step of the humanoid


def grey(*levels, size=(4, 6)):
  """One image for each level: uint8 [h, w, 3]."""
  return [np.full((*size, 3), level, np.uint8) for level in levels]


def test_frame_times_of_thirty_frames_a_second_by_hand():
  # 12 steps of 25 ms are 0.3 s, so 9 frames; frame i is at i/30 s, that is step 4i/3, rounded.
  assert render.frame_times(12, DT, 30).tolist() == [0, 1, 3, 4, 5, 7, 8, 9, 11]


def test_a_frame_for_every_step_where_the_rates_agree():
  assert render.frame_times(8, DT, 40).tolist() == list(range(8))


def test_steps_are_repeated_where_frames_are_faster():
  assert render.frame_times(2, 0.5, 4).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize('framerate', [1, 24, 30, 60, 240])
def test_videos_last_as_long_as_the_episode_in_real_time(framerate):
  times = render.frame_times(400, DT, framerate)
  assert len(times) / framerate == pytest.approx(10.0)
  assert (np.diff(times) >= 0).all()
  assert times.max() <= 399


def test_an_episode_shorter_than_a_frame_still_has_one():
  assert render.frame_times(1, DT, 30).tolist() == [0]


def test_a_contact_sheet_is_ten_frames_in_two_rows_from_first_to_last():
  """Of 19 frames every second one: 0, 2, ..., 18; the sixth begins the second row."""
  sheet = render.contact_sheet(grey(*range(19)))
  assert sheet.shape == (2 * 4, 5 * 6, 3)
  assert sheet[::4, ::6, 0].tolist() == [[0, 2, 4, 6, 8], [10, 12, 14, 16, 18]]


def test_a_contact_sheet_of_few_frames_repeats_them():
  sheet = render.contact_sheet(grey(7, 9))
  assert sheet[::4, ::6, 0].tolist() == [[7] * 5, [9] * 5]


def test_the_sheet_is_written_at_half_size(tmp_path):
  import mediapy

  render.write_sheet(tmp_path / 'sheet.png', grey(10, 200))
  image = mediapy.read_image(tmp_path / 'sheet.png')
  assert image.shape == (4, 15, 3)
  assert (image[0, 0, 0], image[-1, -1, 0]) == (10, 200)


def test_a_video_holds_the_frames_at_the_rate_asked_for(tmp_path, read_video):
  render.write_video(tmp_path / 'new' / 'v.mp4', grey(*[20] * 5, *[220] * 5, size=(32, 48)), 10)
  video, framerate = read_video(tmp_path / 'new' / 'v.mp4')
  assert video.shape == (10, 32, 48, 3)
  assert framerate == pytest.approx(10)
  assert abs(video[0].mean() - 20) < 8
  assert abs(video[-1].mean() - 220) < 8
  assert [p.name for p in (tmp_path / 'new').iterdir()] == ['v.mp4']


@pytest.mark.parametrize('size', [(33, 48), (32, 49)])
def test_a_video_of_an_odd_size_is_written_or_refused_in_words(tmp_path, size):
  """H.264 halves the colours: a size that it cannot take must not end in a traceback."""
  try:
    render.write_video(tmp_path / 'v.mp4', grey(20, 20, size=size), 10)
  except UserError:
    assert not list(tmp_path.iterdir())
  else:
    assert (tmp_path / 'v.mp4').stat().st_size > 0


@pytest.mark.parametrize('failure', [OSError(28, 'No space left on device'), RuntimeError('ffmpeg says no\nand more')])
def test_a_video_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path, monkeypatch, failure):
  import mediapy

  def fail(path, images, **options):
    path.write_bytes(b'half a video')
    raise failure

  monkeypatch.setattr(mediapy, 'write_video', fail)
  with pytest.raises(UserError, match=r'v\.mp4 cannot be written: .*(No space left|ffmpeg says no$)'):
    render.write_video(tmp_path / 'v.mp4', grey(1), 10)
  assert not list(tmp_path.iterdir())


def test_an_ffmpeg_is_there_even_where_the_system_has_none(monkeypatch):
  monkeypatch.setattr('shutil.which', lambda name: None)
  path = render.use_bundled_ffmpeg()
  assert subprocess.run([path, '-version'], capture_output=True).returncode == 0


def test_the_systems_ffmpeg_comes_first(monkeypatch):
  import mediapy

  monkeypatch.setattr('shutil.which', lambda name: f'/somewhere/{name}')
  monkeypatch.setattr(mediapy, 'set_ffmpeg', lambda path: None)
  assert render.use_bundled_ffmpeg() == '/somewhere/ffmpeg'


@pytest.mark.parametrize('place', ['v.mp4', 'new/folder/v.mp4'])
def test_a_place_that_can_be_written(tmp_path, place):
  render.writable(tmp_path / place)
  assert not list(tmp_path.iterdir())  # asking makes nothing


@pytest.mark.parametrize('place', ['file/v.mp4', 'file/deeper/v.mp4', 'folder.mp4'])
def test_a_place_that_cannot_be_written_is_refused(tmp_path, place):
  (tmp_path / 'file').write_text('')
  (tmp_path / 'folder.mp4').mkdir()
  with pytest.raises(UserError, match='cannot be written'):
    render.writable(tmp_path / place)


def test_frames_show_the_robot_where_it_is(opengl, scene):
  """A robot that lies looks different from one that stands, far beyond what two pictures of the same differ by."""
  standing, lying = scene.body.default_qpos.copy(), scene.body.default_qpos.copy()
  lying[2], lying[3:7] = 0.15, [0.7071, 0, 0.7071, 0]
  images = list(render.frames(scene.model, np.stack([standing, lying, standing]), camera='track', width=64, height=48))
  assert [image.shape for image in images] == [(48, 64, 3)] * 3
  assert images[0].dtype == np.uint8
  assert np.abs(images[0].astype(int) - images[2]).mean() < 0.5
  assert np.abs(images[0].astype(int) - images[1]).mean() > 2
  assert images[0].std() > 5  # not one colour


def test_frames_larger_than_the_models_own_buffer(opengl, scene):
  image = next(render.frames(scene.model, scene.body.default_qpos[None], camera='front', width=1280, height=720))
  assert image.shape == (720, 1280, 3)


def test_a_state_that_is_not_finite_is_drawn_rather_than_ending_the_video(opengl, scene):
  qpos = np.full((1, 28), np.nan)
  assert next(render.frames(scene.model, qpos, camera='track', width=32, height=32)).shape == (32, 32, 3)


def test_an_unknown_camera_lists_the_choices(scene):
  with pytest.raises(UserError, match=r"unknown camera 'trak'. Did you mean 'track'\? Choices: .*side"):
    next(render.frames(scene.model, np.zeros((1, 28)), camera='trak', width=32, height=32))


def test_the_model_that_is_drawn_is_not_changed(opengl, scene):
  """Its buffers must grow for a picture, but in a copy: physics and other pictures go on with it."""
  before = (scene.model.vis.global_.offwidth, scene.model.vis.quality.offsamples)
  size = {'width': 2000, 'height': 16}
  next(render.frames(scene.model, scene.body.default_qpos[None], camera='track', software=True, **size))
  assert (scene.model.vis.global_.offwidth, scene.model.vis.quality.offsamples) == before


def test_drawing_without_smoothing_shows_the_same_scene(opengl, scene):
  pictures = [
    next(render.frames(scene.model, scene.body.default_qpos[None], camera='track', width=64, height=48, software=quick))
    for quick in (False, True)
  ]
  assert np.abs(pictures[0].astype(int) - pictures[1]).mean() < 15
