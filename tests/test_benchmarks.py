"""Protects the benchmarks that the README's figures come from: each runs to its end, on less than it measures."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from mjx_humanoid.core.config import schema
from mjx_humanoid.core.config.files import load_config

FOLDER = Path(__file__).resolve().parent.parent / 'benchmarks'


@pytest.fixture
def run(monkeypatch, tmp_path):
  """run('parity', '--flag', NUM_ENVS=8) -> what that benchmark saved, with some of its constants changed."""
  monkeypatch.syspath_prepend(str(FOLDER))
  monkeypatch.setattr(importlib.import_module('common'), 'RESULTS', tmp_path)

  def main(name, *arguments, **constants):
    module = importlib.import_module(name)
    for constant, value in constants.items():
      monkeypatch.setattr(module, constant, value)
    monkeypatch.setattr(sys, 'argv', [name, *arguments])
    module.main()
    return json.loads((tmp_path / f'{name}.json').read_text())

  return main


@pytest.mark.slow
def test_parity(run):
  (loose, tight) = run('parity', NUM_ENVS=4, STEPS=2, SHOWN=(1, 2))['rows']
  assert (loose['converged'], tight['converged']) == (False, True)
  assert 0 < max(tight['apart'].values()) < 1e-4  # m or rad, after 50 ms with a converged solver


def test_solver(run):
  rows = run('solver', NUM_ENVS=8, CONTROL_STEPS=20, SHOWN=(1, 20))['rows']
  assert rows[-1]['solver'] == ['newton', 100, 50]
  assert max(rows[-1]['apart'].values()) == 0  # it is what the others are compared with
  assert max(rows[0]['apart'].values()) > 1e-3  # one iteration, as training has it, after half a second


@pytest.mark.slow
def test_profile_of_collecting_with_pushes(run):
  small = [
    '--config.engine=native',
    '--config.num_envs=32',
    '--config.ppo.batch_size=64',
    '--config.task.push.kind=kick',
  ]
  small += ['--config.task.push.interval=0.1', '--config.task.push.duration=0.05']
  found = run('profile_collect', *small, WARM_UP=1, COUNTED=2)
  shares = [value for name, value in found.items() if name.startswith('share of time')]
  assert sum(shares) == pytest.approx(1)
  assert min(shares) > 0


def test_push_curve_of_two_policies(run):
  curves = run('push_curve', 'stand', 'stand_robust', '--episodes=2', FORCES=(0, 2000))['curves']
  assert list(curves) == ['stand', 'stand_robust']
  for curve in curves.values():
    assert [point['force'] for point in curve] == [0, 2000]
    assert curve[0]['survival_rate'] == 1 > curve[1]['survival_rate']


@pytest.mark.slow
def test_policies_across_engines(run):
  native, mjx = run('across_engines', 'stand', '--episodes=2')['rows']
  assert (native['judged_in'], mjx['judged_in']) == ('native', 'mjx')
  assert native['trained_in'] == mjx['trained_in'] == 'native'
  assert native['success_rate'] == mjx['success_rate'] == 1
  assert native['mean_height'] == pytest.approx(mjx['mean_height'], abs=0.01)


@pytest.mark.slow
def test_gpu_script_records_what_fails_and_what_it_leaves_out(run):
  tiny = importlib.import_module('gpu').TINY[0]
  trainings = [f'--train={tiny}', '--train=stand nonsense=1', f'--train={tiny}']
  found = run('gpu', '--small', '--engines=native', '--parts=checks,throughput,skills', *trainings)
  assert {row['check'] for row in found['checks']} >= {'python', 'mujoco', 'gpu', 'driver'}
  assert 'native' in found['throughput'][0]['failed']  # it does not run inside JAX
  good, wrong, again = found['skills']
  assert (good['env_steps'], good['updates'], good['gradient_steps']) == (128, 2, 16)
  assert 'nonsense' in wrong['failed']
  assert again == {**good, **{name: again[name] for name in again if name.startswith('seconds')}}
  spent = run('gpu', '--small', '--engines=native', '--parts=checks,skills', '--budget-seconds=0')
  assert spent['left_out'] == ['checks', 'skills']


@pytest.mark.slow
def test_gpu_script_in_all_its_parts(run):
  gpu = importlib.import_module('gpu')
  found = run('gpu', '--small', '--engines=mjx', '--budget-seconds=3600')
  for part in gpu.PARTS:
    assert found[part]
    assert not any('failed' in row for row in found[part]), found[part]
  assert found['left_out'] == []
  assert [row['cache'] for row in found['compiling']] == ['cold', 'cached']


@pytest.mark.slow
def test_robots(run):
  pytest.importorskip('gymnasium')
  small = ['--num_envs=8', '--rounds=1', '--seconds=0.2', '--robots', 'humanoid']
  (row,) = run('robots', *small, PROCESSES=(1,))['rows']
  assert row['robot'] == 'humanoid'
  assert row['physics_steps'] == 5
  assert row['ratio'] > 0


HLO = """
%add (a: f32[], b: f32[]) -> f32[] {
  ROOT %sum = f32[] add(%a, %b)
}
%body (p: (f32[10])) -> (f32[10]) {
  %g = (f32[10]{0}, f32[2,3]{1,0}) all-reduce(%x, %y), to_apply=%add
}
ENTRY %main (p: f32[8]) -> f32[8] {
  %all = bf16[4,8]{1,0} all-gather(%p), dimensions={0}
  %loop = (f32[10]) while(%t), condition=%c, body=%body, backend_config={"known_trip_count":{"n":"64"}}
}
"""


def test_collectives_are_counted_as_often_as_their_loop_runs(monkeypatch):
  monkeypatch.syspath_prepend(str(FOLDER))
  assert importlib.import_module('collectives').count(HLO) == {
    'all-gather': {'count': 1, 'bytes': 64},
    'all-reduce': {'count': 64, 'bytes': 64 * 4 * 16},
  }


def test_peers_learn_the_task_of_stand(monkeypatch):
  """Else the comparison would not be fair; the reward of the peers' environment is written in NumPy."""
  monkeypatch.syspath_prepend(str(FOLDER))
  peers = importlib.import_module('peers')
  assert peers.compare_rewards(schema.resolve(load_config('stand'))) < 1e-5


