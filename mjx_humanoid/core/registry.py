"""Things chosen by name: a registry lists its names, refuses others helpfully, and finds a user's own."""

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
  """Named things of one kind. `REWARDS.register('stand')` decorates, `REWARDS['stand']` finds.

  A name may also be 'path/to/file.py:name', which is the user's own and is loaded.
  """

  def __init__(self, kind: str, accepts: Callable[[Any], bool] = callable) -> None:
    """What the registry holds.

    Args:
      kind: the word for errors, e.g. 'reward'.
      accepts: whether a thing of a user's own is of that kind.
    """
    self.kind = kind
    self._accepts = accepts
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
    """A registered thing, or what 'path/to/file.py:name' defines.

    Raises:
      UserError: there is no such thing, or its file is not allowed or does not run; names the choices.
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
    """One line for each name."""
    return dict(self._lines)
