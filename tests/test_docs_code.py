"""Protects README and docs: the commands and the code that they show work as they stand there."""

from __future__ import annotations

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
from pages import ALL, ROOT
from tiny import TINY

EXAMPLES = pages.blocks('example')


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
