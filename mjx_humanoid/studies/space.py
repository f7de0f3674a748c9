"""Spaces of settings that a sweep searches: {'config.ppo.gamma': {'kind': 'float', 'low': 0.9, 'high': 0.99}, ...}.

A file in configs/sweeps/, or your own, has a function get_space() that returns such a dict. The kinds are
  float   from low to high; with 'log': True on a logarithmic scale
  int     the same in whole numbers
  choice  one of 'values', which may be lists
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mjx_humanoid.core import trust, user_code, user_files
from mjx_humanoid.core.border import expanded
from mjx_humanoid.core.config import schema
from mjx_humanoid.core.config.files import config_folders
from mjx_humanoid.core.config.settings import check
from mjx_humanoid.core.errors import UserError, unknown

FOLDER = 'sweeps'  # in the folders of the built-in configs
KINDS = {'float': ('low', 'high', 'log'), 'int': ('low', 'high', 'log'), 'choice': ('values',)}
OF_THE_SWEEP = ('name', 'run_dir', 'seed')

Space = dict[str, dict[str, Any]]


def space_names() -> dict[str, Path]:
  """The files of the built-in spaces by name."""
  return {path.stem: path for folder in config_folders() for path in sorted((folder / FOLDER).glob('*.py'))}


def find_space(name: str) -> Path:
  """The file of a space, given by path or name. Raises UserError if there is none."""
  path = expanded(name)
  if path.is_file():
    return path
  if path.parent in (Path(), Path('configs') / FOLDER) and path.stem in space_names():
    return space_names()[path.stem]
  raise UserError(f'there is no space {name!r}. Built-in spaces: {", ".join(space_names())}; or path/to/file.py.')


def load_space(name: str) -> Space:
  """The checked space of a file. The file is run: the user named it.

  Raises:
    UserError: the file is missing or raises; an unknown setting, kind or entry; values out of a setting's range.
  """
  path = find_space(name)
  trust.allow(user_files.bundle(path).code)
  module = user_code.load(path, 'space')
  if not callable(getattr(module, 'get_space', None)):
    raise UserError(f'{path} has no function get_space(), so it is no space.')
  try:
    space = module.get_space()
  except Exception as error:
    raise UserError(f'the space {path} raises {type(error).__name__}: {str(error).split(chr(10))[0]}') from error
  if not isinstance(space, Mapping) or not space:
    raise UserError(f'get_space() in {path} must return a dict of settings; it returned {space!r}.')
  return {setting: checked(setting, entry) for setting, entry in space.items()}


def checked(setting: str, entry: Any) -> dict[str, Any]:
  """The entry of a setting, as JSON types. Raises UserError."""
  known = schema.settings()
  if not isinstance(setting, str):
    raise UserError(f'{setting!r} is no name of a setting; names are such as config.ppo.gamma.')
  parent = setting.rpartition('.')[0]
  is_entry = parent in known and typing.get_origin(known[parent][0]) is dict  # config.task.weights.height
  if setting not in known and not is_entry:
    raise unknown('setting in the space', setting, known)
  if setting.removeprefix('config.') in OF_THE_SWEEP:
    raise UserError(f'{setting} is chosen by the sweep: leave it out of the space.')
  if not isinstance(entry, Mapping) or entry.get('kind') not in list(
    KINDS
  ):  # a list, because the value may have no hash
    kind = entry.get('kind') if isinstance(entry, Mapping) else entry
    raise unknown(f'kind of distribution of {setting}:', str(kind), KINDS)
  kind = entry['kind']
  if odd := [key for key in entry if key not in ('kind', *KINDS[kind])]:
    raise unknown(f'key of {setting}', odd[0], ('kind', *KINDS[kind]))
  values = _values(setting, entry)
  if setting in known:
    hint, field = known[setting]
    values = [check(field, hint, value, setting) for value in values]
  if kind == 'choice':
    return {'kind': kind, 'values': [list(v) if isinstance(v, tuple) else v for v in values]}
  low, high = values
  if kind == 'int' and (low % 1 or high % 1):
    raise UserError(f'{setting}: the ends of an int are whole numbers, not {low:g} and {high:g}.')
  log = bool(entry.get('log', False))
  if not low < high or (log and low <= 0):
    raise UserError(f'{setting}: low={low:g} must be less than high={high:g}{", and more than 0 with log" * log}.')
  return {'kind': kind, 'low': low, 'high': high, 'log': log}


def _values(setting: str, entry: Mapping[str, Any]) -> list[Any]:
  """The ends of a range, or the choices. Raises UserError if they are missing."""
  if entry['kind'] == 'choice':
    values = entry.get('values')
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
      raise UserError(f"{setting}: a choice needs 'values', a list.")
    return list(values)
  if missing := [key for key in ('low', 'high') if not _is_number(entry.get(key))]:
    raise UserError(f'{setting}: {entry["kind"]} needs {missing[0]!r}, a number.')
  return [entry['low'], entry['high']]


def _is_number(value: Any) -> bool:
  return isinstance(value, int | float) and not isinstance(value, bool)


def suggest(trial: Any, space: Space) -> dict[str, str]:
  """A value of each setting from an Optuna trial, as on the command line."""
  return {setting: text(_suggested(trial, setting.removeprefix('config.'), entry)) for setting, entry in space.items()}


def _suggested(trial: Any, name: str, entry: Mapping[str, Any]) -> Any:
  if entry['kind'] == 'choice':
    return trial.suggest_categorical(name, [text(v) if isinstance(v, list) else v for v in entry['values']])
  suggested = trial.suggest_float if entry['kind'] == 'float' else trial.suggest_int
  return suggested(name, entry['low'], entry['high'], log=entry['log'])


def text(value: Any) -> str:
  """A value as on the command line: 128,128 for a list."""
  return ','.join(map(str, value)) if isinstance(value, list | tuple) else str(value)
