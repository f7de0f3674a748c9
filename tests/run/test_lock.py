"""Protects run folders from two trainings at once, and users from locks that nobody holds any more."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from points import point_setup

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.run.lock import LOCK_FILE, RunLock
from mjx_humanoid.run.loop import Loop

HOLD = """
import sys, time
from pathlib import Path
from mjx_humanoid.run.lock import RunLock
lock = RunLock(Path(sys.argv[1]))
print('held', flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
  process = subprocess.Popen([sys.executable, '-c', HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
  assert process.stdout.readline() == 'held\n'
  yield process
  process.kill()
  process.wait()


def test_a_second_one_is_refused_with_the_process_that_holds_it(tmp_path, holder):
  with pytest.raises(UserError, match=f'is being trained by process {holder.pid} on '):
    RunLock(tmp_path)


def test_the_lock_of_a_killed_process_locks_nothing(tmp_path, holder):
  holder.kill()
  holder.wait()
  assert (tmp_path / LOCK_FILE).exists()
  with RunLock(tmp_path):
    assert (tmp_path / LOCK_FILE).read_text().startswith(f'{os.getpid()} on ')


def test_nothing_is_left_after_a_release_and_it_can_be_locked_again(tmp_path):
  for _ in range(2):
    with RunLock(tmp_path), pytest.raises(UserError, match='is being trained'):
      RunLock(tmp_path)
  assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures('made_up_card')
def test_a_loop_holds_its_folder_while_it_runs_and_not_after(tmp_path):
  loop = Loop(point_setup(), tmp_path)
  state = loop.begin()
  with RunLock(tmp_path), pytest.raises(UserError, match='is being trained'):
    loop.run(state)
  assert loop.run(state)['timesteps'] == 32
  with RunLock(tmp_path):
    pass
