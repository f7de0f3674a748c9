"""Error messages that say what to do, and the one place where errors become an exit status."""

from __future__ import annotations

import difflib
import errno
import functools
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from mjx_humanoid.core.output import one_line, spell_out

CLOSE = 3  # names that are suggested, at most, where not all are listed


class UserError(Exception):
  """A mistake that the user can fix: one line that says what is wrong and what the choices are."""


def reason(error: Exception) -> str:
  """Why something failed, in one line: the message of a UserError; of another error also its type."""
  if isinstance(error, UserError):
    return str(error)
  return f'{type(error).__name__}: {str(error).split(chr(10))[0]}'


def unknown(kind: str, name: str, choices: Iterable[str], hint: str = '', *, listed: str = '') -> UserError:
  """An error for a name that is not in `choices`: suggests the closest choice, lists all, and appends a hint.

  Args:
    listed: says where all choices are listed; then they are left out if some are close to the name.
  """
  choices = sorted(choices)
  close = difflib.get_close_matches(name, choices, n=CLOSE if listed else 1)
  guess = f' Did you mean {" or ".join(map(repr, close))}?' if close else ''
  if listed and close:
    return UserError(f'unknown {kind} {name!r}.{guess} {listed}')
  return UserError(f'unknown {kind} {name!r}.{guess} Choices: {", ".join(choices)}.{hint and f" {hint}"}')


# What to do about an OSError, by its number. Others are no mistakes of a user's, and show where they come from.
REASONS = {
  errno.ENOSPC: 'free some space',
  errno.EDQUOT: 'free some space',
  errno.EROFS: 'choose a folder on a disk that can be written to',
  errno.EACCES: 'choose another folder, or change its permissions',
  errno.EPERM: 'choose another folder, or change its permissions',
  errno.ENAMETOOLONG: 'choose a shorter name',
}


def explained(error: OSError) -> str:
  """An OSError whose number is among REASONS, in one line."""
  return f'{error.strerror}: {error.filename or "while writing"}; {REASONS[error.errno or 0]}.'


class Command(Protocol):
  """The main function of a command: takes arguments, by default sys.argv[1:]."""

  def __call__(self, argv: Sequence[str] | None = None) -> None: ...


def command(main: Callable[[Sequence[str]], None]) -> Command:
  """Wraps a command: prints a UserError as one line and exits with status 2; Ctrl-C exits with 130."""

  @functools.wraps(main)
  def guarded(argv: Sequence[str] | None = None) -> None:
    spell_out()
    try:
      main(sys.argv[1:] if argv is None else argv)
    except UserError as error:
      print(f'error: {one_line(str(error))}', file=sys.stderr)
      raise SystemExit(2) from None
    except BrokenPipeError:  # the reading process has exited, as in `... | head`
      os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
      raise SystemExit(141) from None
    except OSError as error:
      if error.errno not in REASONS:
        raise
      print(f'error: {one_line(explained(error))}', file=sys.stderr)
      raise SystemExit(2) from None
    except KeyboardInterrupt:
      print('interrupted', file=sys.stderr)
      raise SystemExit(130) from None

  return guarded
