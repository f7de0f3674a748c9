"""The page on adding a robot, followed to the letter for Gymnasium's ant: it learns to walk."""

import importlib
import re
import shutil
from pathlib import Path

import numpy as np
import pages
import pytest

FASTER_THAN = 0.5  # m/s
SECONDS = 10.0


@pytest.fixture
def ant(tmp_path, monkeypatch):
  """A folder with the ant's MJCF file."""
  gymnasium = pytest.importorskip('gymnasium')
  shutil.copy(Path(gymnasium.__file__).parent / 'envs' / 'mujoco' / 'assets' / 'ant.xml', tmp_path)
  monkeypatch.chdir(tmp_path)
  return tmp_path


def commands():
  """The commands of the page that are about the ant."""
  return [command for command in pages.package_commands() if re.search(r'\bant\b', ' '.join(command))]


def test_the_page_shows_how_to_examine_train_and_watch_it():
  lines = [' '.join(command) for command in commands()]
  assert [line.split()[0] for line in lines] == ['doctor', 'train', 'play']


@pytest.mark.slow
def test_the_ant_walks(ant, opengl):
  """The mean speed over 10 s, towards where it faced at the start: that is drawn at random."""
  import mjx_humanoid as mh

  for name, *arguments in commands():
    importlib.import_module(f'mjx_humanoid.{name}').main(arguments)
  assert (ant / 'ant_standing.png').is_file()
  for seed in range(3):
    qpos = mh.trajectory('runs/ant', seconds=SECONDS, seed=seed).qpos
    w, x, y, z = qpos[0, 3:7]
    ahead = np.array([1 - 2 * (y * y + z * z), 2 * (x * y + w * z)])
    assert (qpos[-1, :2] - qpos[0, :2]) @ ahead / SECONDS > FASTER_THAN
