"""Protects the processes of a study: their last error is told once, and they get the signals of this process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from mjx_humanoid.studies.child import Ended, call

# A job in the background of a shell begins with SIGINT ignored.
CALLER = """import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from mjx_humanoid.studies.child import call
call(['-c', sys.argv[1]])
print('went on')
"""
# Ends at the second signal, or half a second after the first, as a training that saves.
CHILD = """import signal, sys, time
got = []
for number in (signal.SIGINT, signal.SIGTERM):
  signal.signal(number, lambda number, frame: got.append(number))
print('ready', flush=True)
for _ in range(600):
  time.sleep(0.05)
  if got:
    time.sleep(0.5)
    print('saved after', *got, flush=True)
    sys.exit(0)
"""


@pytest.mark.parametrize(
  ('said', 'ended', 'shown'),
  [
    ('warning: slow\nerror: no disk\n', Ended(2, 'no disk'), 'warning: slow\n'),
    ('error: one\nerror: two\n', Ended(2, 'two'), 'error: one\n'),
    ('error: one\nTraceback\n', Ended(2, ''), 'error: one\nTraceback\n'),
    ('', Ended(2, ''), ''),
  ],
)
def test_the_last_error_is_kept_and_all_else_is_shown(said, ended, shown, capsys):
  assert call(['-c', f'import sys; sys.stderr.write({said!r}); sys.exit(2)']) == ended
  assert capsys.readouterr().err == shown


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_process_and_its_end_is_waited_for(number):
  caller = subprocess.Popen(
    [sys.executable, '-c', CALLER, CHILD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='utf-8'
  )
  assert caller.stdout.readline() == 'ready\n'
  time.sleep(0.1)
  caller.send_signal(number)
  out, err = caller.communicate(timeout=60)
  assert out == f'saved after {int(number)}\n'
  assert 'KeyboardInterrupt' in err
