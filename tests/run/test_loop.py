"""Protects a whole training: its files, and that a resumed run ends exactly as one never interrupted."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import orbax.checkpoint as ocp
import pytest
from loop_tools import go, metrics, same_arrays, store

from mjx_humanoid import train
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback.policy import load_policy
from mjx_humanoid.run.checkpoint import flatten
from mjx_humanoid.run.listeners import Callback
from mjx_humanoid.run.loop import Loop
from mjx_humanoid.run.report_cards import CARD_SEED
from mjx_humanoid.run.setup import prepare


@pytest.mark.parametrize(
  ('interval', 'before', 'now', 'total', 'expected'),
  [
    (100, 0, 64, 1000, False),
    (100, 64, 128, 1000, True),
    (100, 36, 100, 1000, True),
    (100, 100, 164, 1000, False),
    (10, 0, 64, 1000, True),  # several at once count once
    (0, 64, 128, 1000, False),
    (100, 936, 1000, 1000, False),  # at the end everything is done anyway
  ],
)
def test_due(interval, before, now, total, expected):
  trainer = SimpleNamespace(steps_per_iteration=now - before)
  assert Loop.due(SimpleNamespace(step=now, total=total, trainer=trainer), interval) is expected


def test_a_finished_run_holds_config_metrics_checkpoints_policy_and_report(finished_run):
  assert {p.name for p in finished_run.iterdir()} >= {
    'config.json', 'metrics.jsonl', 'checkpoints', 'policy.safetensors', 'report.json',
  }  # fmt: skip
  assert [line['timesteps'] for line in metrics(finished_run)] == [64, 128, 192, 256]
  assert store(finished_run).steps() == [0, 128, 256]
  report = json.loads((finished_run / 'report.json').read_text())
  assert (report['timesteps'], report['episodes'], report['seed']) == (256, 2, CARD_SEED)
  assert load_policy(finished_run / 'policy.safetensors').info['timesteps'] == 256


def test_a_resumed_run_ends_exactly_as_one_that_was_never_interrupted(finished_run, run_copy):
  """2N iterations equal N, save, a fresh process's worth of objects, N: over learner, environment and physics."""
  shutil.rmtree(store(run_copy).path(256))
  (run_copy / 'policy.safetensors').unlink()
  train.main([f'--resume={run_copy}'])
  same_arrays(store(finished_run).load(256)[1], store(run_copy).load(256)[1])
  again, once = (load_policy(folder / 'policy.safetensors') for folder in (run_copy, finished_run))
  for a, b in zip((*again.kernels, *again.biases, again.std), (*once.kernels, *once.biases, once.std), strict=True):
    assert a.tobytes() == b.tobytes()
  names = set(metrics(run_copy)[0]) - {'steps_per_second', 'seconds'}
  for a, b in zip(metrics(run_copy), metrics(finished_run), strict=True):
    assert {name: a[name] for name in names} == {name: b[name] for name in names}


