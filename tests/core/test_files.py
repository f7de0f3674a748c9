"""Protects what is on the disk: files are whole or as they were, and a failure is one clear line."""

from __future__ import annotations

import errno
import json
import math
import os
import resource
import stat
from contextlib import contextmanager
from pathlib import Path

import pytest

from mjx_humanoid.core import files
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import Appender, check_free, check_writable, replacing, to_json, write_files, write_json

NAMES = [
  'plain.json',
  'no ending',
  '[a] *?.json',
  '%d-$HOME-`x`.json',
  'quote\'and"quote',
  'back\\slash\nline',
  '-option',
  'ünïcödé-机器人.json',
  'x' * 255,
]


@contextmanager
def disk_with_room_for(size):
  """The system refuses to make a file longer than `size` bytes: a real failure half-way through a write."""
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fail_with(number):
  def fail(*arguments, **options):
    raise OSError(number, os.strerror(number))

  return fail


# Writing


@pytest.mark.parametrize('name', NAMES)
def test_what_is_written_is_what_is_read_whatever_the_name(tmp_path, name):
  for content in (b'first', b'', b'second, longer'):
    write_files({tmp_path / 'new' / 'folder' / name: content}, 'the policy')
    assert (tmp_path / 'new' / 'folder' / name).read_bytes() == content
  assert [p.name for p in (tmp_path / 'new' / 'folder').iterdir()] == [name]


def test_a_name_that_is_too_long_is_told(tmp_path):
  with pytest.raises(UserError, match=r'^the policy cannot be written to .*: File name too long\.$'):
    write_files({tmp_path / ('x' * 256): b''}, 'the policy')
  assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_half_way_leaves_the_old_files_and_nothing_else(tmp_path, snapshot):
  write_files({tmp_path / 'a': b'old a', tmp_path / 'b': b'old b'}, 'the policy')
  before = snapshot(tmp_path)
  with disk_with_room_for(100), pytest.raises(UserError, match=rf'^the policy cannot be written to {tmp_path}/b: File'):
    write_files({tmp_path / 'a': b'new', tmp_path / 'b': bytes(101), tmp_path / 'c': b'new'}, 'the policy')
  assert snapshot(tmp_path) == before


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO])
@pytest.mark.parametrize('where', ['open', 'fsync'])
def test_every_failure_of_the_system_is_one_line_with_path_and_reason(tmp_path, monkeypatch, number, where):
  target = {'open': Path, 'fsync': files.os}[where]
  monkeypatch.setattr(target, where, fail_with(number))
  with pytest.raises(UserError) as error:
    write_files({tmp_path / 'a.json': b'x'}, 'the report card')
  assert str(error.value) == f'the report card cannot be written to {tmp_path}/a.json: {os.strerror(number)}.'
  assert list(tmp_path.iterdir()) == []


def test_a_full_device_is_told():
  with pytest.raises(UserError, match=r'the card cannot be written to /dev/full: No space left on device\.'):
    write_files({Path('/dev/full'): b'x'}, 'the card')


@pytest.mark.parametrize(
  ('path', 'reason'),
  [
    ('folder', 'Is a directory.'),
    ('file/a.json', 'Not a directory (FOLDER/file).'),
    ('file/deeper/a.json', 'Not a directory (FOLDER/file/deeper).'),
  ],
)
def test_a_folder_in_the_way_or_a_file_for_a_folder(tmp_path, path, reason):
  (tmp_path / 'folder').mkdir()
  (tmp_path / 'file').write_text('')
  with pytest.raises(UserError) as error:
    write_files({tmp_path / path: b'x'}, 'the card')
  expected = f'the card cannot be written to {tmp_path / path}: {reason}'
  assert str(error.value) == expected.replace('FOLDER', str(tmp_path.resolve()))
  assert sorted(p.name for p in tmp_path.rglob('*')) == ['file', 'folder']


def test_where_the_second_cannot_take_its_place_the_first_is_undone(tmp_path, snapshot, monkeypatch):
  write_files({tmp_path / 'old': b'old'}, 'the policy')
  before, replace = snapshot(tmp_path), Path.replace

  def refuse(self, target):
    if target.name == 'last':
      raise PermissionError(errno.EPERM, 'Operation not permitted')
    return replace(self, target)

  monkeypatch.setattr(Path, 'replace', refuse)
  for link in (os.link, fail_with(errno.EPERM)):  # and on a disk without links
    monkeypatch.setattr(files.os, 'link', link)
    with pytest.raises(UserError, match='last: Operation not permitted'):
      write_files({tmp_path / name: b'new' for name in ('old', 'fresh', 'last')}, 'the policy')
    assert snapshot(tmp_path) == before


