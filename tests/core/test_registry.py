"""Things chosen by name: found, listed, refused with the choices, or loaded from a user's file."""

import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.registry import Registry, first_line, load_function


@pytest.fixture
def animals():
  registry = Registry('animal')
  registry.add('cat', 9, 'Has nine lives.')
  registry.add('ant', 6, 'Has six legs.')
  return registry


@pytest.fixture
def user_file(tmp_path):
  def write(text):
    path = tmp_path / 'mine.py'
    path.write_text(text)
    return str(path)

  return write


def test_finds_what_was_added(animals):
  assert (animals['cat'], animals['ant']) == (9, 6)


def test_lists_names_and_lines_in_order_of_arrival(animals):
  assert list(animals) == ['cat', 'ant']
  assert animals.describe() == {'cat': 'Has nine lives.', 'ant': 'Has six legs.'}


def test_knows_what_it_contains(animals):
  assert 'cat' in animals
  assert 'dog' not in animals


def test_the_listing_is_a_copy(animals):
  animals.describe().clear()
  assert animals.describe()['cat'] == 'Has nine lives.'


@pytest.mark.parametrize('name', ['cats', '', 'Cat', 'mine.py:cat'])
def test_unknown_name_is_refused_with_the_choices(animals, name):
  with pytest.raises(UserError, match=r'unknown animal .*Choices: ant, cat\.'):
    animals[name]


def test_a_name_taken_twice_is_a_bug(animals):
  with pytest.raises(ValueError, match="animal 'cat' is registered twice"):
    animals.add('cat', 1, '')
  assert animals['cat'] == 9


def test_register_files_a_function_under_its_name_and_first_line():
  registry = Registry('trick')

  @registry.register()
  def jump():
    """Leaves the floor.

    And comes back.
    """

  assert registry['jump'] is jump
  assert registry.describe() == {'jump': 'Leaves the floor.'}


def test_register_takes_another_name():
  registry = Registry('trick')

  @registry.register('hop')
  def jump():
    pass

  assert registry['hop'] is jump
  assert 'jump' not in registry
  assert registry.describe() == {'hop': ''}


def test_first_line_of_nothing_is_empty():
  def silent():
    pass

  assert first_line(silent) == ''


def test_a_registry_never_loads_a_file(user_file):
  reference = user_file('raise SystemExit("it was run")\n') + ':double'
  with pytest.raises(UserError, match='unknown function'):
    Registry('function')[reference]


def test_load_function_runs_the_named_one(user_file):
  path = user_file('def one():\n  return 1\ndef two():\n  return 2\n')
  assert load_function(f'{path}:two', 'function')() == 2


def test_missing_file_is_named():
  with pytest.raises(UserError, match=r"reward 'no/such.py:f': there is no file 'no/such.py'"):
    load_function('no/such.py:f', 'reward')


def test_a_folder_is_no_file(tmp_path):
  folder = tmp_path / 'folder.py'
  folder.mkdir()
  with pytest.raises(UserError, match='there is no file'):
    load_function(f'{folder}:f', 'reward')


@pytest.mark.parametrize(
  ('text', 'reason'),
  [
    ('def f(:\n', 'SyntaxError'),
    ('1 / 0\n', 'ZeroDivisionError'),
    ('import no_such_module_x\n', 'ModuleNotFoundError'),
  ],
)
def test_a_file_that_does_not_run_says_why(user_file, text, reason):
  with pytest.raises(UserError, match=f'does not run: {reason}'):
    load_function(f'{user_file(text)}:f', 'reward')


def test_missing_function_offers_those_of_the_file_and_no_imported_ones(user_file):
  path = user_file('from os.path import join\ndef stand_tall():\n  pass\n')
  with pytest.raises(UserError, match=r"'stand_tal'. Did you mean 'stand_tall'\? Choices: stand_tall\."):
    load_function(f'{path}:stand_tal', 'reward')


@pytest.mark.parametrize('name', ['', 'number'])
def test_what_is_not_a_function_is_refused(user_file, name):
  path = user_file('number = 3\ndef f():\n  pass\n')
  with pytest.raises(UserError, match=r'Choices: f\.'):
    load_function(f'{path}:{name}', 'reward')
