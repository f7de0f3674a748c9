"""A setting is a dataclass field with a help text and a range; values are checked against it."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from mjx_humanoid.core.border import plain
from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.user_objects import named

S = typing.TypeVar('S')
Numbers = dict[str, float] | tuple[float, ...]  # by name ('' for all others), or in an order
LISTED = 'All settings: python -m mjx_humanoid.train --help.'
LONGEST = 1e6  # s; control steps up to here can be counted in 32 bits


def setting(
  default: Any,
  help: str,
  *,
  low: float = -math.inf,
  high: float = math.inf,
  above: float = -math.inf,
  choices: tuple[str, ...] = (),
  own: str = '',
  words: Mapping[str, int] = types.MappingProxyType({}),
) -> Any:
  """A dataclass field with a description and a range: low <= value <= high, value > above.

  Args:
    own: kind of object that the setting names, such as 'reward', if it may be the user's own file or object.
    words: words that may be given in place of a number, and the numbers outside of the range that stand for them.
  """
  metadata = {'help': help, 'low': low, 'high': high, 'above': above, 'choices': choices, 'own': own, 'words': words}
  if isinstance(default, dict):
    return field(default_factory=lambda: dict(default), metadata=metadata)
  return field(default=default, metadata=metadata)


def settings(section: type, prefix: str) -> dict[str, tuple[Any, dataclasses.Field[Any]]]:
  """Every setting of a section by its dotted name: (type, dataclass field), in order."""
  found: dict[str, tuple[Any, dataclasses.Field[Any]]] = {}
  hints = typing.get_type_hints(section)
  for f in dataclasses.fields(section):
    if dataclasses.is_dataclass(hints[f.name]):
      found |= settings(typing.cast(type, hints[f.name]), f'{prefix}.{f.name}')
    else:
      found[f'{prefix}.{f.name}'] = (hints[f.name], f)
  return found


def to_dict(section: Any) -> dict[str, Any]:
  """A section as nested dicts."""
  return {
    f.name: to_dict(v) if dataclasses.is_dataclass(v := getattr(section, f.name)) else v
    for f in dataclasses.fields(section)
  }


def restore(section: type[S], values: Any, path: str) -> S:
  """A section from nested dicts. Missing settings get their defaults.

  Args:
    path: dotted name of the section, for messages.

  Raises:
    UserError: an unknown key, a value of the wrong type or out of range.
  """
  if not isinstance(values, Mapping):
    raise UserError(f'{path} is a section of settings, not {values!r}.')
  hints = typing.get_type_hints(section)
  fields = {f.name: f for f in dataclasses.fields(typing.cast(Any, section))}
  for key in values:
    if key not in fields:
      raise unknown(f'key in {path}', key, fields, listed=LISTED)
  checked = {}
  for key, value in values.items():
    hint: Any = hints[key]
    name = f'{path}.{key}'
    checked[key] = (
      restore(typing.cast(Any, hint), value, name)
      if dataclasses.is_dataclass(hint)
      else check(fields[key], hint, value, name)
    )
  return section(**checked)


def replaced(section: S, changes: Mapping[str, Any], path: str) -> S:
  """A copy of a section with some settings changed, by dotted name: {'command.kind': 'fixed'}.

  Subsections may also be given as dicts of changes. A setting that is itself a dict is replaced as a whole.

  Raises:
    UserError: an unknown name, a value of the wrong type or out of range.
  """
  values = to_dict(section)
  for name, value in changes.items():
    first, _, rest = name.partition('.')
    if first not in values:
      raise unknown(f'key in {path}', first, values, listed=LISTED)
    inner: Any = getattr(section, first)
    if dataclasses.is_dataclass(inner):
      nested = {rest: value} if rest else value
      if not isinstance(nested, Mapping):
        raise UserError(f'{path}.{first} is a section of settings, not {value!r}.')
      inner = restore(type(inner), values[first], f'{path}.{first}')
      values[first] = to_dict(replaced(inner, nested, f'{path}.{first}'))
    elif rest:
      raise UserError(f'{path}.{first} is a setting, not a section: it has no {rest!r}.')
    else:
      values[first] = value
  return restore(type(section), values, path)


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
  """Nested dicts with some entries changed."""
  result = dict(values)
  for name, value in changes.items():
    nested = isinstance(result.get(name), Mapping) and isinstance(value, Mapping)
    result[name] = merged(result[name], value) if nested else value
  return result


def check(f: dataclasses.Field[Any], hint: Any, value: Any, name: str) -> Any:
  """`value` converted to the type of a setting, and checked against its range. Raises UserError."""
  limits, value = f.metadata, plain(value)
  if value is None and f.default in ('', 'none'):  # in Python, nothing is None
    value = f.default
  if isinstance(value, str):
    value = limits['words'].get(value, value)
  if value in limits['words'].values():
    return value
  value = convert(hint, named(value) if limits['own'] else value, name)
  if limits['choices'] and value not in limits['choices']:
    raise unknown(f'value for {name}:', value, limits['choices'])
  numbers = list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, tuple) else [value]
  for number in numbers:
    if isinstance(number, str):
      continue
    if not math.isfinite(number) or not limits['low'] <= number <= limits['high'] or number <= limits['above']:
      bounds = [f'at least {limits["low"]}'] * (limits['low'] > -math.inf)
      bounds += [f'at most {limits["high"]}'] * (limits['high'] < math.inf)
      bounds += [f'more than {limits["above"]}'] * (limits['above'] > -math.inf)
      raise UserError(f'{name}={number} is out of range: it must be {" and ".join(bounds) or "finite"}.')
  return value


def convert(hint: Any, value: Any, name: str) -> Any:
  """`value` converted to the type `hint` without loss. Raises UserError if that is impossible."""
  origin, args = typing.get_origin(hint), typing.get_args(hint)
  wrong = UserError(f'{name} must be {type_name(hint)}, not {value!r}.')
  if origin is types.UnionType:  # Numbers
    return _numbers(args, value, name, wrong)
  if origin is tuple:
    if not isinstance(value, list | tuple) or (args[-1] is not Ellipsis and len(value) != len(args)):
      raise wrong
    return tuple(convert(args[0], v, name) for v in value)
  if origin is dict:
    if not isinstance(value, Mapping):
      raise wrong
    return {convert(args[0], k, name): v if args[1] is Any else convert(args[1], v, name) for k, v in value.items()}
  if isinstance(hint, types.GenericAlias):
    raise TypeError(f'no conversion to {hint}')
  if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
    return float(value)
  if hint is int and isinstance(value, float) and value.is_integer():
    return int(value)
  if type(value) is not hint:
    raise wrong
  return value


def _numbers(hints: tuple[Any, Any], value: Any, name: str, wrong: UserError) -> Any:
  """`value` as numbers by name or in an order. A single number holds for all names."""
  if isinstance(value, Mapping | list | tuple):
    return convert(hints[0] if isinstance(value, Mapping) else hints[1], value, name)
  if isinstance(value, bool) or not isinstance(value, int | float):
    raise wrong
  return {'': float(value)}


def entry_type(hint: Any) -> Any:
  """Type of the entries of a setting that is a dict, or may be one; None for other settings."""
  tables = [h for h in (hint, *typing.get_args(hint)) if typing.get_origin(h) is dict]
  return typing.get_args(tables[0])[1] if tables else None


def type_name(hint: Any) -> str:
  """A setting's type in words."""
  origin, args = typing.get_origin(hint), typing.get_args(hint)
  if origin is types.UnionType:
    return 'a number, a list of numbers or a dictionary of numbers'
  if origin is tuple:
    count = 'a list' if args[-1] is Ellipsis else f'{len(args)}'
    return f'{count} of {args[0].__name__} values'
  if origin is dict:
    return 'a dictionary of settings' if args[1] is Any else 'a dictionary of numbers'
  return {int: 'a whole number', float: 'a number', str: 'a word', bool: 'True or False'}[hint]
