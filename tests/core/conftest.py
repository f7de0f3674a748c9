"""What the tests of core share: files of a user's own."""

from __future__ import annotations

import pytest


@pytest.fixture
def write(tmp_path):
  """write({'a.py': text}) -> the folder."""

  def make(files):
    for name, text in files.items():
      path = tmp_path / name
      path.parent.mkdir(parents=True, exist_ok=True)
      path.write_text(text)
    return tmp_path

  return make


@pytest.fixture
def write_config(write):
  """write_config(text, 'mine.py') -> the path of that file."""
  return lambda text, name='mine.py': str(write({name: text}) / name)
