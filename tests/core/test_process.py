"""The variables that keep XLA's CPU scheduler from waiting for ever, and leave everything else alone."""

import pytest

from mjx_humanoid.core import process as _environment
from mjx_humanoid.core.process import without_deadlock

OFF = '--xla_cpu_enable_concurrency_optimized_scheduler=false'


@pytest.mark.parametrize(
  'flags',
  [
    '',
    '   ',
    '--xla_cpu_enable_concurrency_optimized_scheduler=true',
    '--xla_cpu_enable_concurrency_optimized_scheduler',
    'xla_cpu_enable_concurrency_optimized_scheduler=true',
    f'{OFF} --xla_cpu_enable_concurrency_optimized_scheduler=true',
  ],
)
def test_scheduler_is_off_whatever_the_flags_said(flags):
  assert without_deadlock(flags) == OFF


def test_other_flags_survive_in_order():
  flags = '--xla_a=1 --xla_cpu_enable_concurrency_optimized_scheduler=true --xla_b=x,y'
  assert without_deadlock(flags) == f'--xla_a=1 --xla_b=x,y {OFF}'


def test_twice_is_as_good_as_once():
  assert without_deadlock(without_deadlock('--xla_a=1')) == f'--xla_a=1 {OFF}'


def test_prepare_sets_the_variable_where_there_was_none(monkeypatch):
  monkeypatch.delenv('XLA_FLAGS', raising=False)
  _environment.prepare()
  assert _environment.os.environ['XLA_FLAGS'] == OFF


def test_programs_refuse_the_scheduler_too():
  """For processes where JAX had started before the package was imported."""
  assert _environment.COMPILER_OPTIONS == {'xla_cpu_enable_concurrency_optimized_scheduler': False}


def test_flags_in_a_file_are_read_from_it(monkeypatch, tmp_path):
  """XLA takes a value that does not begin with a dash for the path of a file with flags."""
  (tmp_path / 'flags').write_text('--xla_a=1\n--xla_b=2\n')
  monkeypatch.setenv('XLA_FLAGS', str(tmp_path / 'flags'))
  _environment.prepare()
  assert _environment.os.environ['XLA_FLAGS'] == f'--xla_a=1 --xla_b=2 {OFF}'


def test_a_file_of_flags_that_is_missing_is_told(monkeypatch, tmp_path, capsys):
  monkeypatch.setenv('XLA_FLAGS', str(tmp_path / 'none'))
  _environment.prepare()
  assert _environment.os.environ['XLA_FLAGS'] == OFF
  assert 'XLA_FLAGS' in capsys.readouterr().err
