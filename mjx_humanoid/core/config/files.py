"""Reads and writes configs: config files, command-line overrides and config.json."""

from __future__ import annotations

import argparse
import ast
import difflib
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

from mjx_humanoid.core import precision, saved_code, trust, user_code, user_files, user_objects
from mjx_humanoid.core.border import expanded
from mjx_humanoid.core.config import migration, schema, variants
from mjx_humanoid.core.config.settings import LISTED, convert, entry_type, restore, type_name
from mjx_humanoid.core.errors import CLOSE, UserError
from mjx_humanoid.core.files import read_json, write_json

CONFIG_FILE = 'config.json'  # in a run's folder


def config_folders() -> list[Path]:
  """Folders of the built-in configs: in the installed package, or beside it in a checkout."""
  package = Path(__file__).resolve().parents[2]
  return [folder for folder in (package / 'configs', package.parent / 'configs') if folder.is_dir()]


def config_names() -> list[str]:
  """Names of the built-in configs."""
  return sorted({p.stem for folder in config_folders() for p in folder.glob('*.py') if p.stem != '__init__'})


def find_config(name: str) -> Path:
  """The file of a config given by path or by name. Raises UserError if there is none."""
  path = expanded(name)
  candidates = [path]
  if path.parent in (Path(), Path('configs')):  # 'stand' and 'configs/stand.py' work from any folder
    candidates += [folder / f'{path.stem}.py' for folder in config_folders()]
  for candidate in candidates:
    if candidate.is_file():
      return candidate
  hint = f'; {name} is a folder: to continue a run, use --resume={name}' if path.is_dir() else ''
  raise UserError(f'there is no config file {name!r}{hint}. Built-in configs: {", ".join(config_names())}.')


def load_config(name: str) -> ConfigDict:
  """Runs `get_config` of a config file, given by path or name, and variant: stand:gpu. It may import files beside it.

  Raises:
    UserError: the file is missing, has no such variant, raises, or returns something else.
  """
  base, variant = variants.split(name)
  module, path = load_module(base)
  given = variants.arguments(module, base, variant)
  try:
    config = module.get_config(*given)
  except KeyboardInterrupt:
    raise
  except BaseException as error:  # sys.exit too
    detail = str(error).split('\n')[0]
    where = user_objects.place(error)
    raise UserError(f'the config file {path} raises {type(error).__name__}: {detail}{where}') from error
  if not isinstance(config, ConfigDict):
    raise UserError(
      f'get_config() in {path} must return default_config(), edited; it returned {type(config).__name__}.'
    )
  return config


def load_for_machine(name: str, settings: Iterable[str]) -> ConfigDict:
  """The same, in the variant for GPUs where there is one, JAX sees a GPU and the user leaves the choice; it is printed.

  Args:
    settings: dotted names of the settings that the user gave.
  """
  if variants.may_fit_gpu(name, settings) and precision.backend() == 'gpu':
    module, _ = load_module(name)
    if variants.GPU in variants.variants_of(module):
      print(f'JAX sees a GPU: config {name}:{variants.GPU}; set num_envs to choose for yourself', flush=True)
      name = f'{name}:{variants.GPU}'
  return load_config(name)


def load_module(name: str) -> tuple[ModuleType, Path]:
  """The module of a config file, given by path or name, and its path. Raises UserError if it has no get_config."""
  path = find_config(name)
  if path.suffix != '.py':
    hint = f' To continue a run, use --resume={path.parent}.' if path.name == CONFIG_FILE else ''
    raise UserError(f'the config file {path} is not Python: its name must end in .py.{hint}')
  trust.allow(user_files.bundle(path).code)  # the user typed it
  module = user_code.load(path, 'config')
  if not callable(getattr(module, 'get_config', None)):
    raise UserError(
      f'{path} has no function get_config(), so it is no config file. A reward of your own in it is chosen by'
      f' --config.task.reward={path}:name.'
    )
  return module, path


