"""Code of the user's own from training to export: kept by the run, played from anywhere, run where it is allowed."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
from tiny import TINY, as_arguments

import mjx_humanoid as mh
from mjx_humanoid import evaluate, export, train, trajectory
from mjx_humanoid.core import trust, user_objects
from mjx_humanoid.core.config.schema import default_config
from mjx_humanoid.playback.find import load

MINE = """
from __future__ import annotations
from dataclasses import dataclass
from near import SCALE

@dataclass
class Weights:
  height: float = SCALE

def reward(view, body, context):
  return Weights().height * body.height(view), {'tall': body.height(view)}

def observation(view, body, context):
  return SCALE * body.up(view)[..., :2]

def termination(view, body, context):
  return body.height(view) < 0.5

def start(body, rng, strength, settle):
  return body.default_qpos[None].repeat(len(strength), 0), 0.01 * rng.normal(size=(len(strength), body.nv))

def command(config, uniform):
  return 0.1 * uniform[..., :3]

def push(force, seconds, mass, first):
  return force, None

def mass(model, rng, strength):
  model.body_mass *= rng.uniform(1 - strength, 1 + strength)

def curriculum(level, terminated, truncated, steps):
  return (level + 1 / steps).clip(0.1, 1.0)

def card(figures, paths, body):
  \"\"\"Up to the end.\"\"\"
  return figures['survived'] == 1
"""
OWN = {
  'name': 'own',
  'network.symmetric': False,
  'curriculum': 'sub/mine.py:curriculum',
  'task.reward': 'sub/mine.py:reward',
  'task.observations': 'joint_positions,sub/mine.py:observation,command',
  'task.termination': 'sub/mine.py:termination',
  'task.start': 'sub/mine.py:start',
  'task.command.kind': 'sub/mine.py:command',
  'task.push.kind': 'sub/mine.py:push',
  'task.push.interval': 0.1,
  'task.push.duration': 0.05,
  'task.card': 'sub/mine.py:card',
  'task.randomization.sub/mine.py:mass': 0.1,
}


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  """A run of which everything is the user's own, moved elsewhere; the folder that it was trained in is gone."""
  folder = tmp_path_factory.mktemp('work')
  (folder / 'sub').mkdir()
  (folder / 'sub' / 'mine.py').write_text(MINE)
  (folder / 'sub' / 'near.py').write_text('SCALE = 2.0\n')
  here = os.getcwd()
  os.chdir(folder)
  try:
    train.main(as_arguments({**TINY, **OWN}))
  finally:
    os.chdir(here)
  moved = shutil.move(folder / 'runs' / 'own', tmp_path_factory.mktemp('elsewhere') / 'moved')
  shutil.rmtree(folder)
  return moved


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
  """A copy that may be changed, seen from a later process of the same user in another folder."""
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(trust, '_allowed', set())
  monkeypatch.setattr(user_objects, '_given', {})
  return shutil.copytree(trained, tmp_path / 'moved')


@pytest.fixture
def stranger(tmp_path, monkeypatch):
  """Another user."""
  monkeypatch.setenv('XDG_DATA_HOME', str(tmp_path / 'stranger'))


def test_the_run_names_what_the_user_typed(run):
  task = json.loads((run / 'config.json').read_text())['task']
  assert task['observations'] == ['joint_positions', 'sub/mine.py:observation', 'command']
  assert task['randomization'] == {'sub/mine.py:mass': 0.1}
  assert json.loads((run / 'report.json').read_text())['card'] == 'sub/mine.py:card'


def test_it_is_judged_from_anywhere(run, capsys):
  evaluate.main([str(run), '--episodes=2'])
  card = json.loads((run / 'card.json').read_text())
  assert card['criteria'] == 'Up to the end.'
  assert list(card['return_by_term']) == ['tall']
  assert card['return'] == pytest.approx(2 * card['return_by_term']['tall'], rel=1e-4)  # SCALE


def test_it_is_resumed_from_anywhere(run):
  before = (run / 'config.json').read_text()
  train.main([f'--resume={run}', '--config.total_timesteps=320'])
  assert (run / 'config.json').read_text() == before.replace('"total_timesteps": 256', '"total_timesteps": 320')


def test_it_is_exported_and_traced_from_anywhere(run, tmp_path):
  export.main([str(run), '--format=npz', f'--out={tmp_path / "own.npz"}'])
  with np.load(tmp_path / 'own.npz') as file:
    described = json.loads(str(file['metadata']))
  assert list(described['observations']) == ['joint_positions', 'sub/mine.py:observation', 'command']
  assert described['task']['start'] == 'sub/mine.py:start'
  trajectory.main([str(run), '--seconds=0.2', f'--out={tmp_path / "path"}'])
  assert (tmp_path / 'path.xml').is_file()


def test_a_policy_file_alone_says_what_is_missing(run, tmp_path, user_error):
  export.main([str(run), '--format=safetensors', f'--out={tmp_path / "own.safetensors"}'])
  assert user_error(evaluate.main, [tmp_path / 'own.safetensors']) == (
    'policy own observes sub/mine.py:observation, which is missing: play it from its run folder, or put the file at'
    f' {tmp_path}/sub/mine.py.'
  )
  place = next((run / 'own_code').glob('mine-*'))
  shutil.copytree(place, tmp_path / 'sub')
  evaluate.main([str(tmp_path / 'own.safetensors'), '--episodes=2'])
  (tmp_path / 'sub' / 'near.py').write_text('SCALE = 3.0\n')
  assert 'is not as it was when the policy was trained' in user_error(evaluate.main, [tmp_path / 'own.safetensors'])


