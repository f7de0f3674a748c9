"""Arrays in a folder, written and read by Orbax."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.process import quiet_logs

Arrays = dict[str, np.ndarray]
PATTERN = set('*?[]{}\\')  # letters that make a path a pattern


def plain_temporary() -> tempfile.TemporaryDirectory[str] | None:
  """A new folder whose path is not a pattern, whatever TMPDIR says; None where there can be none."""
  for place in (None, '/tmp', '/var/tmp'):
    with contextlib.suppress(OSError):
      temporary = tempfile.TemporaryDirectory(dir=place)
      if not PATTERN & set(temporary.name.replace(os.sep, '/')):
        return temporary
      temporary.cleanup()
  return None


@contextlib.contextmanager
def plain_path(path: Path) -> Iterator[Path]:
  """Another path to a file or folder, without letters that Orbax would take for a pattern, such as [ or a backslash."""
  temporary = plain_temporary()
  if temporary is None:
    yield path.resolve()
    return
  with temporary as folder:
    link = Path(folder) / 'checkpoints'
    try:
      link.symlink_to(path.parent.resolve(), target_is_directory=True)
    except OSError:  # a disk without links
      yield path.resolve()
    else:
      yield link / path.name


def write(folder: Path, arrays: Arrays) -> None:
  """Writes arrays by Orbax and reads them back.

  Raises:
    UserError: what is on the disk is not what was to be written.
  """
  with plain_path(folder) as path, quiet_logs('absl'):
    _checkpointer().save(path, arrays)
  try:
    found = read(folder)
  except Exception as error:
    raise UserError(f'what was written cannot be read back ({str(error).split(chr(10))[0][:200]})') from error
  if not _same(arrays, found):
    raise UserError('what was written is not what is read back')


def _same(first: Arrays, second: Arrays) -> bool:
  return first.keys() == second.keys() and all(
    (first[name].dtype, first[name].shape) == (second[name].dtype, second[name].shape)
    and first[name].tobytes() == second[name].tobytes()
    for name in first
  )


def _checkpointer() -> Any:
  """Orbax's writer and reader of one process: those of a training in several processes do not wait for each other."""
  import orbax.checkpoint as ocp  # late: a second of imports that only training needs

  if jax.process_count() == 1:
    return ocp.PyTreeCheckpointer()
  index = jax.process_index()
  alone = ocp.options.MultiprocessingOptions(index, {index}, f'process_{index}')
  return ocp.Checkpointer(ocp.PyTreeCheckpointHandler(multiprocessing_options=alone), multiprocessing_options=alone)


def read(folder: Path) -> Arrays:
  """Reads what `write` wrote. Raises whatever Orbax does if it cannot."""
  with plain_path(folder) as path, quiet_logs('absl'):
    restored = _checkpointer().restore(path)
  return {name: np.asarray(array) for name, array in restored.items()}
