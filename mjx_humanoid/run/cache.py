"""JAX's persistent compilation cache: a second run of the same program need not compile."""

from __future__ import annotations

import os
from pathlib import Path

import jax


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
    return None  # a read-only home folder: compile every time
  jax.config.update('jax_compilation_cache_dir', str(folder))
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.5)
  return folder
