"""Protects runs from kill -9 at any moment: what resumes ends with the parameters of a run that nobody killed."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import kill_target
import pytest

from mjx_humanoid.run.checkpoint import CheckpointStore

FORKS = multiprocessing.get_context('forkserver')
KILLS = 30
TRIES = 20  # of a kill that is to come at a certain moment; saving takes milliseconds


class Times(NamedTuple):
  """What an undisturbed training takes, in s from when its folder is made."""

  saved: float  # until its first checkpoint is whole
  end: float


@pytest.fixture(scope='module', autouse=True)
def forks():
  """Processes are forked from one that has imported everything and has not started JAX."""
  here = Path(__file__).resolve().parent
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv('PYTHONPATH', os.pathsep.join([str(here), str(here.parent), os.environ.get('PYTHONPATH', '')]))
    FORKS.set_forkserver_preload(['kill_target'])
    yield


def train(folder: Path, kill: Callable[[], object] = lambda: None) -> bool:
  """Whether a training came to its end. It is killed when `kill` returns True."""
  process = FORKS.Process(target=kill_target.train, args=(folder,))
  process.start()
  try:
    while process.is_alive() and not kill():
      time.sleep(0.001)
  finally:
    process.kill()
  process.join()
  assert process.exitcode in (0, -9)
  return process.exitcode == 0


def steps_saved(folder: Path) -> list[int]:
  return CheckpointStore(folder / 'checkpoints', 9).steps()


def half_saved(folder: Path) -> bool:
  return any((folder / 'checkpoints').glob('*.partial*'))


def after(seconds: float, begun: Callable[[], bool]) -> Callable[[], bool]:
  """A kill that comes so many seconds after something was first seen."""
  seen: list[float] = []

  def due() -> bool:
    if not seen and begun():
      seen.append(time.monotonic())
    return bool(seen) and time.monotonic() - seen[0] >= seconds

  return due


@pytest.fixture(scope='module')
def straight(tmp_path_factory):
  """(arrays, times) of a run that nobody killed."""
  folder = tmp_path_factory.mktemp('kills') / 'straight'
  made: list[float] = []
  saved: list[float] = []

  def watch() -> None:
    if not made and folder.exists():
      made.append(time.monotonic())
    if not saved and steps_saved(folder):
      saved.append(time.monotonic())

  assert train(folder, watch)
  times = Times(saved[0] - made[0], time.monotonic() - made[0])
  return CheckpointStore(folder / 'checkpoints', 9).load()[1], times


def kill_early(folder: Path, rng: random.Random, times: Times) -> bool:
  """Kills a training before its first checkpoint. Returns whether it did."""
  return not train(folder, after(rng.uniform(0, times.saved), folder.exists)) and not steps_saved(folder)


def kill_while_saving(folder: Path, rng: random.Random, times: Times) -> bool:
  """Kills a training when its checkpoint is half written. Returns whether it did."""
  least = rng.randrange(0, kill_target.TOTAL - 64)  # steps
  ready = after(rng.uniform(0, 0.01), lambda: max(steps_saved(folder), default=-1) >= least and half_saved(folder))
  return not train(folder, ready) and half_saved(folder)


def kill_anywhere(folder: Path, rng: random.Random, times: Times) -> bool:
  """Kills a training at any moment. Returns whether it did."""
  return not train(folder, after(rng.uniform(0, times.end), folder.exists))


KINDS = (kill_early, kill_while_saving, kill_anywhere)


def check(parent: Path, straight, kill: int) -> None:
  """A training that is killed goes on from there to the same parameters."""
  expected, times = straight
  rng = random.Random(kill)
  kind = KINDS[kill % len(KINDS)]
  folder = next(f for i in range(TRIES) if kind(f := parent / f'run_{i}', rng, times))
  assert train(folder)
  found = CheckpointStore(folder / 'checkpoints', 9).load()[1]
  assert found.keys() == expected.keys()
  assert [name for name in found if found[name].tobytes() != expected[name].tobytes()] == []


@pytest.mark.parametrize('kill', [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_goes_on_to_the_same_parameters(tmp_path, straight, kill):
  check(tmp_path, straight, kill)


@pytest.mark.slow
@pytest.mark.parametrize('kill', range(KILLS))
def test_thirty_kills(tmp_path, straight, kill):
  check(tmp_path, straight, kill)
