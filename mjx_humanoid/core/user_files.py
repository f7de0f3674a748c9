"""User files: finds the files that a Python file, an MJCF file or a pose file needs. Reads but never runs them."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.model_files import model_files

PACKAGE = __name__.partition('.')[0]
MOST_DATA = 64 * 2**20  # bytes; larger data files are not copied with the code
LONGEST_NAME = 256  # characters of a string that may name a file


@dataclass(frozen=True)
class Bundle:
  """A file and the files that it needs from its folder. Paths are absolute."""

  main: Path
  modules: dict[str, Path]  # Python files beside it that it imports, by module name
  data: tuple[Path, ...]  # files that string literals in its code name, such as a motion or a model

  @property
  def code(self) -> tuple[Path, ...]:
    """The Python files."""
    python = {self.main} if self.main.suffix == '.py' else set()
    return tuple(sorted(python | {path for path in self.modules.values() if path.is_file()}))

  @property
  def files(self) -> tuple[Path, ...]:
    """All files."""
    return tuple(sorted({self.main, *self.code, *self.data}))

  @property
  def root(self) -> Path:
    """The innermost folder that contains all files."""
    folder = self.main.parent
    while not all(path.is_relative_to(folder) for path in self.files):
      folder = folder.parent
    return folder

  @property
  def digest(self) -> str:
    """SHA-256 of the names and contents of all files."""
    lines = (f'{path.relative_to(self.root).as_posix()} {sha256(path)}\n' for path in self.files)
    return hashlib.sha256(''.join(lines).encode()).hexdigest()


def sha256(path: Path) -> str:
  """SHA-256 of a file's content, in hexadecimal."""
  return hashlib.sha256(path.read_bytes()).hexdigest()


def bundle(path: Path) -> Bundle:
  """A file with the files that it needs: imports and data files of a .py, meshes and includes of an .xml.

  Raises:
    UserError: there is no such file, or it cannot be read.
  """
  main = path.expanduser().resolve()
  if not main.is_file():
    raise UserError(f'there is no file {str(path)!r}.')
  try:
    if main.suffix == '.py':
      return _python_bundle(main)
    return Bundle(main, {}, tuple(sorted(model_files(main))) if main.suffix == '.xml' else ())
  except OSError as error:
    raise UserError(f'{error.filename or path} cannot be read: {error.strerror or error}.') from None


def _python_bundle(main: Path) -> Bundle:
  modules: dict[str, Path] = {}
  data: set[Path] = set()
  queue = [('', main)]
  while queue:
    name, path = queue.pop()
    tree = parse(path)
    package = name.split('.') if path.name == '__init__.py' else name.split('.')[:-1]
    for imported in imported_names(tree, [part for part in package if part]):
      for found, file in local_modules(imported, main.parent).items():
        if found not in modules:
          modules[found] = file
          queue += [(found, file)] if file.is_file() else []
    data |= set(named_files(tree, path.parent, main.parent))
  models = {file for path in data if path.suffix == '.xml' for file in model_files(path)}
  return Bundle(main, modules, tuple(sorted(data | models)))


def parse(path: Path) -> ast.Module:
  """The syntax tree of a Python file; empty after a syntax error, which is reported when the file is loaded."""
  try:
    return ast.parse(path.read_bytes())
  except (SyntaxError, ValueError, RecursionError):
    return ast.Module([], [])


def defined_names(path: Path) -> list[str]:
  """Names that the top level of a Python file defines, in order: functions, classes and assigned values."""
  names: list[str] = []
  for node in parse(path).body:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
      names.append(node.name)
    elif isinstance(node, ast.Assign | ast.AnnAssign):
      targets = node.targets if isinstance(node, ast.Assign) else [node.target]
      names += [target.id for target in targets if isinstance(target, ast.Name)]
  return names


def imported_names(tree: ast.Module, package: list[str]) -> Iterator[str]:
  """Dotted names that import statements of a file may refer to; for `from a import b` both a and a.b.

  Args:
    package: package of the file, for relative imports.
  """
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.level <= len(package) + 1:
      above = package[: len(package) + 1 - node.level] if node.level else []
      base = '.'.join([*above, *([node.module] if node.module else [])])
      yield from ([base] if base else [])
      yield from (f'{base}.{alias.name}'.lstrip('.') for alias in node.names)


def local_modules(name: str, folder: Path) -> dict[str, Path]:
  """Files in a folder that importing a dotted name imports, with the packages above it; none where it is elsewhere.

  A folder without __init__.py stands for itself. The standard library and this package cannot be hidden by a file.
  """
  top, *_ = parts = name.split('.')
  if top in sys.stdlib_module_names or top == PACKAGE:
    return {}
  found: dict[str, Path] = {}
  for i in range(len(parts)):
    place = folder.joinpath(*parts[: i + 1])
    candidates = [place / '__init__.py', place.with_name(f'{parts[i]}.py')]
    file = next((path.resolve() for path in candidates if path.is_file()), None)
    if file is None and place.is_dir() and (i or not installed(top)):
      file = place
    if file is None:
      break
    found['.'.join(parts[: i + 1])] = file
  return found if any(path.is_file() for path in found.values()) else {}


def installed(name: str) -> bool:
  """Whether Python finds a top-level module of this name, other than a mere folder."""
  if name in sys.modules:
    return getattr(sys.modules[name], '__file__', None) is not None
  try:
    spec = importlib.util.find_spec(name)
  except (ImportError, ValueError):
    return False
  return spec is not None and spec.origin is not None


def named_files(tree: ast.Module, folder: Path, root: Path) -> Iterator[Path]:
  """Existing files below `root` that a string of a Python file names, as a path from its own folder."""
  for node in ast.walk(tree):
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, str) and value and len(value) <= LONGEST_NAME and '\0' not in value:
      path = (folder / value).resolve()
      if path.suffix != '.py' and path.is_relative_to(root) and path.is_file() and path.stat().st_size <= MOST_DATA:
        yield path
