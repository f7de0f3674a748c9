"""Protects a long command from a reader that is gone: it goes on quietly and can say why."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from mjx_humanoid.core.output import Output, lost_reader, one_line, outliving_readers

PROGRAM = """
import sys
from rich.console import Console
from mjx_humanoid.core.output import lost_reader, outliving_readers
with outliving_readers():
  console = Console()
  for i in range(20000):
    print('line', i, flush=True)
    console.print('rich', i)
  print('error', file=sys.stderr)
  open(sys.argv[1], 'w').write(lost_reader())
"""


def test_letters_that_the_locale_lacks_are_spelt_out():
  stream = io.TextIOWrapper(io.BytesIO(), encoding='ascii')
  assert Output(stream).write('\u0436 3\u00b0') == 4
  stream.flush()
  assert stream.buffer.getvalue() == rb'\u0436 3\xb0'


def test_a_line_stays_a_line():
  assert one_line('a\nb \x1b[31m \u4eba \udcff') == r'a\nb \x1b[31m ' + '\u4eba' + r' \udcff'


def test_a_reader_that_is_gone_ends_nothing(tmp_path):
  """As in `program | head -2`; rich alone would exit."""
  process = subprocess.Popen(
    [sys.executable, '-c', PROGRAM, str(tmp_path / 'why')], stdout=subprocess.PIPE, stderr=subprocess.PIPE
  )
  assert process.stdout.readline() == b'line 0\n'
  process.stdout.close()
  errors = process.stderr.read()
  assert process.wait(60) == 0
  assert errors == b'error\n'
  assert (tmp_path / 'why').read_text() == 'Broken pipe'


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='no device that is always full')
def test_a_full_disk_below_the_output_ends_nothing(tmp_path):
  with open('/dev/full', 'w') as full:
    result = subprocess.run([sys.executable, '-c', PROGRAM, str(tmp_path / 'why')], stdout=full, stderr=subprocess.PIPE)
  assert (result.returncode, result.stderr) == (0, b'error\n')
  assert (tmp_path / 'why').read_text() == 'No space left on device'


def test_what_is_read_is_passed_on_and_the_stream_is_put_back(capsys):
  before = sys.stdout
  with outliving_readers(), outliving_readers():
    print('hello')
    assert lost_reader() == ''
  assert sys.stdout is before
  assert capsys.readouterr().out == 'hello\n'


def test_all_but_writing_is_the_streams_own():
  stream = io.StringIO()
  output = Output(stream)
  assert (output.write('abc'), output.isatty(), output.getvalue()) == (3, False, 'abc')