def test_an_interrupt_leaves_the_old_file(tmp_path, snapshot, monkeypatch):
  write_files({tmp_path / 'a': b'old'}, 'the policy')
  before = snapshot(tmp_path)

  def interrupt(number):
    raise KeyboardInterrupt

  monkeypatch.setattr(files.os, 'fsync', interrupt)
  with pytest.raises(KeyboardInterrupt):
    write_files({tmp_path / 'a': b'new'}, 'the policy')
  assert snapshot(tmp_path) == before


def test_everything_is_on_the_disk_before_anything_takes_its_place(tmp_path, monkeypatch):
  done, fsync, replace = [], os.fsync, Path.replace
  monkeypatch.setattr(files.os, 'fsync', lambda number: done.append('fsync') or fsync(number))
  monkeypatch.setattr(Path, 'replace', lambda *paths: done.append('replace') or replace(*paths))
  write_files({tmp_path / 'a': b'x', tmp_path / 'b': b'y'}, 'the policy')
  assert done == ['fsync', 'fsync', 'replace', 'replace']


def test_a_link_stays_a_link(tmp_path):
  (tmp_path / 'elsewhere').mkdir()
  (tmp_path / 'link').symlink_to(tmp_path / 'elsewhere' / 'file')
  for content in (b'first', b'second'):
    write_files({tmp_path / 'link': content}, 'the policy')
    assert (tmp_path / 'elsewhere' / 'file').read_bytes() == content
  assert (tmp_path / 'link').is_symlink()


def test_a_device_or_a_pipe_is_written_to_and_not_replaced(tmp_path):
  write_files({Path('/dev/null'): b'x', tmp_path / 'a': b'y'}, 'the card')
  assert stat.S_ISCHR(os.stat('/dev/null').st_mode)
  read, write = os.pipe()
  write_files({Path(f'/dev/fd/{write}'): b'through the pipe'}, 'the card')
  assert os.read(read, 100) == b'through the pipe'


def test_permissions_are_those_of_new_files_or_of_the_old_one(tmp_path):
  mask = os.umask(0o027)
  try:
    write_files({tmp_path / 'a': b'x'}, 'the policy')
    assert stat.S_IMODE((tmp_path / 'a').stat().st_mode) == 0o640
    (tmp_path / 'a').chmod(0o604)
    write_files({tmp_path / 'a': b'y'}, 'the policy')
    assert stat.S_IMODE((tmp_path / 'a').stat().st_mode) == 0o604
  finally:
    os.umask(mask)


def test_a_file_that_its_owner_protected_is_not_replaced(tmp_path, monkeypatch):
  (tmp_path / 'a').write_text('precious')
  monkeypatch.setattr(files.os, 'access', lambda path, mode: Path(path).is_dir())
  with pytest.raises(UserError, match='a: Permission denied'):
    write_files({tmp_path / 'a': b'x'}, 'the policy')
  assert (tmp_path / 'a').read_text() == 'precious'


# Files that a library writes itself


