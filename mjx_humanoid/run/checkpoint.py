"""Checkpoints: the whole training state, saved by Orbax, read back at once, with digests that are checked on load."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import read_json, write_json
from mjx_humanoid.core.run_folder import BEST_FILE, MANIFEST, Best, checkpoint_path, checkpoint_steps, read_best
from mjx_humanoid.run import array_files
from mjx_humanoid.run.array_files import Arrays

SCORE = "['score']"  # name of the array that holds the score of a checkpoint
REPLACED = '.replaced'  # ending of a checkpoint that another one is about to replace
FULL = (errno.ENOSPC, errno.EDQUOT)
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
  say: Callable[[str], None] = print  # prints a line for the user about damaged checkpoints

  def steps(self) -> list[int]:
    """Environment steps of the complete checkpoints, in order."""
    return checkpoint_steps(self.folder)

  def recovered_steps(self) -> list[int]:
    """The same, after what an interrupted replacement had moved away is back in its place."""
    recover(self.folder)
    return self.steps()

  def path(self, step: int) -> Path:
    """The folder of the checkpoint at an environment step."""
    return checkpoint_path(self.folder, step)

  def best(self) -> int | None:
    """Environment step of the checkpoint with the highest score, if any."""
    best = self._best()
    return best.step if best else None

  def save(self, step: int, tree: Any, score: float, describe: Callable[[Path], None] | None = None) -> Path:
    """Writes a checkpoint atomically, then deletes those that are no longer kept.

    What was written is read back before it takes the place of anything, so the last one that can be read stays.

    Args:
      score: of the policy; -inf where scores do not compare: then the latest is the best.
      describe: writes more into the folder of the checkpoint, such as the policy.

    Raises:
      UserError: it cannot be written, or not be read back; older checkpoints stay.
    """
    final, partial = self.path(step), self.folder / f'{step:012d}.partial'
    try:
      self.folder.mkdir(parents=True, exist_ok=True)
      for left in self.folder.glob('*.partial*'):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
      array_files.write(partial, flatten(tree))
      if describe:
        describe(partial)
      write_json(partial / MANIFEST, digests(partial), 'the manifest', indent=1)
      publish(partial, final)
      self._keep_best(step, score)
    except Exception as error:  # whatever a library raises, what was saved before stays
      shutil.rmtree(partial, ignore_errors=True)
      raise UserError(f'the checkpoint at step {step:,} cannot be written to {self.folder}: {_why(error)}') from error
    return final

  def _keep_best(self, step: int, score: float) -> None:
    best = self._best(before=step)
    if best is None or score >= best.score or score == -math.inf:
      best = Best(step, score)
    write_json(self.folder / BEST_FILE, best._asdict(), 'the best', indent=None)
    steps = self.steps()
    later = [other for other in steps if other > step]  # of a run that was taken back to this step
    for old in [*steps[: len(steps) - len(later)][: -self.keep], *later]:
      if old != best.step:
        shutil.rmtree(self.path(old))

  def _best(self, before: float = math.inf) -> Best | None:
    """The best checkpoint, found by the scores that checkpoints hold where the file that names it is damaged.

    Args:
      before: environment step up to which checkpoints count.
    """
    try:
      best = read_best(self.folder)
      if best is None or best.step <= before:
        return best
    except UserError as error:
      self.say(f'{error} The best checkpoint is determined from the scores in the checkpoints.')
    found = [Best(step, score) for step in self.steps() if step < before and (score := self._score(step)) is not None]
    return max(found, key=lambda entry: (entry.score, entry.step), default=None)

  def _score(self, step: int) -> float | None:
    try:
      return float(read(self.path(step))[SCORE])
    except (UserError, KeyError):
      return None

  def load(self, step: int | None = None) -> tuple[int, Arrays, Path]:
    """Checks the digests of a checkpoint, by default the latest, and loads its arrays.

    Raises:
      UserError: there is none, or it was truncated or altered.
    """
    steps = self.recovered_steps()
    if not steps:
      raise UserError(f'there is no complete checkpoint in {self.folder}.')
    if step is not None and step not in steps:
      raise UserError(f'there is no checkpoint of step {step} in {self.folder}; there are {steps}.')
    step = steps[-1] if step is None else step
    return step, read(self.path(step)), self.path(step)


def _why(error: Exception) -> str:
  """Why a checkpoint could not be written, and what to do."""
  kept = 'Earlier checkpoints are kept; '
  if getattr(error, 'errno', None) in FULL or 'No space left' in str(error):
    return f'No space left on device. {kept}free some space and continue with train --resume.'
  if isinstance(error, OSError | UserError):
    return f'{str(error).rstrip(".")}. {kept}fix that and continue with train --resume.'
  line = str(error).split('\n')[0].rstrip('.')
  return f'{type(error).__name__}: {line}. {kept}continue from them with train --resume.'


def publish(partial: Path, final: Path) -> None:
  """Moves a checkpoint to its place. Another one of that step is deleted only then."""
  replaced = final.with_suffix(REPLACED)
  if final.exists():
    final.rename(replaced)
  partial.rename(final)
  shutil.rmtree(replaced, ignore_errors=True)


def recover(folder: Path) -> None:
  """Puts back what `publish` had moved away when it was interrupted."""
  for replaced in folder.glob(f'*{REPLACED}'):
    final = replaced.with_suffix('')
    if (final / MANIFEST).is_file():
      shutil.rmtree(replaced, ignore_errors=True)
    else:
      with contextlib.suppress(OSError):
        replaced.rename(final)


def digests(folder: Path) -> dict[str, str]:
  """SHA-256 of every file below a folder except the manifest, by relative path."""
  files = sorted(p for p in folder.rglob('*') if p.is_file() and p.name != MANIFEST)
  return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def read(folder: Path) -> Arrays:
  """Loads one checkpoint folder. Raises UserError if it differs from its manifest or cannot be read."""
  expected = read_json(folder / MANIFEST, 'manifest of a checkpoint')
  if not isinstance(expected, dict):
    raise UserError(f'{folder / MANIFEST} is not a readable manifest of a checkpoint: it is not an object')
  found = digests(folder)
  if changed := sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n)):
    raise UserError(
      f'the checkpoint {folder} was truncated or altered ({changed[0]} differs from its manifest);'
      ' delete that folder to go on from the one before.'
    )
  try:
    return renamed(array_files.read(folder))
  except Exception as error:  # it was written so: earlier versions vouched for what they had not read back
    raise UserError(
      f'the checkpoint {folder} is not complete ({type(error).__name__}); delete that folder to go on from the one'
      ' before.'
    ) from error
