"""Protects runs from kill -9 at any moment: what resumes ends with the parameters of a run that nobody killed."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mjx_humanoid.run.checkpoint import CheckpointStore

TRAIN = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
import points
from mjx_humanoid.run import report_cards
from mjx_humanoid.run.start import start
report_cards.judge_policy = points.card
setup = points.point_setup(total_timesteps=1600, checkpoint_interval=int(8 * 4))
folder = Path(sys.argv[1])
loop, state = start(setup, folder, [], 0.0, resume=folder.exists())
print('trains', flush=True)
loop.run(state)
"""


def train(folder: Path, kill_after: float | None = None) -> bool:
  """Whether it came to its end. Killed so many seconds after it began to train; None: not at all."""
  here = Path(__file__).resolve().parent
  command = [sys.executable, '-c', TRAIN, str(folder), str(here), str(here.parent)]
  process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
  try:
    for line in process.stdout:
      if line == 'trains\n' and kill_after is not None:
        time.sleep(kill_after)
        process.kill()
    errors = process.stderr.read()
    assert process.wait() in (0, -9), errors
  finally:
    process.kill()
  return process.returncode == 0


@pytest.fixture(scope='module')
def straight(tmp_path_factory):
  """(arrays, seconds) of a run that nobody killed."""
  folder = tmp_path_factory.mktemp('kills') / 'straight'
  begin = time.monotonic()
  assert train(folder)
  return CheckpointStore(folder / 'checkpoints', 9).load()[1], time.monotonic() - begin


def campaign(folder, straight, kills, seed=7):
  """A third of the kills come before anything can have been saved, the others anywhere in training and saving."""
  expected, seconds = straight
  rng = random.Random(seed)
  for kill in range(kills):
    early = kill % 3 == 0
    if early:
      shutil.rmtree(folder, ignore_errors=True)
    train(folder, rng.uniform(0, 0.3 if early else seconds / 2))
  while not train(folder):
    pass
  found = CheckpointStore(folder / 'checkpoints', 9).load()[1]
  assert found.keys() == expected.keys()
  assert [name for name in found if found[name].tobytes() != expected[name].tobytes()] == []


def test_a_run_that_is_killed_goes_on_to_the_same_parameters(tmp_path, straight):
  campaign(tmp_path / 'run', straight, 2)


@pytest.mark.slow
@pytest.mark.parametrize('seed', range(10))
def test_thirty_kills(tmp_path, straight, seed):
  campaign(tmp_path / 'run', straight, 3, seed)
