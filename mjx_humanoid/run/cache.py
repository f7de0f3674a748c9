"""JAX's persistent compilation cache: a second run of the same program need not compile."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import jax

BEING_WRITTEN = 60.0  # s; a younger entry of no bytes may be one that another process is writing


def cache_folder() -> Path:
  """$JAX_COMPILATION_CACHE_DIR, else mjx_humanoid in the user's cache folder."""
  given = os.environ.get('JAX_COMPILATION_CACHE_DIR')
  base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
  return Path(given) if given else Path(base) / 'mjx_humanoid' / 'jax'


def use_compilation_cache() -> Path | None:
  """Switches the cache on if its folder can be written, and returns that folder."""
  folder = cache_folder()
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError:
    return None  # a read-only home: compile every time
  remove_empty(folder)
  jax.config.update('jax_compilation_cache_dir', str(folder))
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.5)
  return folder


def remove_empty(folder: Path) -> None:
  """Removes entries of no bytes, which a full disk leaves behind, and says so.

  JAX would warn of each of them at every start, and would never write them again.
  """
  removed = 0
  with contextlib.suppress(OSError):
    for entry in folder.glob('*-cache'):
      with contextlib.suppress(OSError):  # another process has removed it
        status = entry.stat()
        if status.st_size == 0 and time.time() - status.st_mtime > BEING_WRITTEN:
          entry.unlink()
          removed += 1
  if removed:
    print(f'note: removed {removed} empty entries, as a full disk leaves them, from the compilation cache {folder}')
