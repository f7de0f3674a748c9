"""Protects that the device computes the next update while the metrics of the last one are fetched and written."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import jax
import pytest
from loop_tools import metrics, same_arrays, store
from points import point_setup, train_points, trainer

from mjx_humanoid.run.listeners import Callback
from mjx_humanoid.run.loop import Loop
from mjx_humanoid.run.trainer import Trainer

pytestmark = pytest.mark.usefixtures('made_up_card')

CLOCKS = {'steps_per_second': 0, 'seconds': 0}


@pytest.fixture
def fetches(monkeypatch):
  """Counts the arrays whose values were fetched from the device, by whatever way."""
  kind = type(jax.numpy.zeros(1))
  fetched, value = [], kind._value
  monkeypatch.setattr(kind, '_value', property(lambda self: fetched.append(self) or value.fget(self)))
  float(jax.numpy.ones(()))
  assert fetched, 'the counter counts'
  fetched.clear()
  return fetched


def test_an_update_starts_before_the_metrics_of_the_last_one_are_fetched(tmp_path, monkeypatch, fetches):
  happened, numbers, step = [], itertools.count(1), type(trainer()).step

  def starting(self, state):
    before = len(fetches)
    result = step(self, state)
    happened.append(('started', next(numbers)))
    assert len(fetches) == before, 'something was fetched inside an iteration'
    return result

  monkeypatch.setattr(type(trainer()), 'step', starting)
  train_points(tmp_path, Callback(lambda step, values: happened.append(('told', step // 8))))
  assert happened == [
    ('started', 1), ('started', 2), ('told', 1), ('started', 3), ('told', 2), ('started', 4), ('told', 3), ('told', 4),
  ]  # fmt: skip


def trained(folder, ahead, **settings):
  """The report of a training that runs ahead, or whose updates wait for the listeners of the last one."""
  folder.mkdir()
  loop = Loop(point_setup(**settings), folder)
  if not ahead:
    loop.trainer.runs_ahead = lambda state: False
  return loop.run(loop.begin())


@pytest.mark.parametrize(
  'settings',
  [{'checkpoint_interval': 8, 'restart_interval': 16}, {'evaluation_interval': 8, 'stop_when_passed': True}],
  ids=['to the end', 'until it passes'],
)
def test_metrics_checkpoints_and_report_are_those_of_a_training_that_waits(tmp_path, settings):
  """Those of every step: nothing of an update that was started and dropped is left."""
  folders = tmp_path / 'ahead', tmp_path / 'waiting'
  reports = [trained(folder, folder.name == 'ahead', **settings) for folder in folders]
  ends = 16 if 'stop_when_passed' in settings else 32
  assert [report['timesteps'] for report in reports] == [ends, ends]
  ahead, waiting = ([{**line, **CLOCKS} for line in metrics(folder)] for folder in folders)
  assert ahead == waiting
  assert [line['timesteps'] for line in ahead if 'loss' in line] == list(range(8, ends + 1, 8))
  ahead, waiting = map(store, folders)
  assert ahead.steps() == waiting.steps() != []
  for at in ahead.steps():
    same_arrays(ahead.load(at)[1], waiting.load(at)[1])


def test_a_replay_memory_is_saved_before_the_next_update_overwrites_it():
  state = trainer().start()
  assert trainer().runs_ahead(state)
  alone = SimpleNamespace(apart=lambda learner: {'replay': 0})
  setup = SimpleNamespace(env=SimpleNamespace(traceable=True), algorithm=alone)
  assert not Trainer.runs_ahead(SimpleNamespace(setup=setup), state)
