"""Python objects in settings: functions and robots that a user passes to the API get names for the config.

A function at the top level of a file is named 'path/to/file.py:name'. Any other object is named 'python:name', which is
valid in this process only: a run cannot save a notebook cell, since it has no file.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mjx_humanoid.core import trust, user_code, user_files
from mjx_humanoid.core.errors import UserError

OBJECT = 'python:'  # prefix of names of objects in this process
PLAIN = (bool, int, float, complex, str, bytes, type(None), tuple)  # types of globals that are compared
TRAINS = 'train'  # a script that calls this function at its top level would train whenever it is loaded


@dataclass(frozen=True)
class Given:
  """A Python object that the user passed in this process."""

  thing: Any
  where: str  # what it is or where it is defined, such as 'is a lambda'
  source: str  # source text; '' if unknown


_given: dict[str, Given] = {}  # by name, including the prefix OBJECT


def is_own(name: str) -> bool:
  """Whether a name in a config refers to a user's own file or object."""
  return name.startswith(OBJECT) or '.py:' in name or name.endswith('.py')


def find(reference: str, kind: str, accepts: Callable[[Any], bool] = callable) -> Any:
  """The object that 'path/to/file.py:name' or 'python:name' refers to.

  Args:
    kind: the word in error messages, e.g. 'reward'.
    accepts: whether an object is of that kind.

  Raises:
    UserError: there is no such object, or its file is not allowed or does not run.
  """
  if not reference.startswith(OBJECT):
    return user_code.find(reference, kind, accepts)
  name = reference.removeprefix(OBJECT)
  if reference not in _given:
    raise UserError(
      f'{kind} {reference!r} was given as a Python object, which is not saved with a run: pass it again, as in'
      f' mh.load(run, own={{{name!r}: ...}}), or train with it in a file.'
    )
  if not accepts(thing := _given[reference].thing):
    raise UserError(f'{kind} {name}: a {type(thing).__name__} cannot be one.')
  return thing


def given(reference: str) -> Given | None:
  """The object registered under 'python:name'; None for other names."""
  return _given.get(reference)


def reference(thing: Any) -> str:
  """The name of an object for a config: 'path/to/file.py:name' if a file defines it, else 'python:name'.

  Raises:
    UserError: the object belongs to this package, or differs from what its file defines now.
  """
  if isinstance(thing, types.ModuleType):
    if not (file := getattr(thing, '__file__', None)):
      raise UserError(f'the module {thing.__name__} has no file.')
    return shortest(Path(file))
  module, name = _home(thing)
  if module is None:
    return register(thing, _where(thing))
  if module.__name__.partition('.')[0] == user_files.PACKAGE:
    raise UserError(f'{name} of {module.__name__} is part of this package: give the name that it is registered under.')
  path = Path(str(module.__file__)).resolve()
  if module.__name__ == '__main__' and trains(path):
    return register(thing, f'is defined in {path.name}, which trains when it is loaded (no `if __name__ ...`)')
  trust.allow(user_files.bundle(path).code)  # the user has imported this file
  try:
    loaded = user_code.find(f'{path}:{name}', 'object', lambda x: True)
  except UserError:
    return register(thing, f'is defined in {path.name}, which does not load by itself')
  if inspect.isfunction(thing):
    _check_same(thing, loaded, path)
  return f'{shortest(path)}:{name}'


def named(value: Any) -> Any:
  """A setting's value in which objects (the value, its elements or its keys) are replaced by their names."""
  if isinstance(value, list | tuple):
    return tuple(named(v) for v in value)
  if isinstance(value, Mapping):
    return {named(k): v for k, v in value.items()}
  nameable = callable(value) or dataclasses.is_dataclass(value) or isinstance(value, types.ModuleType)
  return reference(value) if nameable else value


def give(things: Mapping[str, Any]) -> None:
  """Registers objects under 'python:name', the names in a policy that was trained with them."""
  _given.update({OBJECT + name: Given(thing, _where(thing), _source(thing)) for name, thing in things.items()})


def register(thing: Any, where: str = 'is a Python object') -> str:
  """Registers an object under a free name 'python:...' in this process. The same definition keeps its name."""
  base = getattr(thing, '__name__', None) or getattr(thing, 'name', None) or type(thing).__name__
  stem = OBJECT + (re.sub(r'\W', '_', str(base)).strip('_') or 'object')
  name, number = stem, 1
  while (other := _given.get(name)) is not None and not _same(thing, other.thing):
    number += 1
    name = f'{stem}_{number}'
  _given[name] = Given(thing, where, _source(thing))
  return name


