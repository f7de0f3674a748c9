"""Files of a user's own: loaded from anywhere, once, without traces elsewhere, and refused with the line that fails."""

import dataclasses
import sys
import typing

import pytest

from mjx_humanoid.core import trust, user_code, user_files
from mjx_humanoid.core.errors import UserError


@pytest.fixture
def write(write):
  """write({'mine.py': text}) -> the folder; all of its code is allowed."""

  def make(files):
    folder = write(files)
    trust.allow(folder / name for name in files if name.endswith('.py'))
    return folder

  return make


@pytest.fixture
def find(write):
  """find(text, name) -> what a file mine.py of this text defines under that name."""
  return lambda text, name='f': user_code.find(f'{write({"mine.py": text})}/mine.py:{name}', 'reward')


def refusal(call, *arguments):
  with pytest.raises(UserError) as error:
    call(*arguments)
  assert '\n' not in str(error.value)
  return str(error.value)


@pytest.mark.parametrize(
  ('reference', 'parts'),
  [
    ('mine.py:f', ('mine.py', 'f')),
    ('a/b.py:f', ('a/b.py', 'f')),
    ('C:/x/mine.py:f', ('C:/x/mine.py', 'f')),
    ('mine.py', ('mine.py', '')),
    ('mine.py:', ('mine.py', '')),
    ('poses.npz', ('poses.npz', '')),
  ],
)
def test_a_reference_is_a_path_and_a_name(reference, parts):
  path, name = user_code.split(reference)
  assert (path.as_posix(), name) == parts


def test_the_named_function_is_found(find):
  text = 'def f():\n  return 1\ndef g():\n  return 2\n'
  assert (find(text)(), find(text, 'g')()) == (1, 2)


def test_modules_beside_it_are_imported_from_any_folder(write, tmp_path, monkeypatch):
  write(
    {'sub/mine.py': 'from helpers import near\ndef f():\n  return near()\n', 'sub/helpers.py': 'def near(): return 3'}
  )
  (tmp_path / 'elsewhere').mkdir()
  monkeypatch.chdir(tmp_path / 'elsewhere')
  before = list(sys.path)
  assert user_code.find('../sub/mine.py:f', 'reward')() == 3
  assert sys.path == before
  assert 'helpers' not in sys.modules


def test_every_form_of_import_works_also_when_a_function_is_called(write):
  text = (
    'import pack.deep as deep, pack\nfrom pack import deep as same\nfrom . import near as n\nfrom .near import X\n'
    'from plain.part import Y\nimport os.path, json\n'
    'def f():\n  import near\n  from pack.deep import Z\n  return near.X, X, n.X, Y, Z, deep is same is pack.deep\n'
  )
  files = {
    'near.py': 'X = 1',
    'pack/__init__.py': '',
    'pack/deep.py': 'from ..near import X as Z',
    'plain/part.py': 'Y = 2',
  }
  folder = write({'mine.py': text, **files})
  assert user_code.find(f'{folder}/mine.py:f', 'reward')() == (1, 1, 1, 2, 1, True)


def test_two_files_have_each_their_own_helpers(write):
  for i in (1, 2):
    write({f'{i}/mine.py': 'from helpers import X\ndef f(): return X\n', f'{i}/helpers.py': f'X = {i}\n'})
  folder = write({})
  assert [user_code.find(f'{folder}/{i}/mine.py:f', 'reward')() for i in (1, 2)] == [1, 2]


def test_a_module_of_the_same_name_elsewhere_stays_as_it_is(write, monkeypatch):
  other = type(sys)('helpers')
  monkeypatch.setitem(sys.modules, 'helpers', other)
  folder = write({'mine.py': 'from helpers import X\ndef f(): return X\n', 'helpers.py': 'X = 5\n'})
  assert user_code.find(f'{folder}/mine.py:f', 'reward')() == 5
  assert sys.modules['helpers'] is other


def test_a_circle_of_imports_is_one_module(write):
  folder = write({'mine.py': 'X = 1\nimport near\ndef f(): return near.mine.f is f\n', 'near.py': 'import mine\n'})
  assert user_code.find(f'{folder}/mine.py:f', 'reward')()


def test_it_is_in_sys_modules_while_it_runs(find):
  """Dataclasses look their annotations up there."""
  text = (
    'from __future__ import annotations\nfrom dataclasses import dataclass\nimport sys\nHERE = sys.modules[__name__]\n'
    '@dataclass\nclass Scale:\n  x: float = 2.0\ndef f() -> Scale:\n  return Scale()\n'
  )
  function = find(text)
  assert dataclasses.asdict(function()) == {'x': 2.0}
  assert sys.modules[function.__module__].HERE is sys.modules[function.__module__]
  assert typing.get_type_hints(function)['return'] is type(function())


@pytest.mark.parametrize('name', ['my-reward.py', '1.py', 'a.b.py', 'class.py', 'ä ö.py'])
def test_a_file_may_have_any_name(write, name):
  folder = write({name: 'from near import X\ndef f(): return X\n', 'near.py': 'X = 1'})
  assert user_code.find(f'{folder}/{name}:f', 'reward')() == 1


def test_it_runs_once_for_each_content(write, capsys):
  reference = f'{write({})}/mine.py:f'
  write({'mine.py': 'print(1)\ndef f(): return 1'})
  first = user_code.find(reference, 'reward')
  assert user_code.find(reference, 'reward') is first
  assert capsys.readouterr().out == '1\n'
  write({'mine.py': 'print(2)\ndef f(): return 2'})  # as one does beside a notebook
  assert user_code.find(reference, 'reward')() == 2
  assert first() == 1


