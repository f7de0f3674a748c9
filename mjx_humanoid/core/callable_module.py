"""Callable modules: `mjx_humanoid.train` is the module of a command and also a function of the API."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class _CallableModule(ModuleType):
  """A module that calls the API function of the same name."""

  def __call__(self, *args: Any, **kwargs: Any) -> Any:
    """Calls the API function."""
    api = importlib.import_module(f'{self.__name__.partition(".")[0]}.api')
    return getattr(api, self.__name__.rpartition('.')[2])(*args, **kwargs)


def make_callable(name: str) -> None:
  """Makes the module `name`, while it is being imported, callable like the API function of the same name."""
  if name != '__main__':
    sys.modules[name].__class__ = _CallableModule
