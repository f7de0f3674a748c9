"""Copies of a user's own files in <run>/own_code, so that a run can be loaded from any folder.

Configs and policies on disk keep the reference that the user typed, such as 'my.py:f'. A loaded config refers to the
run's copy instead. A run copies Python files with their local imports, pose files, and robots with their meshes.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from mjx_humanoid.core import trust, user_files, user_objects
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import read_json, to_json, write_files
from mjx_humanoid.core.user_code import split
from mjx_humanoid.core.user_files import Bundle

S = TypeVar('S')
FOLDER = 'own_code'  # in the folder of a run
MANIFEST = 'manifest.json'
DATA = ('.npz', '.xml')  # suffixes of files without code that a setting may name
NEAR = 3  # folders above a policy file that may be its run: <run>/policy, <run>/checkpoints/<step>/policy
ALLOW_HELP = "run code from another person's run or policy: read it first"  # help of --allow-code
OWN = 'own'  # key in the metadata of a setting: the kind of user's own object that the setting may name


def references(section: Any) -> Iterator[tuple[str, str]]:
  """(kind, reference) of every user's own file or object in a config or a section of it."""
  for f in dataclasses.fields(section):
    value, kind = getattr(section, f.name), f.metadata.get(OWN)
    if dataclasses.is_dataclass(value):
      yield from references(value)
    elif kind:
      names = [value] if isinstance(value, str) else list(value)
      yield from ((kind, name) for name in names if is_file(name) or user_objects.is_own(name))


def renamed(section: S, rename: Callable[[str], str]) -> S:
  """A copy of a config, or a section of it, with file references renamed."""

  def change(value: Any) -> Any:
    if isinstance(value, str):
      return rename(value) if is_file(value) else value
    if isinstance(value, tuple):
      return tuple(map(change, value))
    return {change(k): v for k, v in value.items()}

  changed = {}
  for f in dataclasses.fields(typing.cast(Any, section)):
    value = getattr(section, f.name)
    if dataclasses.is_dataclass(value):
      changed[f.name] = renamed(value, rename)
    elif f.metadata.get(OWN):
      changed[f.name] = change(value)
  return dataclasses.replace(typing.cast(Any, section), **changed)


def is_file(name: str) -> bool:
  """Whether a name in a config refers to a user's own file."""
  return name.endswith(DATA) or (user_objects.is_own(name) and not name.startswith(user_objects.OBJECT))


def bundle_of(reference: str) -> Bundle:
  """The file of a reference, with the files that it needs. Raises UserError if it is missing."""
  return user_files.bundle(split(reference)[0])


def collect(section: Any) -> list[Path]:
  """All user's own files of a config or a section of it. Raises UserError if one is missing."""
  bundles = [_needed(kind, reference) for kind, reference in references(section) if is_file(reference)]
  return sorted({path for bundle in bundles for path in bundle.files})


def allow(section: Any, *, remember: bool = False, but: Any = None) -> None:
  """Allows the code that a config names to run: the user typed its reference.

  Args:
    remember: in later processes too.
    but: a config whose references the user did not type; they are not allowed.

  Raises:
    UserError: a file is missing.
  """
  others = set(references(but)) if but is not None else set()
  named = [(kind, reference) for kind, reference in references(section) if (kind, reference) not in others]
  bundles = [_needed(kind, reference) for kind, reference in named if is_file(reference)]
  trust.allow((path for bundle in bundles for path in bundle.code), remember=remember)


def notes(section: Any) -> list[str]:
  """Lines to show before training: objects that a run cannot save."""
  lines = (user_objects.note(reference, kind) for kind, reference in references(section))
  return [line for line in lines if line is not None]


def digests(section: Any) -> dict[str, str]:
  """SHA-256 of each bundle that a config, or a section of it, names, by the reference that the user typed."""
  return {
    portable(name): bundle_of(name).digest
    for _, name in references(section)
    if is_file(name) and split(name)[0].expanduser().is_file()
  }


