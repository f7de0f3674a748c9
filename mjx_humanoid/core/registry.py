"""Registries: find a built-in object by name or a user's own by reference, and suggest names after a typo."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, cast

from mjx_humanoid.core import user_objects
from mjx_humanoid.core.errors import unknown

T = TypeVar('T')


def first_line(thing: object) -> str:
  """The one-line description of a function, class or instance: the first line of its docstring."""
  return (inspect.getdoc(thing) or '').split('\n')[0]


class Registry(Generic[T]):
  """Named objects of one kind. `REWARDS.register('stand')` is a decorator, `REWARDS['stand']` looks up.

  A name may also be 'path/to/file.py:name', which loads the user's own object.
  """

  def __init__(self, kind: str, accepts: Callable[[Any], bool] = callable) -> None:
    """An empty registry.

    Args:
      kind: the word in error messages, e.g. 'reward'.
      accepts: whether a user's own object is of that kind.
    """
    self.kind = kind
    self._accepts = accepts
    self._things: dict[str, T] = {}
    self._lines: dict[str, str] = {}

  def register(self, name: str | None = None) -> Callable[[T], T]:
    """Decorator that registers an object under `name`, by default its __name__."""

    def add(thing: T) -> T:
      self.add(name or thing.__name__, thing, first_line(thing))  # type: ignore[attr-defined]
      return thing

    return add

  def add(self, name: str, thing: T, description: str) -> None:
    """Registers `thing` under `name`. Raises ValueError if the name is taken."""
    if name in self._things:
      raise ValueError(f'{self.kind} {name!r} is registered twice')
    self._things[name] = thing
    self._lines[name] = description

  def __getitem__(self, name: str) -> T:
    """A registered object, or the one that 'path/to/file.py:name' defines.

    Raises:
      UserError: the name is unknown, or its file is not allowed or does not run; names the choices.
    """
    if name in self._things:
      return self._things[name]
    if user_objects.is_own(name):
      return cast(T, user_objects.find(name, self.kind, self._accepts))
    raise unknown(self.kind, name, self._things, 'Your own: path/to/file.py:name.')

  def __contains__(self, name: object) -> bool:
    return name in self._things

  def __iter__(self) -> Iterator[str]:
    return iter(self._things)

  def describe(self) -> dict[str, str]:
    """The one-line description of each name."""
    return dict(self._lines)
