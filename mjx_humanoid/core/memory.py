"""How much memory this process may still use."""

from __future__ import annotations

import contextlib
from pathlib import Path

LIMITS = (  # of a container: the limit, and what is in use
  ('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory.current'),
  ('/sys/fs/cgroup/memory/memory.limit_in_bytes', '/sys/fs/cgroup/memory/memory.usage_in_bytes'),
)


def available_memory() -> int:
  """Bytes of the machine's memory that are free, or of the container's if that is less."""
  import psutil

  found = [int(psutil.virtual_memory().available)]
  for limit, used in LIMITS:
    with contextlib.suppress(OSError, ValueError):  # no such limit
      found.append(int(Path(limit).read_text()) - int(Path(used).read_text()))
  return max(0, min(found))
