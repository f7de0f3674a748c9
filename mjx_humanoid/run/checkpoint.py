"""Checkpoints: the whole training state, saved by Orbax with a SHA-256 manifest that is checked on load."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import read_json, write_json
from mjx_humanoid.core.process import quiet_logs

MANIFEST = 'manifest.json'
BEST = 'best.json'
Arrays = dict[str, np.ndarray]
# Names, or prefixes of names, of arrays in earlier versions, and their present names.
RENAMED = {
  "['env'].context": "['env'].episode.context",
  "['env'].context.asked": "['env'].episode.context.requested",
  "['env'].context.place": "['env'].episode.context.target_position",
  "['env'].push": "['env'].episode.push",
  "['env'].sent": "['env'].episode.sent",
  "['env'].delay": "['env'].episode.delay",
}
# Arrays that earlier versions did not have: they get the initial values of a new training.
ADDED = ("['env'].length",)


def flatten(tree: Any) -> Arrays:
  """Every array of a tree by its path, except empty ones, which Orbax does not store."""
  leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
  return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves if np.size(leaf)}


def renamed(arrays: Arrays, table: Mapping[str, str] = RENAMED) -> Arrays:
  """Arrays by their present names: the longest prefix of a name that is in the table is replaced."""
  result = {}
  for name, array in arrays.items():
    old = max((old for old in table if name.startswith(old)), key=len, default='')
    result[table.get(old, '') + name.removeprefix(old)] = array
  return result


def unflatten(template: Any, arrays: Arrays, source: Path) -> Any:
  """A tree like `template`, filled with `arrays`; those of ADDED may be absent.

  Raises:
    UserError: names or shapes differ, because the arrays are of another task, network or algorithm.
  """
  paths, structure = jax.tree_util.tree_flatten_with_path(template)
  leaves = {jax.tree_util.keystr(path): leaf for path, leaf in paths}
  shapes = {name: np.shape(leaf) for name, leaf in leaves.items() if np.size(leaf)}
  found = {name: shapes[name] for name in ADDED if name in shapes}
  found |= {name: array.shape for name, array in arrays.items()}
  if different := sorted(n for n in shapes.keys() | found.keys() if shapes.get(n) != found.get(n)):
    name = different[0]
    raise UserError(
      f'the checkpoint {source} is of another task, network or algorithm: {name} is'
      f' {found.get(name, "absent")} there and {shapes.get(name, "absent")} here.'
    )
  return jax.tree_util.tree_unflatten(structure, [arrays.get(name, leaf) for name, leaf in leaves.items()])


@dataclass
class CheckpointStore:
  """The checkpoints of one run: the last `keep`, and the best."""

  folder: Path
  keep: int

  def steps(self) -> list[int]:
    """Environment steps of the complete checkpoints, in order."""
    return sorted(int(p.name) for p in self.folder.glob('*') if p.name.isdigit() and (p / MANIFEST).is_file())

  def path(self, step: int) -> Path:
    """The folder of the checkpoint at an environment step."""
    return self.folder / f'{step:012d}'

  def best(self) -> int | None:
    """Environment step of the checkpoint with the highest score, if any."""
    best = self._read_best()
    return best['step'] if best else None

  def save(self, step: int, tree: Any, score: float) -> Path:
    """Writes a checkpoint atomically, then deletes those that are no longer kept.

    Raises:
      UserError: the disk is full or cannot be written; older checkpoints stay.
    """
    import orbax.checkpoint as ocp  # here, because the import takes a second

    final, partial = self.path(step), self.folder / f'{step:012d}.partial'
    try:
      self.folder.mkdir(parents=True, exist_ok=True)
      shutil.rmtree(partial, ignore_errors=True)
      with quiet_logs('absl'):
        ocp.PyTreeCheckpointer().save(partial.resolve(), flatten(tree))
      write_json(partial / MANIFEST, digests(partial), 'the manifest', indent=1)
      shutil.rmtree(final, ignore_errors=True)
      partial.rename(final)
      self._keep_best(step, score)
    except (OSError, ValueError, RuntimeError, UserError) as error:
      shutil.rmtree(partial, ignore_errors=True)
      reason = 'No space left on device' if 'No space left' in str(error) else str(error).split('\n')[0]
      raise UserError(
        f'the checkpoint at step {step:,} cannot be written to {self.folder}: {reason}.'
        ' Earlier checkpoints are kept; free some space and go on with train --resume.'
      ) from error
    return final

  def _keep_best(self, step: int, score: float) -> None:
    best = self._read_best()
    if best is None or score >= best['score']:
      best = {'step': step, 'score': score}
      write_json(self.folder / BEST, best, 'the best', indent=None)
    for old in self.steps()[: -self.keep]:
      if old != best['step']:
        shutil.rmtree(self.path(old))

  def _read_best(self) -> dict[str, Any] | None:
    try:
      best = read_json(self.folder / BEST, 'best')
      score = -math.inf if best['score'] is None else float(best['score'])  # null: not comparable
      return {'step': int(best['step']), 'score': score}
    except (UserError, ValueError, KeyError, TypeError):
      return None

  def load(self, step: int | None = None) -> tuple[int, Arrays, Path]:
    """Checks the digests of a checkpoint, by default the latest, and loads its arrays.

    Raises:
      UserError: there is none, or it was truncated or altered.
    """
    steps = self.steps()
    if not steps:
      raise UserError(f'there is no complete checkpoint in {self.folder}.')
    if step is not None and step not in steps:
      raise UserError(f'there is no checkpoint of step {step} in {self.folder}; there are {steps}.')
    step = steps[-1] if step is None else step
    return step, read(self.path(step)), self.path(step)


def digests(folder: Path) -> dict[str, str]:
  """SHA-256 of every file below a folder except the manifest, by relative path."""
  files = sorted(p for p in folder.rglob('*') if p.is_file() and p.name != MANIFEST)
  return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def read(folder: Path) -> Arrays:
  """Loads one checkpoint folder. Raises UserError if it differs from its manifest."""
  import orbax.checkpoint as ocp

  expected = read_json(folder / MANIFEST, 'manifest of a checkpoint')
  if not isinstance(expected, dict):
    raise UserError(f'{folder / MANIFEST} is not a readable manifest of a checkpoint: it is not an object')
  found = digests(folder)
  if changed := sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n)):
    raise UserError(
      f'the checkpoint {folder} was truncated or altered ({changed[0]} differs from its manifest);'
      ' delete that folder to go on from the one before.'
    )
  checkpointer = ocp.PyTreeCheckpointer()
  restored = checkpointer.restore(folder.resolve())
  return renamed({name: np.asarray(array) for name, array in restored.items()})