@pytest.mark.parametrize('command', [evaluate, export, trajectory])
def test_code_of_somebody_else_runs_only_where_it_is_allowed(run, stranger, user_error, command):
  message = user_error(command.main, [run])
  assert f'{run}/own_code/mine-' in message
  assert 'is code that you have not run before (SHA-256 ' in message
  assert message.endswith('allow it with --allow-code, or allow_code=True in Python.')


def test_a_run_of_somebody_else_is_not_resumed_unless_its_code_is_allowed(run, stranger, user_error):
  message = user_error(train.main, [f'--resume={run}', '--config.total_timesteps=320'])
  assert 'is code that you have not run before' in message
  train.main([f'--resume={run}', '--config.total_timesteps=320', '--allow-code'])
  assert len(trust.remembered()) == 2  # trained with it now, for recordings and for the next time


def test_allowed_code_of_somebody_else_runs(run, stranger):
  card = mh.evaluate(run, episodes=2, allow_code=True)
  assert list(card['return_by_term']) == ['tall']
  assert trust.remembered() == {}


def test_a_reward_of_somebody_else_is_left_out(run, stranger):
  from mjx_humanoid.run.evaluation import evaluate_policy

  policy = load('stand')
  reward = json.loads((run / 'own_code' / 'manifest.json').read_text())['references']['sub/mine.py:reward']
  policy = dataclasses.replace(policy, task=dataclasses.replace(policy.task, reward=str(run / 'own_code' / reward)))
  card = evaluate_policy(policy, episodes=1).card
  assert (card['return'], card['return_by_term']) == (None, {})
  assert 'is code that you have not run before' in card['return_note']


# What does not work is said before training


@pytest.mark.parametrize(
  ('setting', 'line', 'message'),
  [
    ('reward', 'return 1.0 if view.qpos[2] > 1 else 0.0', '(bad.py, line 2): TracerBoolConversionError'),
    ('observations', 'return view.qpos[2:4]', 'has shape (2,) for one environment and (2, 28) for a batch of 64'),
    ('termination', 'return view.qpos[2] < 0.5', 'has shape () for one environment and (28,) for a batch of 64'),
  ],
)
def test_what_cannot_work_is_refused_before_a_folder_is_made(
  tmp_path, monkeypatch, tiny_arguments, user_error, setting, line, message
):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'bad.py').write_text(f'def f(view, body, context):\n  {line}\n')
  arguments = tiny_arguments(**{f'task__{setting}': 'bad.py:f'})
  assert message in user_error(train.main, arguments)
  assert not (tmp_path / 'tiny').exists()


# Python objects


def test_functions_of_a_session_train_play_and_say_what_will_not_work(tmp_path, monkeypatch, capsys):
  config = default_config()
  config.update_from_flattened_dict({**TINY, 'run_dir': str(tmp_path), 'network.symmetric': False})

  def near(view, body, context):
    return body.up(view)

  run = mh.train(config, name='session', task={'observations': ['joint_positions', near]})
  assert 'note: observation near is defined in another function: play, evaluate' in capsys.readouterr().out
  assert mh.evaluate(run, episodes=1, card=lambda figures, paths, body: figures['survived'] >= 0)['passed']
  monkeypatch.setattr(user_objects, '_given', {})  # as another process sees it
  with pytest.raises(mh.UserError, match="observation 'python:near' was given as a Python object"):
    mh.evaluate(run, episodes=1)
  policy = mh.load(run.folder, own={'near': near})
  assert mh.evaluate(policy, episodes=1)['episodes'] == 1


def test_a_script_that_trains_when_it_is_loaded_is_stopped(tmp_path):
  path = tmp_path / 'script.py'
  path.write_text('import mjx_humanoid as mh\ndef f(view, body, context): return 1.0\nmh.train("stand")\n')
  with pytest.raises(mh.UserError, match=r'script\.py trains when it is loaded: put that under `if __name__'):
    mh.train('stand', run_dir=str(tmp_path), task={'reward': f'{path}:f'})


def test_gymnasium_environments_take_what_the_user_typed(tmp_path, monkeypatch):
  gymnasium = pytest.importorskip('gymnasium')
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'mine.py').write_text('def f(view, body, context):\n  return 0.5\n')
  env = gymnasium.make('mjx_humanoid/Stand-v0', reward='mine.py:f')
  env.reset(seed=0)
  assert env.step(np.zeros(env.action_space.shape, np.float32))[1] == 0.5


def test_sensors_of_a_robot_of_the_users_own_are_listed(tmp_path, capsys):
  from mjx_humanoid import __main__

  text = 'import dataclasses\nfrom mjx_humanoid.robots.humanoid import ROBOT as HUMANOID\n'
  (tmp_path / 'robot.py').write_text(text + "MINE = dataclasses.replace(HUMANOID, name='mine')\n")
  __main__.main([f'--sensors={tmp_path}/robot.py:MINE'])
  assert 'torso_pos' in capsys.readouterr().out
