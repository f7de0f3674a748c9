"""User code in files: loads 'path/to/file.py:name'.

A file runs only if this user named or allowed it (see trust.py). Each content of a file is loaded once, under a unique
name in sys.modules. The file can import the files beside it from any current folder.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mjx_humanoid.core import trust, user_files
from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.user_files import Bundle

PREFIX = 'mjx_humanoid_user_'  # of package names of user bundles in sys.modules

_bundles: dict[str, Bundle] = {}  # by package name
_loading: list[Path] = []  # files that are being executed


def split(reference: str) -> tuple[Path, str]:
  """Splits 'path/to/file.py:name' into path and name; the name is empty if there is none."""
  path, colon, name = reference.rpartition(':')
  return (Path(path), name) if colon and path.endswith('.py') else (Path(reference), '')


def find(reference: str, kind: str, accepts: Callable[[Any], bool] = callable) -> Any:
  """The object that 'path/to/file.py:name' refers to.

  Args:
    kind: the word in error messages, e.g. 'reward'.
    accepts: whether an object is of that kind.

  Raises:
    UserError: the file is missing, not allowed or does not run, or does not define the name.
  """
  path, name = split(reference)
  module = load(path, f'{kind} {reference!r}')
  defined = [n for n in user_files.defined_names(path.expanduser()) if accepts(getattr(module, n, None))]
  if name not in defined:
    if not name:
      choices = ', '.join(f'{path}:{n}' for n in defined if not n.startswith('_')) or 'it defines none'
      raise UserError(f'{kind} {reference!r} is a file alone; say what of it is meant: {choices}.')
    raise unknown(f'{kind} in {path}', name, [n for n in defined if not n.startswith('_')])
  return getattr(module, name)


def load(path: Path, what: str) -> types.ModuleType:
  """The module of a user's Python file; runs the file unless the same content has been loaded already.

  Args:
    what: purpose, for error messages.

  Raises:
    UserError: the file is missing, not allowed, or does not run; names the line.
  """
  try:
    bundle = user_files.bundle(path)
  except UserError as error:
    raise UserError(f'{what}: {error}') from None
  package, name = _package(bundle), _module_name(bundle.main)
  if f'{package}.{name}' in sys.modules:
    return sys.modules[f'{package}.{name}']
  for file in sorted(bundle.code, key=lambda file: file != bundle.main):
    trust.refuse_unknown(file, file.read_bytes())
    linecache.checkcache(str(file))  # tracebacks and inspect must see edits
  _loading.append(bundle.main)
  try:
    return importlib.import_module(f'{package}.{name}')
  except KeyboardInterrupt:
    raise
  except BaseException as error:  # sys.exit too, which would end training without a message
    detail = str(error).split('\n')[0]
    text = detail if isinstance(error, UserError) else f'{type(error).__name__}: {detail}'
    raise UserError(f'{what}: {path} does not run: {text}{_at(error, bundle)}') from error
  finally:
    _loading.pop()


def loading() -> Path | None:
  """The user's file that is being loaded at the moment, if any."""
  return _loading[-1] if _loading else None


def place(error: BaseException, files: Sequence[Path]) -> tuple[Path, int] | None:
  """Which of these files is innermost in an error's traceback, and the line; None if none of them is."""
  names = {str(path): path for path in files}
  if isinstance(error, SyntaxError) and error.filename in names:
    return names[error.filename], error.lineno or 1
  found, traceback = None, error.__traceback__
  while traceback is not None:
    if (file := names.get(traceback.tb_frame.f_code.co_filename)) is not None:
      found = file, traceback.tb_lineno
    traceback = traceback.tb_next
  return found


def loaded_files() -> tuple[Path, ...]:
  """All user files that this process has loaded."""
  return tuple({file for bundle in _bundles.values() for file in bundle.code})


def _at(error: BaseException, bundle: Bundle) -> str:
  found = None if isinstance(error, SyntaxError) else place(error, bundle.code)  # whose text says where
  return f' ({found[0].name}, line {found[1]})' if found else ''


def _module_name(path: Path) -> str:
  return path.stem if path.stem.isidentifier() else 'file_' + re.sub(r'\W', '_', path.stem)


def _package(bundle: Bundle) -> str:
  """The name of a bundle's package in sys.modules, from its path and content."""
  identity = hashlib.sha256(f'{bundle.main}\n{bundle.digest}'.encode()).hexdigest()[:16]
  package = f'{PREFIX}{identity}'
  if package not in sys.modules:
    module = types.ModuleType(package)
    module.__path__ = []  # a package; _Finder finds its modules
    sys.modules[package] = module
  _bundles[package] = bundle
  if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
    sys.meta_path.insert(0, _Finder())
  return package


class _Finder(importlib.abc.MetaPathFinder):
  """Finds the modules of user bundles only."""

  def find_spec(
    self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
  ) -> importlib.machinery.ModuleSpec | None:
    package, _, name = fullname.partition('.')
    bundle = _bundles.get(package)
    if bundle is None or not name:
      return None
    file = bundle.modules.get(name) or (bundle.main if name == _module_name(bundle.main) else None)
    if file is None:
      return None
    if file.is_dir():  # without __init__.py
      spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
      spec.submodule_search_locations = [str(file)]
      return spec
    inside = [str(file.parent)] if file.name == '__init__.py' else None
    loader = _Loader(fullname, str(file))
    return importlib.util.spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=inside)


class _Loader(importlib.machinery.SourceFileLoader):
  """Runs a file of a bundle from source, if allowed; its imports find the files beside it."""

  def get_code(self, fullname: str) -> types.CodeType:
    content = self.get_data(self.path)
    trust.refuse_unknown(Path(self.path), content)
    code: types.CodeType = self.source_to_code(content, self.path)
    return code

  def exec_module(self, module: types.ModuleType) -> None:
    package = module.__name__.partition('.')[0]

    def import_beside(
      name: str,
      globals: Mapping[str, object] | None = None,
      locals: Mapping[str, object] | None = None,
      fromlist: Sequence[str] | None = (),
      level: int = 0,
    ) -> types.ModuleType:
      if level == 0 and name.partition('.')[0] in _bundles[package].modules:
        return _imported(package, name, fromlist or ())
      return builtins.__import__(name, globals, locals, fromlist or (), level)

    vars(module)['__builtins__'] = {**vars(builtins), '__import__': import_beside}
    super().exec_module(module)


def _imported(package: str, name: str, fromlist: Sequence[str]) -> types.ModuleType:
  """The module that an import statement binds: the top package, or for `from ... import` the module itself."""
  module = importlib.import_module(f'{package}.{name}')
  for item in fromlist:
    if not hasattr(module, item) and f'{name}.{item}' in _bundles[package].modules:
      importlib.import_module(f'{package}.{name}.{item}')
  return module if fromlist else sys.modules[f'{package}.{name.partition(".")[0]}']
