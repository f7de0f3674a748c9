"""Which user code may run: files that this user named or allowed before, by their SHA-256.

A run folder or a policy file from another person may name code. That code does not run until this user allows it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import read_json, write_json

FILE = Path('mjx_humanoid', 'trusted.json')
MOST = 1000  # digests that are remembered; the oldest are dropped

_allowed: set[str] = set()  # in this process


def trust_file() -> Path:
  """The list of digests, in the user's data folder."""
  if given := os.environ.get('XDG_DATA_HOME'):
    return Path(given) / FILE
  if sys.platform == 'win32' and (roaming := os.environ.get('APPDATA')):
    return Path(roaming) / FILE
  return Path.home() / '.local' / 'share' / FILE


def remembered() -> dict[str, str]:
  """Digests that are allowed permanently, each with its file; empty if the list is missing or damaged."""
  try:
    listed = read_json(trust_file(), 'list of code that may run')
  except (UserError, RuntimeError):
    return {}
  return {str(k): str(v) for k, v in listed.items()} if isinstance(listed, dict) else {}


def digest(content: bytes) -> str:
  """SHA-256 in hexadecimal."""
  return hashlib.sha256(content).hexdigest()


def allow(files: Iterable[Path], *, remember: bool = False) -> None:
  """Allows these files, with their present content, to run in this process.

  Args:
    remember: in later processes too. If the list cannot be written, later processes ask again.
  """
  digests = {digest(path.read_bytes()): str(path) for path in files}
  _allowed.update(digests)
  if not remember or not digests.keys() - (known := remembered()).keys():
    return
  entries = {**{k: v for k, v in known.items() if k not in digests}, **digests}
  listed = dict(list(entries.items())[-MOST:])
  with contextlib.suppress(UserError, RuntimeError):  # RuntimeError: no home folder
    write_json(trust_file(), listed, 'the list of code that may run')


def is_allowed(content: bytes) -> bool:
  """Whether code with this content may run."""
  return digest(content) in _allowed or digest(content) in remembered()


def refuse_unknown(path: Path, content: bytes) -> None:
  """Raises UserError for a file whose content this user has not allowed."""
  if not is_allowed(content):
    raise UserError(
      f'{path} is code that you have not run before (SHA-256 {digest(content)}). Read it; if you trust it, allow it'
      ' with --allow-code, or allow_code=True in Python.'
    )
