"""Where MuJoCo's errors are: the file and line, also inside included files, and where a missing file was searched."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import mujoco

from mjx_humanoid.core.model_files import malformed

INCLUDE = re.compile(r'<!--.*?-->|<include\b(?P<attributes>[^>]*?)(?:/>|>\s*</include\s*>)', re.DOTALL)
FILE = re.compile(r'\bfile\s*=\s*(["\'])(?P<name>.*?)\1')
ROOT = re.compile(r'(?:<!--.*?-->|<\?.*?\?>|<![^>]*>|\s)*<[^>]+>', re.DOTALL)  # up to the start tag of the root
LINE = re.compile(r', line (\d+)')
FOLDERS = {  # attributes of <compiler> with the folder of files, by the element that names them; the last one counts
  'include': (),
  'texture': ('assetdir', 'texturedir'),
  'mesh': ('assetdir', 'meshdir'),
}
MISSING = re.compile(r"Error opening file '(.+?)'")


class Row(NamedTuple):
  """A line of a file."""

  text: str
  file: Path
  number: int


def explained(error: Exception, xml: Path) -> str:
  """MuJoCo's message in one line, with what it leaves out.

  It calls the line of an element of an included file 0, and does not name the file; that of a malformed file is
  named without its place. Of a missing mesh or texture it does not say who names it and where it was searched.

  Args:
    xml: the main MJCF file.
  """
  text = _one_line(error)
  if wrong := malformed(xml):
    return f'{text} ({wrong})'
  rows = list(_rows(xml, xml.parent, ()))
  if missing := MISSING.search(text):
    return _with_folder(text, missing[1], rows, xml)
  line = LINE.search(text)
  if line is None:
    return text
  place = (xml, int(line[1])) if int(line[1]) else _place(text, rows, xml)
  others = ', '.join(dict.fromkeys(str(row.file) for row in rows if row.file != xml))
  where = f', in a file that it includes ({others})' if others else ''
  return LINE.sub(f', line {place[1]} of {place[0]}' if place else where, text)


def _one_line(error: Exception) -> str:
  return ' '.join(str(error).split())


def _with_folder(text: str, name: str, rows: list[Row], xml: Path) -> str:
  """The message about a missing file, with the line that names it and the folder where it should be.

  MuJoCo's own path is not the one that it searches where an included file names a mesh: meshes are always found in the
  mesh folder of the main file.
  """
  whole = '\n'.join(row.text for row in rows)
  named = re.search(
    rf'<(?P<tag>\w+)\b[^<>]*?\bfile\w*\s*=\s*["\'](?P<name>[^"\']*?{re.escape(Path(name).name)})["\']', whole
  )
  if named is None:
    return text
  row, folder = rows[whole.count('\n', 0, named.start('name'))], xml.parent
  for attribute in FOLDERS.get(named['tag'], FOLDERS['mesh']):
    if given := re.search(rf'<compiler\b[^<>]*?\b{attribute}\s*=\s*["\'](.*?)["\']', whole):
      folder = xml.parent / given[1]
  searched = os.path.dirname(os.path.abspath(folder / named['name']))
  return f'Error opening file {named["name"]!r}, which line {row.number} of {row.file} names; searched in {searched}'


def _place(text: str, rows: list[Row], xml: Path) -> tuple[Path, int] | None:
  """File and line of an error in an included file: those of the same error in all files as one; None if there is none.

  Args:
    text: MuJoCo's message in one line.
  """
  try:
    spec = mujoco.MjSpec.from_string('\n'.join(row.text for row in rows))
    spec.modelfiledir = str(xml.parent)
    spec.compile()
  except ValueError as error:
    again = _one_line(error)
    line = LINE.search(again)
    same = again.partition('Element')[0] == text.partition('Element')[0]
    if same and line and 0 < int(line[1]) <= len(rows):
      row = rows[int(line[1]) - 1]
      return row.file, row.number
  return None


def _rows(file: Path, folder: Path, above: tuple[Path, ...]) -> Iterator[Row]:
  """The lines of an MJCF file with those of the files that it includes in their places.

  Args:
    folder: that of the main file, where MuJoCo looks for all included files.
    above: the files that include this one; of an included file the root element is left out.
  """
  text = file.read_text(encoding='utf-8', errors='replace')
  start, end = 0, len(text)
  if above:
    root = ROOT.match(text)
    start, end = (root.end() if root else 0), max(text.rfind('</'), 0)
  for match in INCLUDE.finditer(text, start, end):
    name = FILE.search(match['attributes'] or '')
    places = [place / name['name'] for place in (folder, file.parent)] if name else []
    included = next((path for path in places if path.is_file()), None)
    if included is not None and included not in (*above, file):
      yield from _numbered(text, start, match.start(), file)
      yield from _rows(included, folder, (*above, file))
      start = match.end()
  yield from _numbered(text, start, end, file)


def _numbered(text: str, start: int, end: int, file: Path) -> Iterator[Row]:
  first = text.count('\n', 0, start) + 1
  for i, line in enumerate(text[start:end].split('\n')):
    yield Row(line, file, first + i)
