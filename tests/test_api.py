"""Protects the package as a library: the commands as functions, with Python's own values and errors that help."""

from __future__ import annotations

import inspect
import json
import pydoc
import shutil
import subprocess
import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest

import mjx_humanoid as mh
from mjx_humanoid.core.config.schema import default_config
from mjx_humanoid.playback.policy import Policy

SMALL = {
  'num_envs': 16,
  'engine': 'native',
  'total_timesteps': 128,
  'evaluation_episodes': 2,
  'network': {'policy_layers': (8,), 'value_layers': (8,)},
  'ppo': {'unroll_length': 4, 'batch_size': 32},
  'task': {'episode_length': 0.2, 'push': {'kind': 'none'}},
}


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  seen, folder = [], str(tmp_path_factory.mktemp('api'))
  return mh.train('stand', run_dir=folder, on_metrics=lambda *x: seen.append(x), **SMALL), seen


def test_importing_the_package_is_light():
  heavy = '*(name for name in ("jax", "mujoco", "numpy") if name in sys.modules)'
  code = f'import sys, mjx_humanoid as mh; print(mh.__all__, {heavy})'
  out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
  assert out.strip().endswith(']')


def test_everything_announced_is_there():
  assert all(getattr(mh, name) is not None for name in mh.__all__)
  with pytest.raises(AttributeError, match="no attribute 'nope'"):
    _ = mh.nope


@pytest.mark.parametrize('name', ['train', 'evaluate', 'export', 'trajectory'])
def test_a_command_is_module_and_function_in_whatever_order(name):
  code = (
    f'import mjx_humanoid as mh; first = mh.{name}; import mjx_humanoid.{name} as module;'
    f'from mjx_humanoid import {name} as third;'
    f'print(first is module is third, callable(mh.{name}), module.main.__name__)'
  )
  out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
  assert out.split() == ['True', 'True', 'main']


def test_a_training_leaves_what_the_command_leaves(run):
  trained, _ = run
  assert trained.folder.name == 'stand'
  config = json.loads((trained.folder / 'config.json').read_text())
  assert (config['num_envs'], config['ppo']['batch_size'], config['ppo']['gamma']) == (16, 32, 0.96)  # 0.96: its file's
  assert trained.report['episodes'] == 2
  assert trained.policy.info['timesteps'] == 128
  assert [m['timesteps'] for m in trained.metrics] == [64, 128]


def test_metrics_are_told_as_they_come(run):
  trained, seen = run
  assert [step for step, _ in seen] == [64, 128]
  assert seen[1][1]['episode_return'] == trained.metrics[1]['episode_return']


def test_a_second_training_gets_a_folder_of_its_own(run):
  trained, _ = run
  again = mh.train('stand', run_dir=str(trained.folder.parent), **{**SMALL, 'total_timesteps': 64})
  assert again.folder.name == 'stand-2'
  assert again.policy.name == 'stand-2'
  with pytest.raises(mh.UserError, match='exists; choose another name, or delete it with overwrite=True'):
    mh.train('stand', name='stand', run_dir=str(trained.folder.parent), **SMALL)


def test_overwrite_deletes_the_run_of_that_name_and_nothing_else(run, tmp_path):
  folder = Path(shutil.copytree(run[0].folder, tmp_path / 'mine'))
  (folder / 'stranger.txt').write_text('of the run before')
  again = mh.train('stand', name='mine', overwrite=True, run_dir=tmp_path, **{**SMALL, 'total_timesteps': 64})
  assert (again.folder, again.policy.info['timesteps']) == (folder, 64)
  assert not (folder / 'stranger.txt').exists()
  (tmp_path / 'thesis').mkdir()
  (tmp_path / 'thesis' / 'thesis.tex').write_text('precious')
  with pytest.raises(mh.UserError, match='is no run'):
    mh.train('stand', name='thesis', overwrite=True, run_dir=tmp_path, **SMALL)
  with pytest.raises(mh.UserError, match='leave out one of them'):
    mh.train(resume=folder, overwrite=True)
  assert (tmp_path / 'thesis' / 'thesis.tex').read_text() == 'precious'


@pytest.mark.parametrize(
  ('config', 'settings', 'message'),
  [
    ('stnad', {}, "no config file 'stnad'"),
    ('stand', {'total_timestep': 1}, "unknown key in config 'total_timestep'. Did you mean 'total_timesteps'"),
    ('stand', {'ppo': {'gama': 1}}, "unknown key in config.ppo 'gama'"),
    ('stand', {'seed': -1}, 'config.seed=-1 is out of range'),
    ('stand', {'ppo': 3}, 'config.ppo is a section of settings'),
  ],
)
def test_mistakes_are_told_and_nothing_is_written(config, settings, message, tmp_path):
  with pytest.raises(mh.UserError, match=message):
    mh.train(config, **{'run_dir': str(tmp_path / 'runs'), **settings})
  assert not (tmp_path / 'runs').exists()