def resumed_equals_straight(make, folder):
  straight, halves = folder / 'straight', folder / 'halves'
  for path in (straight, halves):
    path.mkdir()
  go(Loop(prepare(make()), straight))
  go(Loop(prepare(make(total_timesteps=make().total_timesteps // 2)), halves))
  go(Loop(prepare(make()), halves), resume=True)
  same_arrays(store(straight).load()[1], store(halves).load()[1])


@pytest.mark.slow  # test_a_run_with_all_that_disturbs_goes_on_exactly has all of it at once
@pytest.mark.parametrize('schedule', ['constant', 'adaptive'])
def test_n_and_n_more_iterations_equal_2n(tiny, tmp_path, schedule):
  resumed_equals_straight(lambda **more: tiny(ppo__lr_schedule=schedule, **more), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize('interval', [128, 64])
def test_n_and_n_more_iterations_equal_2n_where_training_restarts(tiny, tmp_path, interval):
  """Right where it was interrupted, too: after 128 steps of 256."""
  resumed_equals_straight(lambda **more: tiny(restart_interval=interval, **more), tmp_path)


@pytest.mark.slow
def test_n_and_n_more_iterations_equal_2n_on_mjx(tiny, tmp_path):
  few = {
    'engine': 'mjx',
    'ppo__lr_schedule': 'constant',
    'num_envs': 4,
    'ppo__unroll_length': 2,
    'ppo__batch_size': 8,
    'checkpoint_interval': 0,
  }
  resumed_equals_straight(lambda **more: tiny(**{**few, 'total_timesteps': 32, **more}), tmp_path)


# Checkpoints


def test_a_run_with_all_that_disturbs_goes_on_exactly(tiny, tmp_path):
  """Pushes under way, controls still to arrive, noise, commands, varied worlds and a curriculum's levels."""
  disturbed = {
    'task__push__kind': 'force',
    'task__push__interval': 0.1,
    'task__command__kind': 'sampled',
    'task__command__interval': 0.1,
    'task__observations': ('joint_positions', 'joint_velocities', 'command'),
    'task__randomization': {'mass': 0.1, 'sensor_noise': 0.02, 'action_delay': 2},
    'curriculum': 'survival',
  }
  straight, resumed = tmp_path / 'straight', tmp_path / 'resumed'
  straight.mkdir()
  go(Loop(prepare(tiny(**disturbed)), straight))
  shutil.copytree(straight, resumed)
  shutil.rmtree(store(resumed).path(256))
  go(Loop(prepare(tiny(**disturbed)), resumed), resume=True)
  same_arrays(store(straight).load(256)[1], store(resumed).load(256)[1])
  names = ' '.join(store(straight).load()[1])
  for part in ('push', 'sent', 'delay', 'level', 'command', 'heading', 'target_position'):
    assert f'.{part}' in names


def test_the_checkpoint_holds_everything_that_the_rest_depends_on(finished_run):
  names = ' '.join(store(finished_run).load()[1])
  for part in ('learner', 'opt_state', 'normalizer', 'env', 'physics', 'key', 'env_key', 'iteration', 'score'):
    assert part in names


def test_a_callback_is_called_with_what_was_measured_after_every_update(tiny, tmp_path):
  told = []
  callback = Callback(lambda *news: told.append(news))
  go(Loop(prepare(tiny(total_timesteps=128, log_interval=2)), tmp_path, [callback], 0.0))
  assert [step for step, _ in told] == [64, 128]
  assert metrics(tmp_path) == [{'timesteps': 128, **told[1][1]}]


def test_that_training_restarts_is_told(tiny, tmp_path, capsys):
  """64 steps an iteration: after two of them, and not at the end."""
  go(Loop(prepare(tiny(restart_interval=128)), tmp_path))
  told = [line for line in capsys.readouterr().out.splitlines() if 'restarts' in line]
  assert told == ['training restarts at step 128 from its own policy (config.restart_interval).']


def test_a_checkpoint_of_another_network_is_refused_with_the_leaf_named(run_copy, tiny):
  with pytest.raises(
    UserError, match=r"or algorithm: \['learner'\].*'kernel'\] is \(16, 21\) there and \(24, 21\) here"
  ):
    go(Loop(prepare(tiny(network__policy_layers=(24,))), run_copy), resume=True)


def test_a_checkpoint_of_another_task_is_refused(run_copy, tiny):
  with pytest.raises(UserError, match=r'of another task, network or algorithm: .*there and .*here'):
    go(Loop(prepare(tiny(task__observations=('joint_positions',))), run_copy), resume=True)


def test_a_full_disk_ends_the_run_with_a_message_and_what_was_saved_stays(tiny, tmp_path, monkeypatch):
  save = ocp.PyTreeCheckpointer.save

  def full_at_the_second(self, path, *rest):
    if '000000000128' in str(path):
      raise OSError(28, 'No space left on device')
    save(self, path, *rest)

  monkeypatch.setattr(ocp.PyTreeCheckpointer, 'save', full_at_the_second)
  with pytest.raises(UserError, match=r'step 128 cannot be written.*No space left on device.*train --resume'):
    go(Loop(prepare(tiny(checkpoint_interval=64)), tmp_path))
  assert store(tmp_path).steps() == [0, 64]
  monkeypatch.undo()
  assert go(Loop(prepare(tiny()), tmp_path), resume=True)['timesteps'] == 256


def test_flatten_names_leaves_by_path():
  assert list(flatten({'a': {'b': np.zeros(2)}, 'c': 1.0})) == ["['a']['b']", "['c']"]


def test_speed_is_measured_from_the_first_update_on(finished_run):
  assert all(line['steps_per_second'] > 0 for line in metrics(finished_run))
