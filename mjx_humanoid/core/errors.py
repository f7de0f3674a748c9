"""Errors that tell a person what to do, and the one place where they become an exit status."""

from __future__ import annotations

import difflib
import errno
import functools
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol


class UserError(Exception):
  """A mistake that its reader can mend: one line that says what is wrong and what the choices are."""


def unknown(kind: str, name: str, choices: Iterable[str], hint: str = '') -> UserError:
  """An error for a name that is not among `choices`, with the closest of them first, and a hint at the end."""
  choices = sorted(choices)
  close = difflib.get_close_matches(name, choices, n=1)
  guess = f' Did you mean {close[0]!r}?' if close else ''
  return UserError(f'unknown {kind} {name!r}.{guess} Choices: {", ".join(choices)}.{hint and f" {hint}"}')


class Command(Protocol):
  """A command's main: takes arguments, by default the process's own."""

  def __call__(self, argv: Sequence[str] | None = None) -> None: ...


def command(main: Callable[[Sequence[str]], None]) -> Command:
  """Wraps a command: a UserError is printed as one line and ends with status 2, Ctrl-C with 130."""

  @functools.wraps(main)
  def guarded(argv: Sequence[str] | None = None) -> None:
    try:
      main(sys.argv[1:] if argv is None else argv)
    except UserError as error:
      print(f'error: {error}', file=sys.stderr)
      raise SystemExit(2) from None
    except BrokenPipeError:  # the reader went away, as in `... | head`
      os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
      raise SystemExit(141) from None
    except OSError as error:
      if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        raise
      print(f'error: {error.strerror}: {error.filename or "while writing"}; free some space.', file=sys.stderr)
      raise SystemExit(2) from None
    except KeyboardInterrupt:
      print('interrupted', file=sys.stderr)
      raise SystemExit(130) from None

  return guarded
