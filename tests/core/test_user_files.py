"""What a file of the user's own needs beside it is found by reading, and nothing is run."""

import sys

import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.model_files import model_files
from mjx_humanoid.core.user_files import bundle, defined_names, sha256


def names(paths, folder):
  return sorted(path.relative_to(folder).as_posix() for path in paths)


def test_a_file_alone(write):
  folder = write({'mine.py': 'raise SystemExit\nimport numpy\n', 'other.py': ''})
  found = bundle(folder / 'mine.py')
  assert (found.main, found.files, found.modules) == (folder / 'mine.py', (folder / 'mine.py',), {})


@pytest.mark.parametrize(
  ('line', 'needed'),
  [
    ('import near', ['near.py']),
    ('import near as n, numpy', ['near.py']),
    ('from near import x', ['near.py']),
    ('def f():\n  from near import x', ['near.py']),
    ('try:\n  import near\nexcept ImportError:\n  pass', ['near.py']),
    ('from .near import x', ['near.py']),
    ('from . import near', ['near.py']),
    ('import pack', ['pack/__init__.py', 'pack/inner.py']),
    ('import pack.deep', ['deeper.py', 'pack/__init__.py', 'pack/deep.py', 'pack/inner.py']),
    ('from pack import deep', ['deeper.py', 'pack/__init__.py', 'pack/deep.py', 'pack/inner.py']),
    ('from plain.part import x', ['plain/part.py']),
    ('import far', ['far.py', 'near.py']),
    ('import circle', ['circle.py']),
    ('import no_such_module, os, json', []),
    ('import mjx_humanoid', []),
    ('from .. import above', []),
    ('x = "near"', []),
  ],
)
def test_imports_are_followed_in_the_own_folder_only(write, line, needed):
  folder = write(
    {
      'mine.py': line,
      'near.py': 'x = 1',
      'far.py': 'import near',
      'circle.py': 'import mine',
      'pack/__init__.py': 'from .inner import y',
      'pack/inner.py': 'y = 1',
      'pack/deep.py': 'import deeper',
      'deeper.py': '',
      'plain/part.py': 'x = 1',
      'mjx_humanoid/__init__.py': '',
      'json.py': '# the standard library is not hidden',
    }
  )
  assert names(bundle(folder / 'mine.py').code, folder) == sorted(['mine.py', *needed])


def test_a_folder_does_not_hide_an_installed_package(write):
  """As in Python, where a folder without __init__.py comes last."""
  folder = write({'mine.py': 'from numpy.linalg import norm', 'numpy/linalg.py': ''})
  assert bundle(folder / 'mine.py').modules == {}


def test_files_that_strings_name_are_data(write):
  text = (
    'from pathlib import Path\nx = Path(__file__).parent / "walk.npz"\ny = ["poses/a.csv", "gone.npz", "/etc/passwd"]\n'
  )
  folder = write({'mine.py': text, 'walk.npz': '', 'poses/a.csv': '', 'other.npz': ''})
  assert names(bundle(folder / 'mine.py').data, folder) == ['poses/a.csv', 'walk.npz']


def test_files_above_and_huge_ones_are_not(write, monkeypatch):
  monkeypatch.setattr('mjx_humanoid.core.user_files.MOST_DATA', 3)
  folder = write({'sub/mine.py': 'x = "../secret.txt", "big.bin", "tiny.bin"', 'secret.txt': '', 'sub/big.bin': 'many'})
  write({'sub/tiny.bin': 'few'})
  assert names(bundle(folder / 'sub' / 'mine.py').data, folder) == ['sub/tiny.bin']


def test_a_robot_comes_with_its_meshes_and_includes(write):
  folder = write(
    {
      'bots/ant.xml': '<mujoco><compiler meshdir="../meshes"/><include file="legs.xml"/>'
      '<asset><mesh file="torso.obj"/><texture fileright="sky.png"/></asset></mujoco>',
      'bots/legs.xml': '<mujoco><asset><mesh name="a" file="leg.obj"/><mesh file="gone.obj"/></asset></mujoco>',
      'bots/sky.png': '',
      'meshes/torso.obj': '',
      'meshes/leg.obj': '',
      'meshes/other.obj': '',
    }
  )
  expected = ['bots/legs.xml', 'bots/sky.png', 'meshes/leg.obj', 'meshes/torso.obj']
  assert names(model_files(folder / 'bots' / 'ant.xml'), folder) == expected
  found = bundle(folder / 'bots' / 'ant.xml')
  assert names(found.files, folder) == ['bots/ant.xml', *expected]
  assert (found.root, found.code) == (folder, ())


def test_a_datasheet_brings_its_model(write):
  folder = write({'spider.py': 'ROBOT = make("spider.xml")', 'spider.xml': '<a file="leg.stl"/>', 'leg.stl': ''})
  assert names(bundle(folder / 'spider.py').data, folder) == ['leg.stl', 'spider.xml']


def test_a_model_that_is_no_xml_is_left_to_mujoco(write):
  folder = write({'ant.xml': '<mujoco'})
  assert bundle(folder / 'ant.xml').files == (folder / 'ant.xml',)


def test_the_digest_is_of_names_and_contents_and_not_of_the_place(write):
  folder = write({name: 'import near\n' for name in ('a/mine.py', 'b/mine.py', 'c/mine.py', 'd/my.py')})
  write({'a/near.py': 'x = 1', 'b/near.py': 'x = 1', 'c/near.py': 'x = 2', 'd/near.py': 'x = 1'})
  first = bundle(folder / 'a' / 'mine.py').digest
  assert len(first) == 64
  assert bundle(folder / 'b' / 'mine.py').digest == first
  assert bundle(folder / 'c' / 'mine.py').digest != first
  assert bundle(folder / 'd' / 'my.py').digest != first


def test_sha256_is_that_of_the_standard(tmp_path):
  """FIPS 180-2, appendix B.1: of 'abc'."""
  (tmp_path / 'abc').write_bytes(b'abc')
  assert sha256(tmp_path / 'abc') == 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'


def test_missing_files_and_folders_are_refused(tmp_path):
  (tmp_path / 'folder.py').mkdir()
  for path in (tmp_path / 'none.py', tmp_path / 'folder.py'):
    with pytest.raises(UserError, match='there is no file'):
      bundle(path)


def test_what_is_no_python_has_no_imports(write):
  folder = write({'mine.py': 'def f(:\n', 'nul.py': 'x = "\0"'})
  assert bundle(folder / 'mine.py').modules == {}
  assert bundle(folder / 'nul.py').modules == {}


def test_defined_names_are_those_of_the_top_level(write):
  text = 'from a import b\nX, Y = 1, 2\nZ: int = 3\ndef f():\n  def inner(): pass\nclass C:\n  def m(self): pass\n'
  assert defined_names(write({'mine.py': text}) / 'mine.py') == ['Z', 'f', 'C']


def test_nothing_was_imported(write):
  write({'mine_never_loaded.py': ''})
  bundle(write({'mine.py': 'import mine_never_loaded'}) / 'mine.py')
  assert not [name for name in sys.modules if 'mine_never_loaded' in name]
