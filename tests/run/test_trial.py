"""MJX under scan must end on machines with few cores, whatever XLA was told: it once waited there for ever."""

import os
import subprocess
import sys

import pytest

from mjx_humanoid.core.process import without_deadlock

HARMLESS = '--xla_cpu_enable_fast_min_max=false'
HOSTILE = f'--xla_cpu_enable_concurrency_optimized_scheduler=true {HARMLESS}'
LIMIT = 400  # s, many times what it takes; only a run that hangs meets it

PROGRAM = """
import os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[1])])
if sys.argv[2] == 'late':
  import jax
  jax.devices()
from mjx_humanoid.run.trial import scan_trial
print(os.environ['XLA_FLAGS'])
print(scan_trial().shape)
"""


def trial(cores, order):
  """What the program printed, pinned to so many cores."""
  if len(os.sched_getaffinity(0)) < cores:
    pytest.skip(f'needs {cores} cores')
  environment = dict(os.environ, XLA_FLAGS=HOSTILE, JAX_PLATFORMS='cpu')
  command = [sys.executable, '-c', PROGRAM, str(cores), order]
  done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
  assert done.returncode == 0, done.stderr
  return done.stdout.splitlines()


def check(cores, order):
  flags, shape = trial(cores, order)
  assert flags == without_deadlock(HOSTILE)
  assert HARMLESS in flags
  assert shape == '(128, 28)'


pytestmark = pytest.mark.skipif(not hasattr(os, 'sched_setaffinity'), reason='the system cannot pin a process')


@pytest.mark.slow
def test_mjx_under_scan_ends_on_two_cores_where_xla_was_told_otherwise():
  check(2, 'early')


@pytest.mark.slow
@pytest.mark.parametrize(('cores', 'order'), [(1, 'early'), (1, 'late'), (2, 'late')])
def test_mjx_under_scan_ends_on_few_cores_even_where_jax_started_first(cores, order):
  """`late`: JAX has read its flags before the package could mend them."""
  check(cores, order)
