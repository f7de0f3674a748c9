"""Protects --resume and --overwrite of the train command: what fits, what is refused, and what stays."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mjx_humanoid import train
from mjx_humanoid.playback.find import load
from mjx_humanoid.run.checkpoint import CheckpointStore


def test_a_run_folder_that_exists_is_left_as_it_is(tiny_arguments, user_error, run_copy, snapshot):
  before = snapshot(run_copy)
  message = user_error(train.main, [*tiny_arguments(), '--config.name=copy'])
  assert f'the run folder {run_copy} exists' in message
  assert f'--resume={run_copy}' in message
  assert '--overwrite' in message
  assert snapshot(run_copy) == before


def test_a_run_folder_that_cannot_be_made(tiny_arguments, user_error, tmp_path):
  (tmp_path / 'file').write_text('')
  message = user_error(train.main, tiny_arguments(run_dir=tmp_path / 'file'))
  assert f'{tmp_path}/file/tiny/config.json cannot be written: {tmp_path}/file is not a folder' in message


@pytest.mark.parametrize('kind', ['missing', 'empty', 'no checkpoint', 'damaged config', 'empty config'])
def test_resuming_what_is_no_run(kind, user_error, tmp_path, finished_run, snapshot):
  folder = tmp_path / 'folder'
  if kind != 'missing':
    folder.mkdir()
  if kind == 'no checkpoint':  # of a run that had some, whose policy would be replaced by one that learned nothing
    for name in ('config.json', 'policy.safetensors'):
      (folder / name).write_bytes((finished_run / name).read_bytes())
  if kind == 'empty config':
    (folder / 'config.json').write_text('')
  if kind == 'damaged config':
    (folder / 'config.json').write_text('{"seed": ')
  before = snapshot(tmp_path)
  message = user_error(train.main, [f'--resume={folder}'])
  words = {
    'missing': 'is not a run',
    'empty': 'is not a run',
    'no checkpoint': 'no complete checkpoint',
    'damaged config': 'is not a readable config',
    'empty config': '--overwrite',
  }
  assert words[kind] in message
  assert snapshot(tmp_path) == before


RESUMES = {
  'another network': ('--config.network.policy_layers=24', 'config.network.policy_layers cannot change'),
  'other worlds': ('--config.num_envs=32', 'config.num_envs cannot change when a run goes on'),
  'another engine': ('--config.engine=mjx', 'was trained with config.engine=native, and here it is mjx'),
  'another unroll': ('--config.ppo.unroll_length=2', 'config.ppo.unroll_length=2 is not that of the run'),
  'another name': ('--config.name=other', 'config.name cannot change when a run goes on'),
  'another robot': ('--config.task.robot=humanoid_pd', 'config.task.robot cannot change when a run goes on'),
  'another order of observations': (
    '--config.task.observations=joint_velocities,joint_positions',
    'config.task.observations cannot change when a run goes on',
  ),
  'another nonlinearity': ('--config.network.activation=relu', 'use --config.init_from='),
  'another start': ('--config.init_from=walk', 'config.init_from cannot change when a run goes on'),
  'nothing left to do': ('--config.total_timesteps=256', 'this run has reached its 256 steps'),
  'a bad setting': ('--config.seed=-1', 'out of range'),
  'minibatches that do not fit': ('--config.ppo.batch_size=33', 'do not divide into minibatches'),
}


@pytest.mark.parametrize('case', RESUMES)
def test_a_refused_resume_leaves_the_run_as_it_was(case, run_copy, user_error, snapshot):
  """Else the mistake would be in its config.json, and the next plain --resume would fail too."""
  argument, words = RESUMES[case]
  before = snapshot(run_copy)
  assert words in user_error(train.main, [f'--resume={run_copy}', argument])
  assert snapshot(run_copy) == before


def test_a_run_that_is_running_is_not_resumed(run_copy, user_error, snapshot):
  from mjx_humanoid.run.lock import RunLock

  with RunLock(run_copy):
    before = snapshot(run_copy)
    assert 'is being trained by process' in user_error(train.main, [f'--resume={run_copy}'])
    assert 'is being trained by process' in user_error(
      train.main,
      [f'--config.run_dir={run_copy.parent}', '--config.name=copy', '--overwrite', *FEW],
    )
    assert snapshot(run_copy) == before


def test_a_run_that_was_killed_before_it_saved_anything_starts_again(run_copy, finished_run):
  shutil.rmtree(run_copy / 'checkpoints')
  (run_copy / 'policy.safetensors').unlink()
  train.main([f'--resume={run_copy}'])
  again, once = (CheckpointStore(run / 'checkpoints', 9).load()[1] for run in (run_copy, finished_run))
  assert [name for name in once if once[name].tobytes() != again[name].tobytes()] == []
  assert len((run_copy / 'metrics.jsonl').read_text().splitlines()) == 4


def test_a_run_that_was_killed_between_its_last_checkpoint_and_its_report_is_judged(run_copy):
  (run_copy / 'report.json').unlink()
  train.main([f'--resume={run_copy}'])
  assert json.loads((run_copy / 'report.json').read_text())['timesteps'] == 256


def test_a_run_goes_on_from_an_earlier_checkpoint(run_copy, user_error, finished_run, tmp_path):
  assert 'there are [0, 128, 256]' in user_error(train.main, [f'--resume={run_copy}@7'])
  train.main([f'--resume={run_copy}@128', '--config.total_timesteps=192'])
  assert CheckpointStore(run_copy / 'checkpoints', 9).steps() == [0, 128, 192]
  assert [json.loads(line)['timesteps'] for line in (run_copy / 'metrics.jsonl').read_text().splitlines()][-1] == 192


# Begun again

FEW = ['--config.num_envs=16', '--config.engine=native', '--config.ppo.unroll_length=4', '--config.ppo.batch_size=32']


def test_overwrite_deletes_the_run_and_trains_a_new_one(run_copy, tiny_arguments):
  (run_copy / 'stranger.txt').write_text('of the run before')
  train.main([*tiny_arguments(total_timesteps=64), '--config.name=copy', '--overwrite'])
  assert not (run_copy / 'stranger.txt').exists()
  assert CheckpointStore(run_copy / 'checkpoints', 9).steps() == [0, 64]
  assert len((run_copy / 'metrics.jsonl').read_text().splitlines()) == 1


def test_overwrite_leaves_alone_what_is_no_run(tmp_path, tiny_arguments, user_error):
  (tmp_path / 'tiny').mkdir()
  (tmp_path / 'tiny' / 'thesis.tex').write_text('precious')
  assert 'is no run' in user_error(train.main, [*tiny_arguments(), '--overwrite'])
  assert (tmp_path / 'tiny' / 'thesis.tex').read_text() == 'precious'


def test_overwrite_with_a_mistake_deletes_nothing(run_copy, tiny_arguments, user_error, snapshot):
  before = snapshot(run_copy)
  arguments = [*tiny_arguments(), '--config.name=copy', '--overwrite']
  assert 'unknown reward' in user_error(train.main, [*arguments, '--config.task.reward=stnd'])
  assert 'leave out one of them' in user_error(train.main, [f'--resume={run_copy}', '--overwrite'])
  assert snapshot(run_copy) == before


def test_a_disk_that_is_full_at_the_start_leaves_no_folder(tmp_path, tiny_arguments, user_error, full_disk):
  full_disk('config.json')
  assert 'No space left on device' in user_error(train.main, tiny_arguments())
  assert not (tmp_path / 'tiny').exists()


def test_a_run_of_any_name_trains_resumes_and_plays(tmp_path, tiny_arguments):
  name = 'a[b]\\c* [/red]'
  train.main([*tiny_arguments(total_timesteps=64), f'--config.name={name}'])
  train.main([f'--resume={tmp_path / name}', '--config.total_timesteps=128'])
  assert load(f'{tmp_path / name}@64').info['timesteps'] == 64


def test_a_reader_that_is_gone_does_not_end_training_and_the_run_says_why(tiny_arguments, tmp_path):
  """As in `train | head -1`."""
  command = [sys.executable, '-m', 'mjx_humanoid.train', *tiny_arguments()]
  process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
  assert process.stdout.readline().startswith('mjx_humanoid on ')
  process.stdout.close()
  errors = process.stderr.read()
  assert (process.wait(240), errors) == (0, '')
  assert json.loads((tmp_path / 'tiny' / 'report.json').read_text())['timesteps'] == 256
  assert 'nobody reads what is printed (Broken pipe)' in (tmp_path / 'tiny' / 'run.log').read_text()


@pytest.mark.parametrize('name', ['config.json', 'policy.safetensors', 'report.json', 'checkpoints/best.json'])
def test_a_file_that_could_not_be_replaced_is_told_before_training(run_copy, user_error, snapshot, monkeypatch, name):
  monkeypatch.setattr('os.access', lambda path, mode: Path(path) != run_copy / name)
  before = snapshot(run_copy)
  assert f'{run_copy / name} cannot be written' in user_error(train.main, [f'--resume={run_copy}'])
  assert snapshot(run_copy) == before


@pytest.mark.parametrize('locale', [{'LC_ALL': 'C'}, {'LC_ALL': 'C', 'PYTHONIOENCODING': 'ascii'}])
def test_names_that_the_locale_cannot_print_are_one_line_too(run_python, tmp_path, locale):
  environment = {**os.environ, 'PYTHONCOERCECLOCALE': '0', 'PYTHONUTF8': '0', **locale}
  arguments = ('-m', 'mjx_humanoid.train', '--config=stand', '--config.name=\u0436', '--config.run_dir=\u4eba')
  (tmp_path / '\u4eba' / '\u0436').mkdir(parents=True)
  done = run_python(*arguments, cwd=tmp_path, env=environment)
  assert (done.returncode, done.stderr.count('\n')) == (2, 1), done.stderr
  assert done.stderr.startswith('error: ')


def test_resuming_what_cannot_be_written_to(run_copy, user_error, snapshot, monkeypatch):
  monkeypatch.setattr('os.access', lambda path, mode: False)
  before = snapshot(run_copy)
  assert 'cannot be written to' in user_error(train.main, [f'--resume={run_copy}'])
  assert snapshot(run_copy) == before


def test_a_damaged_checkpoint_is_told_and_the_one_before_can_be_gone_on_from(run_copy, user_error):
  last = run_copy / 'checkpoints' / '000000000256'
  victim = max(
    (p for p in last.rglob('*') if p.is_file() and p.name != 'manifest.json'), key=lambda p: p.stat().st_size
  )
  victim.write_bytes(victim.read_bytes()[:-3])
  assert 'truncated or altered' in user_error(train.main, [f'--resume={run_copy}'])
  shutil.rmtree(last)  # what the message says to do
  train.main([f'--resume={run_copy}'])
  assert (last / 'manifest.json').is_file()


def test_resuming_with_another_config_is_refused(run_copy, user_error, snapshot):
  before = snapshot(run_copy)
  message = user_error(train.main, [f'--resume={run_copy}', '--config=walk'])
  assert message.startswith('--resume uses the config of its run: leave out --config')
  assert snapshot(run_copy) == before


def test_resume_with_a_larger_budget_goes_on_and_remembers_it(run_copy):
  train.main([f'--resume={run_copy}', '--config.total_timesteps=320'])
  assert json.loads((run_copy / 'config.json').read_text())['total_timesteps'] == 320
  assert json.loads((run_copy / 'metrics.jsonl').read_text().splitlines()[-1])['timesteps'] == 320