def save(section: Any, folder: Path) -> None:
  """Copies all user's own files of a config into a run's folder, with a manifest. Writes nothing if there are none.

  Raises:
    UserError: a file is missing, or the folder cannot be written to.
  """
  own = list(references(section))
  if not own:
    return
  target = (folder / FOLDER).resolve()
  before = _read(target) if (target / MANIFEST).is_file() else {}
  copies: dict[str, str] = dict(before.get('references', {}))
  sources: dict[str, str] = dict(before.get('objects', {}))
  hashes: dict[str, str] = dict(before.get('sha256', {}))
  contents: dict[Path, bytes] = {}
  for kind, reference in own:
    if (given := user_objects.given(reference)) is not None:
      sources[reference] = given.source
    elif is_file(reference) and _copied(reference) != target:
      bundle, name = _needed(kind, reference), split(reference)[1]
      place = f'{bundle.main.stem}-{bundle.digest[:8]}'
      files = {f'{place}/{path.relative_to(bundle.root).as_posix()}': path.read_bytes() for path in bundle.files}
      contents |= {target / copy: content for copy, content in files.items()}
      hashes |= {copy: trust.digest(content) for copy, content in files.items()}
      main = bundle.main.relative_to(bundle.root).as_posix()
      copies[portable(reference)] = f'{place}/{main}' + (f':{name}' if name else '')
  manifest = {'references': copies, 'sha256': hashes, 'objects': sources}
  contents[target / MANIFEST] = (to_json(manifest, 1) + '\n').encode()
  write_files(contents, 'your own code')


def localized(section: S, folder: Path, *, allow_code: bool = False) -> S:
  """A config, or a section of it, loaded from a run's folder, with references changed to the copies in the folder.

  Args:
    folder: the run's folder, or a folder inside it.
    allow_code: allow the copied code to run in this process, even if another person wrote it.

  Raises:
    UserError: a copy was changed after the run made it.
  """
  places = [folder.resolve(), *folder.resolve().parents][:NEAR]
  target = next((place / FOLDER for place in places if (place / FOLDER / MANIFEST).is_file()), None)
  copies: dict[str, str] = {}
  if target is not None:
    manifest = _read(target)
    copies = {name: str(target / copy) for name, copy in manifest['references'].items()}
    changed = [name for name, digest in manifest['sha256'].items() if not _matches(target / name, digest)]
    if changed and any(name in copies for _, name in references(section)):
      raise UserError(f'{target / changed[0]} was altered or is missing: it is not what {target / MANIFEST} says.')
  local = renamed(section, lambda name: copies.get(name, name))
  if allow_code:
    files = [split(name)[0].expanduser() for _, name in references(local) if is_file(name)]
    trust.allow(path for file in files if file.is_file() for path in user_files.bundle(file).code)
  return local


def portable(reference: str) -> str:
  """The reference that the user typed, for a reference to a run's copy."""
  if (target := _copied(reference)) is None:
    return reference
  typed = {str(target / copy): name for name, copy in _read(target)['references'].items()}
  return typed.get(reference, reference)


def identity(name: str, digests: Mapping[str, str] = {}) -> str:
  """Identity of a name in a config, for comparisons: the name, or for a user's own file its digest and the name in it.

  Args:
    digests: digests of files that may be missing here, by the typed reference; see `digests`.
  """
  if not is_file(name):
    return name
  typed, file = portable(name), split(name)[0].expanduser()
  digest = digests.get(typed) or (user_files.bundle(file).digest if file.is_file() else typed)
  return f'{digest}:{split(name)[1]}'


def unavailable(kind: str, reference: str) -> str | None:
  """Why a user's own file or object cannot be loaded here, in words; None if it can."""
  try:
    user_objects.find(reference, kind, lambda thing: True)
  except UserError as error:
    return str(error)
  return None


def _needed(kind: str, reference: str) -> Bundle:
  try:
    return bundle_of(reference)
  except UserError as error:
    raise UserError(f'{kind} {reference!r}: {error}') from None


def _copied(reference: str) -> Path | None:
  """The own_code folder that a reference points into, if any."""
  folders = (p for p in split(reference)[0].parents if p.name == FOLDER and (p / MANIFEST).is_file())
  return next(folders, None)


def _matches(path: Path, digest: str) -> bool:
  return path.is_file() and user_files.sha256(path) == digest


def _read(target: Path) -> dict[str, Any]:
  """The manifest of an own_code folder. Raises UserError if it is damaged, or names files outside the folder."""
  path = target / MANIFEST
  manifest = read_json(path, 'manifest')
  try:
    tables = [manifest[name] for name in ('references', 'sha256', 'objects')]
    if not all(isinstance(key, str) and isinstance(v, str) for table in tables for key, v in table.items()):
      raise ValueError('it does not map names to names')
    inside = [*manifest['references'].values(), *manifest['sha256']]
    if not all((target / name).resolve().is_relative_to(target.resolve()) for name in inside):
      raise ValueError('it names files elsewhere')
  except (ValueError, KeyError, TypeError, AttributeError) as error:
    raise UserError(f'{path} is not a readable manifest: {error}.') from None
  return typing.cast(dict[str, Any], manifest)
