"""Protects the self-check: each kind of damage is noticed, named, and comes with the command that fixes it."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from mjx_humanoid import doctor
from mjx_humanoid.doctor import Finding


def finished(code=0, out='', err=''):
  return lambda command, **options: subprocess.CompletedProcess(command, code, out, err)


def test_all_but_the_long_check_run_on_this_machine(capsys):
  """Nothing raises; every finding is one of three words and a name."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv('MUJOCO_GL', '')  # what check_gl sets is put back
    try:
      doctor.main(['--quick'])
    except SystemExit as end:
      assert end.code == 1
  lines = [line for line in capsys.readouterr().out.splitlines() if line.split()[0] in ('ok', 'warn', 'bad')]
  names = [line.split(maxsplit=1)[1].split(':')[0] for line in lines]
  assert names == [name for name in doctor.CHECKS if name != 'XLA']


@pytest.mark.parametrize('state', ['ok', 'warn', 'bad'])
def test_the_exit_status_is_1_only_where_something_is_bad(monkeypatch, capsys, state):
  monkeypatch.setattr(doctor, 'CHECKS', {'thing': lambda: Finding(state, 'as it is', 'fix it so')})
  if state == 'bad':
    with pytest.raises(SystemExit) as end:
      doctor.main([])
    assert end.value.code == 1
  else:
    doctor.main([])
  out = capsys.readouterr().out
  assert f'{state:>5}  thing: as it is' in out
  assert '-> fix it so' in out


def test_a_check_that_raises_is_a_finding_and_the_others_still_run(monkeypatch, capsys):
  """The self-check is for damaged installations: it must not fail itself."""

  def broken():
    raise ImportError('libcuda.so: cannot open')

  monkeypatch.setattr(doctor, 'CHECKS', {'first': broken, 'second': lambda: Finding('ok', 'fine')})
  with pytest.raises(SystemExit) as end:
    doctor.main([])
  assert end.value.code == 1
  out = capsys.readouterr().out
  assert 'bad  first: ' in out
  assert 'libcuda.so: cannot open' in out
  assert 'ok  second: fine' in out


def test_quick_leaves_out_the_long_check(monkeypatch):
  def fail():
    raise AssertionError('it was run')

  monkeypatch.setattr(doctor, 'check_deadlock', fail)
  monkeypatch.setattr(doctor, 'CHECKS', {'XLA': fail})
  doctor.main(['--quick'])


def test_an_old_python(monkeypatch):
  monkeypatch.setattr(doctor.sys, 'version_info', (3, 10, 4))
  assert doctor.check_python().state == 'bad'
  assert '3.11' in doctor.check_python().fix


def test_this_python_is_good():
  assert doctor.check_python() == Finding('ok', sys.version.split()[0])


def test_files_of_mujoco_that_an_upgrade_left_missing(monkeypatch, tmp_path):
  """A distribution that lists two files, of which one is there."""
  (tmp_path / 'there.py').write_text('')
  File = namedtuple('File', 'name suffix folder')

  class Listed(File):
    def locate(self):
      return self.folder / self.name

    def __str__(self):
      return self.name

  files = [Listed(name, '.py', tmp_path) for name in ('there.py', 'gone.py')]
  distribution = namedtuple('Distribution', 'files')(files)
  monkeypatch.setattr(importlib.metadata, 'distribution', lambda name: distribution)
  finding = doctor.check_mujoco()
  assert finding.state == 'bad'
  assert 'gone.py' in finding.text
  assert 'there.py' not in finding.text
  assert finding.fix.startswith('pip uninstall -y mujoco')


def test_a_mujoco_that_does_not_start(monkeypatch):
  monkeypatch.setattr(doctor.subprocess, 'run', finished(1, err="Traceback ...\nImportError: no module 'batch'\n"))
  finding = doctor.check_mujoco()
  assert (finding.state, finding.text) == ('bad', "ImportError: no module 'batch'")
  assert 'pip install mujoco' in finding.fix


def test_no_file_of_mujoco_is_missing_here():
  assert doctor.check_mujoco().state == 'ok'


def with_requirements(monkeypatch, requirements, installed):
  monkeypatch.setattr(importlib.metadata, 'requires', lambda name: requirements)
  monkeypatch.setattr(doctor, 'version_of', installed.get)


