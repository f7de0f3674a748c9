"""Modules that can be called: `mh.train` is a command's module as soon as anybody imports it, and a function too."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class _CallableModule(ModuleType):
  """A module that stands in for the function of its name in the API."""

  def __call__(self, *args: Any, **kwargs: Any) -> Any:
    """Calls that function."""
    api = importlib.import_module(f'{self.__name__.partition(".")[0]}.api')
    return getattr(api, self.__name__.rpartition('.')[2])(*args, **kwargs)


def make_callable(name: str) -> None:
  """Lets the module `name`, now being imported, be called like the function of the same name in the API."""
  if name != '__main__':
    sys.modules[name].__class__ = _CallableModule
