"""Protects README and docs: what they show works as it stands there, and what they name exists."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.util
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pages
import pytest
from pages import ALL, PAGES, ROOT
from tiny import TINY

from mjx_humanoid.core.config import schema
from mjx_humanoid.core.config.settings import entry_type

EXAMPLES = pages.blocks('example')
MOST_LINES = 160  # of README.md
PARTS_OF_BODY = ('the state by name', 'facts')
# Names in backticks that belong to Python, MuJoCo, other packages or the shell.
FOREIGN = {'mediapy', 'null', 'None', 'True', 'False', 'egl', 'osmesa', 'n_envs', 'n_steps', 'n_epochs', 'clip_range'}
FOREIGN |= {'ent_coef', 'vf_coef', 'VecVideoRecorder'}


class Reached(Exception):  # noqa: N818 (it is no error)
  """A command understood its arguments and got as far as the policy or the training."""


@pytest.fixture
def examples(tmp_path, monkeypatch):
  """A folder as the reader's own, with the files of all examples."""
  for code in EXAMPLES:
    (tmp_path / code.name).write_text(code.text)
  monkeypatch.chdir(tmp_path)
  return tmp_path


@pytest.fixture
def working_folder(examples, finished_run):
  """The same, with the built-in configs and a finished run runs/stand."""
  shutil.copytree(finished_run, examples / 'runs' / 'stand')
  if gymnasium := importlib.util.find_spec('gymnasium'):
    shutil.copy(Path(gymnasium.origin).parent / 'envs/mujoco/assets/ant.xml', examples)
  shutil.copytree(ROOT / 'configs', examples / 'configs')
  return examples


@pytest.fixture
def only_parsed(monkeypatch):
  """Commands stop where they would load a policy, train or check the machine."""

  def reached(*args, **kwargs):
    raise Reached

  monkeypatch.setattr('mjx_humanoid.playback.find.load', reached)
  monkeypatch.setattr(importlib.import_module('mjx_humanoid.train'), 'train', reached)
  monkeypatch.setattr('mjx_humanoid.studies.runs.train_all', reached)
  monkeypatch.setattr('mjx_humanoid.studies.study.need_optuna', reached)
  monkeypatch.setattr('mjx_humanoid.studies.benchmark.rows_of', reached)
  monkeypatch.setattr('mjx_humanoid.doctor.CHECKS', {})
  monkeypatch.setattr('mjx_humanoid.viewer.serving.check_installed', lambda *face: None)
  monkeypatch.setattr('mjx_humanoid.viewer.studio.check_display', lambda: None)
  monkeypatch.setattr('mjx_humanoid.viewer.serving.free_port', lambda host, port: port)
  monkeypatch.setattr('mjx_humanoid.doctor.check_robot', reached)
  monkeypatch.setattr(importlib.import_module('mjx_humanoid.pose'), '_robot', reached)
  monkeypatch.setattr(importlib.import_module('mjx_humanoid.clip'), '_asked', reached)
  monkeypatch.setattr('mjx_humanoid.motions.clips.clips_at', reached)


# Commands


@pytest.mark.parametrize('command', pages.package_commands(), ids=' '.join)
def test_a_command_of_the_package_understands_its_arguments(command, working_folder, only_parsed):
  name, *arguments = command
  if '--config.task.start=poses.npz' in arguments:  # another command of the page writes that file
    np.savez(working_folder / 'poses.npz', qpos=np.eye(1, 28, 3) + 1.3 * np.eye(1, 28, 2))  # upright
  if name == 'train' and not any(a.startswith('--resume') for a in arguments):
    shutil.rmtree(working_folder / 'runs')  # before anything was trained
  module = importlib.import_module(f'mjx_humanoid.{name or "__main__"}')
  try:
    module.main(arguments)
  except Reached:
    assert name and (name != 'doctor' or '--robot' in str(arguments))
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
  assert {'dev', 'tensorboard', 'gym', 'cuda', 'onnx', 'warp', 'pose', 'studies'} <= named <= set(extras)


