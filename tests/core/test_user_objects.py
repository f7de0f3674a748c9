"""Python objects in a config: what a file defines is named by it, the rest holds in this process and says so."""

import functools
import importlib
import json
import sys
from dataclasses import dataclass

import pytest

from mjx_humanoid.core import user_objects
from mjx_humanoid.core.config.schema import default_config, resolve
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.user_objects import find, given, is_own, named, note, reference, register


@pytest.fixture(autouse=True)
def none_given(monkeypatch):
  monkeypatch.setattr(user_objects, '_given', {})


@pytest.fixture
def module(tmp_path, monkeypatch):
  """module(text) -> a module my_terms, imported as a user would, from a folder that is the current one."""
  monkeypatch.chdir(tmp_path)
  monkeypatch.syspath_prepend(tmp_path)

  def make(text, name='my_terms'):
    path = tmp_path / f'{name}.py'
    path.write_text(text)
    monkeypatch.delitem(sys.modules, name, raising=False)
    importlib.invalidate_caches()
    return importlib.import_module(name)

  yield make
  sys.modules.pop('my_terms', None)


TEXT = 'SCALE = 2.0\ndef f(view, body, context):\n  return SCALE * view\n'


@pytest.mark.parametrize(
  ('name', 'own'),
  [('stand', False), ('mine.py:f', True), ('mine.py', True), ('python:f', True), ('a.xml', False), ('py', False)],
)
def test_names_of_the_users_own_are_told_by_their_form(name, own):
  assert is_own(name) == own


def test_a_function_of_a_file_is_named_by_it(module):
  assert reference(module(TEXT).f) == 'my_terms.py:f'
  assert find('my_terms.py:f', 'reward')(1.5, None, None) == 3.0
  assert note('my_terms.py:f', 'reward') is None


def test_a_file_elsewhere_is_named_by_its_whole_path(module, tmp_path, monkeypatch):
  function = module(TEXT).f
  (tmp_path / 'sub').mkdir()
  monkeypatch.chdir(tmp_path / 'sub')
  assert reference(function) == f'{tmp_path}/my_terms.py:f'


def test_what_was_loaded_from_a_reference_gives_it_again(module):
  module(TEXT)
  user_objects.trust.allow([user_objects.Path('my_terms.py')])
  assert reference(find('my_terms.py:f', 'reward')) == 'my_terms.py:f'


def test_instances_and_partials_of_a_file_are_found_by_identity(module):
  text = TEXT + 'import functools\nHALF = functools.partial(f, 0.5)\n'
  assert reference(module(text).HALF) == 'my_terms.py:HALF'


def test_a_module_is_its_file(module):
  assert reference(module(TEXT)) == 'my_terms.py'


@pytest.mark.parametrize(
  ('thing', 'where'),
  [(lambda view: view, 'is a lambda'), (functools.partial(print, 1), 'is defined in this Python process')],
)
def test_what_no_file_defines_is_named_in_this_process(thing, where):
  name = reference(thing)
  assert name.startswith('python:')
  assert find(name, 'reward') is thing
  assert given(name).where == where


def test_a_closure_is_of_this_process():
  def f():
    return where

  where = 1
  assert reference(f) == 'python:f'
  assert 'def f():' in given('python:f').source
  assert note('python:f', 'observation') == (
    'observation f is defined in another function: play, evaluate, export and --resume of this run need it passed'
    " again, as in mh.load(run, own={'f': ...}); define it in a file to have it saved with the run."
  )


def test_a_notebook_is_called_so():
  namespace = {'__name__': '__main__'}
  code = compile('def f(view): return view', '/tmp/ipykernel_123/456.py', 'exec')
  exec(code, namespace)
  assert reference(namespace['f']) == 'python:f'
  assert 'observation f is defined in a notebook: ' in note('python:f', 'observation')


def test_others_of_the_same_name_get_a_number_and_the_same_text_does_not():
  def make(x):
    def f():
      return x

    return f

  first, second = make(1), make(2)
  assert [reference(first), reference(second), reference(first)] == ['python:f', 'python:f_2', 'python:f']
  assert (find('python:f', 'reward')(), find('python:f_2', 'reward')()) == (1, 2)


def test_two_lambdas_on_one_line_are_two():
  names = [reference(f) for f in (lambda view: view + 1, lambda view: view + 2)]
  assert names == ['python:lambda', 'python:lambda_2']
  assert [find(name, 'reward')(0) for name in names] == [1, 2]


def test_an_object_can_be_given_again_by_its_name():
  user_objects.give({'lambda_2': abs})
  assert find('python:lambda_2', 'reward') is abs


def test_a_cell_that_ran_twice_keeps_its_name():
  def cell():
    def f():
      return 1

    return f

  assert {reference(cell()), reference(cell())} == {'python:f'}


def test_what_was_not_given_here_says_how(module):
  with pytest.raises(
    UserError, match=r"observation 'python:f' was given as a Python object.*mh.load\(run, own=\{'f': ...\}\)"
  ):
    find('python:f', 'observation')


