"""Protects the encoding of text: UTF-8 in every file that the package reads or writes, whatever the locale says."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from mjx_humanoid.core import files

PACKAGE = Path(files.__file__).resolve().parent.parent


NAMED = ('read_text', 'write_text', 'open', 'TextIOWrapper', 'run', 'Popen', 'check_output', 'fdopen')
MODULES = sorted(PACKAGE.rglob('*.py'))


def is_text(call):
  """Whether a call opens text in the encoding of the locale, unless it names one."""
  name = getattr(call.func, 'attr', getattr(call.func, 'id', ''))
  owner = getattr(getattr(call.func, 'value', None), 'id', '')
  constants = [a.value for a in call.args if isinstance(a, ast.Constant)]
  keywords = {k.arg: getattr(k.value, 'value', ...) for k in call.keywords}
  if name not in NAMED or owner in ('os', 'files', 'Image') or (name in ('read_text', 'write_text') and not owner):
    return False
  if name in ('run', 'Popen', 'check_output'):
    return bool(keywords.get('text') or keywords.get('universal_newlines'))
  mode = keywords.get('mode', next((c for c in constants if isinstance(c, str) and set(c) <= set('rwaxbt+')), ''))
  return 'b' not in mode


@pytest.mark.parametrize('path', MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_text_is_read_or_written_in_the_encoding_of_the_locale(path):
  calls = [n for n in ast.walk(ast.parse(path.read_text(encoding='utf-8'))) if isinstance(n, ast.Call)]
  silent = [c.lineno for c in calls if is_text(c) and 'encoding' not in {k.arg for k in c.keywords}]
  assert silent == []


@pytest.mark.parametrize(
  ('line', 'expected'),
  [
    ('path.read_text()', True),
    ('path.write_text(x)', True),
    ('(folder / name).read_text()', False),
    ('open(path)', True),
    ('path.open("a")', True),
    ('path.open("ab", buffering=0)', False),
    ('subprocess.run(c, text=True)', True),
    ('subprocess.run(c)', False),
    ('write_text(path, text, what)', False),
  ],
)
def test_the_search_for_the_encoding_of_the_locale_itself(line, expected):
  assert is_text(ast.parse(line).body[0].value) is expected


def test_only_one_module_moves_files_into_place():
  movers = [
    path.relative_to(PACKAGE).as_posix()
    for path in MODULES
    for call in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
    if isinstance(call, ast.Call) and getattr(call.func, 'attr', '') in ('write_text', 'write_bytes', 'fsync')
  ]
  assert set(movers) <= {'core/files.py'}


def test_text_is_utf_8_whatever_the_locale_says(tmp_path, run_python):
  code = (
    'from pathlib import Path; from mjx_humanoid.core import files; path, text = Path("a"), "L\\xe4ufer \\u673a";'
    'files.write_text(path, text, "x"); print(files.read_text(path, "x") == text);'
    'path.write_bytes(text.join(["\\"", "\\""]).encode()); print(files.read_json(path, "x") == text)'
  )
  environment = {**os.environ, 'LC_ALL': 'C', 'PYTHONCOERCECLOCALE': '0', 'PYTHONUTF8': '0'}
  result = run_python('-W', 'error', '-X', 'warn_default_encoding', '-c', code, env=environment, cwd=tmp_path)
  assert result.stdout == 'True\nTrue\n', result.stderr
