"""What a run may change when it goes on, and its config with the changes."""

from __future__ import annotations

import contextlib
import operator
import os
from collections.abc import Callable
from pathlib import Path

from mjx_humanoid.core import saved_code
from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import check_writable
from mjx_humanoid.core.run_folder import BEST_FILE, CHECKPOINTS, POLICY_FILE, REPORT_FILE
from mjx_humanoid.run.lock import RunLock

OF_THE_RUN = (  # settings that determine the meaning of weights and checkpoints, or the location of the run
  'name',
  'run_dir',
  'seed',
  'num_envs',
  'algorithm',
  'init_from',
  'task.robot',
  'task.actuation',
  'task.keyframe',
  'task.observations',
  'network.activation',
  'network.policy_layers',
  'network.value_layers',
  'network.shared',
  'network.symmetric',
  'network.symmetry',
)


def check_replaceable(folder: Path) -> None:
  """Raises UserError where a resumed run could not write one of its files, so that no training is lost for that."""
  checkpoints = folder / CHECKPOINTS
  for path in (folder / config_file.CONFIG_FILE, folder / POLICY_FILE, folder / REPORT_FILE, checkpoints / BEST_FILE):
    check_writable(path)


def resumed(folder: Path, changed: Callable[[Config], Config], *, allow_code: bool) -> Config:
  """The config of a run with changes. Raises UserError where the folder is no run, or a change does not fit it.

  Args:
    changed: the new config from that of the run.
    allow_code: lets code run that the config of the run names, and not only that of the changes.
  """
  file = folder / config_file.CONFIG_FILE
  if not file.is_file():
    raise UserError(f'{folder} is not a run: it has no {file.name}. Runs are in the folder runs/ by default.')
  with RunLock(folder) if os.access(folder, os.W_OK) else contextlib.nullcontext():
    if not file.stat().st_size:
      raise UserError(f'{file} is empty; begin the run again with its --config, --overwrite.')
    before = config_file.load_json(file)
  config = changed(before)
  saved_code.allow(config, remember=True, but=None if allow_code else before)  # only what the user typed
  for name in OF_THE_RUN:
    if operator.attrgetter(name)(config) != operator.attrgetter(name)(before):
      raise UserError(
        f'config.{name} cannot change when a run goes on; to train another one from its policy, use'
        f' --config.init_from={folder}.'
      )
  if not os.access(folder, os.W_OK):
    raise UserError(f'the run folder {folder} cannot be written to.')
  check_replaceable(folder)
  return config
