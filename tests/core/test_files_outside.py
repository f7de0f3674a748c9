"""Which files an MJCF file reads, and that those outside its own folder are refused."""

import pytest

from mjx_humanoid.core import model_files
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.model import read_spec

MODEL = """
<mujoco>
  {}
  <worldbody><geom type="mesh" mesh="part"/></worldbody>
</mujoco>"""
MESH = '<asset><mesh name="part" file="{}"/></asset>'


@pytest.fixture
def folder(tmp_path):
  """A robot's folder beside one with a mesh and an MJCF file."""
  for place in (tmp_path / 'robot' / 'meshes', tmp_path / 'elsewhere'):
    place.mkdir(parents=True)
    (place / 'part.stl').write_bytes(b'solid')
    (place / 'more.xml').write_text('<mujoco><option/></mujoco>')
  return tmp_path / 'robot'


@pytest.fixture(autouse=True)
def _nothing_allowed():
  yield
  model_files.allow_outside(False)


def write(folder, text):
  path = folder / 'model.xml'
  path.write_text(MODEL.format(text))
  return path


def test_files_in_its_own_folder_are_read(folder):
  inside = '<compiler meshdir="meshes"/><include file="meshes/more.xml"/>' + MESH.format('part.stl')
  path = write(folder, inside)
  assert {p.name for p in model_files.model_files(path)} == {'part.stl', 'more.xml'}
  read_spec(path, 'model')


def outside(folder):
  """Every way to name a file outside."""
  other = folder.parent / 'elsewhere'
  (folder / 'link.stl').symlink_to(other / 'part.stl')
  (folder / 'linked').symlink_to(other)
  (folder / 'nested.xml').write_text('<mujoco><include file="../elsewhere/more.xml"/></mujoco>')
  return [
    '<include file="../elsewhere/more.xml"/>',
    f'<include file="{other / "more.xml"}"/>',
    '<include file="nested.xml"/>',
    MESH.format('../elsewhere/part.stl'),
    MESH.format(other / 'part.stl'),
    MESH.format('link.stl'),
    MESH.format('linked/part.stl'),
    '<compiler meshdir="../elsewhere"/>' + MESH.format('part.stl'),
    f'<compiler assetdir="{other}"/>' + MESH.format('part.stl'),
    '<asset><texture name="t" type="2d" file="../elsewhere/part.stl"/></asset>',
    '<asset><texture name="t" type="cube" fileright="../elsewhere/part.stl"/></asset>',
    '<asset><model name="m" file="../elsewhere/more.xml"/></asset>',
  ]


def test_files_outside_are_refused_unless_allowed(folder):
  for text in outside(folder):
    path = write(folder, text)
    with pytest.raises(UserError, match=r'model.xml reads files outside its own folder, such as .*elsewhere') as error:
      read_spec(path, 'model')
    assert '\n' not in str(error.value)
    assert '--allow-outside' in str(error.value)
    model_files.allow_outside(True)
    assert model_files.refuse_outside(path) == ''
    model_files.allow_outside(False)


def test_copies_of_a_run_may_lie_in_several_folders(folder):
  place = folder / 'own_code' / 'model-1234'
  (place / 'a').mkdir(parents=True)
  (place / 'b').mkdir()
  (place / 'b' / 'part.stl').write_bytes(b'solid')
  (folder / 'own_code' / 'manifest.json').write_text('{}')
  model_files.refuse_outside(write(place / 'a', MESH.format('../b/part.stl')))
  with pytest.raises(UserError, match='outside its own folder'):
    model_files.refuse_outside(write(place / 'a', MESH.format('../../../meshes/part.stl')))


def test_xml_whose_names_cannot_be_read_is_refused(folder):
  """MuJoCo takes a repeated attribute, and Python does not: what MuJoCo would read is unknown."""
  path = folder / 'model.xml'
  path.write_text('<mujoco><include file="meshes/more.xml" file="../elsewhere/more.xml"/></mujoco>')
  with pytest.raises(UserError, match=r'model.xml'):
    read_spec(path, 'model')
