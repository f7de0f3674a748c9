"""Protects the stops of a training: signals are wishes, and what is stopped goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from loop_tools import go, metrics, metrics_lines, store, wait_for

from mjx_humanoid import train
from mjx_humanoid.playback.policy import load_policy
from mjx_humanoid.run.listeners import Callback
from mjx_humanoid.run.loop import Loop, StopRequest
from mjx_humanoid.run.setup import prepare


def test_the_first_signal_is_a_wish_and_the_second_an_order():
  with StopRequest() as stop:
    assert not stop.wanted
    os.kill(os.getpid(), signal.SIGINT)
    assert stop.wanted
    with pytest.raises(KeyboardInterrupt):
      os.kill(os.getpid(), signal.SIGINT)
      time.sleep(0.1)


@pytest.mark.skipif(not hasattr(signal, 'SIGHUP'), reason='a system without terminals that hang up')
def test_hanging_up_is_a_wish_however_often_and_nothing_under_nohup():
  before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under nohup themselves
  try:
    hang_up()
  finally:
    signal.signal(signal.SIGHUP, before)


def hang_up():
  with StopRequest() as stop:
    for _ in range(2):  # a shell and its terminal may both tell
      os.kill(os.getpid(), signal.SIGHUP)
      time.sleep(0.05)
    assert stop.wanted
  signal.signal(signal.SIGHUP, signal.SIG_IGN)
  with StopRequest() as stop:
    os.kill(os.getpid(), signal.SIGHUP)
    time.sleep(0.05)
    assert not stop.wanted


def test_handlers_are_put_back():
  before = [signal.getsignal(number) for number in StopRequest.SIGNALS]
  with StopRequest():
    pass
  assert [signal.getsignal(number) for number in StopRequest.SIGNALS] == before


def test_ctrl_c_saves_and_ends_tidily_and_the_run_goes_on_from_there(tiny_arguments, tmp_path):
  """A real process and a real signal, in the middle of a training far from its end."""
  command = [sys.executable, '-m', 'mjx_humanoid.train', *tiny_arguments(total_timesteps=64_000_000)]
  process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
  folder = tmp_path / 'tiny'
  try:
    wait_for(lambda: (folder / 'metrics.jsonl').is_file() and metrics_lines(folder) >= 2, process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
  finally:
    process.kill()
  assert process.returncode == 0, errors
  assert 'Traceback' not in errors
  assert 'stopped and saved' in output
  assert f'continue with: python -m mjx_humanoid.train --resume={folder}' in output
  done = store(folder).steps()[-1]
  assert load_policy(folder / 'policy.safetensors').info['timesteps'] == done >= 128
  train.main([f'--resume={folder}', f'--config.total_timesteps={done + 64}'])
  assert store(folder).steps()[-1] == done + 64
  steps = [line['timesteps'] for line in metrics(folder)]
  assert steps == list(range(64, done + 65, 64))  # no line is missing, none is there twice


def test_a_stop_after_the_last_update_is_none(tiny, tmp_path):
  """All steps are made: the run is judged, and nobody is told to resume what is complete."""
  interrupt = Callback(lambda step, values: os.kill(os.getpid(), signal.SIGINT) if step == 128 else None)
  report = go(Loop(prepare(tiny(total_timesteps=128)), tmp_path, [interrupt]))
  assert (report['timesteps'], report['stopped_early'], report['episodes']) == (128, False, 2)
