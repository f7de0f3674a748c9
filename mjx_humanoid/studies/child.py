"""One process of a study: it gets the signals that this one gets, and its last error is told here instead of twice."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType
from typing import IO, Any, NamedTuple

SIGNALS = tuple(getattr(signal, name) for name in ('SIGINT', 'SIGTERM', 'SIGHUP') if hasattr(signal, name))
ERROR = 'error: '  # begins the line of a UserError, see core/errors.py


class Ended(NamedTuple):
  """How a process ended."""

  status: int
  error: str  # the message of its UserError, which was not shown; '' if there was none


def call(arguments: Sequence[str]) -> Ended:
  """Runs Python with these arguments to its end.

  The process is in a session of its own, so that it gets Ctrl-C in a terminal once and from here: a second one would
  stop a training at once.

  Raises:
    KeyboardInterrupt: this process got one of SIGNALS; the other one got it too, and has ended.
  """
  with Forward() as forward:
    process = subprocess.Popen(
      [sys.executable, *arguments],
      stdin=subprocess.DEVNULL,  # no terminal belongs to its session
      stderr=subprocess.PIPE,
      encoding='utf-8',
      errors='replace',
      start_new_session=True,
    )
    forward.to(process)
    assert process.stderr is not None, 'it is a pipe'
    error = shown(process.stderr)
    status = process.wait()
  if forward.got:
    if error:
      print(f'{ERROR}{error}', file=sys.stderr)
    raise KeyboardInterrupt
  return Ended(status, error)


def shown(lines: IO[str]) -> str:
  """Passes the lines of a process on to the standard error, but for its last one if that is an error; returns that."""
  error = ''
  for line in lines:
    if error:  # not the last words
      sys.stderr.write(error)
    error = line if line.startswith(ERROR) else ''
    if not error:
      sys.stderr.write(line)
      sys.stderr.flush()
  return error.removeprefix(ERROR).strip()


class Forward:
  """Passes signals on to a process while the block lasts; those that come before it exists, as soon as it does."""

  def __init__(self) -> None:
    self.got: list[int] = []
    self._process: subprocess.Popen[Any] | None = None
    self._before: dict[int, Any] = {}

  def __enter__(self) -> Forward:
    with contextlib.suppress(ValueError):  # only the main thread may handle signals
      for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores hang-ups: the user asked for that
          self._before[number] = signal.signal(number, self._handle)
    return self

  def __exit__(self, *error: object) -> None:
    for number, handler in self._before.items():
      signal.signal(number, handler)

  def to(self, process: subprocess.Popen[Any]) -> None:
    """The process that the signals are for."""
    self._process = process
    for number in self.got:
      process.send_signal(number)

  def _handle(self, number: int, frame: FrameType | None) -> None:
    self.got.append(number)
    if self._process is not None:
      self._process.send_signal(number)