def test_returns_of_peers_are_compared_at_equal_times_and_steps(monkeypatch):
  """From 10 at 20 s to 30 at 40 s: 15 at 25 s. What ended before keeps its last return."""
  monkeypatch.syspath_prepend(str(FOLDER))
  learners, peers = importlib.import_module('peer_learners'), importlib.import_module('peers')
  points = [learners.Point(20.0, 1_000, 10.0), learners.Point(40.0, 3_000, 30.0)]
  assert peers.reached(points, 'seconds', 25) == 15
  assert peers.reached(points, 'steps', 2_500) == 25
  monkeypatch.setattr(peers, 'played', lambda act, config: 7.0)
  found = peers.summary(learners.Run(points, None, 100.0), None, 60.0)
  assert found['at_seconds'] == {30: 20, 60: 30}
  assert found['at_steps'] == {3_000: 30}
  assert (found['final'], found['rate'], found['steps']) == (7.0, 100.0, 3_000)


def test_a_recorder_keeps_the_mean_of_the_last_episodes_and_ends_in_time(monkeypatch):
  monkeypatch.syspath_prepend(str(FOLDER))
  learners, clock = importlib.import_module('peer_learners'), iter((5.0, 6.0, 8.0, 15.5))
  monkeypatch.setattr(learners.time, 'perf_counter', lambda: next(clock))
  recorder = learners.Recorder(10.0)
  recorder.returns.extend([100.0] + [1.0] * 50 + [3.0] * 50)  # the first is forgotten
  assert [recorder.updated(steps) for steps in (50, 100, 200, 260)] == [True, True, True, False]
  assert recorder.points == [(0.0, 50, 2.0), (3.0, 200, 2.0), (10.5, 260, 2.0)]
  assert recorder.rate == pytest.approx(20.0)
