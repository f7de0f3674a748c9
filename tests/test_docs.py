"""Protects README and docs: what they show works as it stands there, and what they name exists."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import tomllib

import pages
import pytest
from pages import ALL, PAGES, ROOT
from tiny import TINY

from mjx_humanoid.core.config import schema

EXAMPLES = pages.blocks('example')
MOST_LINES = 160  # of README.md
# Names in backticks that belong to Python, MuJoCo, other packages or the shell.
FOREIGN = {'mediapy', 'null', 'None', 'True', 'False', 'egl', 'osmesa', 'n_envs', 'n_steps', 'n_epochs', 'clip_range'}
FOREIGN |= {'ent_coef', 'vf_coef', 'render_fps', 'qpos0', 'def'}


class Reached(Exception):  # noqa: N818 (it is no error)
  """A command understood its arguments and got as far as the policy or the training."""


@pytest.fixture
def workplace(tmp_path, monkeypatch, finished_run):
  """A folder as the reader's own: the files of all examples, and a finished run runs/stand."""
  for code in EXAMPLES:
    path = tmp_path / code.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code.text)
  shutil.copytree(finished_run, tmp_path / 'runs' / 'stand')
  shutil.copytree(ROOT / 'configs', tmp_path / 'configs', dirs_exist_ok=True)
  monkeypatch.chdir(tmp_path)
  return tmp_path


@pytest.fixture
def only_parsed(monkeypatch):
  """Commands stop where they would load a policy, train or check the machine."""

  def reached(*args, **kwargs):
    raise Reached

  monkeypatch.setattr('mjx_humanoid.playback.find.load', reached)
  monkeypatch.setattr(importlib.import_module('mjx_humanoid.train'), 'train', reached)
  monkeypatch.setattr('mjx_humanoid.doctor.CHECKS', {})


# Commands


@pytest.mark.parametrize('command', pages.package_commands(), ids=' '.join)
def test_a_command_of_the_package_understands_its_arguments(command, workplace, only_parsed):
  name, *arguments = command
  module = importlib.import_module(f'mjx_humanoid.{name or "__main__"}')
  try:
    module.main(arguments)
  except Reached:
    assert name not in ('', 'doctor')
  except SystemExit as end:
    assert not end.code and '--help' in arguments


def test_every_command_of_the_package_is_shown():
  from mjx_humanoid.__main__ import commands

  assert {name for name, *_ in pages.package_commands() if name} == set(commands())


@pytest.mark.parametrize('command', pages.scripts(), ids=' '.join)
def test_a_script_exists_and_has_the_options_that_it_is_given(command):
  script, *arguments = command
  text = (ROOT / script).read_text()
  for option in (a.partition('=')[0] for a in arguments if a.startswith('--')):
    assert f"'{option}'" in text, option


def test_extras_that_are_to_be_installed_exist():
  extras = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['optional-dependencies']
  named = {name for group in re.findall(r"pip install -e '\.\[([a-z,]+)\]'", ALL) for name in group.split(',')}
  assert {'dev', 'tensorboard', 'gym', 'cuda', 'onnx', 'warp'} <= named <= set(extras)


