"""What a training in Python is asked for: the config and the folder of a new run, or of one that continues."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from mjx_humanoid.core import saved_code, user_code
from mjx_humanoid.core.border import expanded
from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config import schema
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.config.settings import merged
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.run_folder import checkpoint_step, run_path, split_reference
from mjx_humanoid.playback import find
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.run.resume import resumed
from mjx_humanoid.run.start import check_overwritable


def asked(
  config: str | Path | ConfigDict,
  name: str | None,
  resume: str | Path | None,
  settings: Mapping[str, Any],
  *,
  overwrite: bool = False,
) -> tuple[Config, Path, int | None]:
  """The config and the folder of a training, and the step that it continues from, None for the latest.

  Args:
    resume: a run to continue; None for a new run.
    overwrite: the folder of a new run may hold an earlier one.

  Raises:
    UserError: an unknown setting, a value out of range, a run folder that exists already, or that is no run.
  """
  if resume is None:
    resolved, folder, step = *new_run(config, name, settings, overwrite=overwrite), None
  elif config != 'stand' or name is not None:
    raise UserError('resume continues with the config and the name of its run: leave out config and name.')
  elif overwrite:
    raise UserError('resume continues a run and overwrite deletes it: leave out one of them.')
  else:
    resolved, folder, step = continued(resume, settings)
  for note in saved_code.notes(resolved):
    print(f'note: {note}')
  return resolved, folder, step


def new_run(
  config: str | Path | ConfigDict, name: str | None, settings: Mapping[str, Any], *, overwrite: bool = False
) -> tuple[Config, Path]:
  """The config and the folder of a training; allows the user's own code in the config to run."""
  if (script := user_code.loading()) is not None:
    raise UserError(f'{script} trains when it is loaded: put that under `if __name__ == "__main__":`.')
  given = [f'config.{key}' for key in settings]
  base = config if isinstance(config, ConfigDict) else config_file.load_for_machine(str(config), given)
  values = _changed(schema.resolve(base), _named(settings))
  wanted = run_path(expanded(values['run_dir']), values['name'] if name is None else name)
  if overwrite:
    check_overwritable(wanted)
  folder = wanted if overwrite else _free_folder(wanted, exactly=name is not None)
  resolved = schema.resolve({**values, 'name': folder.relative_to(expanded(values['run_dir'])).as_posix()})
  saved_code.allow(resolved, remember=True)
  return resolved, folder


def continued(run: str | Path, settings: Mapping[str, Any]) -> tuple[Config, Path, int | None]:
  """The config, the folder and the step of a run that continues; None for the latest step."""
  folder, which = split_reference(str(expanded(run)))
  config = resumed(folder, lambda old: schema.resolve(_changed(old, settings)), allow_code=False)
  return config, folder, checkpoint_step(folder, which) if which else None


def _changed(config: Config, settings: Mapping[str, Any]) -> dict[str, Any]:
  """A config with settings, as nested dicts; see for_reward."""
  task = settings.get('task')
  reward = task.get('reward') if isinstance(task, Mapping) else None
  return merged(config_file.for_reward(schema.to_dict(config), reward), settings)


def _named(settings: Mapping[str, Any]) -> dict[str, Any]:
  """Settings, with a Policy to start from as a config names it."""
  source = settings.get('init_from')
  return {**settings, 'init_from': find.give(source)} if isinstance(source, Policy) else dict(settings)


def _free_folder(wanted: Path, *, exactly: bool) -> Path:
  """A new folder for a run. Raises UserError if it must be exactly this one and it exists."""
  folder, number = wanted, 1
  if exactly and folder.exists():
    raise UserError(f'the run folder {folder} exists; choose another name, or delete it with overwrite=True.')
  while folder.exists():
    number += 1
    folder = wanted.with_name(f'{wanted.name}-{number}')
  return folder