def split_overrides(arguments: Sequence[str]) -> dict[str, str]:
  """`--config.a.b=value` or `--config.a.b value` as {'config.a.b': 'value'}. Raises UserError for other arguments."""
  overrides: dict[str, str] = {}
  rest = list(arguments)
  while rest:
    argument = rest.pop(0)
    name, equals, value = argument.partition('=')
    if not name.startswith('--config.'):
      raise UserError(
        f'unknown argument {argument!r}; settings are given as --config.name=value, see --help.{_meant(argument)}'
      )
    if not equals:
      if not rest or rest[0].startswith('--'):
        raise UserError(f'{name} needs a value: {name}=...')
      value = rest.pop(0)
    overrides[name[2:]] = value
  return overrides


def _meant(argument: str) -> str:
  """A sentence that suggests what an unknown argument was meant to be; '' if nothing is close.

  In `--total_timesteps=9` and `--ppo.gamma=0.9` the prefix config. is missing; in `stand` and `my.py`, --config=.
  """
  name, equals, value = argument.lstrip('-').partition('=')
  if not equals and (name in config_names() or name.endswith('.py')):
    return f' Did you mean --config={name}?'
  endings = _endings(schema.settings())
  close = difflib.get_close_matches(name, endings, n=1, cutoff=0.75)
  return f' Did you mean --{endings[close[0]]}{equals}{value}?' if close else ''


def _endings(names: Iterable[str]) -> dict[str, str]:
  """The settings by every ending of their dotted names: gamma, ppo.gamma and config.ppo.gamma."""
  return {full.split('.', i)[-1]: full for full in reversed(list(names)) for i in range(full.count('.') + 1)}


def _unknown_setting(name: str, known: Iterable[str]) -> UserError:
  """An error that suggests the settings with a name close to this one; where there is none, lists a section."""
  known = list(known)
  endings = _endings(known)
  close = difflib.get_close_matches(name.removeprefix('config.'), endings, n=CLOSE)
  if close and not any(setting.startswith(f'{name}.') for setting in known):
    guesses = dict.fromkeys(repr(endings[ending]) for ending in close)
    return UserError(f'unknown setting {name!r}. Did you mean {" or ".join(guesses)}? {LISTED}')
  section = name
  while not (inside := [setting for setting in known if setting.startswith(f'{section}.')]):
    section = section.rpartition('.')[0]
  choices = dict.fromkeys(setting.removeprefix(f'{section}.').split('.')[0] for setting in inside)
  return UserError(f'unknown setting {name!r}; {section} has {", ".join(choices)}. {LISTED}')


def apply_overrides(config: ConfigDict, overrides: dict[str, str]) -> ConfigDict:
  """A copy of `config` with the overrides applied, each checked against its setting's type; see for_reward.

  Raises:
    UserError: an unknown name, or a value of another type.
  """
  known = schema.settings()
  # `restore` adds missing sections, so that the loop below finds each one.
  values = schema.to_dict(restore(schema.Config, config.to_dict(), 'config'))
  values = for_reward(values, overrides.get('config.task.reward'))
  for name, text in overrides.items():
    parent, leaf = _split(name, [n for n, (hint, _) in known.items() if entry_type(hint) is not None])
    of_entry = entry_type(known[parent][0]) if parent in known else None  # of config.task.weights.height
    if name not in known and of_entry is None:
      raise _unknown_setting(name, known)
    hint = known[name][0] if of_entry is None else of_entry
    target: Any = values
    for part in parent.split('.')[1:]:
      target = target[part]
    if isinstance(target, tuple):
      raise UserError(f'{parent} is a list of numbers here, which has no entry {leaf!r}.')
    words = known[name][1].metadata['words'] if name in known else ()
    target[leaf] = text if text in words else parse(hint, text, name)
  return schema.as_config_dict(values)


def for_reward(values: dict[str, Any], reward: Any) -> dict[str, Any]:
  """A config as nested dicts, without what belongs to its reward if another replaces it; see of_reward."""
  return {**values, 'task': {**values['task'], **of_reward(values['task']['reward'], reward)}}


