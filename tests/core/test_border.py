"""Protects the border of the API: values of NumPy and pathlib mean what Python's own do."""

from __future__ import annotations

import errno
import inspect
import json
from pathlib import Path

import numpy as np
import pytest

from mjx_humanoid.core.border import expanded, output_path, plain, public, typed
from mjx_humanoid.core.config.schema import Config, resolve
from mjx_humanoid.core.errors import UserError


@pytest.mark.parametrize(
  ('value', 'same'),
  [
    (np.int64(3), 3),
    (np.float32(0.5), 0.5),
    (np.bool_(True), True),
    (np.array(7), 7),
    (np.array([1.0, 0.0, 0.5]), [1.0, 0.0, 0.5]),
    (Path('runs/x'), 'runs/x'),
    ((np.int32(1), [np.float64(2)]), (1, [2.0])),
    ({'a': np.int8(1)}, {'a': 1}),
    ('word', 'word'),
    (None, None),
  ],
)
def test_values_become_pythons_own(value, same):
  assert plain(value) == same
  assert type(plain(value)) is type(same)
  json.dumps(plain(value))


@pytest.mark.parametrize(
  ('path', 'text'),
  [
    ('runs/x', 'runs/x'),
    ('a b', "'a b'"),
    ("it's", "'it'\"'\"'s'"),
    ('-x', './-x'),
    ('~', f"'{Path.cwd()}/~'"),
    (Path('a[b]'), "'a[b]'"),
  ],
)
def test_a_path_as_a_shell_takes_it(path, text):
  assert typed(path) == text


def test_a_file_to_write_is_checked_before_any_work(tmp_path):
  assert output_path(None, ('.mp4',), 'a video', force=False) is None
  assert output_path(tmp_path / 'a.mp4', ('.mp4',), 'a video', force=False) == tmp_path / 'a.mp4'
  (tmp_path / 'b.mp4').write_bytes(b'')
  for path, message in (('a.avi', r'a video is written as \.mp4'), ('b.mp4', 'exists already'), ('b.mp4/c.mp4', 'no')):
    with pytest.raises(UserError, match=message):
      output_path(tmp_path / path, ('.mp4',), 'a video', force=False)
  assert output_path(tmp_path / 'b.mp4', ('.mp4',), 'a video', force=True) == tmp_path / 'b.mp4'


def test_other_objects_are_left_alone():
  thing = object()
  assert plain(thing) is thing


def test_settings_take_what_means_the_same():
  values = {
    'seed': np.int64(5),
    'run_dir': Path('a/b'),
    'stop_when_passed': np.bool_(False),
    'init_from': None,
    'curriculum': None,
    'ppo': {'learning_rate': np.float32(0.5)},
    'network': {'policy_layers': np.array([8, 4])},
    'task': {'command': {'value': np.array([1.0, 0.0, 0.5])}, 'push': {'kind': None}},
  }
  config = resolve(values)
  assert (config.seed, config.run_dir, config.init_from, config.curriculum) == (5, 'a/b', '', 'none')
  assert (config.ppo.learning_rate, config.network.policy_layers) == (0.5, (8, 4))
  assert (config.task.command.value, config.task.push.kind) == ((1.0, 0.0, 0.5), 'none')
  assert type(config.stop_when_passed) is bool


@pytest.mark.parametrize('values', [{'seed': None}, {'name': None}, {'seed': np.float32(0.5)}, {'seed': np.bool_(1)}])
def test_what_means_something_else_is_refused(values):
  with pytest.raises(UserError, match=r'config\.'):
    resolve(values)
  assert Config().seed == 0


def test_home_folder(monkeypatch, tmp_path):
  monkeypatch.setenv('HOME', str(tmp_path))
  assert expanded('~/runs') == tmp_path / 'runs'
  assert expanded('runs/~') == Path('runs/~')
  assert expanded('~nobody_of_this_name/x') == Path('~nobody_of_this_name/x')


def test_a_path_without_permission_is_a_user_error_and_bugs_stay_bugs():
  @public
  def act(number: int) -> None:
    """Acts."""
    raise OSError(number, 'No', 'runs/x')

  with pytest.raises(UserError, match='No: runs/x; choose another folder'):
    act(errno.EACCES)
  with pytest.raises(OSError, match='No'):
    act(errno.EBADF)
  assert list(inspect.signature(act).parameters) == ['number']
