"""Protects videos made beside a training: one at a time, never in its way, and a failure told once at the end."""

from __future__ import annotations

import sys

import pytest

from mjx_humanoid.media import recorder as module
from mjx_humanoid.media.recorder import Recorder
from mjx_humanoid.playback.policy import load_policy


class Process:
  """A renderer that runs until a test says it is done."""

  pid = 4242

  def __init__(self, command, **options):
    self.command, self.options = command, options
    self.returncode, self.signals = None, []

  def end(self, code=0, errors=''):
    self.returncode = code
    self.options['stderr'].write(errors.encode())

  def poll(self):
    return self.returncode

  def wait(self, timeout=None):
    if self.returncode is None:
      self.end()
    return self.returncode

  def send_signal(self, number):
    self.signals.append(number)


@pytest.fixture
def started(monkeypatch):
  """The processes started so far."""
  monkeypatch.setattr(module.os, 'setpriority', lambda *values: None)
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
  expected = [sys.executable, '-m', 'mjx_humanoid.play', str(weights), f'--out={video}', '--force']
  assert started[0].command == [*expected, '--framerate=24', '--seconds=5.0', '--width=480', '--height=360']
  assert load_policy(weights).info == make_policy().info


def test_one_at_a_time_in_order_and_the_training_never_waits(recorder, started, make_policy):
  recorder(make_policy(), 1)
  recorder(make_policy(), 2)  # the first is still being made: this one waits its turn
  assert len(started) == 1
  started[0].end()
  recorder(make_policy(), 3)
  assert [process.command[3].rpartition('/')[2] for process in started] == [
    '000000000001.safetensors',
    '000000000002.safetensors',
  ]


def test_they_have_low_priority_but_the_final_one(recorder, started, make_policy, monkeypatch):
  lowered = []
  monkeypatch.setattr(module.os, 'setpriority', lambda which, pid, level: lowered.append((pid, level)))
  recorder(make_policy(), 1)
  started[0].end()
  recorder.final(make_policy())
  assert len(started) == 2
  assert lowered == [(started[0].pid, 19)]
  assert started[1].command[-2:] == ['--framerate=24', '--seconds=7.5']


def test_all_that_wait_are_made_before_the_final_one(recorder, started, make_policy, tmp_path):
  for step in (1, 2, 3):
    recorder(make_policy(), step)
  message = recorder.final(make_policy())
  names = [process.command[3].rpartition('/')[2].partition('.')[0] for process in started]
  assert names == ['000000000001', '000000000002', '000000000003', 'final']
  assert all(process.returncode == 0 for process in started)
  assert message == f'videos are in {tmp_path / "recordings"}'


def test_the_keys_that_stop_a_training_do_not_reach_the_renderer(recorder, started, make_policy):
  recorder(make_policy(), 1)
  assert started[0].options['start_new_session'] is True


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
  from mjx_humanoid.core.errors import UserError

  def full(policy, path):
    raise UserError(f'the policy cannot be written to {path}: No space left on device.')

  monkeypatch.setattr(module, 'save_policy', full)
  recorder(make_policy(), 1)
  assert 'No space left on device' in recorder.final(make_policy())


def test_a_renderer_that_writes_much_does_not_block(tmp_path, make_policy, monkeypatch):
  """More than a pipe holds."""
  popen = module.subprocess.Popen
  code = 'import sys; sys.stderr.write("x" * 1_000_000 + "\\nlast line"); sys.exit(1)'
  monkeypatch.setattr(module.subprocess, 'Popen', lambda command, **o: popen([sys.executable, '-c', code], **o))
  recorder = Recorder(tmp_path, 24, 1.0)
  recorder(make_policy(), 1)
  assert recorder._running.wait(timeout=60) == 1
  assert recorder.final(make_policy()) == 'no videos: last line'


def test_an_early_end_stops_the_renderer_and_says_what_is_lost(recorder, started, make_policy):
  recorder(make_policy(), 1)
  recorder(make_policy(), 2)
  assert recorder.stop() == 'videos that were not made because training ended: 2'
  assert started[0].signals == [module.signal.SIGINT]
  assert recorder.stop() == ''
  assert len(started) == 1
