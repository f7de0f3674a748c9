"""Reads and writes files: atomically, in UTF-8, with errors that name the file and the reason."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import math
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mjx_humanoid.core.errors import UserError

# Writing


def write_files(contents: Mapping[Path, bytes], what: str) -> None:
  """Writes all of these files or none, and makes missing folders.

  Each content is first written to a temporary file in the same folder and flushed to the disk; then the temporary
  files replace the old files. Links are followed. Devices and pipes, such as /dev/stdout, are written directly.

  Args:
    what: name of the content in error messages, such as 'the policy'.

  Raises:
    UserError: the disk is full or read-only, permission is denied, or a path is a folder; the old files stay.
  """
  special = {path: content for path, content in contents.items() if _is_special(path)}
  drafts = [_draft(path) for path in contents if path not in special]
  try:
    for draft in drafts:
      with writing(draft.path, what):
        _make_room(draft.target)
        _store(draft, contents[draft.path])
    _publish(drafts, what)
  finally:
    _remove(draft.partial for draft in drafts)
  for path, content in special.items():
    with writing(path, what):
      path.write_bytes(content)


def write_text(path: Path, text: str, what: str) -> None:
  """Writes a text as UTF-8, like `write_files`."""
  write_files({path: text.encode()}, what)


def write_json(path: Path, value: Any, what: str, indent: int | None = 2) -> None:
  """Writes a value as JSON and a newline, like `write_files`. See to_json."""
  write_text(path, to_json(value, indent) + '\n', what)


def to_json(value: Any, indent: int | None = None) -> str:
  """A value as standard JSON: numbers that are not finite become null."""
  return json.dumps(_finite(value), indent=indent, allow_nan=False)


@contextlib.contextmanager
def replacing(path: Path, what: str) -> Iterator[Path]:
  """For a library that writes a file itself: yields a temporary path with the same suffix, then moves it to `path`.

  The temporary path is absolute and does not contain the file's name, so no library reads a pattern, an option or a
  protocol in it. Any error inside the block removes the temporary file and leaves the old file.

  Raises:
    UserError: as for `write_files`, and for an OSError inside the block.
  """
  draft = _draft(path, path.suffix)
  try:
    with writing(path, what):
      _make_room(draft.target)
      yield draft.partial
      with draft.partial.open('rb') as file:
        os.fsync(file.fileno())
    _publish([draft], what)
  finally:
    _remove([draft.partial])


@contextlib.contextmanager
def writing(path: Path, what: str) -> Iterator[None]:
  """Turns an OSError in the block into a UserError: '<what> cannot be written to <path>: <reason>.'"""
  try:
    yield
  except OSError as error:
    raise UserError(f'{what} cannot be written to {path}: {_reason(error, path)}.') from error


class Appender:
  """Appends whole records to a file: if the disk is full, no part of the record stays in the file."""

  def __init__(self, path: Path, what: str) -> None:
    """Opens the file. Raises UserError if it cannot be opened."""
    self._path, self._what = path, what
    with writing(path, what):
      self._file = path.open('ab', buffering=0)

  def append(self, record: bytes) -> None:
    """Appends a record. Raises UserError if the disk is full; the file is then unchanged, and a retry is possible."""
    number = self._file.fileno()
    with writing(self._path, self._what):
      size = os.fstat(number).st_size
      try:
        rest = memoryview(record)
        while rest:
          rest = rest[os.write(number, rest) :]
      except OSError:
        with contextlib.suppress(OSError):
          os.ftruncate(number, size)
        raise

  def close(self) -> None:
    """Closes the file. Every record is already written."""
    self._file.close()


# Checks before any work is done


def check_writable(path: Path) -> None:
  """Raises UserError if no file can be written to `path`. Creates nothing."""
  if _is_special(path):
    return
  target = Path(os.path.realpath(path))
  folder = target.parent
  while not folder.exists() and folder != folder.parent:
    folder = folder.parent
  if target.is_dir():
    reason = 'it is a folder'
  elif not folder.is_dir():
    reason = f'{folder} is not a folder'
  elif not os.access(target if target.exists() else folder, os.W_OK) or not os.access(folder, os.W_OK):
    reason = f'no permission to write in {folder}'
  else:
    return
  raise UserError(f'{path} cannot be written: {reason}.')


def check_free(paths: Sequence[Path], *, force: bool) -> None:
  """Raises UserError if a path is a folder, or an existing file while force is False."""
  for path in paths:
    if path.is_dir():
      raise UserError(f'{path} cannot be written: it is a folder; give another --out=...')
    if path.exists() and not _is_special(path) and not force:
      raise UserError(
        f'{path} exists already: give another --out=..., or --force (in Python force=True) to replace it.'
      )


def make_folder(folder: Path, what: str) -> None:
  """Makes a new folder and its parents. Raises UserError if that is impossible."""
  try:
    folder.mkdir(parents=True)
  except OSError as error:
    raise UserError(f'{what} {folder} cannot be made: {_reason(error, folder)}.') from error


# Reading


def read_bytes(path: Path, what: str) -> bytes:
  """The content of a file.

  Args:
    what: kind of file in error messages, such as 'config'.

  Raises:
    UserError: '<path> is not a readable <what>: <reason>'.
  """
  try:
    return path.read_bytes()
  except (OSError, ValueError) as error:  # ValueError: a path that no system takes
    raise UserError(f'{path} is not a readable {what}: {_reason(error, path)}') from None


def read_text(path: Path, what: str) -> str:
  """The text of a UTF-8 file, with line ends as \\n. Raises UserError like read_bytes."""
  try:
    return io.TextIOWrapper(io.BytesIO(read_bytes(path, what)), encoding='utf-8').read()
  except ValueError as error:
    raise UserError(f'{path} is not a readable {what}: {error}') from None


def read_json(path: Path, what: str) -> Any:
  """The value in a JSON file. Raises UserError like read_text, and if the text is not JSON."""
  text = read_text(path, what)
  try:
    return json.loads(text)
  except (ValueError, RecursionError) as error:
    raise UserError(f'{path} is not a readable {what}: {error}') from None


# Helpers


class _Draft(NamedTuple):
  """A file that is being written."""

  path: Path  # as given, for messages
  target: Path  # absolute, with links followed
  partial: Path  # the temporary file, in the target's folder: a move must stay on one disk


def _draft(path: Path, suffix: str = '') -> _Draft:
  target = Path(os.path.realpath(path))
  return _Draft(path, target, target.with_name(f'.{secrets.token_hex(8)}.partial{suffix}'))


def _is_special(path: Path) -> bool:
  """Whether this is a device or a pipe, which is written directly rather than replaced."""
  try:
    mode = path.stat().st_mode
  except (OSError, ValueError):
    return False
  return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _make_room(target: Path) -> None:
  """Makes the folder of a file. Raises OSError if the file cannot replace what is at `target`."""
  if target.parent.exists() and not target.parent.is_dir():
    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(target.parent))
  target.parent.mkdir(parents=True, exist_ok=True)
  if target.is_dir():
    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
  if target.exists() and not os.access(target, os.W_OK):  # a write-protected file is not replaced
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _store(draft: _Draft, content: bytes) -> None:
  with draft.partial.open('xb') as file:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())
  if draft.target.exists():
    with contextlib.suppress(OSError):  # the file system has no permissions
      shutil.copymode(draft.target, draft.partial)


def _publish(drafts: Sequence[_Draft], what: str) -> None:
  """Moves every draft to its target; if one move fails, undoes the earlier moves."""
  done: list[Path] = []
  backups: dict[Path, Path] = {}
  try:
    for path, target, partial in drafts:
      with writing(path, what):
        if len(drafts) > 1 and target.exists():
          backups[target] = target.with_name(f'.{secrets.token_hex(8)}.partial')
          _keep(target, backups[target])
        partial.replace(target)
        done.append(target)
  except BaseException:
    for target in done:
      with contextlib.suppress(OSError):
        if target in backups:
          backups[target].replace(target)
        else:
          target.unlink()
    raise
  finally:
    _remove(backups.values())


def _keep(target: Path, backup: Path) -> None:
  try:
    os.link(target, backup)
  except OSError:  # the file system has no links
    shutil.copy2(target, backup)


def _remove(paths: Iterable[Path]) -> None:
  for path in paths:
    with contextlib.suppress(OSError):
      path.unlink(missing_ok=True)


def _reason(error: Exception, path: Path) -> str:
  """The reason of an error, with the folder if the error concerns a folder above the file."""
  if not isinstance(error, OSError):
    return str(error)
  text = error.strerror or str(error)
  above = isinstance(error.filename, str) and Path(error.filename) in Path(os.path.realpath(path)).parents
  return f'{text} ({error.filename})' if above else text


def _finite(value: Any) -> Any:
  if isinstance(value, float):
    return value if math.isfinite(value) else None
  if isinstance(value, Mapping):
    return {name: _finite(entry) for name, entry in value.items()}
  return [_finite(entry) for entry in value] if isinstance(value, list | tuple) else value
