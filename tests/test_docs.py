"""Protects README and docs: what they name exists, and all that there is to choose is explained."""

from __future__ import annotations

import dataclasses
import json
import re

import pages
import pytest
from pages import ALL, PAGES, ROOT

from mjx_humanoid.core.config import schema
from mjx_humanoid.core.config.settings import entry_type

MOST_LINES = 160  # of README.md
PARTS_OF_BODY = ('the state by name', 'facts')
# Names in backticks that belong to Python, MuJoCo, other packages or the shell.
FOREIGN = {'mediapy', 'null', 'None', 'True', 'False', 'egl', 'osmesa', 'n_envs', 'n_steps', 'n_epochs', 'clip_range'}
FOREIGN |= {'ent_coef', 'vf_coef', 'VecVideoRecorder'}


def test_the_readme_is_short():
  assert PAGES['README.md'].count('\n') <= MOST_LINES


# Names


@pytest.mark.parametrize('name', sorted(pages.dotted()))
def test_a_setting_that_is_named_exists(name):
  known = schema.settings()
  open_ended = [table for table, (hint, _) in known.items() if entry_type(hint) is not None]
  entry = name.removesuffix('.py').rpartition('.')[0] in open_ended
  section = any(other.startswith(f'{name}.') for other in known)
  assert name in known or section or entry or name == 'config'


def test_a_name_in_backticks_exists():
  """In the package, its configs, examples or benchmarks: whatever was renamed or removed is found here."""
  known = pages.names_in_sources() | FOREIGN | of_humanoids() | {path.stem for path in ROOT.rglob('*.*')}
  assert sorted(pages.words() - known) == []


def of_humanoids():
  """Names of its sensors and joints."""
  from mjx_humanoid.physics.model import build_model
  from mjx_humanoid.physics.sensors import describe_sensors
  from mjx_humanoid.tasks.task import find_robot

  models = [build_model(find_robot(robot)) for robot in ('humanoid', 'gym_humanoid')]
  joints = {model.joint(i).name for model in models for i in range(model.njnt)}
  return joints.union(*map(describe_sensors, models))


def test_choices_of_the_task_are_all_explained():
  from mjx_humanoid.physics.choice import ENGINES
  from mjx_humanoid.physics.randomize import OF_THE_ENV, RANDOMIZATIONS
  from mjx_humanoid.tasks.context import COMMANDS, PARTS
  from mjx_humanoid.tasks.curricula import CURRICULA
  from mjx_humanoid.tasks.pushes import PUSHES
  from mjx_humanoid.tasks.starts import STARTS
  from mjx_humanoid.tasks.terminations import TERMINATIONS

  text = PAGES['docs/settings.md'] + PAGES['docs/engines.md']
  registries = (ENGINES, OF_THE_ENV, RANDOMIZATIONS, COMMANDS, PARTS, CURRICULA, PUSHES, STARTS, TERMINATIONS)
  assert [name for names in registries for name in names if f'`{name}`' not in text] == []


def test_every_skill_and_every_page_is_in_the_readme():
  from mjx_humanoid.playback.find import pretrained_policies

  assert set(pretrained_policies()) == set(pages.table('README.md', '## Results'))
  assert all(f'({page})' in PAGES['README.md'] for page in PAGES if page != 'README.md')


def test_every_field_of_view_and_context_is_explained():
  from mjx_humanoid.core.types import View
  from mjx_humanoid.tasks.context.context import Context

  assert list(pages.table('docs/own.md', '`View` | shape | meaning |', header=True)) == list(View._fields)
  assert set(pages.table('docs/own.md', '`Context` | shape | meaning |', header=True)) == set(Context._fields)


def test_every_public_part_of_body_is_explained():
  from mjx_humanoid.physics.body import Body

  fields = {field.name for field in dataclasses.fields(Body)}
  members = {name for name in vars(Body) if not name.startswith('_')}
  tables = [pages.table('docs/own.md', f'`Body`: {part} | shape | meaning |', header=True) for part in PARTS_OF_BODY]
  explained = {name.partition('(')[0] for table in tables for name in table}
  assert explained == fields | members


def test_every_field_of_a_datasheet_is_explained():
  from mjx_humanoid.core.robot import Robot

  explained = pages.table('docs/own.md', 'field of `Robot` | meaning |', header=True)
  assert set(explained) == {field.name for field in dataclasses.fields(Robot)}


def test_every_entry_of_the_metadata_and_every_input_of_a_controller_is_explained(make_policy, standing_task):
  from mjx_humanoid.playback import onnx_controller
  from mjx_humanoid.playback.export_formats import describe

  entries = pages.table('docs/export.md', 'The metadata of both graphs, as JSON, describes them:\n')
  assert set(entries) == set(describe(make_policy(), *standing_task))
  ends = pages.table('docs/export.md', '| input and output | shape | meaning |', header=True)
  assert set(ends) == {*onnx_controller.INPUTS, 'ctrl', 'memory_next'}


@pytest.mark.parametrize('page', PAGES)
def test_links_lead_somewhere(page):
  """Files of the repository, and headings of pages."""
  for link in re.findall(r'\]\(([^)\s]+)\)', PAGES[page]):
    assert '://' not in link, f'nobody has checked {link}'
    path, _, heading = link.partition('#')
    target = (ROOT / page).parent / path if path else ROOT / page
    assert target.exists(), link
    if heading:
      headings = re.findall(r'^#+ (.*)$', target.read_text(), re.MULTILINE)
      assert heading in map(pages.anchor, headings), link


def test_files_that_are_named_exist():
  """Folders and files in the repository or in the package, but for those of the reader's own."""
  others = ('runs/', 'path/', 'checkpoints/', 'recordings/', 'replay/')
  for path in set(re.findall(r'`((?:[a-z_]+/)+(?:[a-z_]+\.(?:py|md|json|npz))?)`', ALL)):
    assert path.startswith(others) or (ROOT / path).exists() or (ROOT / 'mjx_humanoid' / path).exists(), path


def test_notebooks_name_no_address_that_nobody_has_checked():
  for path in (ROOT / 'notebooks').glob('*.ipynb'):
    cells = [''.join(cell['source']) for cell in json.loads(path.read_text())['cells']]
    assert [line for cell in cells for line in cell.split('\n') if 'github.com' in line or 'colab' in line] == []
    assert any('INSTALL_FROM = ' in cell for cell in cells)


def test_errors_that_are_explained_are_still_raised():
  """Headings of the page on troubleshooting in backticks are texts of the package, or of another program."""
  foreign = ('No module named', 'tensorboard: command not found')
  known = [re.sub(r'\s+', ' ', text) for text in pages.messages()]
  for heading in re.findall(r'^### `(.*)`$', PAGES['docs/troubleshooting.md'], re.MULTILINE):
    assert heading.startswith(foreign) or any(heading in text for text in known), heading
