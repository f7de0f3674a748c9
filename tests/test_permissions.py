"""Protects commands without permission to read or write: one line, exit status 2, nothing written.

The system refuses here, in processes that are not root or have lost root's right to go past permissions.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from mjx_humanoid.playback.find import PRETRAINED

OBEDIENT = ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-all']
ROOT = hasattr(os, 'geteuid') and os.geteuid() == 0

pytestmark = pytest.mark.skipif(
  os.name != 'posix' or (ROOT and shutil.which('setpriv') is None), reason='root may write anywhere here'
)


@pytest.fixture
def closed(tmp_path):
  """A folder that nobody may write to, with a policy file that nobody may read."""
  folder = tmp_path / 'closed'
  folder.mkdir()
  shutil.copy(PRETRAINED / 'stand.safetensors', folder / 'secret.safetensors')
  (folder / 'secret.safetensors').chmod(0)
  folder.chmod(0o555)
  yield folder
  folder.chmod(0o755)


@pytest.mark.parametrize(
  ('arguments', 'said'),
  [
    ('train --config=stand --config.run_dir={} --config.total_timesteps=8', 'cannot be written: no permission'),
    ('play stand --out={}/stand.mp4', 'stand.mp4 cannot be written: no permission'),
    ('evaluate stand --json={}/card.json', 'card.json cannot be written: no permission'),
    ('evaluate {}/secret.safetensors', 'secret.safetensors is not a readable policy file: Permission denied'),
    ('compare --configs=stand --out={}/study', 'cannot be written: no permission'),
  ],
)
def test_a_command_without_permission_says_so(closed, arguments, said):
  command = [sys.executable, '-m', 'mjx_humanoid', *arguments.format(closed).split()]
  result = subprocess.run([*(OBEDIENT if ROOT else []), *command], capture_output=True, text=True, cwd=closed)
  assert result.returncode == 2
  (error,) = (line for line in result.stderr.splitlines() if line.startswith('error: '))
  assert said in error
  assert 'Traceback' not in result.stderr
  assert [path.name for path in closed.iterdir()] == ['secret.safetensors']
