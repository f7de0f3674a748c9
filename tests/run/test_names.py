"""Protects runs of any name, in a folder of any name: they train, resume and play, or are refused before anything."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('hypothesis')

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from points import POINTS, STEPS, card, point_setup
from tiny import TINY, as_arguments

from mjx_humanoid import play, train
from mjx_humanoid.core.network import Actor
from mjx_humanoid.playback.find import load
from mjx_humanoid.rl.collect import Collected
from mjx_humanoid.run import array_files, report_cards
from mjx_humanoid.run import start as start_module
from mjx_humanoid.run.checkpoint import CheckpointStore
from mjx_humanoid.run.logger import read_metrics
from mjx_humanoid.run.trainer import Snapshot, TrainState

# What shells, options, paths, patterns, markup, formats and encodings read as something else than a letter.
ODD = [
  '%', '%s', '%20', '[', ']', '[a]', '[/red]', '\\', '\n', '\t', '\r', '\x1b[31m', '-', '--', '~', '~root', '@',
  '@best', '@8', ' ', '.', '..', '*', '?', '{x}', '{', '$HOME', '#', '"', "'", '/', ':', 's3:', '\0', 'x' * 120,
  'é', 'e\u0301', '人', '🤖', '\u202e', '\u00a0', '\u2028', '.mp4', '.safetensors', '.py', '.partial',
]  # fmt: skip
LETTERS = st.characters(exclude_categories=('Cs',))
NAMES = st.lists(st.sampled_from(ODD) | LETTERS, max_size=6).map(''.join)
PARENTS = NAMES.map(lambda name: name.replace('/', '_').replace('\0', '_')).filter(lambda name: name not in ('.', '..'))
SMALL = ['--config.total_timesteps=8', '--config.checkpoint_interval=0', '--config.render_interval=0']
CHEAP = {'deadline': None, 'derandomize': True, 'database': None}
CHECKS = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)


LEARNER = Actor((np.ones((1, 1)),), (np.zeros(1),), np.zeros(1), np.zeros(1), np.ones(1), None)
STILL = TrainState(LEARNER, Collected(np.zeros((POINTS, 1)), np.zeros(POINTS), np.zeros(2)), np.zeros(2), 0)
ALGORITHM = SimpleNamespace(
  unroll_length=STEPS,
  actor=lambda learner: learner,
  kept=lambda learner: learner,
  apart=lambda learner: {},
  restored=lambda fresh, kept: kept,
)


class NoLearning:
  """Stands for the trainer: it counts iterations and learns nothing, so that nothing is compiled."""

  steps_per_iteration = POINTS * STEPS

  def __init__(self, setup):
    pass

  def start(self, actor=None):
    return STILL

  def step(self, state):
    measured = dict.fromkeys(('episodes', 'episode_return', 'episode_length', 'diverged'), 0.0)
    return state._replace(iteration=state.iteration + 1), measured

  def restarts_at(self, iteration):
    return False

  def runs_ahead(self, state):
    return False

  def snapshot(self, state):
    carry = state.carry
    return Snapshot(state.learner, carry.env, carry.key, state.key, {'position': carry.physics}, state.iteration)

  def placed(self, state):
    return state

  computing = contextlib.nullcontext


@pytest.fixture
def no_learning(monkeypatch):
  """The command trains nothing, and NumPy writes the arrays: all that deals with names is real."""

  def set_up(config, *, resume=False):
    own = {name: getattr(config, name) for name in ('name', 'run_dir', 'total_timesteps')}
    base = point_setup(render_interval=0)
    return dataclasses.replace(base, algorithm=ALGORITHM, config=dataclasses.replace(base.config, **own))

  def write_arrays(folder, arrays):
    folder.mkdir()
    np.savez(folder / 'arrays.npz', **arrays)

  def read_arrays(folder):
    with np.load(folder / 'arrays.npz') as file:
      return dict(file)

  monkeypatch.setattr(start_module, 'set_up', set_up)
  monkeypatch.setattr(array_files, 'write', write_arrays)  # Orbax sees none of these names, see plain_path
  monkeypatch.setattr(array_files, 'read', read_arrays)
  monkeypatch.setattr(report_cards, 'judge_policy', card)
  monkeypatch.setattr('mjx_humanoid.run.loop.Trainer', NoLearning)


def command(*arguments: str) -> tuple[str, str]:
  """What the command prints, and the one line of its error, which is empty if it came to its end."""
  out, errors = io.StringIO(), io.StringIO()
  with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
    try:
      train.main(arguments)
    except SystemExit as end:
      assert end.code == 2
      lines = errors.getvalue().splitlines()
      assert len(lines) == 1, lines
      assert lines[0].startswith('error: ')
      return out.getvalue(), lines[0]
  return out.getvalue(), ''


def words_after(text: str, start: str) -> list[str]:
  """What a shell makes of the text after `start`."""
  lexer = shlex.shlex(text.partition(start)[2], posix=True, punctuation_chars=False)
  lexer.whitespace_split = True
  lexer.commenters = ''
  return [next(lexer)]


def try_name(parent: Path, name: str, first: list[str], more: str, steps: list[int]) -> bool:
  """Trains and resumes a run, loads it, and makes the file of its film.

  Returns whether its name was accepted; else checks that nothing was written.
  """
  before = sorted(parent.parent.rglob('*'))
  printed, error = command(*first, f'--config.run_dir={parent}', f'--config.name={name}')
  if error:
    assert sorted(parent.parent.rglob('*')) == before
    return False
  folder = parent / name
  assert words_after(printed, 'mjx_humanoid.play ') == [str(folder)]
  assert command(f'--resume={folder}', more)[1] == ''
  assert CheckpointStore(folder / 'checkpoints', 9).steps() == steps
  assert read_metrics(folder)[-1]['timesteps'] == steps[-1]
  assert 'exists' in command(*first, f'--config.run_dir={parent}', f'--config.name={name}')[1]
  for step in steps[1:]:
    assert load(f'{folder}@{step}').info['timesteps'] == step
  policy = load(str(folder))
  assert (policy.name, policy.info['timesteps']) == (name, steps[-1])
  film = play.output(play.parse(words_after(printed, 'mjx_humanoid.play ')))
  assert (film.parent, film.suffix) == (Path(), '.mp4')
  (parent / film).touch()
  return True


@pytest.mark.parametrize(
  ('parent', 'name'),
  [('a[b]', '[/red]\\'), ('-x %20', '--\'v" @8'), ('人 é', '.safetensors'), ('@best', 's3:$HOME*?'), ('~', 'x' * 200)],
)
def test_a_run_of_an_odd_name_trains_resumes_and_plays(no_learning, tmp_path, parent, name):
  (tmp_path / 'p').mkdir()
  assert try_name(tmp_path / 'p' / parent, name, SMALL, '--config.total_timesteps=16', [0, 8, 16])


@pytest.mark.slow
@settings(max_examples=200, suppress_health_check=CHECKS, **CHEAP)
@given(parent=PARENTS, name=NAMES)
def test_a_run_of_any_name_trains_resumes_and_plays_or_is_refused_in_a_line(
  no_learning, tmp_path_factory, parent, name
):
  folder = tmp_path_factory.mktemp('names') / 'p'
  folder.mkdir()
  try_name(folder / parent, name, SMALL, '--config.total_timesteps=16', [0, 8, 16])


@pytest.mark.slow
@settings(max_examples=200, suppress_health_check=CHECKS, deadline=None, database=None)
@given(parent=PARENTS, name=NAMES)
def test_a_run_of_any_name_with_a_real_training(tmp_path_factory, parent, name):
  folder = tmp_path_factory.mktemp('names') / 'p'
  folder.mkdir()
  tiny = as_arguments({**TINY, 'total_timesteps': 64, 'checkpoint_interval': 0})
  try_name(folder / parent, name, tiny, '--config.total_timesteps=128', [0, 64, 128])


REFUSED = {
  '': 'it must name a folder below config.run_dir',
  '..': 'it must name a folder below config.run_dir',
  '/tmp/x': 'it must name a folder below config.run_dir',
  'a/../../b': 'it must name a folder below config.run_dir',
  'a\nb': 'characters that cannot be printed',
  'a\0b': 'characters that cannot be printed',
  '\x1b[31mred': 'characters that cannot be printed',
  'x' * 201: 'longer than 200 bytes',
  '人' * 67: 'longer than 200 bytes',
}


@pytest.mark.parametrize('name', REFUSED)
def test_a_name_that_is_refused(tmp_path, name):
  assert REFUSED[name] in command(f'--config.run_dir={tmp_path}', f'--config.name={name}')[1]
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('run_dir', ['-x', '@a', '%', 'a\nb', './~', 'a b'])
def test_a_relative_folder_of_any_name(no_learning, tmp_path, monkeypatch, run_dir):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setenv('HOME', str(tmp_path / 'home'))
  printed, error = command(*SMALL, f'--config.run_dir={run_dir}', '--config.name=-v')
  assert error == ''
  typed = words_after(printed, 'mjx_humanoid.play ')[0]
  assert not typed.startswith(('-', '~'))
  assert Path(typed).resolve() == tmp_path / run_dir.removeprefix('./') / '-v'
  assert load(typed).info['timesteps'] == 8


def test_a_home_folder_is_meant_by_a_tilde(no_learning, tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path))
  assert command(*SMALL, '--config.run_dir=~/runs', '--config.name=x')[1] == ''
  assert load('~/runs/x').info['timesteps'] == load('~/runs/x@8').info['timesteps'] == 8
