"""Starts a training: checks everything, and writes the config before the first update."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

from mjx_humanoid.core import saved_code
from mjx_humanoid.core.config import files
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import make_folder, writing
from mjx_humanoid.core.run_folder import CHECKPOINTS
from mjx_humanoid.playback.find import load
from mjx_humanoid.run import auto_engine, auto_envs, hosts
from mjx_humanoid.run.cache import use_compilation_cache
from mjx_humanoid.run.listeners import Listener
from mjx_humanoid.run.lock import LOCK_FILE, RunLock
from mjx_humanoid.run.loop import Loop
from mjx_humanoid.run.policies import from_policy
from mjx_humanoid.run.setup import Setup, prepare
from mjx_humanoid.run.trainer import TrainState

BEGUN = {LOCK_FILE, saved_code.FOLDER}  # what may be in a run folder before its config


def set_up(config: Config, *, resume: bool = False) -> Setup:
  """Builds everything that a config names. Raises UserError before anything is written or searched for."""
  use_compilation_cache()
  if config.init_from and not resume:
    from_policy(load(config.init_from), config)  # an error is raised before the search for start states
  settled = config if resume else auto_engine.settled(config)
  setup = prepare(auto_envs.settled(settled))
  return setup if settled is config else dataclasses.replace(setup, engine_reason='chosen by auto')


def start(
  setup: Setup,
  folder: Path,
  listeners: Sequence[Listener],
  started: float,
  *,
  resume: bool = False,
  step: int | None = None,
  overwrite: bool = False,
) -> tuple[Loop, TrainState]:
  """The loop of a training and its first state. Makes the run folder, unless it is resumed, and writes its config.

  Args:
    started: start of the process in seconds since the epoch, for the report.
    step: of the checkpoint to resume from, by default the latest.
    overwrite: delete what an earlier run left in the folder.

  Raises:
    UserError: a checkpoint that does not fit (the run is not changed), a folder that cannot be written, or one in
      which a training is running.
  """
  loop = Loop(setup, folder, listeners, started)
  if not hosts.first():
    return loop, loop.begin(resume, step)
  if resume:
    return loop, continued(loop, step)
  state = loop.begin()
  if overwrite and folder.exists():
    with RunLock(folder):
      empty(folder)
      save_settings(setup.config, folder)
    return loop, state
  make_folder(folder, 'the run folder')
  try:
    save_settings(setup.config, folder)
  except BaseException:  # such as a full disk: nothing is left that is no run and stands in the way of one
    shutil.rmtree(folder, ignore_errors=True)
    raise
  return loop, state


def continued(loop: Loop, step: int | None) -> TrainState:
  """The state that a run continues from; its config is written anew. Raises UserError, see start."""
  with RunLock(loop.folder):
    state = loop.begin(resume=True, step=step)
    save_settings(loop.config, loop.folder)
  return state


def save_settings(config: Config, folder: Path) -> None:
  """Writes the config, and copies of the user's own code, into a run folder. Raises UserError where it cannot."""
  saved_code.save(config, folder)
  files.save_json(config, folder / files.CONFIG_FILE)


def check_overwritable(folder: Path) -> None:
  """Raises UserError where a folder holds something, but no run."""
  if not folder.exists():
    return
  run = (folder / files.CONFIG_FILE).exists() or (folder / CHECKPOINTS).is_dir()
  if not folder.is_dir() or not (run or {entry.name for entry in folder.iterdir()} <= BEGUN):
    raise UserError(f'{folder} is no run, so --overwrite does not delete it; choose another --config.name=...')


def empty(folder: Path) -> None:
  """Deletes everything in the folder of a run but its lock; the config last, so that it is a run until then."""
  entries = [entry for entry in folder.iterdir() if entry.name != LOCK_FILE]
  for entry in sorted(entries, key=lambda entry: entry.name == files.CONFIG_FILE):
    with writing(entry, 'a new run'):
      if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
      else:
        entry.unlink()
