"""Protects what is said where JAX cannot start. Single precision itself: tests/run/test_precision.py."""

from __future__ import annotations

import os


def test_a_platform_that_this_machine_lacks_is_one_line(run_python, tmp_path):
  """The first question that any training asks of JAX."""
  code = 'from mjx_humanoid.core.errors import command; from mjx_humanoid.physics.choice import choose; '
  result = run_python(
    '-c', f'{code}command(lambda argv: choose("native"))([])', env={**os.environ, 'JAX_PLATFORMS': 'rocm'}
  )
  assert result.returncode == 2
  lines = [line for line in result.stderr.strip().split('\n') if 'error: ' in line]
  assert len(lines) == 1
  assert 'JAX_PLATFORMS=rocm' in lines[0]
  assert 'set it to cpu' in lines[0]