def test_a_library_gets_a_harmless_absolute_path_of_the_same_kind(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with replacing(Path('-a [b]:%d.mp4'), 'the video') as partial:
    partial.write_bytes(b'film')
    assert partial.is_absolute() and partial.suffix == '.mp4' and partial.parent == tmp_path
    assert not set('[]%: -') & set(partial.name)
  assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [('-a [b]:%d.mp4', b'film')]


@pytest.mark.parametrize('failure', [OSError(28, 'No space left'), RuntimeError('a bug'), KeyboardInterrupt()])
def test_a_library_that_fails_leaves_the_old_file(tmp_path, failure):
  (tmp_path / 'a.mp4').write_bytes(b'old')
  expected = UserError if isinstance(failure, OSError) else type(failure)
  with pytest.raises(expected), replacing(tmp_path / 'a.mp4', 'the video') as partial:
    partial.write_bytes(b'half')
    raise failure
  assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [('a.mp4', b'old')]


def test_a_library_that_writes_nothing_is_told(tmp_path):
  with pytest.raises(UserError, match='the video cannot be written'), replacing(tmp_path / 'a.mp4', 'the video'):
    pass
  assert list(tmp_path.iterdir()) == []


# Adding to a file


def test_records_are_added_to_what_is_there(tmp_path):
  for record in (b'one\n', b'two\n'):
    lines = Appender(tmp_path / 'a', 'the metrics')
    lines.append(record)
    assert (tmp_path / 'a').read_bytes().endswith(record)  # before it is closed
    lines.close()
  assert (tmp_path / 'a').read_bytes() == b'one\ntwo\n'


def test_a_record_without_room_leaves_nothing_of_itself_and_the_next_one_is_whole(tmp_path):
  lines = Appender(tmp_path / 'a', 'the metrics')
  lines.append(b'12345\n')
  with disk_with_room_for(10), pytest.raises(UserError, match=r'^the metrics cannot be .*/a: File too large'):
    lines.append(b'678901\n')  # the system takes four bytes of it
  assert (tmp_path / 'a').read_bytes() == b'12345\n'
  lines.append(b'23456\n')
  lines.close()
  assert (tmp_path / 'a').read_bytes() == b'12345\n23456\n'


def test_a_file_that_cannot_be_opened(tmp_path):
  with pytest.raises(UserError, match=r'the metrics cannot be written to .*: Is a directory'):
    Appender(tmp_path, 'the metrics')


# JSON


def test_numbers_that_are_not_finite_become_null(tmp_path):
  value = {'a': math.nan, 'b': [1.5, -math.inf, (math.inf, 2)], 'c': {'d': None, 'e': True}, 'f': 'NaN'}
  expected = {'a': None, 'b': [1.5, None, [None, 2]], 'c': {'d': None, 'e': True}, 'f': 'NaN'}
  write_json(tmp_path / 'a.json', value, 'the card')
  assert files.read_json(tmp_path / 'a.json', 'card') == expected
  assert (tmp_path / 'a.json').read_text().endswith('}\n')
  json.loads(to_json(value), parse_constant=lambda name: pytest.fail(f'{name} is no JSON'))
  assert math.isnan(value['a'])  # what was given is not changed


@pytest.mark.parametrize('content', [b'', b'{"a": ', b'\xff\xfe\x00', b'[' * 100_000, b'{} {}'])
def test_what_is_no_json_is_refused_by_name_in_a_line(tmp_path, content):
  (tmp_path / 'a.json').write_bytes(content)
  with pytest.raises(UserError, match=r'a\.json is not a readable config: ') as error:
    files.read_json(tmp_path / 'a.json', 'config')
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(
  ('path', 'reason'), [('none', 'No such file'), ('.', 'Is a directory'), ('a\0b', 'null byte'), ('f/a', 'Not a dir')]
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path, path, reason):
  (tmp_path / 'f').write_text('')
  for read in (files.read_bytes, files.read_text, files.read_json):
    with pytest.raises(UserError, match=f'is not a readable config: .*{reason}'):
      read(tmp_path / path, 'config')


# Checks


@pytest.mark.parametrize('place', ['v.mp4', 'new/folder/v.mp4', 'there.mp4'])
def test_a_place_that_can_be_written(tmp_path, place):
  (tmp_path / 'there.mp4').write_text('')
  check_writable(tmp_path / place)
  check_writable(Path('/dev/null'))
  assert [p.name for p in tmp_path.iterdir()] == ['there.mp4']  # asking makes nothing


@pytest.mark.parametrize(
  ('place', 'reason'),
  [
    ('file/v.mp4', 'is not a folder'),
    ('file/deeper/v.mp4', 'is not a folder'),
    ('folder.mp4', 'it is a folder'),
    ('locked/v.mp4', 'no permission to write in .*locked'),
    ('locked/new/v.mp4', 'no permission to write in .*locked'),
  ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path, monkeypatch, place, reason):
  (tmp_path / 'file').write_text('')
  (tmp_path / 'folder.mp4').mkdir()
  (tmp_path / 'locked').mkdir()
  monkeypatch.setattr(files.os, 'access', lambda path, mode: 'locked' not in str(path))  # root may write everywhere
  with pytest.raises(UserError, match=rf'{place} cannot be written: .*{reason}\.$'):
    check_writable(tmp_path / place)


def test_what_exists_is_free_only_by_force(tmp_path):
  (tmp_path / 'there').write_text('')
  (tmp_path / 'folder').mkdir()
  check_free([tmp_path / 'new', Path('/dev/null')], force=False)
  check_free([tmp_path / 'there'], force=True)
  with pytest.raises(UserError, match=r'there exists already: give another --out=\.\.\., or --force'):
    check_free([tmp_path / 'new', tmp_path / 'there'], force=False)
  for force in (False, True):
    with pytest.raises(UserError, match='folder cannot be written: it is a folder'):
      check_free([tmp_path / 'folder'], force=force)


def test_a_folder_is_made_once(tmp_path):
  files.make_folder(tmp_path / 'a' / 'b', 'the run folder')
  assert (tmp_path / 'a' / 'b').is_dir()
  with pytest.raises(UserError, match=r'the run folder .*/a/b cannot be made: File exists\.'):
    files.make_folder(tmp_path / 'a' / 'b', 'the run folder')
