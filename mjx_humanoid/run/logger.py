"""Metrics on disk: JSON lines and TensorBoard."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import masked_crc32c

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import Appender, read_bytes, to_json, write_files, write_text, writing

METRICS_FILE = 'metrics.jsonl'
WHAT = 'the metrics'
GROUPS = {  # of TensorBoard, by the names that other packages use; metrics that are in none are in train
  'rollout': ('episodes', 'episode_return', 'episode_length', 'level', 'diverged', 'overflow', 'invalid_reward'),
  'time': ('steps_per_second', 'seconds'),
}


class MetricsLogger:
  """Appends to <run>/metrics.jsonl and to a TensorBoard event file beside it.

  A full disk does not stop the training: metrics are left out until there is space again, with one message.
  """

  def __init__(self, folder: Path, after: int = 0, say: Callable[[str], None] | None = None) -> None:
    """Opens both files. A metrics.jsonl that cannot be read or written is kept under another name.

    Args:
      after: environment step from which a resumed run continues; later and damaged lines are dropped.
      say: prints a line for the user; by default on stderr.

    Raises:
      UserError: the files cannot be read or written.
    """
    self._say = say or (lambda line: print(line, file=sys.stderr))
    self._failing = False
    path = folder / METRICS_FILE
    if path.is_file() and not os.access(path, os.R_OK | os.W_OK):
      self._say(_set_aside(path))
    if path.exists():
      _drop_lines(path, after)
    self._lines = Appender(path, WHAT)
    self._events = Appender(folder / f'events.out.tfevents.{int(time.time())}.{_host()}.{os.getpid()}', WHAT)
    self._append(self._events, _record(Event(file_version='brain.Event:2')))
    if after:  # makes TensorBoard hide earlier events from this step on
      start = SessionLog(status=SessionLog.START)
      self._append(self._events, _record(Event(step=after + 1, session_log=start)))

  def write(self, timesteps: int, metrics: Mapping[str, float]) -> None:
    """One line, and one event, at an environment step. Numbers that are not finite are null in the line."""
    line = to_json({'timesteps': timesteps, **metrics}) + '\n'
    summary = Summary(value=[Summary.Value(tag=tag(name), simple_value=value) for name, value in metrics.items()])
    written = self._append(self._lines, line.encode())
    written &= self._append(self._events, _record(Event(step=timesteps, summary=summary)))
    self._failing = not written

  def __enter__(self) -> MetricsLogger:
    return self

  def __exit__(self, *error: object) -> None:
    self.close()

  def close(self) -> None:
    """Closes both files."""
    self._lines.close()
    self._events.close()

  def _append(self, file: Appender, record: bytes) -> bool:
    try:
      file.append(record)
    except UserError as error:
      if not self._failing:
        self._say(f'{error} Training goes on; metrics are left out until there is space again.')
      self._failing = True
      return False
    return True


def tag(name: str) -> str:
  """The name of a metric in TensorBoard, in its group."""
  group = next((group for group, names in GROUPS.items() if name in names), 'train')
  return name if '/' in name else f'{group}/{name}'


def read_metrics(folder: Path) -> list[dict[str, float]]:
  """The metrics of a run, one entry per line; null becomes NaN. Damaged lines are left out.

  Raises:
    UserError: there is no such file, or it cannot be read.
  """
  lines = _read_lines(folder / METRICS_FILE)
  entries = [json.loads(line) for line in lines if _step(line) < math.inf]
  return [{name: math.nan if value is None else value for name, value in entry.items()} for entry in entries]


def seconds_spent(folder: Path) -> float:
  """Seconds of training that the metrics of a run tell of; 0 where there are none."""
  if not (folder / METRICS_FILE).is_file():
    return 0.0
  return max((entry['seconds'] for entry in read_metrics(folder) if 'seconds' in entry), default=0.0)


def _read_lines(path: Path) -> list[str]:
  return read_bytes(path, 'file of metrics').decode(errors='replace').splitlines()


def _drop_lines(path: Path, after: int) -> None:
  """Keeps the whole lines up to an environment step, and drops all others."""
  kept = ''.join(line + '\n' for line in _read_lines(path) if _step(line) <= after)
  if kept.encode() != path.read_bytes():
    write_text(path, kept, WHAT)


def _set_aside(path: Path) -> str:
  """Renames a file without permissions, and copies what can be read of it in its place. Returns a line for the user.

  Raises:
    UserError: the folder cannot be written to.
  """
  content = b''
  with contextlib.suppress(OSError):
    content = path.read_bytes()
  numbers = itertools.count(1)
  kept = next(p for n in numbers if not (p := path.with_name(f'{path.stem}-{n}{path.suffix}')).exists())
  with writing(path, WHAT):
    path.rename(kept)
  write_files({path: content}, WHAT)
  copied = 'a copy of it' if content else 'a new file'
  return f'{path} has no permission to be written: it is kept as {kept.name}, and metrics are added to {copied}.'


def _step(line: str) -> float:
  """Environment step of a line; infinite for a damaged line."""
  try:
    return float(json.loads(line)['timesteps'])
  except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
    return math.inf


def _record(event: Event) -> bytes:
  """The bytes of an event in the file: length, checksum of the length, event, checksum of the event."""
  event.wall_time = time.time()
  content = event.SerializeToString()
  length = struct.pack('<Q', len(content))
  checks = [struct.pack('<I', masked_crc32c(part)) for part in (length, content)]
  return length + checks[0] + content + checks[1]


def _host() -> str:
  """The name of this machine, for file names."""
  return ''.join(letter if letter.isalnum() or letter in '-.' else '_' for letter in socket.gethostname())
