"""Protects videos made beside a training: one at a time, never in its way, and a failure told once at the end."""

from __future__ import annotations

import sys

import pytest

from mjx_humanoid.media import recorder as module
from mjx_humanoid.media.recorder import Recorder
from mjx_humanoid.playback.policy import load_policy


class Process:
  """A renderer that runs until a test says it is done."""

  def __init__(self, command, **options):
    self.command, self.options = command, options
    self.returncode, self.errors, self.terminated = None, '', False

  def end(self, code=0, errors=''):
    self.returncode, self.errors = code, errors

  def poll(self):
    return self.returncode

  def terminate(self):
    self.terminated = True
    self.end(-15)

  def wait(self):
    return self.returncode

  def communicate(self):
    if self.returncode is None:
      self.end()
    return '', self.errors


@pytest.fixture
def started(monkeypatch):
  """The processes started so far."""
  processes = []

  def start(command, **options):
    processes.append(Process(command, **options))
    return processes[-1]

  monkeypatch.setattr(module.subprocess, 'Popen', start)
  return processes


@pytest.fixture
def recorder(tmp_path):
  return Recorder(tmp_path / 'recordings', 24, 7.5)


def test_it_plays_the_policy_of_that_moment_with_the_command_of_the_package(recorder, started, make_policy, tmp_path):
  recorder(make_policy(), 128_000)
  weights, video = (tmp_path / 'recordings' / f'000000128000.{kind}' for kind in ('safetensors', 'mp4'))
  expected = [sys.executable, '-m', 'mjx_humanoid.play', str(weights), f'--out={video}']
  assert started[0].command == [*expected, '--framerate=24', '--seconds=7.5']
  assert load_policy(weights).info == make_policy().info


def test_one_at_a_time_and_the_training_never_waits(recorder, started, make_policy):
  recorder(make_policy(), 1)
  recorder(make_policy(), 2)  # the first is still being made: this one is left out
  assert len(started) == 1
  started[0].end()
  recorder(make_policy(), 3)
  assert len(started) == 2
  assert '000000000003' in ' '.join(started[1].command)


def test_they_have_low_priority_but_the_final_one(recorder, started, make_policy):
  recorder(make_policy(), 1)
  started[0].end()
  recorder.final(make_policy())
  assert started[0].options['preexec_fn'] is not None
  assert started[1].options['preexec_fn'] is None


def test_the_final_video_is_waited_for_and_ends_one_still_in_the_making(recorder, started, make_policy, tmp_path):
  recorder(make_policy(), 1)
  message = recorder.final(make_policy())
  assert started[0].terminated
  assert 'final.mp4' in ' '.join(started[1].command)
  assert started[1].returncode == 0
  assert message == f'videos are in {tmp_path / "recordings"}'


def test_a_failure_is_told_with_the_renderers_last_line_and_not_tried_again(recorder, started, make_policy):
  recorder(make_policy(), 1)
  started[0].end(2, 'warning: something\nerror: no OpenGL can be loaded\n')
  recorder(make_policy(), 2)
  recorder(make_policy(), 3)
  assert len(started) == 1
  assert recorder.final(make_policy()) == 'no videos: error: no OpenGL can be loaded'
  assert len(started) == 1


def test_a_renderer_that_dies_without_a_word(recorder, started, make_policy):
  recorder(make_policy(), 1)
  started[0].end(-11)
  assert recorder.final(make_policy()) == 'no videos: the renderer ended'


def test_a_disk_that_is_full_for_videos_does_not_end_the_training(recorder, started, make_policy, monkeypatch):
  from mjx_humanoid.errors import UserError

  def full(policy, path):
    raise UserError(f'the policy cannot be written to {path}: No space left on device.')

  monkeypatch.setattr(module, 'save_policy', full)
  recorder(make_policy(), 1)
  assert 'No space left on device' in recorder.final(make_policy())
