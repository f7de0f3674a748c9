"""Starts a training: checks everything, and writes the config before the first update."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mjx_humanoid.core import saved_code
from mjx_humanoid.core.config import files
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.files import make_folder
from mjx_humanoid.playback.find import load
from mjx_humanoid.run.cache import use_compilation_cache
from mjx_humanoid.run.listeners import Listener
from mjx_humanoid.run.loop import Loop
from mjx_humanoid.run.policies import from_policy
from mjx_humanoid.run.setup import Setup, prepare
from mjx_humanoid.run.trainer import TrainState


def set_up(config: Config, *, resume: bool = False) -> Setup:
  """Builds everything that a config names. Raises UserError before anything is written or searched for."""
  use_compilation_cache()
  if config.init_from and not resume:
    from_policy(load(config.init_from), config)  # an error is raised before the search for start states
  return prepare(config)


def start(
  setup: Setup, folder: Path, listeners: Sequence[Listener], started: float, *, resume: bool = False
) -> tuple[Loop, TrainState]:
  """The loop of a training and its first state. Makes the run folder, unless it is resumed, and writes its config.

  Args:
    started: start of the process in seconds since the epoch, for the report.

  Raises:
    UserError: a checkpoint that does not fit (the run is not changed), or a folder that cannot be written.
  """
  loop = Loop(setup, folder, listeners, started)
  state = loop.begin(resume)
  if not resume:
    make_folder(folder, 'the run folder')
  saved_code.save(setup.config, folder)
  files.save_json(setup.config, folder / files.CONFIG_FILE)
  return loop, state