def test_an_edited_helper_is_read_again(write):
  reference = f'{write({})}/mine.py:f'
  write({'mine.py': 'from near import X\ndef f(): return X', 'near.py': 'X = 1'})
  assert user_code.find(reference, 'reward')() == 1
  write({'near.py': 'X = 2'})
  assert user_code.find(reference, 'reward')() == 2


def test_it_leaves_no_bytecode_behind(write):
  folder = write({'mine.py': 'import near\ndef f(): pass', 'near.py': ''})
  user_code.find(f'{folder}/mine.py:f', 'reward')
  assert sorted(path.name for path in folder.rglob('*')) == ['mine.py', 'near.py']


# What is refused


def test_code_that_nobody_allowed_is_not_run(tmp_path):
  (tmp_path / 'mine.py').write_text(f'open({str(tmp_path / "ran")!r}, "w")\ndef f(): pass\n')
  message = refusal(user_code.find, f'{tmp_path}/mine.py:f', 'reward')
  assert user_files.sha256(tmp_path / 'mine.py') in message
  assert not (tmp_path / 'ran').exists()


def test_a_helper_that_nobody_allowed_keeps_the_whole_from_running(write, tmp_path):
  write({'mine.py': f'open({str(tmp_path / "ran")!r}, "w")\nimport near\ndef f(): pass\n'})
  (tmp_path / 'near.py').write_text('NOBODY_ALLOWED_THIS = 1\n')
  assert f'{tmp_path}/near.py is code' in refusal(user_code.find, f'{tmp_path}/mine.py:f', 'reward')
  assert not (tmp_path / 'ran').exists()


def test_missing_files_are_named(tmp_path):
  assert refusal(user_code.find, 'no/such.py:f', 'reward') == "reward 'no/such.py:f': there is no file 'no/such.py'."
  (tmp_path / 'folder.py').mkdir()
  assert 'there is no file' in refusal(user_code.find, f'{tmp_path}/folder.py:f', 'reward')


@pytest.mark.parametrize(
  ('text', 'reason'),
  [
    ('x = 1\ndef f(:\n', 'does not run: SyntaxError: invalid syntax (mine.py, line 2)'),
    ('1 / 0\n', 'does not run: ZeroDivisionError: division by zero (mine.py, line 1)'),
    ('import no_such_module_x\n', "ModuleNotFoundError: No module named 'no_such_module_x' (mine.py, line 1)"),
    ('def g():\n  raise ValueError("a\\nb")\ng()\n', 'ValueError: a (mine.py, line 2)'),
    ('import sys\nsys.exit(0)\n', 'does not run: SystemExit: 0 (mine.py, line 2)'),
    ('raise BaseException("odd")\n', 'BaseException: odd (mine.py, line 1)'),
    ('import json\njson.loads("{")\n', '(mine.py, line 2)'),
  ],
)
def test_a_file_that_does_not_run_says_where(find, text, reason):
  assert reason in refusal(find, text)


def test_a_helper_that_does_not_run_is_named_itself(write):
  folder = write({'mine.py': '\nimport near\ndef f(): pass\n', 'near.py': '\n\n1 / 0\n'})
  assert '(near.py, line 3)' in refusal(user_code.find, f'{folder}/mine.py:f', 'reward')


def test_what_failed_is_tried_again(write, tmp_path):
  reference = f'{tmp_path}/mine.py:f'
  write({'mine.py': f'open("{tmp_path}/flag").close()\ndef f(): return 1\n'})
  assert 'FileNotFoundError' in refusal(user_code.find, reference, 'reward')
  (tmp_path / 'flag').write_text('')
  assert user_code.find(reference, 'reward')() == 1


def test_ctrl_c_stays_what_it_is(find):
  with pytest.raises(KeyboardInterrupt):
    find('raise KeyboardInterrupt\n')
  assert user_code.loading() is None


def test_a_missing_name_offers_those_of_the_file_and_no_imported_or_private_ones(find):
  text = 'from os.path import join\ndef stand_tall():\n  pass\ndef _hidden():\n  pass\nnumber = 3\n'
  assert refusal(find, text, 'stand_tal').endswith("'stand_tal'. Did you mean 'stand_tall'? Choices: stand_tall.")


@pytest.mark.parametrize('name', ['number', 'join', 'f.g', '__builtins__', '__name__'])
def test_only_what_the_file_defines_can_be_meant(find, name):
  text = 'from os.path import join\nnumber = 3\ndef f():\n  pass\n'
  assert 'Choices: f.' in refusal(find, text, name)


def test_a_file_alone_says_what_is_missing(write):
  folder = write({'mine.py': 'def f(): pass\ndef g(): pass\n'})
  message = refusal(user_code.find, f'{folder}/mine.py', 'reward')
  assert message.endswith(f'say what of it is meant: {folder}/mine.py:f, {folder}/mine.py:g.')


def test_who_asks_says_what_can_be_of_that_kind(write):
  folder = write({'mine.py': 'ROBOT = 3\ndef f(): pass'})
  assert user_code.find(f'{folder}/mine.py:ROBOT', 'robot', lambda x: x == 3) == 3


def test_one_can_ask_what_is_being_loaded(write, monkeypatch):
  seen = []
  monkeypatch.setattr(sys, 'seen_by_test', lambda: seen.append(user_code.loading()), raising=False)
  folder = write({'mine.py': 'import sys\nsys.seen_by_test()\ndef f(): pass\n'})
  user_code.find(f'{folder}/mine.py:f', 'reward')
  assert seen == [folder / 'mine.py']
  assert user_code.loading() is None
