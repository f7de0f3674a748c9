"""Callable modules: `mjx_humanoid.train` is the module of a command and also a function of the API."""

from __future__ import annotations

import importlib
import inspect
import sys
from types import ModuleType
from typing import Any


class _CallableModule(ModuleType):
  """A module that calls the API function of the same name."""

  @property
  def __doc__(self) -> str:  # type: ignore[override]
    """For help(mh.train): the signature and the meaning of the function, and then of the command."""
    own = vars(self).get('__doc__') or ''
    function = self._function()
    name = function.__name__
    return f'{name}{inspect.signature(function)}\n\n{inspect.getdoc(function)}\n\nThe command: {own}'

  @property
  def __signature__(self) -> inspect.Signature:
    """For inspect.signature(mh.train), and whatever shows it."""
    return inspect.signature(self._function())

  def _function(self) -> Any:
    api = importlib.import_module(f'{self.__name__.partition(".")[0]}.api')
    return getattr(api, self.__name__.rpartition('.')[2])

  def __call__(self, *args: Any, **kwargs: Any) -> Any:
    """Calls the API function."""
    return self._function()(*args, **kwargs)


def make_callable(name: str) -> None:
  """Makes the module `name`, while it is being imported, callable like the API function of the same name."""
  if name != '__main__':
    sys.modules[name].__class__ = _CallableModule