def test_objects_of_another_kind_are_refused():
  @dataclass
  class Robot:
    name: str = 'ant'

  name = register(Robot())
  assert name == 'python:ant'
  with pytest.raises(UserError, match='reward ant: a Robot cannot be one'):
    find(name, 'reward')


def test_an_edited_file_is_not_the_function_that_was_imported(module, tmp_path):
  function = module(TEXT).f
  (tmp_path / 'my_terms.py').write_text(TEXT.replace('SCALE * view', 'SCALE + view'))
  with pytest.raises(UserError, match=r"f is not what my_terms.py says now: import it again, or pass 'my_terms.py:f'"):
    reference(function)


def test_lines_that_moved_are_no_edit(module, tmp_path):
  function = module(TEXT).f
  (tmp_path / 'my_terms.py').write_text('# a comment\n\n' + TEXT)
  assert reference(function) == 'my_terms.py:f'


def test_a_changed_global_would_be_lost(module):
  mine = module(TEXT)
  mine.SCALE = 3.0
  with pytest.raises(UserError, match=r'f depends on SCALE, which is 3.0 here and 2.0 in my_terms.py'):
    reference(mine.f)


def test_what_does_not_load_by_itself_is_of_this_process(module, tmp_path):
  (tmp_path / 'pack').mkdir()
  (tmp_path / 'pack' / '__init__.py').write_text('')
  (tmp_path / 'pack' / 'sub').mkdir()
  (tmp_path / 'pack' / 'sub' / '__init__.py').write_text('')
  (tmp_path / 'pack' / 'near.py').write_text('X = 1\n')
  (tmp_path / 'pack' / 'sub' / 'mine.py').write_text('from ..near import X\ndef f(): return X\n')
  function = importlib.import_module('pack.sub.mine').f
  assert reference(function) == 'python:f'
  assert given('python:f').where == 'is defined in mine.py, which does not load by itself'


def test_functions_of_this_package_have_names():
  from mjx_humanoid.core.network import normalize

  with pytest.raises(UserError, match=r'normalize of mjx_humanoid\.core\.network is part of this package'):
    reference(normalize)


@pytest.mark.parametrize(
  ('text', 'again'),
  [
    ('import mjx_humanoid as mh\nmh.train("stand")\n', True),
    ('from mjx_humanoid import train\nrun = train("stand")\n', True),
    ('for seed in range(3):\n  mh.train(seed=seed)\n', True),
    ('if __name__ == "__main__":\n  mh.train("stand")\n', False),
    ('def main():\n  mh.train("stand")\n', False),
    ('TRAIN = 1\n', False),
  ],
)
def test_scripts_that_would_train_again_are_known(tmp_path, text, again):
  (tmp_path / 'script.py').write_text(text)
  assert user_objects.trains(tmp_path / 'script.py') == again


SCRIPT = """
from mjx_humanoid.core.user_objects import note, reference
def train(): pass
def f(view, body, context): return 1.0
{call}
name = reference(f)
print(name, '|', note(name, 'reward'))
"""


def test_a_function_of_the_script_itself_is_named_by_it(run_python, tmp_path):
  (tmp_path / 'script.py').write_text(SCRIPT.format(call=''))
  run = run_python('script.py', cwd=tmp_path)
  assert run.stdout.strip().endswith('script.py:f | None'), run.stderr


def test_a_script_that_trains_at_its_top_is_not_loaded_again(run_python, tmp_path):
  (tmp_path / 'script.py').write_text(SCRIPT.format(call='train()'))
  run = run_python('script.py', cwd=tmp_path)
  assert run.stdout.startswith('python:f | reward f is defined in script.py, which trains when it is loaded'), (
    run.stderr
  )


# In a config


def test_objects_become_names_wherever_a_setting_takes_them(module):
  mine = module(TEXT)
  config = default_config()
  config.task.reward = mine.f
  config.task.observations = ('joint_positions', mine.f)
  values = config.to_dict()
  values['task']['weights'] = {mine.f: 0.5, 'height': 0.1}
  resolved = resolve(values)
  assert resolved.task.reward == 'my_terms.py:f'
  assert resolved.task.observations == ('joint_positions', 'my_terms.py:f')
  assert resolved.task.weights == {'my_terms.py:f': 0.5, 'height': 0.1}
  json.dumps(resolved.task.weights)


@pytest.mark.parametrize('value', [3, 0.5, None, ['a', 3]])
def test_what_is_no_object_is_left_to_the_check_of_types(value):
  config = default_config()
  config.task.reward = value
  with pytest.raises(UserError, match=r'config\.task\.reward must be a word'):
    resolve(config)


def test_settings_that_name_nothing_take_no_objects():
  config = default_config()
  config.name = print
  with pytest.raises(UserError, match=r'config\.name must be a word'):
    resolve(config)


def test_names_stay_names():
  assert named(('a', 'b')) == ('a', 'b')
  assert named({'a': 1.0}) == {'a': 1.0}
