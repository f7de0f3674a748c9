"""Large arrays kept beside the checkpoints, those of the latest only: in chunks named by their content.

A chunk that has not changed since the last save is not written again, so saving costs what is new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import read_bytes, read_json, write_files, write_json, writing

FOLDER = 'replay'  # in a run's folder
CHUNK = 8 * 2**20  # bytes, roughly
DTYPES = ('float32', 'float64', 'int32', 'int64', 'bool')
WHAT, READ = 'the replay memory', 'part of the replay memory'


class ArrayStore:
  """The arrays of one run."""

  def __init__(self, folder: Path) -> None:
    """Args: folder: made when something is saved."""
    self._folder = folder

  def save(self, step: int, arrays: Mapping[str, Any]) -> None:
    """Writes the arrays of the checkpoint at an environment step; earlier ones stay until `keep`.

    Raises:
      UserError: they cannot be written; earlier ones stay.
    """
    entries = {name: self._save_array(np.asarray(array)) for name, array in arrays.items()}
    write_json(self._manifest(step), entries, WHAT)

  def _save_array(self, array: np.ndarray) -> dict[str, Any]:
    rows = max(1, CHUNK // max(1, array[:1].nbytes)) if array.ndim else 1
    parts = [array[i : i + rows] for i in range(0, len(array), rows)] if array.ndim else [array]
    chunks = []
    for part in parts:
      content = np.ascontiguousarray(part)
      name = hashlib.sha256(content.data).hexdigest()
      if not self._chunk(name).exists():
        write_files({self._chunk(name): content.tobytes()}, WHAT)
      chunks.append(name)
    return {'shape': list(array.shape), 'dtype': str(array.dtype), 'chunks': chunks}

  def load(self, step: int) -> dict[str, np.ndarray] | None:
    """The arrays of a checkpoint; None where those of that step are not kept.

    Raises:
      UserError: they were truncated or altered.
    """
    path = self._manifest(step)
    if not path.is_file():
      return None
    try:
      return {name: self._load_array(entry) for name, entry in read_json(path, READ).items()}
    except (UserError, KeyError, TypeError, ValueError, AttributeError) as error:
      raise UserError(
        f'the replay memory in {self._folder} was truncated or altered ({error}); delete that folder to go on with an'
        ' empty one.'
      ) from None

  def _load_array(self, entry: Mapping[str, Any]) -> np.ndarray:
    if entry['dtype'] not in DTYPES:
      raise ValueError(f'unknown type {entry["dtype"]!r}')
    contents = [read_bytes(self._chunk(name), READ) for name in entry['chunks']]
    for name, content in zip(entry['chunks'], contents, strict=True):
      if hashlib.sha256(content).hexdigest() != name:
        raise ValueError(f'chunk {name} differs from its name')
    return np.frombuffer(b''.join(contents), entry['dtype']).reshape(entry['shape'])

  def keep(self, step: int) -> None:
    """Deletes everything but the arrays of this step."""
    entries = read_json(self._manifest(step), READ)
    used = {self._chunk(name) for entry in entries.values() for name in entry['chunks']} | {self._manifest(step)}
    for path in self._folder.iterdir():
      if path not in used:
        with writing(path, WHAT):
          path.unlink()

  def _manifest(self, step: int) -> Path:
    return self._folder / f'{step:012d}.json'

  def _chunk(self, name: str) -> Path:
    return self._folder / f'{name}.bin'