def of_reward(before: str, reward: Any) -> dict[str, Any]:
  """Settings of a task that go with its reward, emptied, if another reward replaces that; else none.

  Args:
    reward: a name, a reference to the user's own, a function, or None for no other.
  """
  if reward is None or user_objects.named(reward) in (before, saved_code.portable(before)):
    return {}
  return {'weights': {}, 'late_terms': ()}


def _split(name: str, tables: Sequence[str]) -> tuple[str, str]:
  """The section of a setting and its name there, or the dict of an entry and its key.

  A key may be a user's own reference: config.task.weights.path/to/file.py:term
  """
  for table in tables:
    key = name.removeprefix(f'{table}.')
    if key != name and ('.' not in key or user_objects.is_own(key)):
      return table, key
  parent, _, leaf = name.rpartition('.')
  return parent, leaf


def parse(hint: Any, text: str, name: str) -> Any:
  """The value of `text` for a setting of type `hint`. Lists may be written 1,2 or (1, 2).

  For type Any, text that is no number, list or truth value is a string.
  """
  if hint is str:
    return text
  if typing.get_origin(hint) is tuple and typing.get_args(hint)[0] is str:
    return tuple(part.strip(' \'"') for part in text.strip('()[] ').split(',') if part.strip(' \'"'))
  try:
    value = ast.literal_eval({'true': 'True', 'false': 'False'}.get(text, text).strip())
  except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
    if hint is Any:
      return text
    raise UserError(f'{name} must be {type_name(hint)}, not {text!r}.') from None
  if typing.get_origin(hint) is tuple and isinstance(value, int | float):
    value = (value,)
  return value if hint is Any else convert(hint, value, name)


def save_json(config: schema.Config, path: Path) -> None:
  """Writes the resolved config with the references that the user typed. Raises UserError if that is impossible."""
  typed = saved_code.renamed(config, saved_code.portable)
  write_json(path, {'format': schema.FORMAT, **schema.to_dict(typed)}, 'the config')


def load_json(path: Path, *, allow_code: bool = False) -> schema.Config:
  """Reads a resolved config of this format or an earlier one; its references become the copies in own_code.

  Args:
    allow_code: allow the user code that the config names to run in this process.

  Raises:
    UserError: the file is missing, damaged or of a later version of this package.
  """
  values = read_json(path, 'config')
  if not isinstance(values, dict):
    raise UserError(f'{path} is not a readable config: it is no JSON object')
  stated = values.pop('format', 1)
  if stated not in (1, schema.FORMAT):
    raise UserError(f'{path} is a config of format {stated!r}; this version reads 1 to {schema.FORMAT}.')
  if stated == 1:
    try:
      values = migration.migrate_config(values)
    except (AttributeError, TypeError):  # a section is not a dict
      raise UserError(f'{path} is not a readable config: its task is damaged') from None
  return saved_code.localized(schema.resolve(values), path.parent, allow_code=allow_code)


def settings_help() -> str:
  """Every setting with its default and help text, for --help."""
  lines = ['settings, given as --config.name=value (defaults below, before the config file is read):']
  for name, (_, f) in schema.settings().items():
    default = f.default_factory() if callable(f.default_factory) else f.default
    lines.append(f'  --{name}={default}'.replace("'", ''))
    choices = f' ({", ".join(f.metadata["choices"])})' if f.metadata['choices'] else ''
    lines.append(f'        {f.metadata["help"].replace("%%", "%")}{choices}')
  return '\n'.join(lines)


def parser(command: str, description: str) -> argparse.ArgumentParser:
  """An argument parser that raises UserError for wrong arguments, as all commands do."""

  class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> typing.NoReturn:
      raise UserError(f'{message} (see python -m mjx_humanoid.{command} --help)')

  return Parser(
    prog=f'python -m mjx_humanoid.{command}',
    description=description,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    allow_abbrev=False,
  )
