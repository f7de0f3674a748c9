"""Protects what listeners are told, in which order, and that they can stop a training, on points without physics."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from points import card, train_points

from mjx_humanoid.run import loop as loop_module
from mjx_humanoid.run.checkpoint import CheckpointStore
from mjx_humanoid.run.listeners import Callback, Listener, Videos, Warnings

pytestmark = pytest.mark.usefixtures('made_up_card')


def steps_saved(folder):
  return CheckpointStore(folder / 'checkpoints', 9).steps()


class Recorder(Listener):
  """Writes down everything that it is told."""

  def __init__(self, name='', told=None, stop_at=None):
    self.told, self._name, self._stop_at = [] if told is None else told, name, stop_at

  def on_start(self, loop):
    self.loop = loop
    self._note('start', loop.step, loop.total)

  def on_message(self, line):
    self._note('message', line)

  def on_activity(self, activity):
    self._note('activity', activity)

  def on_update(self, step, metrics):
    self._note('update', step)
    return step == self._stop_at

  def on_card(self, report):
    self._note('card', report['timesteps'], report['passed'])

  def on_end(self, report):
    self._note('end', report['timesteps'], report['stopped_early'])

  def close(self):
    self._note('close')

  def _note(self, *what):
    self.told.append((self._name, *what) if self._name else what)


def test_a_listener_is_told_of_a_whole_training(tmp_path):
  recorder = Recorder()
  report = train_points(tmp_path, recorder, evaluation_interval=16)
  assert [entry for entry in recorder.told if entry[0] != 'message'] == [
    ('start', 0, 32),
    ('activity', 'compiling'),
    ('update', 8),
    ('update', 16),
    ('activity', 'judging the policy in C MuJoCo at step 16'),
    ('card', 16, True),
    ('update', 24),
    ('update', 32),
    ('activity', 'saving'),
    ('activity', 'judging the final policy in C MuJoCo'),
    ('end', 32, False),
    ('close',),
  ]
  lines = [what for kind, *what in recorder.told if kind == 'message']
  assert len(lines) == 1
  assert lines[0][0].startswith("report card 'made up' at step 16")
  assert report['timesteps'] == 32


def test_listeners_are_told_in_their_order_and_closed_in_reverse(tmp_path):
  told = []
  train_points(tmp_path, Recorder('a', told), Recorder('b', told), total_timesteps=8)
  assert [name for name, what, *_ in told if what == 'update'] == ['a', 'b']
  assert [name for name, what, *_ in told if what == 'close'] == ['b', 'a']


def test_metrics_are_on_disk_before_listeners_are_told(tmp_path):
  lines = []

  def read(step, metrics):
    last = (tmp_path / 'metrics.jsonl').read_text().splitlines()[-1]
    lines.append((json.loads(last), {'timesteps': step, **metrics}))

  train_points(tmp_path, Callback(read))
  assert len(lines) == 4
  for written, told in lines:
    assert written == told


# Stopping


def test_who_returns_true_stops_the_training_there_after_all_were_told_and_it_is_saved_and_judged(tmp_path):
  told = []
  report = train_points(tmp_path, Recorder('a', told, stop_at=16), Recorder('b', told))
  assert [entry for entry in told if entry[1] == 'update'] == [
    ('a', 'update', 8), ('b', 'update', 8), ('a', 'update', 16), ('b', 'update', 16),
  ]  # fmt: skip
  assert (report['timesteps'], report['stopped_early'], report['card']) == (16, False, 'made up')
  assert steps_saved(tmp_path) == [0, 16]
  assert json.loads((tmp_path / 'report.json').read_text())['timesteps'] == 16


@pytest.mark.parametrize(('answer', 'last'), [(True, 8), (None, 32), (1, 32), ('yes', 32)])
def test_a_function_stops_it_by_true_and_by_nothing_else(tmp_path, answer, last):
  assert train_points(tmp_path, Callback(lambda step, metrics: answer))['timesteps'] == last


def test_an_error_of_a_listener_ends_the_training_and_closes_everything(tmp_path):
  """What was saved before stays; nothing more is saved or judged."""

  def pruned(step, metrics):
    if step == 24:
      raise RuntimeError('pruned')

  recorder = Recorder()
  with pytest.raises(RuntimeError, match='pruned'):
    train_points(tmp_path, recorder, Callback(pruned), checkpoint_interval=16)
  assert recorder.told[-1] == ('close',)
  assert not [entry for entry in recorder.told if entry[0] == 'end']
  assert steps_saved(tmp_path) == [0, 16]
  assert not (tmp_path / 'report.json').exists()


def test_a_listener_that_cannot_start_is_not_closed_but_those_before_it_are(tmp_path):
  class Broken(Recorder):
    def on_start(self, loop):
      raise RuntimeError('no display')

  first, broken = Recorder(), Broken()
  with pytest.raises(RuntimeError, match='no display'):
    train_points(tmp_path, first, broken)
  assert [entry[0] for entry in first.told] == ['start', 'close']
  assert broken.told == []


# The policy of the moment


def test_the_policy_is_made_once_an_update_and_only_if_somebody_asks(tmp_path, monkeypatch):
  made, make, seen, recorder = [], loop_module.to_policy, [], Recorder()

  def making(setup, learner, step):
    made.append(step)
    return make(setup, learner, step)

  def view(step, metrics):
    if step == 16:
      seen.extend([recorder.loop.policy(), recorder.loop.policy()])

  monkeypatch.setattr(loop_module, 'to_policy', making)
  train_points(tmp_path, recorder, Callback(view))
  assert made == [0, 16, 32]  # the first one is saved, the last one is saved and judged
  assert seen[0] is seen[1]
  assert seen[0].info['timesteps'] == 16


def test_videos_are_asked_for_at_their_interval_with_the_policy_of_that_moment(tmp_path):
  asked = []
  train_points(tmp_path, Videos(lambda policy, step: asked.append((step, policy.info['timesteps'])), 16))
  assert asked == [(16, 16)]  # the one at the end is the command's own


def test_without_an_interval_there_are_no_videos(tmp_path):
  train_points(tmp_path, Videos(lambda *rest: pytest.fail('asked for'), 0))


# Warnings


def warn(*updates):
  said = []

  class Loop:
    say, invalid_state = said.append, None
    setup = SimpleNamespace(task=None)

  warnings = Warnings()
  warnings.on_start(Loop)
  for step, metrics in updates:
    warnings.on_update(step, metrics)
  return said


def test_environments_that_diverge_are_told_when_there_are_twice_as_many():
  said = warn(*((64 * i, {'diverged': 3.0}) for i in (1, 2, 3, 4)))
  assert said == [
    f'environments that diverged and were reset up to step {at}: {count}'
    for at, count in ((64, 3), (128, 6), (256, 12))
  ]


def test_contacts_that_did_not_fit_are_reported_and_not_each_time():
  said = warn(*((64 * i, {'diverged': 0.0, 'overflow': 2.0}) for i in (1, 2, 3, 4)))
  assert [line.split(';')[0] for line in said] == [
    f'environments with more contacts than MuJoCo Warp had room for, up to step {at}: {count}'
    for at, count in ((64, 2), (128, 4), (256, 8))
  ]


def test_rewards_that_are_not_finite_are_told_with_their_terms():
  bad = {'diverged': 0.0, 'invalid_reward': 3.0}
  told = warn((64, {**bad, 'invalid_term/root': 3.0}), (128, {**bad, 'invalid_term/root': 2.0}), (192, bad), (256, bad))
  assert [line.split(';')[0] for line in told] == [
    f"rewards that were not finite up to step {at}: {count}: term 'root'"
    for at, count in ((64, 3), (128, 6), (256, 12))
  ]
  assert warn((64, bad))[0].startswith('rewards that were not finite up to step 64: 3; they count as 0.')


def test_minibatches_that_were_left_out_are_told():
  told = warn(
    (64, {'diverged': 0.0, 'skipped': 2.0}), (128, {'diverged': 0.0, 'skipped': 0.0}), (192, {'diverged': 0.0})
  )
  assert told == ['2 minibatches gave no finite gradient at step 64; they were left out.']


def test_listeners_can_be_written_without_jax():
  code = 'import sys, mjx_humanoid.run.listeners\nprint("jax" in sys.modules, "mujoco" in sys.modules)'
  result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
  assert result.stdout.split() == ['False', 'False']


def test_the_stand_in_for_the_judge_takes_what_the_judge_takes():
  import inspect

  from mjx_humanoid.playback.judge import judge_policy

  assert list(inspect.signature(judge_policy).parameters) == list(inspect.signature(card).parameters)
