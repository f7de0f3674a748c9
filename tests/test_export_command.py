"""Protects the export command and the example that plays its files without this package."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from mjx_humanoid.core.config.files import config_names, load_config
from mjx_humanoid.core.config.schema import resolve
from mjx_humanoid.export import FORMATS, NEXT, main
from mjx_humanoid.playback import export_formats as formats
from mjx_humanoid.playback.find import PRETRAINED
from mjx_humanoid.playback.policy import Policy, load_policy
from mjx_humanoid.playback.rollout import observation_of_start, task_and_model

EXAMPLE = Path(__file__).resolve().parent.parent / 'examples' / 'play_onnx.py'
BLOCKED = ('jax', 'jaxlib', 'flax', 'brax', 'optax', 'mjx_humanoid')


@pytest.fixture
def run_folder(tmp_path):
  """A run with a policy, as far as this command cares; its name has a dot."""
  folder = tmp_path / 'runs' / 'v1.2'
  folder.mkdir(parents=True)
  shutil.copy(PRETRAINED / 'stand.safetensors', folder / 'policy.safetensors')
  return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
  """An empty folder to work in."""
  (tmp_path / 'here').mkdir()
  monkeypatch.chdir(tmp_path / 'here')
  return tmp_path / 'here'


def names(folder):
  return sorted(path.name for path in folder.iterdir())


def test_onnx_with_the_controller_and_the_model_beside_it(here, capsys):
  pytest.importorskip('onnx')
  pytest.importorskip('onnxruntime')
  main(['stand'])
  assert names(here) == ['stand.onnx', 'stand.xml', 'stand_controller.onnx']
  out = capsys.readouterr().out.splitlines()
  assert out[0] == 'wrote stand.onnx, stand_controller.onnx and stand.xml'
  tried = 'tried in onnxruntime: the network on 256 observations, the controller in an episode of '
  assert out[1].startswith(tried)
  assert 'no action differs by more than ' in out[1]
  assert out[2].startswith('next: python examples/play_onnx.py stand.onnx')


def test_npz(here, run_folder, capsys):
  main([str(run_folder), '--format=npz'])
  assert names(here) == ['v1.2.npz']
  with np.load(here / 'v1.2.npz', allow_pickle=False) as file:
    assert json.loads(str(file['metadata']))['robot'] == 'humanoid'
  assert "next: numpy.load('v1.2.npz')" in capsys.readouterr().out


def test_safetensors_of_a_policy_file(here, run_folder, capsys):
  main([str(run_folder / 'policy.safetensors'), '--format=safetensors', '--out=new/mine.safetensors'])
  loaded, original = load_policy(here / 'new' / 'mine.safetensors'), load_policy(run_folder / 'policy.safetensors')
  assert (loaded.task, loaded.info) == (original.task, original.info)
  np.testing.assert_array_equal(loaded.kernels[0], original.kernels[0])
  assert capsys.readouterr().out.splitlines() == [
    'wrote new/mine.safetensors',
    'next: python -m mjx_humanoid.play new/mine.safetensors',
  ]


def test_the_formats_offered_are_those_there_are():
  assert FORMATS == tuple(formats.FORMATS) == tuple(NEXT)


def test_help_says_that_only_safetensors_are_loaded(capsys):
  with pytest.raises(SystemExit):
    main(['--help'])
  assert 'play, evaluate and train load safetensors only' in capsys.readouterr().out


MISTAKES = {
  'no policy': ([], 'policy'),
  'unknown format': (['stand', '--format=onxx'], "choose from 'onnx', 'safetensors', 'npz'"),
  'unknown policy': (['stnad'], "Did you mean 'stand'?"),
  'a file that does not exist': (['none.safetensors'], 'there is no policy file or run'),
  'a folder that is no run': (['EMPTY'], 'holds no policy.safetensors'),
  'a file that is no policy': (['README'], 'README is no .safetensors file'),
  'another suffix': (['stand', '--out=stand.pt'], 'is written as .onnx'),
  'an unknown option': (['stand', '--opset=9'], '--opset'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line_and_no_file(case, here, tmp_path, user_error):
  (tmp_path / 'empty').mkdir()
  (tmp_path / 'README').write_text('not a policy')
  arguments, words = MISTAKES[case]
  places = {'EMPTY': tmp_path / 'empty', 'README': tmp_path / 'README'}
  assert words in user_error(main, [places.get(a, a) for a in arguments])
  assert names(here) == []


def test_nothing_is_overwritten_without_force(here, user_error):
  (here / 'stand.npz').write_text('precious')
  message = user_error(main, ['stand', '--format=npz'])
  assert message == 'stand.npz exists already: give another --out=..., or --force (in Python force=True) to replace it.'
  assert (here / 'stand.npz').read_text() == 'precious'
  main(['stand', '--format=npz', '--force'])
  assert names(here) == ['stand.npz']
  assert (here / 'stand.npz').stat().st_size > 10_000


def test_without_onnx_it_is_one_line(here, user_error, monkeypatch):
  monkeypatch.setitem(sys.modules, 'onnx', None)
  message = user_error(main, ['stand'])
  assert message == "ONNX export needs the extra onnx: pip install 'mjx_humanoid[onnx]'"
  assert names(here) == []


# The example


@pytest.fixture
def example():
  """The example as a module."""
  pytest.importorskip('onnxruntime')
  spec = importlib.util.spec_from_file_location('play_onnx', EXAMPLE)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def test_the_example_plays_the_ready_policy_without_this_package_or_jax(here, tmp_path, run_python):
  pytest.importorskip('onnx')
  pytest.importorskip('onnxruntime')
  main(['stand'])
  for name in BLOCKED:
    (tmp_path / 'blocked' / name).mkdir(parents=True)
    (tmp_path / 'blocked' / name / '__init__.py').write_text(f'raise ImportError("{name} was imported")\n')
  environment = {**os.environ, 'PYTHONPATH': str(tmp_path / 'blocked')}
  for name in BLOCKED:
    assert f'{name} was imported' in run_python('-c', f'import {name}', env=environment).stderr
  result = run_python(EXAMPLE, 'stand.onnx', '--seconds=2', env=environment)
  assert result.returncode == 0, result.stderr
  found = re.search(r'after 2\.0 s the torso is ([\d.]+) m high and ([\d.]+) m from the start', result.stdout)
  height, distance = map(float, found.groups())
  assert height == pytest.approx(1.282, abs=0.05)
  assert distance < 0.5


def test_the_example_imports_numpy_mujoco_and_onnxruntime_alone():
  imported = set(re.findall(r'^\s*(?:import|from) ([a-z_]+)', EXAMPLE.read_text(), re.MULTILINE))
  assert imported - sys.stdlib_module_names == {'mujoco', 'numpy', 'onnxruntime'}


@pytest.mark.parametrize('config', config_names())
def test_the_example_plays_a_policy_of_every_builtin_config(config, example, here, monkeypatch, capsys):
  """Of limp joints, so that those that stand are still up after a tenth of a second."""
  pytest.importorskip('onnx')
  task, model = task_and_model(resolve(load_config(config)).task)
  size, actions = observation_of_start(task, model).shape[-1], task.body.nu
  policy = Policy(
    kernels=(np.full((size, actions), 0.01, np.float32),),
    biases=(np.zeros(actions, np.float32),),
    log_std=np.zeros(actions, np.float32),
    mean=np.zeros(size, np.float32),
    std=np.ones(size, np.float32),
    activation='elu',
    task=task.config,
    info={'name': config},
  )
  formats.export(policy, 'onnx', here / 'p.onnx')
  monkeypatch.setattr(sys, 'argv', ['play_onnx.py', 'p.onnx', '--seconds=0.1', '--command', '1', '0', '0.5'])
  example.main()
  out = capsys.readouterr().out
  height = float(re.search(r'the torso is ([\d.]+) m high', out).group(1))
  if task.body.robot.anatomy:  # a quadruped on its side is as high as one that stands
    assert (height < 0.3) == (task.config.start in ('fallen', 'rising'))
  assert ('cannot observe another' in out) == ('command' not in task.config.observations)


def test_the_example_refuses_a_file_of_another_format(example, here, monkeypatch, make_policy):
  pytest.importorskip('onnx')
  monkeypatch.setattr(formats, 'FORMAT', 4)
  formats.export(make_policy(), 'onnx', here / 'p.onnx')
  monkeypatch.setattr(sys, 'argv', ['play_onnx.py', 'p.onnx', '--seconds=0.1'])
  with pytest.raises(SystemExit, match='of format 4, this example plays 5'):
    example.main()
