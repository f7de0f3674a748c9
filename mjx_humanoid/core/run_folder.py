"""Paths in a run's folder, and names of its checkpoints: runs/x@best, runs/x@500000."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import NamedTuple

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import read_json

POLICY_FILE = 'policy.safetensors'  # of a run, and of each of its checkpoints
REPORT_FILE = 'report.json'  # the report card of the policy
CHECKPOINTS = 'checkpoints'
MANIFEST = 'manifest.json'  # of a checkpoint: written last, so that one without it is not complete
BEST_FILE = 'best.json'
LONGEST_NAME = 200  # bytes of a run's name, which files made from it exceed by an ending
BEST = 'best'  # in a reference: the checkpoint with the highest score


class Best(NamedTuple):
  """The checkpoint with the highest score."""

  step: int
  score: float  # -inf: scores do not compare, or no episode had ended


def run_path(run_dir: Path, name: str) -> Path:
  """The folder of a new run.

  Raises:
    UserError: the name is not one of a folder below run_dir, or run_dir is no path.
  """
  if reason := _unusable(str(run_dir)):
    raise UserError(f'config.run_dir={str(run_dir)!r} is no folder: {reason}.')
  reason = _unusable(name)
  parts = name.split('/')
  if any(part in ('', '.', '..') for part in parts):
    reason = 'it must name a folder below config.run_dir'
  elif not name.isprintable():
    reason = 'it has characters that cannot be printed'
  elif not reason and max(len(os.fsencode(part)) for part in parts) > LONGEST_NAME:
    reason = f'it is longer than {LONGEST_NAME} bytes'
  if reason:
    raise UserError(f'config.name={name!r} is no name of a run: {reason}.')
  return run_dir / name


def _unusable(path: str) -> str:
  """Why no file can have this path on this system; '' if one can."""
  try:
    os.fsencode(path)
  except UnicodeEncodeError as error:
    return f'the file system here is {sys.getfilesystemencoding()}, which has no {path[error.start]!r}'
  return 'it has a null character' if '\0' in path else ''


def split_reference(reference: str) -> tuple[Path, str]:
  """The folder of a run, and which of its checkpoints is meant: 'best', a step, or '' for its latest state.

  Raises:
    UserError: what follows @ is neither 'best' nor a number of steps.
  """
  folder, at, which = reference.rpartition('@')
  if not at or Path(reference).exists() or not Path(folder).is_dir():
    return Path(reference), ''
  if which != BEST and not (which.isascii() and which.isdigit()):
    raise UserError(f'{reference}: after the @ of a run stands {BEST!r} or a number of environment steps.')
  return Path(folder), which


def checkpoint_path(checkpoints: Path, step: int) -> Path:
  """The path of the checkpoint at an environment step."""
  return checkpoints / f'{step:012d}'


def checkpoint_steps(checkpoints: Path) -> list[int]:
  """Environment steps of the complete checkpoints, in order."""
  return sorted(int(p.name) for p in checkpoints.glob('*') if p.name.isdigit() and (p / MANIFEST).is_file())


def read_best(checkpoints: Path) -> Best | None:
  """Which checkpoint is the best; None where none was saved yet.

  Raises:
    UserError: the file that says so is damaged, or names a checkpoint that is not there.
  """
  path = checkpoints / BEST_FILE
  if not path.exists():
    return None
  try:
    entry = read_json(path, 'file of the best checkpoint')
    score = -math.inf if entry['score'] is None else float(entry['score'])  # null: not finite
    best = Best(int(entry['step']), score)
  except (ValueError, KeyError, TypeError, OverflowError) as error:
    raise UserError(f'{path} is not a readable file of the best checkpoint: {error!r}') from None
  if best.step not in checkpoint_steps(checkpoints):
    raise UserError(f'{path} names the checkpoint of step {best.step:,}, which is not there.')
  return best


def checkpoint_step(folder: Path, which: str) -> int:
  """The environment step of the checkpoint of a run that is meant by 'best' or a number of steps.

  Raises:
    UserError: there is none; lists those that there are.
  """
  checkpoints = folder / CHECKPOINTS
  steps = checkpoint_steps(checkpoints)
  if not steps:
    raise UserError(f'there is no complete checkpoint in {checkpoints}.')
  if which == BEST:
    best = read_best(checkpoints)
    if best is None:
      raise UserError(f'{checkpoints / BEST_FILE} is missing, so the best checkpoint is not known; there are {steps}.')
    return best.step
  if int(which) not in steps:
    raise UserError(f'there is no checkpoint of step {which} in {checkpoints}; there are {steps}, and {BEST!r}.')
  return int(which)
