"""Protects training on several devices and in several processes: it learns the same, and refuses what cannot be split.

Devices are simulated by XLA, and processes talk over loopback.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.run import hosts
from mjx_humanoid.run.devices import choose_devices

HERE = Path(__file__).parent
EIGHT = '--xla_force_host_platform_device_count=8'


def start(devices, folder, engine='traced', *more, **environment):
  """The program together.py, in the background."""
  path = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get('PYTHONPATH', '')])
  command = [sys.executable, str(HERE / 'together.py'), str(devices), str(folder), engine, *more]
  return subprocess.Popen(
    command, env={**os.environ, 'PYTHONPATH': path, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
  )


def finished(*processes):
  """Waits for programs, and asserts that all succeeded. Returns what they printed."""
  outputs = [process.communicate(timeout=240) for process in processes]
  for process, (_, errors) in zip(processes, outputs, strict=True):
    assert process.returncode == 0, errors.decode()[-2000:]
  return [out.decode() for out, _ in outputs]


def learned(folder):
  """The learner that a program has written, and at the end the environment steps that it was told of."""
  with np.load(folder / 'out.npz') as file:
    return [file[name] for name in sorted(file.files, key=lambda name: name == 'position')]


def assert_same(one, other):
  assert len(one) == len(other) > 10
  for a, b in zip(one, other, strict=True):
    assert a == pytest.approx(b, rel=1e-5, abs=1e-6)


def two_processes(folder, engine, *more):
  """Two processes on loopback that train together. Returns what they printed."""
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    address = f'127.0.0.1:{free.getsockname()[1]}'
  place = {hosts.ADDRESS: address, hosts.COUNT: '2', 'JAX_COORDINATOR_BIND_ADDRESS': address}
  return finished(*(start(2, folder, engine, *more, **place, **{hosts.INDEX: str(i)}) for i in range(2)))


@pytest.fixture
def one(tmp_path_factory):
  """What one device in one process learns."""
  folder = tmp_path_factory.mktemp('one') / 'run'
  finished(start(1, folder))
  return folder


@pytest.mark.slow
def test_eight_devices_learn_the_same_as_one(one, tmp_path):
  finished(start(8, tmp_path / 'run', XLA_FLAGS=EIGHT))
  assert_same(learned(tmp_path / 'run'), learned(one))


@pytest.mark.slow
def test_a_run_of_eight_devices_continues_on_one(one, tmp_path):
  finished(start(8, tmp_path / 'run', XLA_FLAGS=EIGHT))
  finished(start(1, tmp_path / 'run', 'traced', '--resume'))
  finished(start(1, one, 'traced', '--resume'))
  assert_same(learned(tmp_path / 'run'), learned(one))


@pytest.mark.slow
def test_a_run_of_eight_devices_that_is_preempted_continues_on_two(tmp_path):
  """SIGTERM after two of six updates; then it ends with what one device learns at a stretch."""
  preempted = start(8, tmp_path / 'run', 'traced', '--resume', '--preempted', XLA_FLAGS=EIGHT)
  finished(preempted, start(1, tmp_path / 'straight', 'traced', '--resume'))
  assert learned(tmp_path / 'run')[-1] == 2 * 16
  finished(start(2, tmp_path / 'run', 'traced', '--resume', XLA_FLAGS=EIGHT))
  assert learned(tmp_path / 'straight')[-1] == 6 * 16
  assert_same(learned(tmp_path / 'run'), learned(tmp_path / 'straight'))


@pytest.mark.slow
def test_two_processes_learn_the_same_as_one_and_only_the_first_prints(one, tmp_path):
  first, second = two_processes(tmp_path / 'run', 'traced')
  assert '16 of 48 steps' in first and 'steps' not in second
  assert sorted(p.name for p in (tmp_path / 'run' / 'checkpoints').iterdir() if p.is_dir())
  assert_same(learned(tmp_path / 'run')[:-1], learned(one)[:-1])


@pytest.mark.slow
def test_two_processes_share_environments_that_are_stepped_from_the_host_and_continue(tmp_path):
  two_processes(tmp_path / 'run', 'host')
  before = learned(tmp_path / 'run')
  two_processes(tmp_path / 'run', 'host', '--resume')
  after = learned(tmp_path / 'run')
  assert after[-1] == 2 * before[-1] == 96  # 8 environments, 2 steps, 3 and 6 iterations
  assert all(np.isfinite(a).all() for a in after)


def test_more_devices_than_there_are_are_refused():
  with pytest.raises(UserError, match=r'config.devices=99: JAX sees \d'):
    choose_devices(99, 99, 'mjx')


@pytest.fixture
def eight(monkeypatch):
  devices = jax.local_devices() * 8
  monkeypatch.setattr(jax, 'devices', lambda: devices)


def test_environments_that_cannot_be_split_evenly_are_refused_with_a_number_that_can(eight):
  with pytest.raises(UserError, match=r'config.num_envs=100 .* config.devices=8; the closest number that can is 96'):
    choose_devices(8, 100, 'mjx')


@pytest.mark.parametrize('engine', ['native', 'mjx-warp'])
def test_engines_that_compute_on_one_device_are_refused(eight, engine):
  with pytest.raises(UserError, match=f'the engine {engine} computes on one device'):
    choose_devices(2, 64, engine)
  assert choose_devices(0, 64, engine).count == 1


def test_one_device_needs_no_mesh():
  assert choose_devices(1, 64, 'mjx').mesh is None
