"""Mistakes end as one line and an exit status, never as a traceback; bugs still show theirs."""

import errno
import subprocess
import sys

import pytest

from mjx_humanoid.core.errors import UserError, command, unknown


def run(main, argv=()):
  with pytest.raises(SystemExit) as end:
    command(main)(list(argv))
  return end.value.code


def test_unknown_name_offers_the_closest_and_all_choices_sorted():
  error = unknown('robot', 'humanod', ['walker', 'humanoid', 'ant'])
  assert str(error) == "unknown robot 'humanod'. Did you mean 'humanoid'? Choices: ant, humanoid, walker."


def test_unknown_name_far_from_all_choices_offers_none_in_particular():
  assert str(unknown('robot', 'zzz', ['humanoid'])) == "unknown robot 'zzz'. Choices: humanoid."


def test_unknown_takes_any_iterable_once():
  assert 'Choices: a, b.' in str(unknown('letter', '?', (c for c in 'ba')))


def test_unknown_is_returned_as_a_user_error():
  assert isinstance(unknown('thing', 'x', []), UserError)


def test_user_error_is_one_line_on_stderr_and_status_2(capsys):
  def main(argv):
    raise UserError('no such robot')

  assert run(main) == 2
  captured = capsys.readouterr()
  assert captured.err == 'error: no such robot\n'
  assert captured.out == ''


def test_interrupt_is_status_130_without_traceback(capsys):
  def main(argv):
    raise KeyboardInterrupt

  assert run(main) == 130
  assert capsys.readouterr().err == 'interrupted\n'


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EROFS])
def test_a_full_disk_is_one_line_and_status_2(capsys, number):
  def main(argv):
    raise OSError(number, 'No room', 'runs/x')

  assert run(main) == 2
  assert capsys.readouterr().err.startswith('error: No room: runs/x')


def test_a_path_without_permission_is_one_line_and_status_2(capsys):
  def main(argv):
    raise PermissionError(errno.EACCES, 'Permission denied', 'runs/x')

  assert run(main) == 2
  said = capsys.readouterr().err
  assert said == 'error: Permission denied: runs/x; choose another folder, or change its permissions.\n'


def test_other_errors_of_the_system_are_bugs():
  def main(argv):
    raise OSError(errno.EBADF, 'Bad file descriptor', 'x')

  with pytest.raises(OSError, match='Bad file'):
    command(main)([])


def test_a_bug_keeps_its_own_exception():
  def main(argv):
    raise ZeroDivisionError

  with pytest.raises(ZeroDivisionError):
    command(main)([])


def test_exit_status_of_the_command_itself_is_kept():
  def main(argv):
    raise SystemExit(1)

  assert run(main) == 1


def test_arguments_default_to_those_of_the_process(monkeypatch):
  seen = []
  monkeypatch.setattr(sys, 'argv', ['program', '--a', 'b'])
  command(seen.append)()
  assert seen == [['--a', 'b']]


def test_an_empty_list_of_arguments_is_not_replaced(monkeypatch):
  seen = []
  monkeypatch.setattr(sys, 'argv', ['program', 'wrong'])
  command(seen.append)([])
  assert seen == [[]]


def test_command_keeps_name_and_docstring():
  def main(argv):
    """Says something."""

  assert (command(main).__name__, command(main).__doc__) == ('main', 'Says something.')


def test_a_reader_that_goes_away_is_status_141_without_a_word():
  program = """
from mjx_humanoid.core.errors import command

@command
def main(argv):
  for _ in range(100000):
    print('a line that nobody reads')

main([])
"""
  process = subprocess.Popen([sys.executable, '-c', program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
  process.stdout.readline()
  process.stdout.close()
  assert process.stderr.read() == b''
  assert process.wait() == 141
