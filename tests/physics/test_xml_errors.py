"""Errors in MJCF files: the message names the file and the line, also of an included file, and the folder of a mesh."""

import struct

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.datasheet import datasheet_of

# Line 2 includes parts.xml into the model, and line 6 includes leg.xml into the body.
MAIN = """<mujoco>
  {asset}<include file="parts.xml"/>
  <worldbody>
    <body name="trunk" pos="0 0 0.5"><freejoint/>
      <geom name="chest" size="0.1"/>
      <include file="leg.xml"/>
    </body>
  </worldbody>
  <actuator><motor joint="hip"/></actuator>
</mujoco>"""
PARTS = '<mujoco>\n  <!-- nothing -->\n  <option timestep="0.004"/>\n</mujoco>\n'
LEG = """<?xml version="1.0"?>
<!-- one <include file="none.xml"/> in a comment -->
<mujocoinclude>
  <body name="leg">
    <joint name="hip" axis="0 1 0"/>
    <geom type="capsule" fromto="0 0 0 0 0 -0.4" size="0.03"/>
  </body>
</mujocoinclude>
"""


@pytest.fixture
def message(tmp_path, monkeypatch):
  """message(main, parts, leg) -> the line about robot/main.xml, read from the current folder."""
  folder = tmp_path / 'robot'
  folder.mkdir()
  monkeypatch.chdir(tmp_path)

  def make(main=None, parts=PARTS, leg=LEG):
    for name, text in (('main', main or MAIN.format(asset='')), ('parts', parts), ('leg', leg)):
      (folder / f'{name}.xml').write_text(text)
    with pytest.raises(UserError) as error:
      datasheet_of((folder / 'main.xml').relative_to(tmp_path))
    assert '\n' not in str(error.value)
    return str(error.value)

  return make


def test_the_line_of_an_error_in_the_main_file(message):
  said = message(MAIN.format(asset='').replace('<geom name', '<geom sise="1" name'))
  assert said.startswith("robot 'main': MuJoCo cannot read robot/main.xml: ")
  assert said.endswith("unrecognized attribute: 'sise' Element 'geom', line 5 of robot/main.xml")


def test_the_line_of_an_error_that_shows_when_the_main_file_compiles(message):
  said = message(MAIN.format(asset='').replace('0.1', '-0.1'))
  assert said.startswith("robot 'main' does not compile: Error: size 0 must be positive in geom")
  assert said.endswith('line 5 of robot/main.xml')


@pytest.mark.parametrize(
  ('part', 'before', 'after', 'problem', 'place'),
  [
    ('parts', 'timestep', 'timestp', "unrecognized attribute: 'timestp' Element 'option'", 'line 3 of robot/parts.xml'),
    ('leg', 'axis', 'axes', "unrecognized attribute: 'axes' Element 'joint'", 'line 5 of robot/leg.xml'),
    ('leg', 'capsule', 'capsul', "invalid keyword: 'capsul' Element 'geom'", 'line 6 of robot/leg.xml'),
    ('leg', '"0.03"', '"0.03" class="k"', "unknown default class name 'k'", 'line 6 of robot/leg.xml'),
    ('leg', '0.03', '-0.03', 'size 0 must be positive in geom', 'line 6 of robot/leg.xml'),
    ('parts', '<option', '<include file="more.xml"/>\n<option', "Error opening file '", 'robot/parts.xml names'),
  ],
)
def test_the_file_and_line_of_an_error_in_an_included_file(message, part, before, after, problem, place):
  """MuJoCo calls them all line 0, and names no file."""
  text = {'parts': PARTS, 'leg': LEG}[part]
  assert text.count(before) == 1
  said = message(**{part: text.replace(before, after)})
  assert problem in said
  assert place in said
  assert 'line 0' not in said


def test_a_file_that_an_included_file_includes(message, tmp_path):
  (tmp_path / 'robot' / 'more.xml').write_text('<mujoco>\n\n\n<option gravitty="1"/></mujoco>')
  said = message(parts='<mujoco>\n<include file="more.xml"></include>\n</mujoco>')
  assert said.endswith("unrecognized attribute: 'gravitty' Element 'option', line 4 of robot/more.xml")


def test_included_files_are_named_where_the_error_is_not_found_again(message):
  """Included twice, a file has other errors: MuJoCo refuses it before it looks inside."""
  said = message(parts='<mujoco>\n<include file="leg.xml"/>\n</mujoco>')
  assert "File 'leg.xml' already included" in said
  assert said.endswith(('of robot/main.xml', 'in a file that it includes (robot/parts.xml, robot/leg.xml)'))


@pytest.mark.parametrize(
  ('part', 'text', 'place'),
  [
    ('main', MAIN.format(asset='').replace('</body>', ''), '(main.xml: mismatched tag: line 8, column 4)'),
    ('parts', PARTS.replace('"/>', '">'), '(parts.xml: mismatched tag: line 4, column 2)'),
  ],
)
def test_malformed_xml_is_named_with_file_line_and_column(message, part, text, place):
  """The tag is closed where expat, which counts columns from 0, finds another one open."""
  assert message(**{part: text}).endswith(place)


MESH = '<asset><mesh name="m"\n  file="{}"/></asset>'


@pytest.mark.parametrize(
  ('part', 'compiler', 'folder'),
  [
    ('main', '', 'hand'),
    ('main', '<compiler meshdir="meshes"/>', 'meshes/hand'),
    ('main', '<compiler assetdir="assets"/>', 'assets/hand'),
    ('main', '<compiler assetdir="assets" meshdir="meshes"/>', 'meshes/hand'),
    ('main', '<compiler texturedir="pictures"/>', 'hand'),
    ('parts', '', 'hand'),
    ('parts', '<compiler meshdir="meshes"/>', 'meshes/hand'),
  ],
)
def test_of_a_missing_mesh_the_xml_that_names_it_and_the_folder_that_was_searched(
  message, tmp_path, part, compiler, folder
):
  text = compiler + MESH.format('hand/gone.stl')
  said = message(MAIN.format(asset=text)) if part == 'main' else message(parts=f'<mujoco>\n{text}\n</mujoco>')
  assert said.startswith("robot 'main' does not compile: Error opening file 'hand/gone.stl', ")
  assert f', which line 3 of robot/{part}.xml names; searched in {tmp_path}/robot/{folder}' in said
  assert said.endswith('hand')
  place = tmp_path / 'robot' / folder  # where MuJoCo finds it
  place.mkdir(parents=True)
  (place / 'gone.stl').write_bytes(tetrahedron())
  assert mujoco.MjSpec.from_file('robot/main.xml').compile().nmesh == 1


def tetrahedron():
  """A binary STL file: 80 bytes, the number of faces, and of each a normal, three corners and two bytes."""
  corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
  faces = [corners[list(face)].tobytes() for face in ((0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3))]
  return bytes(80) + struct.pack('<I', 4) + b''.join(bytes(12) + face + bytes(2) for face in faces)
