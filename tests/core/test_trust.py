"""Code of somebody else is data until this user types or allows it."""

import json

import pytest

from mjx_humanoid.core import trust
from mjx_humanoid.core.errors import UserError


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
  monkeypatch.setenv('XDG_DATA_HOME', str(tmp_path / 'data'))
  monkeypatch.setattr(trust, '_allowed', set())
  return tmp_path / 'data'


@pytest.fixture
def code(tmp_path):
  path = tmp_path / 'mine.py'
  path.write_bytes(b'x = 1\n')
  return path


def test_nothing_is_allowed_at_first(code):
  assert not trust.is_allowed(code.read_bytes())
  with pytest.raises(UserError, match='is code that you have not run before') as error:
    trust.refuse_unknown(code, code.read_bytes())
  assert str(code) in str(error.value)
  assert trust.digest(b'x = 1\n') in str(error.value)
  assert '--allow-code' in str(error.value)
  assert '\n' not in str(error.value)


def test_allowing_holds_for_the_content_and_not_for_the_file(code):
  trust.allow([code])
  trust.refuse_unknown(code, code.read_bytes())
  assert not trust.is_allowed(b'x = 2\n')


def test_allowed_once_is_not_remembered(code, data_folder, monkeypatch):
  trust.allow([code])
  monkeypatch.setattr(trust, '_allowed', set())  # as another process sees it
  assert not trust.is_allowed(code.read_bytes())
  assert not data_folder.exists()


def test_remembered_code_runs_in_later_processes(code, data_folder, monkeypatch):
  trust.allow([code], remember=True)
  monkeypatch.setattr(trust, '_allowed', set())
  assert trust.is_allowed(code.read_bytes())
  listed = json.loads((data_folder / 'mjx_humanoid' / 'trusted.json').read_text())
  assert listed == {trust.digest(b'x = 1\n'): str(code)}


def test_the_list_grows_up_to_its_limit_and_forgets_the_oldest(tmp_path, monkeypatch):
  monkeypatch.setattr(trust, 'MOST', 2)
  for i in range(3):
    (tmp_path / f'{i}.py').write_text(f'x = {i}\n')
    trust.allow([tmp_path / f'{i}.py'], remember=True)
  assert [path.rpartition('/')[2] for path in trust.remembered().values()] == ['1.py', '2.py']


@pytest.mark.parametrize('content', ['', '[1, 2]', '{"a": ', '\xff\xfe'])
def test_a_damaged_list_trusts_nothing_and_is_replaced(code, data_folder, content):
  path = data_folder / 'mjx_humanoid' / 'trusted.json'
  path.parent.mkdir(parents=True)
  path.write_bytes(content.encode('latin-1'))
  assert trust.remembered() == {}
  trust.allow([code], remember=True)
  assert list(trust.remembered()) == [trust.digest(b'x = 1\n')]


def test_a_folder_that_cannot_be_written_to_is_no_error(code, data_folder):
  data_folder.write_text('a file where the folder should be')
  trust.allow([code], remember=True)
  assert trust.is_allowed(code.read_bytes())
  assert trust.remembered() == {}


def test_the_list_lies_in_the_data_folder_of_the_user(monkeypatch, tmp_path):
  monkeypatch.delenv('XDG_DATA_HOME')
  monkeypatch.setenv('HOME', str(tmp_path))
  assert trust.trust_file() == tmp_path / '.local' / 'share' / 'mjx_humanoid' / 'trusted.json'
