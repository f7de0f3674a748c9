"""What is said while a training is prepared."""

import dataclasses

import numpy as np
import pytest

from mjx_humanoid.config import resolve
from mjx_humanoid.config_file import load_config
from mjx_humanoid.errors import UserError
from mjx_humanoid.run.setup import prepare
from mjx_humanoid.tasks import episodes
from mjx_humanoid.tasks.way import Way


@pytest.fixture
def searches(monkeypatch):
  """Robots for which a way was searched; none is, here."""
  asked = []

  def stay(body):
    asked.append(body.robot.name)
    return Way(np.linspace(0, 1, len(body.descent)), body.descent, np.zeros((len(body.descent), body.nv)))

  monkeypatch.setattr(episodes, 'way_up', stay)
  return asked


@pytest.mark.parametrize('curriculum', ['survival', 'none'])
def test_a_search_is_announced_and_only_one_that_is_made(curriculum, searches, capsys):
  config = dataclasses.replace(resolve(load_config('getup')), num_envs=128, curriculum=curriculum)
  prepare(config)
  announced = "searching for starts 'rising'" in capsys.readouterr().out
  assert announced == bool(searches) == (curriculum == 'survival')


def test_a_curriculum_that_does_not_exist_is_no_reason_to_search(searches, capsys):
  config = dataclasses.replace(resolve(load_config('getup')), num_envs=128, curriculum='survivl')
  with pytest.raises(UserError, match=r"unknown curriculum 'survivl'\. Did you mean 'survival'"):
    prepare(config)
  assert not searches
  assert 'searching' not in capsys.readouterr().out