@pytest.mark.parametrize(
  ('installed', 'expected'),
  [
    ({'alpha': '1.5', 'beta': '3.0'}, 'ok'),
    ({'alpha': '2.0', 'beta': '3.0'}, 'alpha 2.0 (needs <2,>=1)'),
    ({'alpha': '1.5'}, 'beta missing (needs any)'),
  ],
)
def test_versions_outside_of_the_bounds_and_packages_that_are_missing(monkeypatch, installed, expected):
  """Requirements of extras that were not asked for are no fault."""
  with_requirements(monkeypatch, ['alpha>=1,<2', 'beta', 'gamma>=9; extra == "dev"'], installed)
  finding = doctor.check_versions()
  assert finding.state == ('ok' if expected == 'ok' else 'bad')
  assert expected == 'ok' or finding.text == expected


def test_a_checkout_that_was_never_installed_is_bad(monkeypatch):
  def missing(name):
    raise importlib.metadata.PackageNotFoundError(name)

  monkeypatch.setattr(importlib.metadata, 'requires', missing)
  finding = doctor.check_versions()
  assert finding.state in ('warn', 'bad')
  assert 'pip install' in finding.fix


@pytest.mark.parametrize(
  ('installed', 'state'), [({}, 'ok'), ({'warp-lang': '1.18.0'}, 'ok'), ({'warp-lang': '1.9'}, 'bad')]
)
def test_warp_must_be_the_version_that_mjx_asks_for(monkeypatch, installed, state):
  with_requirements(monkeypatch, ['warp-lang==1.18.0; extra == "warp"'], installed)
  finding = doctor.check_warp()
  assert finding.state == state
  if state == 'bad':
    assert "pip install 'mjx_humanoid[warp]'" in finding.fix


def test_a_gpu_that_jax_does_not_see(monkeypatch):
  import jax

  device = namedtuple('Device', 'platform device_kind')
  monkeypatch.setattr(jax, 'devices', lambda: [device('cpu', 'cpu')])
  monkeypatch.setattr(Path, 'exists', lambda self: str(self) == '/dev/nvidia0')
  finding = doctor.check_gpu()
  assert (finding.state, finding.fix) == ('warn', "pip install 'jax[cuda12]'")
  monkeypatch.setattr(Path, 'exists', lambda self: False)
  assert doctor.check_gpu().state == 'ok'
  monkeypatch.setattr(jax, 'devices', lambda: [device('gpu', 'NVIDIA H200')] * 2)
  assert doctor.check_gpu() == Finding('ok', 'jax uses 2 x NVIDIA H200')


def test_no_opengl_is_a_warning_because_training_works_without(no_opengl):
  finding = doctor.check_gl()
  assert finding.state == 'warn'
  assert 'apt-get install' in finding.fix


def test_no_ffmpeg_is_a_warning(monkeypatch):
  def missing():
    raise RuntimeError('No ffmpeg exe could be found')

  monkeypatch.setattr('mjx_humanoid.media.render.use_bundled_ffmpeg', missing)
  finding = doctor.check_ffmpeg()
  assert (finding.state, finding.fix) == ('warn', 'pip install imageio-ffmpeg')


def test_an_ffmpeg_that_does_not_run_is_a_warning(monkeypatch):
  monkeypatch.setattr('mjx_humanoid.media.render.use_bundled_ffmpeg', lambda: '/bin/false')
  assert doctor.check_ffmpeg().state == 'warn'


@pytest.mark.parametrize(('free', 'state'), [(1.9e9, 'warn'), (2.1e9, 'ok')])
def test_a_disk_that_is_nearly_full(monkeypatch, free, state):
  usage = namedtuple('Usage', 'total used free')
  monkeypatch.setattr(doctor.shutil, 'disk_usage', lambda path: usage(0, 0, free))
  assert doctor.check_disk().state == state
  assert f'{free / 1e9:.1f} GB free' in doctor.check_disk().text


def test_a_hang_of_mjx_inside_a_scan_is_noticed(monkeypatch):
  def hang(command, timeout, **options):
    raise subprocess.TimeoutExpired(command, timeout)

  monkeypatch.setattr(doctor.subprocess, 'run', hang)
  finding = doctor.check_deadlock()
  assert finding.state == 'bad'
  assert '--config.engine=native' in finding.fix


def test_a_check_of_mjx_that_fails_names_its_last_line(monkeypatch):
  monkeypatch.setattr(doctor.subprocess, 'run', finished(1, err='Traceback\nFloatingPointError: not finite'))
  assert doctor.check_deadlock().text == 'FloatingPointError: not finite'


@pytest.mark.slow
def test_mjx_inside_a_scan_runs_here():
  assert doctor.check_deadlock().state == 'ok'


def test_an_unknown_option_is_one_line(user_error):
  assert '--fast' in user_error(doctor.main, ['--fast'])