def test_a_config_that_was_given_is_not_changed():
  config = default_config()
  before = config.to_dict()
  with pytest.raises(mh.UserError):
    mh.train(config, seed=-1)
  assert config.to_dict() == before


def test_a_policy_is_a_function():
  policy = mh.load('stand')
  assert isinstance(policy, Policy)
  controls = policy(np.zeros((3, policy.observation_size)))
  assert controls.shape == (3, 21)
  assert np.abs(controls).max() <= 1
  with pytest.raises(mh.UserError, match='takes observations of 52 elements'):
    policy(np.zeros(51))


def test_evaluate_is_the_card_of_the_command(tmp_path, capsys):
  import mjx_humanoid.evaluate as command

  command.main(['stand', '--episodes=3', f'--json={tmp_path / "card.json"}'])
  card = json.loads((tmp_path / 'card.json').read_text())
  assert mh.evaluate('stand', episodes=3)['mean_height'] == card['mean_height']
  assert mh.evaluate(mh.load('stand'), episodes=3, push=400)['survival_rate'] < card['survival_rate']
  assert {**mh.evaluate('stand', episodes=3), 'policy': 'stand'} == card
  with pytest.raises(mh.UserError, match="unknown engine to judge with: 'warp'"):
    mh.evaluate('stand', engine='warp')
  with pytest.raises(mh.UserError, match='episodes=0 is out of range'):
    mh.evaluate('stand', episodes=0)


def test_render_returns_frames_and_writes_a_video(opengl, tmp_path, run):
  small = {'seconds': 0.2, 'width': 64, 'height': 48}
  frames = mh.render('stand', path=tmp_path / 'stand.mp4', **small)
  film = (tmp_path / 'stand.mp4').read_bytes()
  with pytest.raises(mh.UserError, match=r'stand\.mp4 exists already.*force=True'):
    mh.render('stand', path=tmp_path / 'stand.mp4', **small)
  with pytest.raises(mh.UserError, match=r'a video is written as \.mp4'):
    mh.render('stand', path=tmp_path / 'stand.avi', **small)
  assert (tmp_path / 'stand.mp4').read_bytes() == film
  mh.render('walk', path=tmp_path / 'stand.mp4', force=True, **small)
  assert (tmp_path / 'stand.mp4').read_bytes() != film
  assert (frames.shape, frames.dtype) == ((6, 48, 64, 3), np.uint8)
  assert (tmp_path / 'stand.mp4').stat().st_size > 500
  assert mh.render('stand', run[0], 'random', compare=True, **small).shape == (6, 48, 192, 3)
  assert mh.render('stand', mh.load('stand'), **small).shape == (12, 48, 64, 3)
  for nothing in ([], ['random']):
    with pytest.raises(mh.UserError, match='render needs a policy'):
      mh.render(*nothing, compare=True)


def test_what_is_compared_begins_at_the_same_start(opengl, monkeypatch):
  """`getup` was trained from lying, and beside `stand` it stands too."""
  heights = []

  def film(episodes, look, progress, label):
    heights.append(episodes[0][0].paths.start.qpos[0, 2])
    return [np.zeros((2, 2, 3), np.uint8)]

  monkeypatch.setattr('mjx_humanoid.media.film.film', film)
  mh.render('stand', 'getup', compare=True, seconds=0.1)
  assert heights == [pytest.approx(1.282, abs=1e-3)] * 2
  assert heights[0] == heights[1]


def test_a_policy_that_does_not_fit_is_refused_before_any_search(tmp_path, monkeypatch):
  monkeypatch.setattr('mjx_humanoid.run.setup.prepare', lambda config: pytest.fail('it went on'))
  with pytest.raises(mh.UserError, match=r'config\.init_from: follow is of '):
    mh.train('stand', init_from='follow', run_dir=str(tmp_path / 'runs'))
  assert not (tmp_path / 'runs').exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
  (tmp_path / 'runs').write_text('a file')
  with pytest.raises(mh.UserError, match='cannot be made'):
    mh.train('stand', run_dir=str(tmp_path / 'runs'), **SMALL)


def test_export_goes_by_the_ending(tmp_path):
  files = mh.export('stand', tmp_path / 'stand.npz')
  assert files == [tmp_path / 'stand.npz']
  with pytest.raises(mh.UserError, match='exists'):
    mh.export('stand', tmp_path / 'stand.npz')
  with pytest.raises(mh.UserError, match='onnx'):
    mh.export('stand', tmp_path / 'stand.pt')


