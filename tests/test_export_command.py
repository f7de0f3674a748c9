"""Protects the export command and the example that plays its file without this package."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import re
import shutil
import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest
from mjx_humanoid.tasks.context.guide import DRAWS

from mjx_humanoid.core.config.files import config_names, load_config
from mjx_humanoid.core.config.schema import TaskConfig, resolve
from mjx_humanoid.export import FORMATS, NEXT, main
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.playback import export_formats as formats
from mjx_humanoid.playback.find import PRETRAINED
from mjx_humanoid.playback.policy import Policy, load_policy
from mjx_humanoid.playback.rollout import make_scene

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


def test_onnx_and_the_model_beside_it(here, capsys):
  pytest.importorskip('onnx')
  pytest.importorskip('onnxruntime')
  main(['stand'])
  assert names(here) == ['stand.onnx', 'stand.xml']
  out = capsys.readouterr().out.splitlines()
  assert out[0] == 'wrote stand.onnx and stand.xml'
  assert out[1].startswith('tried in onnxruntime on 256 observations: no action differs by more than ')
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


def test_help_says_that_only_safetensors_are_played(capsys):
  with pytest.raises(SystemExit):
    main(['--help'])
  assert 'play, evaluate and train take safetensors only' in capsys.readouterr().out


MISTAKES = {
  'no policy': ([], 'policy'),
  'unknown format': (['stand', '--format=onxx'], "choose from 'onnx', 'safetensors', 'npz'"),
  'unknown policy': (['stnad'], "Did you mean 'stand'?"),
  'a file that does not exist': (['none.safetensors'], 'there is no policy file or run'),
  'a folder that is no run': (['EMPTY'], 'holds no policy.safetensors'),
  'a file that is no policy': (['README'], 'is not a readable policy file'),
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


def task_of(config, command):
  """Of a built-in config, with this command."""
  return dataclasses.replace(resolve(load_config(config)).task, commands='fixed', command=command)


@pytest.mark.parametrize('command', [(0.8, -0.3, 0.5), (0.0, 0.0, 0.0)])
@pytest.mark.parametrize('config', config_names())
def test_the_example_sees_what_the_package_shows(config, command, example):
  """In random states, over a few control steps of every built-in config, walking and turning or asked for nothing."""
  task = task_of(config, command)
  scene, rng = make_scene(task), np.random.default_rng(0)
  about = {'observations': task.observations, 'task': vars(task), 'control_step': scene.body.control_step}
  robot = scene.body.robot
  about |= {'fallen_height': robot.fallen_height, 'off_balance_height': robot.off_balance_height}
  data = mujoco.MjData(scene.model)
  zeros = np.zeros((1, DRAWS))
  context = scene.guide.start(scene.model.qpos0[None].astype(np.float32), scene.body.nu, zeros)
  guide = example.Guide(about, task.command, scene.model.qpos0[2])
  for _ in range(20):
    data.qpos[:], data.qvel[:] = rng.normal(size=scene.model.nq), rng.normal(size=scene.model.nv)
    data.qpos[:2] *= 0.1  # near its place and away from it
    data.qpos[2] += 0.8  # up and down
    data.qvel[:2] *= 0.1
    data.qpos[3:7] /= np.linalg.norm(data.qpos[3:7])
    shown = scene.observe(view_states(scene.model, data.qpos[None], data.qvel[None]), scene.body, context)[0]
    seen = example.observe(data, about, guide)
    np.testing.assert_allclose(seen, shown, atol=1e-5)
    view = view_states(scene.model, data.qpos[None], data.qvel[None])
    context = scene.guide.advance(context, view, zeros)
    guide.advance(data)


@pytest.mark.parametrize('config', config_names())
def test_the_example_plays_a_policy_of_every_builtin_config(config, example, here, monkeypatch, capsys):
  pytest.importorskip('onnx')
  task = task_of(config, (0.8, -0.3, 0.5))
  scene = make_scene(task)
  sizes = {
    'joint_positions': 25,
    'posture': 25,
    'joint_velocities': 27,
    'heading_error': 2,
    'position_error': 2,
    'cross_track_error': 1,
    'gait_phase': 2,
    'gait_clock': 2,
  }
  size = sum({**sizes, 'command': 3}[name] for name in task.observations)
  policy = Policy(
    kernels=(np.full((size, scene.body.nu), 0.01, np.float32),),
    biases=(np.zeros(scene.body.nu, np.float32),),
    log_std=np.zeros(scene.body.nu, np.float32),
    mean=np.zeros(size, np.float32),
    std=np.ones(size, np.float32),
    activation='elu',
    task=task,
    info={'name': config},
  )
  formats.export(policy, 'onnx', here / 'p.onnx')
  monkeypatch.setattr(sys, 'argv', ['play_onnx.py', 'p.onnx', '--seconds=0.1', '--command', '1', '0', '0.5'])
  example.main()
  height = float(re.search(r'the torso is ([\d.]+) m high', capsys.readouterr().out).group(1))
  assert (height < 0.3) == (task.start in ('fallen', 'rising'))


def test_the_example_says_which_observation_it_does_not_read(example, here, monkeypatch, make_policy):
  pytest.importorskip('onnx')
  task = dataclasses.replace(TaskConfig(), observations=('joint_positions', 'contact_forces'))
  size = 25 + 16  # joint positions, and the bodies that may touch the floor
  limp = {'kernels': (np.zeros((size, 21), np.float32),), 'biases': (np.zeros(21, np.float32),)}
  scale = {'mean': np.zeros(size, np.float32), 'std': np.ones(size, np.float32)}
  formats.export(make_policy(task=task, **limp, **scale), 'onnx', here / 'p.onnx')
  monkeypatch.setattr(sys, 'argv', ['play_onnx.py', 'p.onnx', '--seconds=0.1'])
  with pytest.raises(SystemExit, match='sees contact_forces, of sensors that this example does not read'):
    example.main()
