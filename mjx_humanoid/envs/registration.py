"""Registers the built-in configs with Gymnasium, as mjx_humanoid/Stand-v0 and so on. Imports it only when used.

Gymnasium finds the environments of other packages only after these were imported. So they are registered as soon as
both packages are imported, in either order.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence

NAMESPACE = 'mjx_humanoid'
ENTRY_POINT = 'mjx_humanoid.envs.gym_env:GymEnv'
VECTOR_ENTRY_POINT = 'mjx_humanoid.envs.gym_vector:GymVectorEnv'


def environment_id(config: str) -> str:
  """The Gymnasium id of a built-in config: 'stand_robust' is 'mjx_humanoid/StandRobust-v0'."""
  return f'{NAMESPACE}/{"".join(word.capitalize() for word in config.split("_"))}-v0'


def register() -> None:
  """Registers every built-in config; a second call changes nothing."""
  from gymnasium.envs import registration

  from mjx_humanoid.core.config.files import config_names

  for name in config_names():
    if environment_id(name) not in registration.registry:
      registration.register(
        environment_id(name),
        entry_point=ENTRY_POINT,
        vector_entry_point=VECTOR_ENTRY_POINT,
        kwargs={'config': name},
      )


def register_when_imported() -> None:
  """Registers now if Gymnasium is imported already, else as soon as it is imported."""
  if sys.modules.get('gymnasium') is not None:  # None: its import is blocked
    register()
  elif not any(isinstance(finder, _Watch) for finder in sys.meta_path):
    sys.meta_path.insert(0, _Watch())


class _Watch(importlib.abc.MetaPathFinder):
  """An import hook that registers the environments after the first import of Gymnasium.

  It stays until then: others may ask for Gymnasium's spec without importing it.
  """

  def __init__(self) -> None:
    self._asking = False  # the other finders, which means this one too

  def find_spec(
    self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
  ) -> importlib.machinery.ModuleSpec | None:
    if fullname != 'gymnasium' or self._asking:
      return None
    self._asking = True
    try:
      spec = importlib.util.find_spec(fullname)
    finally:
      self._asking = False
    if spec is not None and spec.loader is not None:
      self._follow(spec.loader)
    return spec

  def _follow(self, loader: importlib.abc.Loader) -> None:
    """Makes a loader register the environments after it has run its module."""
    run = loader.exec_module

    def run_and_register(module: types.ModuleType) -> None:
      vars(loader).pop('exec_module')
      with contextlib.suppress(ValueError):  # an import that failed and is tried again
        sys.meta_path.remove(self)
      run(module)
      register()

    vars(loader)['exec_module'] = run_and_register
