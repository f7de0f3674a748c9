"""One training at a time in a run folder: two would delete each other's checkpoints."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import IO

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import writing

try:
  import fcntl
except ImportError:  # a system without file locks
  fcntl = None  # type: ignore[assignment]

LOCK_FILE = '.lock'


class RunLock:
  """Holds a run folder for this process, until it is released or the process ends, however it ends.

  The operating system forgets the lock of a dead process, so a file that was left behind locks nothing.
  """

  def __init__(self, folder: Path) -> None:
    """Args: folder: of a run; it exists.

    Raises:
      UserError: another training holds it, or the folder cannot be written to.
    """
    self._path = folder / LOCK_FILE
    self._file: IO[str] | None = None
    while self._file is None:
      with writing(self._path, 'the lock of the run'):
        file = self._path.open('a+', encoding='utf-8')
      self._file = self._locked(file, folder)
    with contextlib.suppress(OSError):  # a full disk: the lock holds without a name on it
      self._file.truncate(0)
      self._file.write(f'{os.getpid()} on {socket.gethostname()}')
      self._file.flush()

  def _locked(self, file: IO[str], folder: Path) -> IO[str] | None:
    """The file, once it is locked; None where its last holder has just deleted it."""
    try:
      if fcntl:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      file.seek(0)
      holder = file.read().strip()
      file.close()
      raise UserError(
        f'the run {folder} is being trained by process {holder or "another process"}: wait for it, or stop it first.'
      ) from None
    except OSError:  # a disk without locks
      return file
    with contextlib.suppress(OSError):
      if os.path.samestat(os.fstat(file.fileno()), self._path.stat()):
        return file
    file.close()
    return None

  def __enter__(self) -> RunLock:
    return self

  def __exit__(self, *error: object) -> None:
    self.release()

  def release(self) -> None:
    """Lets others train in the folder, and removes the file."""
    if self._file is not None:
      with contextlib.suppress(OSError):
        self._path.unlink()
      self._file.close()
      self._file = None