def test_a_trajectory_is_arrays_and_files(tmp_path):
  path = mh.trajectory('stand', seconds=0.1, path=tmp_path / 'stand.xml')
  model = mujoco.MjModel.from_xml_path(str(tmp_path / 'stand.xml'))
  np.testing.assert_array_equal(model.key_qpos, path.qpos)
  np.testing.assert_allclose(path.torque, path.ctrl * model.actuator_gear[:, 0])
  for name in ('stand.csv', 'stand.npz', 'stand.png'):
    mh.trajectory('stand', seconds=0.1, path=tmp_path / name)
    assert (tmp_path / name).stat().st_size > 1000
  with pytest.raises(mh.UserError, match=r'written as \.xml, \.npz, \.csv, \.png'):
    mh.trajectory('stand', seconds=0.1, path=tmp_path / 'stand.pdf')
  with pytest.raises(mh.UserError, match='exists'):
    mh.trajectory('stand', seconds=0.1, path=tmp_path / 'stand.csv')


# Python's own values, and what is shown of things


def test_values_of_numpy_and_paths_are_taken_and_plain_ones_returned(tmp_path, run):
  trained, _ = run
  settings = {**SMALL, 'total_timesteps': np.int64(64), 'seed': np.int64(3)}
  again = mh.train(name='again', run_dir=tmp_path, init_from=trained, stop_when_passed=np.bool_(False), **settings)
  card = mh.evaluate(again, episodes=np.int64(2), seed=np.int64(1), push=np.float32(10))
  for value in (again.report, again.metrics, card, again.policy.info):
    json.dumps(value)
  assert again.policy.info['init_from'] == str(trained.folder)
  assert again.policy.info['seed'] == 3


def test_a_training_begins_from_a_policy_in_memory(tmp_path, run):
  trained, _ = run
  settings = {**SMALL, 'total_timesteps': 64, 'ppo': {**SMALL['ppo'], 'learning_rate': 1e-12, 'ema_decay': 0.0}}
  again = mh.train(name='again', run_dir=tmp_path, init_from=trained.policy, **settings)
  np.testing.assert_allclose(again.policy.kernels[0], trained.policy.kernels[0], atol=1e-6)


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path))
  monkeypatch.chdir(tmp_path)
  trained = mh.train(name='mine', run_dir='~/runs', **{**SMALL, 'total_timesteps': 64})
  assert trained.folder == tmp_path / 'runs' / 'mine'
  assert mh.load('~/runs/mine').name == 'mine'
  assert not (tmp_path / '~').exists()


@pytest.mark.parametrize('function', [mh.render, mh.trajectory])
@pytest.mark.parametrize('wrong', [{'seconds': 0}, {'command': (99, 0, 0)}, {'seed': -1}])
def test_ranges_are_those_of_the_commands(function, wrong):
  with pytest.raises(mh.UserError, match='out of range'):
    function('stand', **wrong)


def test_what_is_shown_of_things_is_short(run):
  trained, _ = run
  traced = mh.trajectory('stand', seconds=0.1)
  assert repr(trained).startswith(f'Run({str(trained.folder)!r}, ')
  assert "Policy('stand', 52 observations, 21 actions" in repr(trained.policy)
  assert repr(traced) == "Trajectory('humanoid', 6 control steps up to 0.100 s)"
  assert all(len(repr(thing)) < 200 for thing in (trained.policy, traced))


def test_a_trajectory_gives_a_sensor_by_its_name():
  traced = mh.trajectory('stand', seconds=0.1)
  place = traced.body.sensors['foot_left_pos']
  np.testing.assert_array_equal(traced.sensor('foot_left_pos'), traced.sensordata[:, place])
  assert traced.sensor('foot_left_pos').shape == (6, 3)
  with pytest.raises(mh.UserError, match="Did you mean 'foot_left_pos'"):
    traced.sensor('foot_left_po')


def test_help_shows_the_real_signature():
  assert list(inspect.signature(mh.train).parameters)[:2] == ['config', 'name']
  assert 'episodes' in inspect.signature(mh.evaluate).parameters
  assert 'on_metrics' in pydoc.render_doc(mh.train, renderer=pydoc.plaintext)


def test_a_run_goes_on_with_other_settings_or_is_refused(tmp_path):
  first = mh.train(name='mine', run_dir=tmp_path, **{**SMALL, 'total_timesteps': 64})
  again = mh.train(resume=first, total_timesteps=128)
  assert again.folder == first.folder
  assert again.policy.info['timesteps'] == 128
  assert [m['timesteps'] for m in again.metrics if 'kl' in m] == [64, 128]
  with pytest.raises(mh.UserError, match='leave out config and name'):
    mh.train('walk', resume=str(first.folder))
  with pytest.raises(mh.UserError, match=r'config\.seed cannot change'):
    mh.train(resume=first.folder, seed=5)


@pytest.mark.parametrize('function', [mh.render, mh.trajectory])
def test_a_start_strength_out_of_range_is_refused(function, make_policy):
  with pytest.raises(mh.UserError, match=r'start_strength=101 is out of range: 0 to 100'):
    function(make_policy(), start_strength=101, seconds=0.1)
