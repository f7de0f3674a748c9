"""The files that an MJCF file reads: meshes, textures and includes; by default only those in its own folder."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from xml.etree import ElementTree

from mjx_humanoid.core.errors import UserError

FOLDERS = ('meshdir', 'texturedir', 'assetdir')  # attributes of an MJCF's <compiler>
ALLOW_HELP = "let a robot's MJCF file read files outside its own folder"  # help of --allow-outside
OWN_CODE = 'own_code'  # folder of a run with copies of a user's files, which may come from several folders

_granted = {'outside': False}  # in this process


def allow_outside(allowed: bool) -> None:
  """Whether MJCF files may read files outside their own folders, in this process."""
  _granted['outside'] = allowed


def add_option(parser: argparse.ArgumentParser) -> None:
  """Adds --allow-outside to a command. Without it, the command allows nothing."""
  allow_outside(False)
  parser.add_argument('--allow-outside', nargs=0, action=_Allow, help=ALLOW_HELP)


def granted() -> tuple[str, ...]:
  """The arguments that give a command started by this one the same permission."""
  return ('--allow-outside',) if _granted['outside'] else ()


class _Allow(argparse.Action):
  def __call__(self, *_: object, **__: object) -> None:
    allow_outside(True)


def model_files(xml: Path) -> set[Path]:
  """Existing files that an MJCF file names, directly or through those that it includes. Symbolic links are followed."""
  return _read(xml)[0]


def refuse_outside(xml: Path) -> str:
  """Raises UserError for an MJCF file that names a file outside its own folder, unless that is allowed.

  Returns:
    What is wrong with its XML, for files whose names cannot be read; '' for well-formed XML.
  """
  files, malformed = _read(xml)
  home = _home(xml)
  outside = sorted(path for path in files if not path.is_relative_to(home))
  if outside and not _granted['outside']:
    raise UserError(
      f'{xml} reads files outside its own folder, such as {outside[0]}; if you trust it, allow that with'
      ' --allow-outside, in Python with mjx_humanoid.core.model_files.allow_outside(True).'
    )
  return '' if _granted['outside'] else malformed


def malformed(xml: Path) -> str:
  """What is wrong with the XML of an MJCF file or of one that it names, with file, line and column; '' for nothing."""
  return _read(xml)[1]


def _home(xml: Path) -> Path:
  """The folder whose files an MJCF file may read: its own, or all of what a run has copied with it."""
  folder = Path(os.path.abspath(xml)).parent.resolve()
  for inner, outer in zip([folder, *folder.parents], folder.parents, strict=False):
    if outer.name == OWN_CODE and (outer / 'manifest.json').is_file():
      return inner
  return folder


def _read(xml: Path) -> tuple[set[Path], str]:
  """The files that an MJCF file names, and what is wrong with the XML of one of them, if anything."""
  main = xml.resolve()
  included, folders, elements = {main}, [xml.parent], list[ElementTree.Element]()
  queue, malformed = [main], ''
  while queue:
    path = queue.pop()
    try:
      tree = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
      malformed = f'{path.name}: {error}'
      continue
    elements += tree.iter()
    folders += [xml.parent / c.get(a, '') for c in tree.iter('compiler') for a in FOLDERS if c.get(a)]
    places = (xml.parent, path.parent)  # MuJoCo looks beside the main file
    named = {(place / e.get('file', '')).resolve() for e in tree.iter('include') for place in places}
    more = {path for path in named if path.is_file()} - included
    queue += more
    included |= more
  found = included - {main}
  for element in elements:
    names = [value for name, value in element.items() if name.startswith('file')]  # a cube map has six
    files = {path for n in names for folder in folders if (path := (folder / n).resolve()).is_file()}
    found |= files
    if element.tag == 'model':  # an attached model has separate folders
      for path in files - {main}:
        more, wrong = _read(path)
        found, malformed = found | more, malformed or wrong
  return found - {main}, malformed