def test_the_test_command_is_where_the_checks_look_for_it():
  script = "sed -n '/<!-- test command -->/,/<!-- end -->/p' README.md | sed -n 's/^    //p'"
  found = subprocess.run(['bash', '-c', script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
  assert found.strip().split('\n') == [found.strip()]
  assert 'pytest' in found
  assert script.partition(' |')[0] in (ROOT / '.ci' / 'run').read_text()


# Code


@pytest.mark.parametrize('code', pages.blocks('run'), ids=lambda code: code.name)
def test_python_of_the_pages_runs(code, working_folder, monkeypatch, opengl):
  """As it stands there, but with trainings and pictures made small."""
  make_small(monkeypatch)
  exec(compile(code.text, f'{code.page}: {code.name}', 'exec'), {'__name__': code.name})


def make_small(monkeypatch):
  import brax.envs
  import mediapy

  import mjx_humanoid.api as api
  from mjx_humanoid.core.config.schema import Config, resolve, to_dict
  from mjx_humanoid.run import brax_training

  train, evaluate, render, on_brax = api.train, api.evaluate, api.render, brax_training.train_on_brax
  sections: dict = {}
  for name, value in TINY.items():
    *parents, leaf = name.split('.')
    functools.reduce(lambda section, parent: section.setdefault(parent, {}), parents, sections)[leaf] = value
  tiny = resolve({**to_dict(Config()), **sections, 'network': {'symmetric': False}})

  def small_training(config, **settings):
    return train(config, **{**settings, **sections})

  def small_video(*policies, **options):
    return render(*policies, **{**options, 'seconds': 0.2, 'width': 64, 'height': 48})

  def few_episodes(policy, **options):
    return evaluate(policy, **{**options, 'episodes': 2})

  def small_brax(env, **options):
    return on_brax(brax.envs.get_environment('fast'), tiny, total_timesteps=128)

  monkeypatch.setattr(api, 'train', small_training)
  monkeypatch.setattr(api, 'evaluate', few_episodes)
  monkeypatch.setattr(api, 'render', small_video)
  monkeypatch.setattr(brax_training, 'train_on_brax', small_brax)
  monkeypatch.setattr(mediapy, 'show_video', lambda *args, **kwargs: None)


OWN = {  # settings that take a function of the reader's own, as the page shows them, joined into one training
  'task.reward': 'my_beat.py:bob',
  'task.context': 'velocity_command,station_keeping,gait_clock,my_beat.py:beat',
  'task.observations': 'joint_positions,command,my_observation.py:foot_heights,my_beat.py:beat_phase',
  'task.termination': 'my_termination.py:left_its_place',
  'task.start': 'my_start.py:knees_bent',
  'task.command.kind': 'my_command.py:forward_or_backward',
  'task.push.kind': 'my_push.py:along_x',
  'task.push.interval': '0.1',
  'task.push.duration': '0.05',
  'task.randomization.my_randomization.py:one_leg_stronger': '0.2',
  'curriculum': 'my_curriculum.py:slow_start',
}
TRAININGS = {
  'functions': OWN,
  'a config, a reward term and a card': {
    'config': 'my_config.py',
    'task.weights.my_term.py:low_hands': '0.2',
    'task.card': 'my_card.py:CARD',
  },
  'a robot and a reward': {'task.robot': 'my_robot.py:ROBOT', 'task.reward': 'my_reward.py:lean_and_stand'},
  'a model and an algorithm': {
    'task.robot': 'my_robot.xml',
    'algorithm': 'my_algorithm.py',
    'task.card': 'my_episode.py:moves_on',
    'custom.learning_rate': '1e-3',
  },
}


@pytest.mark.parametrize('settings', TRAININGS.values(), ids=TRAININGS)
def test_examples_of_ones_own_train_and_are_judged(settings, examples, monkeypatch):
  """The run has its metrics and its report card, and its policy plays from another folder."""
  from mjx_humanoid import train
  from mjx_humanoid.playback.find import load

  config = settings.get('config', 'stand')
  others = {name: value for name, value in settings.items() if name != 'config'}
  given = [f'--config.{name}={value}' for name, value in {'name': 'own', **TINY, **others}.items()]
  train.main([f'--config={config}', *given])
  folder = examples / 'runs' / 'own'
  assert json.loads((folder / 'report.json').read_text())['episodes'] == TINY['evaluation_episodes']
  (examples / 'elsewhere').mkdir()
  monkeypatch.chdir(examples / 'elsewhere')
  assert load(str(folder)).name == 'own'


def test_every_example_is_trained_with():
  text = str(TRAININGS)
  assert [code.name for code in EXAMPLES if code.name not in text] == []


def test_the_reward_example_by_hand(examples, monkeypatch):
  """Standing straight at rest: full height 0.6, lean 0.4 exp(-(0.1 / 0.2)^2), no effort."""
  import jax

  from mjx_humanoid.core.config.task import TaskConfig
  from mjx_humanoid.physics.body import describe
  from mjx_humanoid.physics.model import build_model
  from mjx_humanoid.physics.states import view_states
  from mjx_humanoid.tasks.task import find_robot, make_task

  monkeypatch.syspath_prepend(str(examples))
  robot = find_robot('humanoid')
  model = build_model(robot)
  task = make_task(TaskConfig(), describe(robot, model))
  views = view_states(model, model.qpos0[None], np.zeros((1, model.nv)))
  contexts = task.context.start(views, np.zeros((1, task.context.draws), np.float32))
  view, context = (jax.tree.map(lambda x: x[0], batch) for batch in (views, contexts))
  total, terms = importlib.import_module('my_reward').lean_and_stand(view, task.body, context)
  assert float(terms['height']) == pytest.approx(0.6, abs=1e-6)
  assert float(terms['lean']) == pytest.approx(0.4 * 0.7788008, abs=1e-6)
  assert float(total) == pytest.approx(0.6 + 0.4 * 0.7788008, abs=1e-6)


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