def note(reference: str, kind: str) -> str | None:
  """A line that says what will not work later, for an object that a run cannot save."""
  if (entry := given(reference)) is None:
    return None
  name = reference.removeprefix(OBJECT)
  return (
    f'{kind} {name} {entry.where}: play, evaluate, export and --resume of this run need it passed again, as in'
    f' mh.load(run, own={{{name!r}: ...}}); define it in a file to have it saved with the run.'
  )


def place(error: BaseException, function: Any = None) -> str:
  """The innermost place of an error in user code, as ' (file.py, line 3)', or ''.

  Args:
    function: a user's own function that may be defined outside files.
  """
  things = [*(entry.thing for entry in _given.values()), function]
  files = {Path(code.co_filename) for thing in things if (code := _code_of(thing)) is not None}
  own = [file for file in files if not file.is_relative_to(Path(user_files.__file__).parent.parent)]
  found = user_code.place(error, [*user_code.loaded_files(), *own])
  return f' ({found[0].name}, line {found[1]})' if found else ''


def shortest(path: Path) -> str:
  """A path relative to the current folder if it is below that folder, else the absolute path."""
  path, here = path.resolve(), Path.cwd().resolve()
  return str(path.relative_to(here) if path.is_relative_to(here) else path)


def trains(path: Path) -> bool:
  """Whether a script would train when it is loaded: it calls `train` outside `if __name__ == ...` and `def`."""
  top = [node for node in user_files.parse(path).body if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.If)]
  calls = (node.func for statement in top for node in ast.walk(statement) if isinstance(node, ast.Call))
  return any(TRAINS in (getattr(f, 'id', ''), getattr(f, 'attr', '')) for f in calls)


def _home(thing: Any) -> tuple[types.ModuleType | None, str]:
  """The module of a file that defines an object at its top level, and the object's name there; None if none does."""
  named = sys.modules.get(getattr(thing, '__module__', None) or '')
  name = getattr(thing, '__qualname__', None)
  if name is not None:
    found = [(named, name)] if named is not None and vars(named).get(name) is thing else []
  else:  # an instance, such as a robot, does not know where it was defined
    modules = list(sys.modules.values())
    found = [(m, n) for m in modules for n, v in list(getattr(m, '__dict__', {}).items()) if v is thing]
  for module, key in found:
    file = getattr(module, '__file__', None)
    if file and file.endswith('.py') and Path(file).is_file() and key in user_files.defined_names(Path(file)):
      return module, key
  return None, ''


def _code_of(thing: Any) -> types.CodeType | None:
  code = getattr(inspect.unwrap(thing) if callable(thing) else thing, '__code__', None)
  return code if isinstance(code, types.CodeType) else None


def _where(thing: Any) -> str:
  code = _code_of(thing)
  file = code.co_filename if code is not None else ''
  if 'ipykernel' in file or file.startswith('<ipython'):
    return 'is defined in a notebook'
  if getattr(thing, '__name__', '') == '<lambda>':
    return 'is a lambda'
  inside = '<locals>' in getattr(thing, '__qualname__', '')
  return 'is defined in another function' if inside else 'is defined in this Python process'


def _source(thing: Any) -> str:
  try:
    return inspect.getsource(thing if callable(thing) else type(thing))
  except (OSError, TypeError):
    return ''


def _same(a: Any, b: Any) -> bool:
  """Whether two objects are identical, or the same function defined twice, as by a notebook cell that ran again."""
  if a is b or not (inspect.isfunction(a) and inspect.isfunction(b)):
    return a is b
  free = not a.__closure__ and not b.__closure__ and not a.__defaults__ and not b.__defaults__
  return free and a.__globals__ is b.__globals__ and _behaviour(a.__code__) == _behaviour(b.__code__)


def _check_same(function: types.FunctionType, loaded: Any, path: Path) -> None:
  """Raises UserError if a function differs from what its file defines: edited since, or its globals changed."""
  name = function.__name__
  if not inspect.isfunction(loaded) or _behaviour(loaded.__code__) != _behaviour(function.__code__):
    raise UserError(
      f'{name} is not what {path.name} says now: import it again, or pass {f"{shortest(path)}:{name}"!r} itself.'
    )
  for key in function.__code__.co_names:
    mine, theirs = function.__globals__.get(key), loaded.__globals__.get(key)
    if isinstance(mine, PLAIN) and repr(mine) != repr(theirs):
      raise UserError(
        f'{name} depends on {key}, which is {mine!r} here and {theirs!r} in {path.name}: a run keeps the file, so set'
        ' it there.'
      )


def _behaviour(code: types.CodeType) -> tuple[Any, ...]:
  """The code of a function without its line numbers, for comparisons."""
  constants = tuple(_behaviour(c) if isinstance(c, types.CodeType) else (type(c), c) for c in code.co_consts)
  return code.co_code, code.co_names, code.co_varnames, constants
