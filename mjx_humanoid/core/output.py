"""Standard output that may lose its reader, as in `train | head`, while the work goes on."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class Output:
  """Wraps a text stream; drops all output after the reader has gone. Other attributes are those of the stream."""

  def __init__(self, stream: TextIO) -> None:
    self._stream = stream
    self.lost = ''  # why nothing is written any more

  def __getattr__(self, name: str) -> Any:
    return getattr(self._stream, name)

  def write(self, text: str) -> int:
    """Writes a text, unless the reader has gone."""
    if not self.lost:
      try:
        return self._stream.write(text)
      except UnicodeEncodeError:  # a locale without these letters
        self._stream.write(text.encode('ascii', 'backslashreplace').decode())
      except OSError as error:
        self._lose(error)
    return len(text)

  def flush(self) -> None:
    """Flushes the stream, unless the reader has gone."""
    if not self.lost:
      try:
        self._stream.flush()
      except OSError as error:
        self._lose(error)

  def _lose(self, error: OSError) -> None:
    self.lost = error.strerror or str(error)
    with contextlib.suppress(OSError, ValueError):  # what is still in the buffer must not fail when Python ends
      number, null = self._stream.fileno(), os.open(os.devnull, os.O_WRONLY)
      os.dup2(null, number)
      os.close(null)


def spell_out() -> None:
  """Letters that the locale lacks are printed as their numbers from now on, instead of ending the command."""
  for stream in (sys.stdout, sys.stderr):
    if getattr(stream, 'errors', '') == 'strict':
      with contextlib.suppress(AttributeError, OSError, ValueError):
        stream.reconfigure(errors='backslashreplace')  # type: ignore[union-attr]


def one_line(text: str) -> str:
  """The text with characters that do not print, such as a line end in a path, as Python writes them."""
  return ''.join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


_outputs: list[Output] = []


@contextlib.contextmanager
def outliving_readers() -> Iterator[None]:
  """Inside, nothing that is printed fails because its reader, its terminal or its disk has gone."""
  with contextlib.ExitStack() as stack:
    if not _outputs:  # else an outer one is at work
      for redirect, stream in ((contextlib.redirect_stdout, sys.stdout), (contextlib.redirect_stderr, sys.stderr)):
        if stream is not None:
          _outputs.append(Output(stream))
          stack.enter_context(redirect(_outputs[-1]))
      stack.callback(_outputs.clear)
    yield


def lost_reader() -> str:
  """Why something printed was lost, in a few words; '' where all was read."""
  return next((output.lost for output in _outputs if output.lost), '')
