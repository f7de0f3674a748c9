"""Things chosen by name: found, listed, refused with the choices, or of a user's own."""

import pytest

from mjx_humanoid.core import trust, user_objects
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.registry import Registry, first_line


@pytest.fixture
def animals():
  registry = Registry('animal')
  registry.add('cat', 9, 'Has nine lives.')
  registry.add('ant', 6, 'Has six legs.')
  return registry


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


@pytest.mark.parametrize('name', ['cats', '', 'Cat', 'mine:cat'])
def test_unknown_name_is_refused_with_the_choices(animals, name):
  with pytest.raises(UserError, match=r'unknown animal .*Choices: ant, cat\. Your own: path/to/file.py:name\.$'):
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


def test_a_file_of_the_users_own_is_found_like_a_name(animals, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'zoo.py').write_text('def dog():\n  return 4\n')
  trust.allow([tmp_path / 'zoo.py'])
  assert animals['zoo.py:dog']() == 4
  assert 'zoo.py:dog' not in animals  # which lists what is registered


def test_a_file_is_data_until_it_is_allowed(animals, tmp_path):
  path = tmp_path / 'zoo.py'
  path.write_text('raise SystemExit("it was run")\n')
  with pytest.raises(UserError, match='is code that you have not run before'):
    animals[f'{path}:dog']


def test_what_is_no_thing_of_that_kind_is_refused(tmp_path):
  path = tmp_path / 'numbers.py'
  path.write_text('ONE = 1\ndef two():\n  pass\n')
  trust.allow([path])
  assert Registry('number', lambda x: isinstance(x, int))[f'{path}:ONE'] == 1
  with pytest.raises(UserError, match=r"unknown number in .*numbers.py 'two'\. Choices: ONE\."):
    Registry('number', lambda x: isinstance(x, int))[f'{path}:two']


def test_an_object_of_this_process_is_found_by_its_name(animals):
  def horse():
    return 4

  assert animals[user_objects.register(horse)] is horse
