"""Process-wide settings that only work before JAX or MuJoCo start. Imports neither."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Iterator

# XLA's concurrency-optimised scheduler for CPUs can leave a scan over vmapped mjx.step waiting for
# ever on a machine with few cores. Our own programs also refuse it one by one (COMPILER_OPTIONS),
# which holds even where JAX was started before this package was imported.
_DEADLOCK = 'xla_cpu_enable_concurrency_optimized_scheduler'
COMPILER_OPTIONS: dict[str, bool | int | str] = {_DEADLOCK: False}


def prepare() -> None:
  """Sets the environment variables that JAX reads when it first starts."""
  os.environ['XLA_FLAGS'] = without_deadlock(os.environ.get('XLA_FLAGS', ''))


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
  """For imports of mujoco.mjx, directly or through brax: it prints a line for each optional part that is missing."""
  with contextlib.redirect_stdout(io.StringIO()):
    yield


@contextlib.contextmanager
def quiet_logs(name: str) -> Iterator[None]:
  """Keeps a library from logging what is raised to us as well."""
  logger = logging.getLogger(name)
  before = logger.disabled
  logger.disabled = True
  try:
    yield
  finally:
    logger.disabled = before


def without_deadlock(flags: str) -> str:
  """`flags` with the scheduler that can deadlock switched off, whatever they said of it before."""
  kept = [flag for flag in flags.split() if not flag.lstrip('-').startswith(_DEADLOCK)]
  return ' '.join([*kept, f'--{_DEADLOCK}=false'])
