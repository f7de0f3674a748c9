"""Protects `train --view`: the viewer that runs beside a training, and what the training does for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from mjx_humanoid import train
from mjx_humanoid.playback.find import load
from mjx_humanoid.viewer.beside import LiveView
from mjx_humanoid.viewer.follow import LIVE_POLICY, Follower
from mjx_humanoid.viewer.serving import UNWATCHED, WATCHED


@pytest.fixture
def watched_by(monkeypatch, tmp_path):
  """watched_by(lines) -> (LiveView, lines that the user saw), with a viewer that prints these lines and waits."""
  views = []

  def start(*lines):
    code = f'import time\nfor line in {lines!r}: print(line, flush=True)\ntime.sleep(60)'
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, 'Popen', lambda command, **options: popen([sys.executable, '-c', code], **options))
    said = []
    loop = SimpleNamespace(folder=tmp_path, say=said.append, policy=lambda: load('stand'))
    views.append(LiveView())
    views[-1].on_start(loop)
    return views[-1], said

  yield start
  for view in views:
    view.close()
    assert view._process.poll() is not None


def until(condition):
  end = time.monotonic() + 20
  while not condition():
    assert time.monotonic() < end
    time.sleep(0.01)


def test_the_link_is_shown_and_nothing_is_saved_while_nobody_watches(watched_by, tmp_path):
  view, said = watched_by('open http://127.0.0.1:1/', 'Ctrl-C ends.')
  until(lambda: said)
  view.on_update(100, {})
  assert said == ['live view: open http://127.0.0.1:1/']
  assert list(tmp_path.iterdir()) == []


def test_while_a_page_is_open_the_newest_policy_is_saved_every_five_seconds(watched_by, tmp_path, monkeypatch):
  view, _ = watched_by(WATCHED)
  until(lambda: view._watched)
  view.on_update(100, {})
  first = (tmp_path / LIVE_POLICY).stat().st_mtime_ns
  view.on_update(200, {})
  assert (tmp_path / LIVE_POLICY).stat().st_mtime_ns == first
  now = time.monotonic()
  monkeypatch.setattr(time, 'monotonic', lambda: now + 6)
  view.on_update(300, {})
  assert (tmp_path / LIVE_POLICY).stat().st_mtime_ns > first


def test_nothing_is_saved_any_more_when_the_last_page_is_closed(watched_by):
  view, _ = watched_by(WATCHED, UNWATCHED, 'error: x')
  until(lambda: view._loop.say.__self__ == ['live view: error: x'])
  assert not view._watched


def test_a_policy_that_cannot_be_saved_is_told_once_and_training_goes_on(watched_by, tmp_path, monkeypatch):
  view, said = watched_by(WATCHED)
  until(lambda: view._watched)
  monkeypatch.setattr('mjx_humanoid.viewer.beside.EVERY', -1.0)
  (tmp_path / LIVE_POLICY.parent).write_text('a file where the folder should be')
  view.on_update(100, {})
  view.on_update(200, {})
  assert len(said) == 1
  assert 'cannot be written' in said[0]
  assert 'Training goes on' in said[0]
  (tmp_path / LIVE_POLICY.parent).unlink()
  view.on_update(300, {})
  assert (tmp_path / LIVE_POLICY).is_file()


def test_a_viewer_that_cannot_be_started_is_told_and_training_goes_on(monkeypatch, tmp_path):
  def no_memory(*given, **options):
    raise OSError(12, 'Cannot allocate memory')

  monkeypatch.setattr(subprocess, 'Popen', no_memory)
  said, view = [], LiveView()
  view.on_start(SimpleNamespace(folder=tmp_path, say=said.append))
  view.on_update(100, {})
  view.close()
  assert said == ['no live view: [Errno 12] Cannot allocate memory']


def test_a_follower_takes_the_newer_of_the_two_policies(tmp_path):
  (tmp_path / 'policy.safetensors').write_bytes(b'old and broken')
  time.sleep(0.02)
  (tmp_path / LIVE_POLICY).parent.mkdir()
  from mjx_humanoid.playback.find import PRETRAINED

  (tmp_path / LIVE_POLICY).write_bytes((PRETRAINED / 'stand.safetensors').read_bytes())
  stage, _ = Follower(tmp_path).newest()
  assert stage.name == 'stand'


def test_without_the_extra_training_does_not_begin(user_error, monkeypatch, tmp_path):
  import importlib.util

  monkeypatch.setattr(importlib.util, 'find_spec', lambda *name: None)
  assert 'mjx_humanoid[view]' in user_error(train.main, ['--config=stand', '--view', f'--config.run_dir={tmp_path}'])
  assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, 'SCHED_IDLE'), reason='of Linux')
def test_the_viewer_gives_way_to_the_training():
  code = (
    'import os; from mjx_humanoid.viewer.serving import lower_priority; lower_priority();'
    ' print(os.nice(0), os.sched_getscheduler(0) == os.SCHED_IDLE)'
  )
  told = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
  assert told.split() == ['19', 'True']
