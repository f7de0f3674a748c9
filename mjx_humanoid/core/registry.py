"""Things chosen by name: a registry lists its names, refuses others helpfully, and can load a user's own."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from mjx_humanoid.core.errors import UserError, unknown

T = TypeVar('T')


def first_line(thing: object) -> str:
  """The one-line description of a function, class or instance: the first line of its docstring."""
  return (inspect.getdoc(thing) or '').split('\n')[0]


class Registry(Generic[T]):
  """Named things of one kind. `REWARDS.register('stand')` decorates, `REWARDS['stand']` finds."""

  def __init__(self, kind: str) -> None:
    """Args: kind: the word for errors, e.g. 'reward'."""
    self.kind = kind
    self._things: dict[str, T] = {}
    self._lines: dict[str, str] = {}

  def register(self, name: str | None = None) -> Callable[[T], T]:
    """Decorator that files a thing under `name`, by default its own."""

    def add(thing: T) -> T:
      self.add(name or thing.__name__, thing, first_line(thing))  # type: ignore[attr-defined]
      return thing

    return add

  def add(self, name: str, thing: T, description: str) -> None:
    """Files `thing` under `name`. Raises ValueError if the name is taken."""
    if name in self._things:
      raise ValueError(f'{self.kind} {name!r} is registered twice')
    self._things[name] = thing
    self._lines[name] = description

  def __getitem__(self, name: str) -> T:
    """Raises UserError, naming the choices, where there is no such thing."""
    if name not in self._things:
      raise unknown(self.kind, name, self._things)
    return self._things[name]

  def __contains__(self, name: object) -> bool:
    return name in self._things

  def __iter__(self) -> Iterator[str]:
    return iter(self._things)

  def describe(self) -> dict[str, str]:
    """One line for each name."""
    return dict(self._lines)


def load_function(reference: str, kind: str) -> Any:
  """The function named by 'path/to/file.py:name'. It runs that file: only for what a user typed.

  Raises:
    UserError: the file is missing, does not run, or has no such function.
  """
  path, _, name = reference.rpartition(':')
  if not Path(path).is_file():
    raise UserError(f'{kind} {reference!r}: there is no file {path!r}.')
  spec = importlib.util.spec_from_file_location(f'user_{Path(path).stem}', path)
  assert spec is not None and spec.loader is not None  # a .py suffix always has a loader
  module = importlib.util.module_from_spec(spec)
  try:
    spec.loader.exec_module(module)
  except Exception as error:
    raise UserError(f'{kind} {reference!r}: {path} does not run: {type(error).__name__}: {error}') from error
  function = getattr(module, name, None)
  if not callable(function):
    names = [n for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__]
    raise unknown(f'{kind} in {path}', name, names)
  return function
