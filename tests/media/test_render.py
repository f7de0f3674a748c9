"""Protects videos and contact sheets: which step a frame shows, and that files are whole or absent."""

from __future__ import annotations

import subprocess
from pathlib import Path

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


def test_a_gait_is_shown_over_one_stride_and_not_at_one_instant_of_ten():
  """At 0.9 strides a second, 300 frames from first to last are 33.2 frames apart, and a stride is 33.3 frames long."""
  whole = render.sheet_frames(300, 30)
  assert np.abs(np.exp(2j * np.pi * whole / 30 * 0.9).mean()) > 0.97  # one phase, on the circle
  stride = render.sheet_frames(300, 30, 0.9)
  assert (stride[0], len(stride)) == (150, 10)
  np.testing.assert_allclose((stride - 150) / 30 * 0.9, np.arange(10) / 10, atol=0.5 / 30)


def test_a_film_shorter_than_two_strides_is_shown_as_a_whole():
  assert render.sheet_frames(40, 30, 0.9).tolist() == [0, 4, 9, 13, 17, 22, 26, 30, 35, 39]


def test_a_strip_of_three_films_is_no_wider_than_other_sheets(tmp_path):
  """Three of 640 x 480 beside each other are two in a row, five rows, made small."""
  import mediapy

  strip = grey(*range(10), size=(480, 1920))
  assert render.contact_sheet(strip)[::480, ::1920, 0].tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
  render.write_sheet(tmp_path / 'sheet.png', strip)
  assert mediapy.read_image(tmp_path / 'sheet.png').shape == (1000, 1600, 3)


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


@pytest.mark.parametrize('failure', [OSError(28, 'No space left'), RuntimeError('FILE: ffmpeg says no\nand more')])
def test_a_video_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path, monkeypatch, failure):
  import mediapy

  def fail(path, images, **options):
    path.write_bytes(b'half a video')
    raise type(failure)(*(str(x).replace('FILE', str(path)) if isinstance(x, str) else x for x in failure.args))

  monkeypatch.setattr(mediapy, 'write_video', fail)
  with pytest.raises(
    UserError, match=r'the video cannot be written to .*v\.mp4: (No space left\.|v\.mp4: ffmpeg says no)$'
  ):
    render.write_video(tmp_path / 'v.mp4', grey(1), 10)
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', ['-y %d.mp4', 'a:[b]?.mp4', "it's.mp4"])
def test_ffmpeg_reads_no_pattern_or_option_in_a_name(tmp_path, monkeypatch, name):
  monkeypatch.chdir(tmp_path)
  render.write_video(Path(name), grey(1, 2, size=(32, 48)), 10)
  assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_sheet_that_cannot_be_written_is_told(tmp_path):
  (tmp_path / 'sheet.png').mkdir()
  with pytest.raises(UserError, match=r'the contact sheet cannot be written to .*sheet\.png: Is a directory'):
    render.write_sheet(tmp_path / 'sheet.png', grey(1))


def test_an_ffmpeg_is_there_even_where_the_system_has_none(monkeypatch):
  monkeypatch.setattr('shutil.which', lambda name: None)
  path = render.use_bundled_ffmpeg()
  assert subprocess.run([path, '-version'], capture_output=True).returncode == 0


def test_the_systems_ffmpeg_comes_first(monkeypatch):
  import mediapy

  monkeypatch.setattr('shutil.which', lambda name: f'/somewhere/{name}')
  monkeypatch.setattr(mediapy, 'set_ffmpeg', lambda path: None)
  assert render.use_bundled_ffmpeg() == '/somewhere/ffmpeg'
