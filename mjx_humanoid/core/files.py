"""Reading and writing files: whole or not at all, in UTF-8, and with errors that name the file and the reason."""

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
  """Writes these files, all of them or none, and makes the folders that they need.

  Every file is first written to a temporary file in its folder and flushed to the disk; then the temporary files take
  the places of the old ones. Links are followed. What is no regular file, such as /dev/stdout, is written directly.

  Args:
    what: that is written, for the message: 'the policy'.

  Raises:
    UserError: the disk is full or read-only, permission is denied, a path is a folder; the old files stay.
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
  """A value as JSON that every reader takes: numbers that are not finite, which JSON does not have, become null."""
  return json.dumps(_finite(value), indent=indent, allow_nan=False)


@contextlib.contextmanager
def replacing(path: Path, what: str) -> Iterator[Path]:
  """For a library that writes a file itself: gives a temporary path, with the same ending, that then becomes `path`.

  The temporary path is absolute and holds no letter of the file's own name, so no library reads a pattern, an option
  or a protocol in it. An error inside, whatever its kind, removes the temporary file and leaves the old one.

  Raises:
    UserError: as for `write_files`, and for an OSError inside.
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
  """Turns an OSError inside into a UserError: '<what> cannot be written to <path>: <reason>.'"""
  try:
    yield
  except OSError as error:
    raise UserError(f'{what} cannot be written to {path}: {_reason(error, path)}.') from error


class Appender:
  """Adds records to the end of a file, each of them whole: one that the disk has no room for leaves no part of it."""

  def __init__(self, path: Path, what: str) -> None:
    """Raises UserError where the file cannot be opened."""
    self._path, self._what = path, what
    with writing(path, what):
      self._file = path.open('ab', buffering=0)

  def append(self, record: bytes) -> None:
    """Adds a record. Raises UserError where the disk is full; the file is then as it was, and may be tried again."""
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
    """Closes the file. Nothing is left to be written then."""
    self._file.close()


# Checks before any work is done


def check_writable(path: Path) -> None:
  """Raises UserError, before any work is done, where no file can be written to `path`. Makes nothing."""
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
  """Raises UserError where a path is a folder, or a file that may not be replaced because force is False."""
  for path in paths:
    if path.is_dir():
      raise UserError(f'{path} cannot be written: it is a folder; give another --out=...')
    if path.exists() and not _is_special(path) and not force:
      raise UserError(
        f'{path} exists already: give another --out=..., or --force (in Python force=True) to replace it.'
      )


def make_folder(folder: Path, what: str) -> None:
  """Makes a folder that does not exist yet, and those above it. Raises UserError where that is impossible."""
  try:
    folder.mkdir(parents=True)
  except OSError as error:
    raise UserError(f'{what} {folder} cannot be made: {_reason(error, folder)}.') from error


# Reading


def read_bytes(path: Path, what: str) -> bytes:
  """A file as it is.

  Args:
    what: the file should be, for the message: 'config'.

  Raises:
    UserError: '<path> is not a readable <what>: <reason>'.
  """
  try:
    return path.read_bytes()
  except (OSError, ValueError) as error:  # ValueError: a path that no system takes
    raise UserError(f'{path} is not a readable {what}: {_reason(error, path)}') from None


def read_text(path: Path, what: str) -> str:
  """A text file in UTF-8, lines ended by a newline alone. Raises UserError like read_bytes."""
  try:
    return io.TextIOWrapper(io.BytesIO(read_bytes(path, what)), encoding='utf-8').read()
  except ValueError as error:
    raise UserError(f'{path} is not a readable {what}: {error}') from None


def read_json(path: Path, what: str) -> Any:
  """The value in a JSON file. Raises UserError like read_text, and where the text is no JSON."""
  text = read_text(path, what)
  try:
    return json.loads(text)
  except (ValueError, RecursionError) as error:
    raise UserError(f'{path} is not a readable {what}: {error}') from None


# How it is done


class _Draft(NamedTuple):
  """A file on its way to its place."""

  path: Path  # as it was given, for messages
  target: Path  # absolute, with links followed
  partial: Path  # the temporary file, in the target's folder: to be moved there it must be on the same disk


def _draft(path: Path, suffix: str = '') -> _Draft:
  target = Path(os.path.realpath(path))
  return _Draft(path, target, target.with_name(f'.{secrets.token_hex(8)}.partial{suffix}'))


def _is_special(path: Path) -> bool:
  """Whether this is a device or a pipe: there is nothing to replace."""
  try:
    mode = path.stat().st_mode
  except (OSError, ValueError):
    return False
  return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _make_room(target: Path) -> None:
  """Makes the folder of a file, and raises OSError for what a file cannot replace."""
  if target.parent.exists() and not target.parent.is_dir():
    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(target.parent))
  target.parent.mkdir(parents=True, exist_ok=True)
  if target.is_dir():
    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
  if target.exists() and not os.access(target, os.W_OK):  # a protected file is not replaced behind its owner's back
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _store(draft: _Draft, content: bytes) -> None:
  with draft.partial.open('xb') as file:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())
  if draft.target.exists():
    with contextlib.suppress(OSError):  # of a disk without permissions
      shutil.copymode(draft.target, draft.partial)


def _publish(drafts: Sequence[_Draft], what: str) -> None:
  """Moves every draft to its place; where one cannot be moved, those before it are undone."""
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
  except OSError:  # a disk without links
    shutil.copy2(target, backup)


def _remove(paths: Iterable[Path]) -> None:
  for path in paths:
    with contextlib.suppress(OSError):
      path.unlink(missing_ok=True)


def _reason(error: Exception, path: Path) -> str:
  """Why, and at which folder where it is one above the file."""
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
