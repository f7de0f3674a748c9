"""Protects where compiled programs are kept, and that a folder that cannot be written is no error."""

from __future__ import annotations

import os
import time
from pathlib import Path

import jax
import pytest

from mjx_humanoid.run.cache import BEING_WRITTEN, cache_folder, use_compilation_cache


@pytest.fixture
def restored():
  """JAX's settings as they were."""
  names = ('jax_compilation_cache_dir', 'jax_persistent_cache_min_compile_time_secs')
  before = {name: getattr(jax.config, name) for name in names}
  yield
  for name, value in before.items():
    jax.config.update(name, value)


def test_the_users_own_setting_comes_first(monkeypatch, tmp_path):
  monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', str(tmp_path / 'given'))
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
  assert cache_folder() == tmp_path / 'given'


def test_then_the_users_cache_folder(monkeypatch, tmp_path):
  monkeypatch.delenv('JAX_COMPILATION_CACHE_DIR', raising=False)
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  assert cache_folder() == tmp_path / 'mjx_humanoid' / 'jax'
  monkeypatch.delenv('XDG_CACHE_HOME')
  monkeypatch.setattr(Path, 'home', lambda: tmp_path / 'home')
  assert cache_folder() == tmp_path / 'home' / '.cache' / 'mjx_humanoid' / 'jax'


def test_the_folder_is_made_and_jax_is_told(monkeypatch, tmp_path, restored):
  monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', str(tmp_path / 'a' / 'b'))
  assert use_compilation_cache() == tmp_path / 'a' / 'b'
  assert (tmp_path / 'a' / 'b').is_dir()
  assert jax.config.jax_compilation_cache_dir == str(tmp_path / 'a' / 'b')


def test_a_folder_that_cannot_be_made_switches_the_cache_off_silently(monkeypatch, tmp_path, restored):
  jax.config.update('jax_compilation_cache_dir', None)
  (tmp_path / 'file').write_text('')
  monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', str(tmp_path / 'file' / 'below'))
  assert use_compilation_cache() is None
  assert jax.config.jax_compilation_cache_dir is None


def test_entries_of_no_bytes_are_removed_and_told_once(monkeypatch, tmp_path, restored, capsys):
  """As a full disk leaves them. One of this minute may be one that another process is writing."""
  monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', str(tmp_path))
  old = time.time() - 2 * BEING_WRITTEN
  for name, content in {'a-cache': b'', 'b-cache': b'', 'whole-cache': b'x', 'note.txt': b''}.items():
    (tmp_path / name).write_bytes(content)
    os.utime(tmp_path / name, (old, old))
  (tmp_path / 'fresh-cache').write_bytes(b'')
  use_compilation_cache()
  assert sorted(path.name for path in tmp_path.iterdir()) == ['fresh-cache', 'note.txt', 'whole-cache']
  assert capsys.readouterr().out.count('removed 2 empty entries') == 1
  use_compilation_cache()
  assert capsys.readouterr().out == ''
