"""The border of the API: values of NumPy and of pathlib become Python's own, and missing permissions a UserError."""

from __future__ import annotations

import functools
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from mjx_humanoid.core.errors import REASONS, UserError, explained
from mjx_humanoid.core.files import check_free, check_writable

P = ParamSpec('P')
T = TypeVar('T')


def plain(value: Any) -> Any:
  """The value in Python's own types, which json.dumps takes: NumPy's numbers, arrays and paths are converted.

  Lists, tuples and dicts are converted entry by entry; any other object is returned as it is.
  """
  if isinstance(value, os.PathLike):
    return os.fspath(value)
  if isinstance(value, Mapping) and type(value) is dict:
    return {plain(name): plain(entry) for name, entry in value.items()}
  if type(value) in (list, tuple):
    return type(value)(plain(entry) for entry in value)
  if hasattr(value, 'dtype') and callable(getattr(value, 'tolist', None)):  # of NumPy or of JAX
    return value.tolist()
  return value


def expanded(path: str | os.PathLike[str]) -> Path:
  """A path, in which ~ is the home folder. Shells leave it alone in --config.run_dir=~/runs."""
  return Path(os.path.expanduser(path))  # unlike Path.expanduser it leaves ./~ alone


def output_path(path: str | os.PathLike[str] | None, suffixes: Sequence[str], what: str, *, force: bool) -> Path | None:
  """The path of a file to write; None for none.

  Args:
    suffixes: the kinds of file that it may be; what: the content, for messages.
    force: a file that exists may be replaced.

  Raises:
    UserError: another suffix, a file that exists, or one that cannot be written.
  """
  if path is None:
    return None
  out = expanded(path)
  if out.suffix not in suffixes:
    raise UserError(f'{out}: {what} is written as {", ".join(suffixes)}.')
  check_free([out], force=force)
  check_writable(out)
  return out


def typed(path: str | os.PathLike[str]) -> str:
  """A path as it is typed in a shell: in quotes if it needs some, and never an option or a home folder."""
  text = os.fspath(path)
  if text.startswith('~'):
    text = os.path.abspath(text)
  return shlex.quote(f'./{text}' if text.startswith('-') else text)


def public(function: Callable[P, T]) -> Callable[P, T]:
  """Decorates a function of the API: a disk that is full or a path without permission raises a UserError."""

  @functools.wraps(function)
  def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
    try:
      return function(*args, **kwargs)
    except OSError as error:
      if error.errno not in REASONS:
        raise
      raise UserError(explained(error)) from error

  return guarded