def test_the_test_command_is_where_the_checks_look_for_it():
  script = "sed -n '/<!-- test command -->/,/<!-- end -->/p' README.md | sed -n 's/^    //p'"
  found = subprocess.run(['bash', '-c', script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
  assert found.strip().split('\n') == [found.strip()]
  assert 'pytest' in found
  assert script.partition(' |')[0] in (ROOT / '.ci' / 'run').read_text()


# Code


@pytest.mark.parametrize('code', pages.blocks('run'), ids=lambda code: code.name)
def test_python_of_the_pages_runs(code, workplace, monkeypatch, opengl):
  """As it stands there, but with trainings and pictures made small."""
  make_small(monkeypatch)
  exec(compile(code.text, f'{code.page}: {code.name}', 'exec'), {'__name__': code.name})


def make_small(monkeypatch):
  import mediapy

  import mjx_humanoid.api as api
  from mjx_humanoid.core.config.schema import Config, resolve, to_dict
  from mjx_humanoid.run import brax_training

  train, render, on_brax = api.train, api.render, brax_training.train_on_brax
  sections: dict = {}
  for name, value in TINY.items():
    *parents, leaf = name.split('.')
    (sections.setdefault(parents[0], {}) if parents else sections)[leaf] = value
  tiny = resolve({**to_dict(Config()), **sections, 'network': {'symmetric': False}})

  def small_training(config, **settings):
    return train(config, **{**settings, **sections})

  def small_video(*policies, **options):
    return render(*policies, **{**options, 'seconds': 0.2, 'width': 64, 'height': 48})

  def small_brax(env, **options):
    return on_brax(env, tiny, total_timesteps=128)

  monkeypatch.setattr(api, 'train', small_training)
  monkeypatch.setattr(api, 'render', small_video)
  monkeypatch.setattr(brax_training, 'train_on_brax', small_brax)
  monkeypatch.setattr(mediapy, 'show_video', lambda *args, **kwargs: None)


def test_the_readme_is_short():
  assert PAGES['README.md'].count('\n') <= MOST_LINES


# Names


@pytest.mark.parametrize('name', sorted(pages.dotted()))
def test_a_setting_that_is_named_exists(name):
  known = schema.settings()
  open_ended = ('config.task.weights', 'config.task.randomization', 'config.custom')
  entry = name.rpartition('.')[0] in open_ended
  section = any(other.startswith(f'{name}.') for other in known)
  assert name in known or section or entry or name == 'config'


def test_a_name_in_backticks_exists():
  """In the package, its configs, examples or benchmarks: whatever was renamed or removed is found here."""
  assert sorted(pages.words() - pages.names_in_sources() - FOREIGN - files_by_stem()) == []


def files_by_stem():
  return {path.stem for folder in ('mjx_humanoid', 'configs', 'docs') for path in (ROOT / folder).rglob('*')}


def test_choices_of_the_task_are_all_explained():
  from mjx_humanoid.physics.engine import ENGINES
  from mjx_humanoid.physics.randomize import OF_THE_ENV, RANDOMIZATIONS
  from mjx_humanoid.tasks.context.guide import COMMANDS
  from mjx_humanoid.tasks.curricula import CURRICULA
  from mjx_humanoid.tasks.pushes import PUSHES
  from mjx_humanoid.tasks.starts import STARTS, TERMINATIONS

  text = PAGES['docs/settings.md'] + PAGES['docs/engines.md']
  registries = (ENGINES, OF_THE_ENV, RANDOMIZATIONS, COMMANDS, CURRICULA, PUSHES, STARTS, TERMINATIONS)
  assert [name for names in registries for name in names if f'`{name}`' not in text] == []


def test_every_skill_and_every_page_is_in_the_readme():
  from mjx_humanoid.playback.find import ready_policies

  assert set(ready_policies()) == set(pages.table('README.md', '## Results'))
  assert all(f'({page})' in PAGES['README.md'] for page in PAGES if page != 'README.md')


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


# Metrics and figures


def test_every_metric_of_a_training_is_explained(finished_run):
  lines = [json.loads(line) for line in (finished_run / 'metrics.jsonl').read_text().splitlines()]
  written = {re.sub('^term/.*', 'term/<name>', name) for line in lines for name in line}
  explained = {name for part in ('### Experience', '### PPO') for name in pages.table('docs/metrics.md', part)}
  assert written == explained - {'imitation_error'}  # which only trainings with demonstrations have


def test_every_figure_of_a_report_card_is_explained(finished_run):
  from mjx_humanoid.evaluate import UNITS
  from mjx_humanoid.playback.find import READY

  explained = pages.table('docs/metrics.md', '## Figures of a report card')
  entries = pages.table('docs/metrics.md', 'Beside the figures a card has:\n')
  cards = [json.loads(path.read_text()) for path in (*READY.glob('*.json'), finished_run / 'report.json')]
  figures = {name for card in cards for name in card['worst']}
  assert figures <= set(explained)
  assert {name for card in cards for name in card} - figures <= {*explained, *entries, 'config'}
  assert {name: explained[name][0] for name in UNITS} == UNITS
  assert set(explained) - figures == {'success_rate', 'survival_rate'}
