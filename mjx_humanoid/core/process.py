"""Process-wide settings that must be made before JAX or MuJoCo start. Imports neither."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

# XLA's concurrency-optimised scheduler for CPUs can deadlock in a scan over vmapped mjx.step on a machine with few
# cores. Every jitted program here also switches it off by COMPILER_OPTIONS, which works even if JAX was started
# before this package was imported.
_DEADLOCK = 'xla_cpu_enable_concurrency_optimized_scheduler'
COMPILER_OPTIONS: dict[str, bool | int | str] = {_DEADLOCK: False}


def prepare() -> None:
  """Sets the environment variables that JAX reads when it first starts."""
  os.environ['XLA_FLAGS'] = without_deadlock(flags_of(os.environ.get('XLA_FLAGS', '')))


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
  """Silences the import of mujoco.mjx, which prints a line for each optional package that is missing."""
  with contextlib.redirect_stdout(io.StringIO()):
    yield


@contextlib.contextmanager
def quiet_logs(name: str) -> Iterator[None]:
  """Stops a library from logging errors that it also raises."""
  logger = logging.getLogger(name)
  before = logger.disabled
  logger.disabled = True
  try:
    yield
  finally:
    logger.disabled = before


def flags_of(variable: str) -> str:
  """The flags that a value of XLA_FLAGS stands for: itself, or where it does not begin with a dash, those in a file."""
  if not variable.strip() or variable.lstrip().startswith('-'):
    return variable
  try:
    return Path(variable).read_text(encoding='utf-8')
  except (OSError, ValueError):
    print(f'warning: XLA_FLAGS={variable} is neither flags nor a readable file; it is ignored.', file=sys.stderr)
    return ''


def without_deadlock(flags: str) -> str:
  """`flags` with the scheduler that can deadlock switched off."""
  kept = [flag for flag in flags.split() if not flag.lstrip('-').startswith(_DEADLOCK)]
  return ' '.join([*kept, f'--{_DEADLOCK}=false'])
