"""Protects a whole training: its files, its stops, and that a resumed run ends exactly as one never interrupted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import orbax.checkpoint as ocp
import pytest

from mjx_humanoid import train
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback.find import load
from mjx_humanoid.playback.policy import load_policy, save_policy
from mjx_humanoid.run.checkpoint import MANIFEST, CheckpointStore, digests, flatten
from mjx_humanoid.run.listeners import Callback
from mjx_humanoid.run.loop import Loop, StopRequest
from mjx_humanoid.run.policies import to_policy
from mjx_humanoid.run.report_cards import CARD_SEED
from mjx_humanoid.run.setup import prepare


def store(folder):
  return CheckpointStore(folder / 'checkpoints', 9)


def go(loop, resume=False):
  return loop.run(loop.begin(resume))


def metrics(folder):
  return [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]


def same_arrays(first, second):
  """Bit for bit, every leaf: learner, environment, physics, keys and counters."""
  assert first.keys() == second.keys()
  different = [name for name in first if first[name].tobytes() != second[name].tobytes()]
  assert different == []


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
  names = set(metrics(run_copy)[0]) - {'steps_per_second'}
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


@pytest.mark.parametrize('schedule', ['constant', pytest.param('adaptive', marks=pytest.mark.slow)])
def test_n_and_n_more_iterations_equal_2n(tiny, tmp_path, schedule):
  resumed_equals_straight(lambda **more: tiny(ppo__lr_schedule=schedule, **more), tmp_path)


@pytest.mark.parametrize('interval', [128, pytest.param(64, marks=pytest.mark.slow)])
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


# From a policy that is there already


def like(policy, **more):
  """Settings of a training that can go on from a policy."""
  return {
    'task__observations': policy.task.observations,
    'task__frame_skip': policy.task.frame_skip,
    'network__policy_layers': tuple(kernel.shape[1] for kernel in policy.kernels[:-1]),
    'network__activation': policy.activation,
    'network__symmetric': policy.mirror is not None,
    'total_timesteps': 64,
    **more,
  }


def test_a_training_that_starts_from_the_ready_policy_acts_like_it(tiny, tmp_path):
  """On the observations of its own start states, before anything is learned."""
  ready = load('stand')
  loop = Loop(prepare(tiny(**like(ready, init_from='stand'))), tmp_path)
  state = loop.begin()
  policy, obs = to_policy(loop.setup, state.learner, 0), np.asarray(state.carry.env.obs)
  np.testing.assert_allclose(policy(obs), ready(obs), atol=2e-3)
  scratch = Loop(prepare(tiny(**like(ready))), tmp_path).begin()
  assert np.abs(to_policy(loop.setup, scratch.learner, 0)(obs) - ready(obs)).max() > 0.1
  assert policy.info['init_from'] == 'stand'


def test_a_resumed_run_does_not_load_it_again(tiny, tmp_path, make_policy):
  """It goes on from its own checkpoint; the policy it began with may be gone by then."""
  source = tmp_path / 'first.safetensors'
  save_policy(make_policy(), source)
  settings = like(make_policy(), init_from=str(source), network__symmetric=False)
  folder = tmp_path / 'run'
  folder.mkdir()
  go(Loop(prepare(tiny(**settings)), folder))
  learned = store(folder).load()[1]
  source.unlink()
  loop = Loop(prepare(tiny(**{**settings, 'total_timesteps': 128})), folder)
  state = loop.begin(resume=True)
  assert state.iteration == 1
  same_arrays(flatten({'learner': state.learner}), {k: v for k, v in learned.items() if k.startswith("['learner']")})
  assert loop.run(state)['timesteps'] == 128


INIT_MISMATCHES = {
  'other observations': ({'task__observations': ('joint_positions',)}, 'sees joint_positions, joint_velocities'),
  'other layers': ({'network__policy_layers': (16, 4)}, 'set config.network.policy_layers=(8,)'),
  'another activation': ({'network__activation': 'relu'}, 'set config.network.activation=elu'),
  'a symmetric network': ({'network__symmetric': True}, 'set config.network.symmetric=False'),
  'no normaliser': ({'ppo__normalize_observations': False}, 'set config.ppo.normalize_observations=True'),
}


@pytest.mark.parametrize('case', INIT_MISMATCHES)
def test_a_policy_that_does_not_fit_is_one_line_and_no_folder(case, tiny_arguments, tmp_path, make_policy, user_error):
  changes, words = INIT_MISMATCHES[case]
  source = tmp_path / 'first.safetensors'
  save_policy(make_policy(), source)
  settings = like(make_policy(), init_from=source, network__symmetric=False)
  message = user_error(train.main, tiny_arguments(**{**settings, **changes}))
  assert message.startswith('config.init_from: ')
  assert words in message
  assert [path.name for path in tmp_path.iterdir()] == ['first.safetensors']


def test_a_run_that_is_gone_on_from_is_told_in_the_report(tiny_arguments, tmp_path, finished_run):
  train.main(tiny_arguments(init_from=finished_run, total_timesteps=64))
  assert json.loads((tmp_path / 'tiny' / 'report.json').read_text())['info']['init_from'] == str(finished_run)
  assert json.loads((tmp_path / 'tiny' / 'config.json').read_text())['init_from'] == str(finished_run)


def test_a_run_goes_on_when_the_policy_that_it_began_with_is_gone(tiny_arguments, tmp_path, finished_run, capsys):
  source = tmp_path / 'source'
  shutil.copytree(finished_run, source)
  train.main(tiny_arguments(init_from=source, total_timesteps=64))
  assert f'starts from the policy {source}' in capsys.readouterr().out
  shutil.rmtree(source)
  train.main([f'--resume={tmp_path / "tiny"}', '--config.total_timesteps=128'])
  assert 'starts from' not in capsys.readouterr().out


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


def test_the_first_signal_is_a_wish_and_the_second_an_order():
  with StopRequest() as stop:
    assert not stop.wanted
    os.kill(os.getpid(), signal.SIGINT)
    assert stop.wanted
    with pytest.raises(KeyboardInterrupt):
      os.kill(os.getpid(), signal.SIGINT)
      time.sleep(0.1)


@pytest.mark.skipif(not hasattr(signal, 'SIGHUP'), reason='a system without terminals that hang up')
def test_hanging_up_is_a_wish_however_often_and_nothing_under_nohup():
  with StopRequest() as stop:
    for _ in range(2):  # a shell and its terminal may both tell
      os.kill(os.getpid(), signal.SIGHUP)
      time.sleep(0.05)
    assert stop.wanted
  before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
  try:
    with StopRequest() as stop:
      os.kill(os.getpid(), signal.SIGHUP)
      time.sleep(0.05)
      assert not stop.wanted
  finally:
    signal.signal(signal.SIGHUP, before)


def test_handlers_are_put_back():
  before = [signal.getsignal(number) for number in StopRequest.SIGNALS]
  with StopRequest():
    pass
  assert [signal.getsignal(number) for number in StopRequest.SIGNALS] == before


def test_ctrl_c_saves_and_ends_tidily_and_the_run_goes_on_from_there(tiny_arguments, tmp_path):
  """A real process and a real signal, in the middle of a training far from its end."""
  command = [sys.executable, '-m', 'mjx_humanoid.train', *tiny_arguments(total_timesteps=64_000_000)]
  process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
  folder = tmp_path / 'tiny'
  try:
    wait_for(lambda: (folder / 'metrics.jsonl').is_file() and metrics_lines(folder) >= 2, process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
  finally:
    process.kill()
  assert process.returncode == 0, errors
  assert 'Traceback' not in errors
  assert 'stopped and saved' in output
  assert f'continue with: python -m mjx_humanoid.train --resume={folder}' in output
  done = store(folder).steps()[-1]
  assert load_policy(folder / 'policy.safetensors').info['timesteps'] == done >= 128
  train.main([f'--resume={folder}', f'--config.total_timesteps={done + 64}'])
  assert store(folder).steps()[-1] == done + 64
  steps = [line['timesteps'] for line in metrics(folder)]
  assert steps == list(range(64, done + 65, 64))  # no line is missing, none is there twice


def test_a_stop_after_the_last_update_is_none(tiny, tmp_path):
  """All steps are made: the run is judged, and nobody is told to resume what is complete."""
  interrupt = Callback(lambda step, values: os.kill(os.getpid(), signal.SIGINT) if step == 128 else None)
  report = go(Loop(prepare(tiny(total_timesteps=128)), tmp_path, [interrupt]))
  assert (report['timesteps'], report['stopped_early'], report['episodes']) == (128, False, 2)


def metrics_lines(folder):
  return (folder / 'metrics.jsonl').read_text().count('\n')


def wait_for(ready, process, limit=240):
  end = time.monotonic() + limit
  while not ready():
    assert process.poll() is None, process.stderr.read()
    assert time.monotonic() < end, 'it never got that far'
    time.sleep(0.2)


def test_flatten_names_leaves_by_path():
  assert list(flatten({'a': {'b': np.zeros(2)}, 'c': 1.0})) == ["['a']['b']", "['c']"]


def test_speed_is_measured_from_the_first_update_on(finished_run):
  assert all(line['steps_per_second'] > 0 for line in metrics(finished_run))


# Runs of earlier versions

# Of arrays in checkpoints, in the order in which they are replaced: today's names, and those before `format` 2.
ARRAYS = {
  '.context.requested': '.context.asked',
  '.context.target_position': '.context.place',
  "['env'].episode.": "['env'].",
}
SETTINGS = {  # the same of settings of the task, which had no sections
  'command': {
    'kind': 'commands',
    'value': 'command',
    'low': 'command_low',
    'high': 'command_high',
    'interval': 'command_interval',
    'rest': 'command_rest',
  },
  'station': {'gain': 'hold', 'radius': 'hold_radius'},
  'gait': {'frequency': 'gait_frequency', 'speedup': 'gait_hurry', 'duty': 'gait_duty'},
  'push': {'kind': 'pushes', 'force': 'push_force', 'duration': 'push_duration', 'interval': 'push_interval'},
}


def make_older(run):
  """Writes the config and the checkpoints of a run as earlier versions did."""
  config = json.loads((run / 'config.json').read_text())
  assert config.pop('format') == 2
  del config['custom'], config['task']['context']
  for section, names in SETTINGS.items():
    values = config['task'].pop(section)
    config['task'] |= {names[name]: value for name, value in values.items()}
  (run / 'config.json').write_text(json.dumps(config))
  for step in store(run).steps():
    arrays, path = store(run).load(step)[1:]
    del arrays["['env'].length"]
    for new, old in ARRAYS.items():
      arrays = {name.replace(new, old): array for name, array in arrays.items()}
    shutil.rmtree(path)
    ocp.PyTreeCheckpointer().save(path, arrays)
    (path / MANIFEST).write_text(json.dumps(digests(path)))


def test_a_run_of_an_earlier_version_goes_on_exactly(finished_run, run_copy):
  """In all but the lengths of the episodes under way, which only metrics need: they were not kept then."""
  shutil.rmtree(store(run_copy).path(256))
  make_older(run_copy)
  assert {"['env'].context.asked", "['env'].context.place", "['env'].delay"} <= set(
    ocp.PyTreeCheckpointer().restore(store(run_copy).path(128))
  )
  train.main([f'--resume={run_copy}'])
  once, again = (store(run).load(256)[1] for run in (finished_run, run_copy))
  for arrays in (once, again):
    del arrays["['env'].length"]
  same_arrays(once, again)
  assert (run_copy / 'config.json').read_text() == (finished_run / 'config.json').read_text()
