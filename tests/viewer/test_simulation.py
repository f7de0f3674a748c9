"""Protects the simulation loop: time, pause, speed, reset, policies, and that nothing a client sends stops it."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mjx_humanoid.viewer.loop import INTERVAL, Loop
from mjx_humanoid.viewer.simulation import MOST_REQUESTS, finite
from mjx_humanoid.viewer.starts import KEYFRAME, OF_THE_TASK


def until(condition, seconds=20.0):
  """Waits for a condition; fails after some seconds."""
  end = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < end, 'it never came'
    time.sleep(0.01)


@pytest.fixture
def running(simulate):
  """A running simulation that is watched."""
  simulation = simulate()
  simulation.start()
  with simulation.watching():
    yield simulation


@pytest.fixture
def make_loop(follow_stage):
  """make_loop(interval) -> a loop by itself, whose start states are drawn at once; `published` keeps its snapshots."""

  class Starts:
    def draw(self, stage, name, drawn):
      body = stage.task.body
      drawn(body.default_qpos.astype(float), np.zeros(body.nv))

  def make(interval):
    published = []
    made = Loop(follow_stage, 'follow', 2, 0, interval, Starts(), published.append, lambda request: request())
    made.published = published
    made.pace.wait_until = lambda moment: True  # faster than real time
    return made

  return make


@pytest.fixture
def loop(make_loop):
  return make_loop(INTERVAL)


def test_each_control_step_is_published_twice(loop):
  """20 ms of wall time hold two snapshots with 10 ms between them: 100 a second."""
  loop.published.clear()
  for _ in range(4):
    assert loop.turn()
  assert len(loop.published) == 8
  assert [s.number for s in loop.published] == sorted({s.number for s in loop.published})
  assert loop.published[-1].seconds == pytest.approx(0.08)
  np.testing.assert_allclose(loop.published[-1].times, [0.08, 0.08])
  assert loop.published[-1].qpos.shape == (2, 28)


def test_with_a_longer_interval_each_control_step_is_published_once(make_loop):
  loop = make_loop(0.04)
  loop.published.clear()
  for _ in range(4):
    loop.turn()
  assert [round(s.seconds, 3) for s in loop.published] == [0.02, 0.04, 0.06, 0.08]


def test_slow_motion_shows_every_physics_step(loop):
  loop.pace.speed = 0.1
  loop.published.clear()
  loop.turn()
  assert len(loop.published) == 4
  assert len({s.qpos.tobytes() for s in loop.published}) == 4


def test_a_paused_loop_stands_still_but_for_single_steps(loop):
  loop.paused, loop.singles = True, 2
  assert [loop.turn() for _ in range(3)] == [True, True, False]
  assert loop.published[-1].seconds == pytest.approx(0.04)


def test_an_episode_that_ends_is_counted_and_a_new_one_begins_a_second_later(loop):
  fallen = loop.stage.task.body.default_qpos.astype(float)
  fallen[2] = 0.3
  loop.envs[0].reset(fallen, np.zeros(27))
  loop.turn()
  assert loop.statistics.episodes == 1
  for _ in range(48):
    loop.turn()
  assert loop.envs[0].steps == 49
  for _ in range(3):
    loop.turn()
  assert loop.envs[0].steps <= 2
  assert loop.statistics.episodes == 1
  assert loop.envs[1].steps == 52


def test_without_automatic_resets_a_robot_stays_down(loop):
  loop.auto_reset = False
  fallen = loop.stage.task.body.default_qpos.astype(float)
  fallen[2] = 0.3
  loop.envs[0].reset(fallen, np.zeros(27))
  for _ in range(60):
    loop.turn()
  assert loop.envs[0].steps == 60
  loop.auto_reset = True
  loop.turn()
  loop.turn()
  assert loop.envs[0].steps < 3


def test_an_environment_that_diverges_stands_again_at_once(loop):
  loop.envs[0].reset(loop.stage.task.body.default_qpos.astype(float), np.full(27, 1e8))
  for _ in range(5):
    loop.turn()
    assert np.isfinite(loop.published[-1].qpos).all()
  assert loop.statistics.episodes >= 1


def test_real_time_passes_only_while_somebody_watches(simulate):
  simulation = simulate()
  simulation.start()
  time.sleep(0.3)
  assert simulation.snapshot.seconds == 0
  with simulation.watching():
    until(lambda: simulation.snapshot.seconds > 0.1)
    assert simulation.watchers == 1
  time.sleep(0.3)
  still = simulation.snapshot.seconds
  time.sleep(0.2)
  assert simulation.snapshot.seconds == still


def test_pause_step_and_reset(running):
  until(lambda: running.snapshot.seconds > 0.2)
  running.pause(True)
  time.sleep(0.2)
  number, seconds = running.snapshot.number, running.snapshot.seconds
  running.step_once()
  until(lambda: running.snapshot.number > number)
  assert running.snapshot.seconds == pytest.approx(seconds + 0.02)
  running.reset()
  until(lambda: running.snapshot.times[0] == 0)
  running.pause(False)
  until(lambda: running.snapshot.seconds > seconds + 0.1)


def test_a_policy_of_the_same_robot_goes_on_and_another_robot_begins_anew(running, cheetah_stage):
  from mjx_humanoid.viewer.viewer import stage_of

  until(lambda: running.snapshot.seconds > 0.2)
  before = running.snapshot
  running.play(stage_of('stand'), 'stand')
  until(lambda: running.snapshot.policy == 'stand')
  assert running.snapshot.generation == before.generation
  running.play(cheetah_stage, 'cheetah')
  until(lambda: running.snapshot.policy == 'cheetah')
  assert running.snapshot.generation == before.generation + 1
  assert running.snapshot.qpos.shape == (1, cheetah_stage.model.nq)
  until(lambda: running.snapshot.seconds > before.seconds + 0.2)
  assert not running.failure


@pytest.fixture(scope='session')
def cheetah_stage():
  """Another robot: gymnasium's half cheetah, under random actions."""
  import importlib.util
  from pathlib import Path

  from mjx_humanoid.core.config.task import TaskConfig
  from mjx_humanoid.playback.chain import Stage, random_stage
  from mjx_humanoid.playback.rollout import task_and_model

  package = Path(importlib.util.find_spec('gymnasium').origin).parent
  path = package / 'envs' / 'mujoco' / 'assets' / 'half_cheetah.xml'
  task, model = task_and_model(TaskConfig(robot=str(path), termination='never', card='none'))
  return random_stage(Stage('', task, model, lambda obs: obs), np.random.default_rng(0))


def test_starts_to_choose_from(simulate):
  simulation = simulate()
  simulation.start()
  assert simulation.start_names[:3] == [OF_THE_TASK, 'standing', 'fallen']
  keyframes = [name for name in simulation.start_names if name.startswith(KEYFRAME)]
  with simulation.watching():
    for name in (keyframes or ['standing'])[:1]:
      simulation.choose_start(name)
      until(lambda: simulation.snapshot.times[0] < 0.3)
    simulation.choose_start('fallen')
    until(lambda: simulation.snapshot.qpos[0, 2] < 0.5)
  with pytest.raises(ValueError, match='no start'):
    simulation.choose_start('../../etc/passwd')


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -0.5, 5, 10**400, '1', None, True, [1]])
def test_numbers_that_are_none_are_refused(bad):
  with pytest.raises(ValueError):
    finite(bad, 0, 4)


def test_what_clients_ask_for_is_checked(simulate):
  simulation = simulate()
  wrong = [
    lambda: simulation.steer([1, 2]),
    lambda: simulation.steer([1, 2, float('nan')]),
    lambda: simulation.steer([11, 0, 0]),
    lambda: simulation.push(1e9, 0),
    lambda: simulation.push(10, 0, body=1000),
    lambda: simulation.push(10, 0, body=0),
    lambda: simulation.push(10, 0, body=1.5),
    lambda: simulation.set_speed(100),
    lambda: simulation.select(1),
  ]
  for request in wrong:
    with pytest.raises(ValueError):
      request()


def test_more_requests_than_anybody_could_send_are_dropped(simulate):
  simulation = simulate()
  for _ in range(3 * MOST_REQUESTS):
    simulation.push(1, 0)
  assert simulation._requests.qsize() == MOST_REQUESTS
  simulation.start()
  with simulation.watching():
    until(lambda: simulation.snapshot.seconds > 0.1)
  assert not simulation.failure


def test_an_error_in_the_user_s_own_code_ends_the_simulation_with_one_line(simulate, follow_stage, capfd):
  from mjx_humanoid.core.errors import UserError

  def controller(obs):
    raise UserError('my_observation.py: it fails')

  simulation = simulate(follow_stage._replace(controller=controller))
  simulation.start()
  with simulation.watching():
    until(lambda: simulation.failure)
  assert simulation.failure == 'my_observation.py: it fails'
  assert capfd.readouterr().err == ''


def test_another_policy_is_published_before_its_first_frame(loop, cheetah_stage):
  """Listeners look up the task of a frame in the snapshot."""
  seen = []
  loop.listeners.append(lambda frame, episode: seen.append((loop.published[-1].stage, frame.view.qpos.shape[1])))
  loop.take(cheetah_stage, 'cheetah')
  assert loop.published[-1].policy == 'cheetah'
  loop.turn()
  assert seen == [(cheetah_stage, cheetah_stage.model.nq)]


def test_a_policy_that_is_chosen_for_a_fallen_robot_has_all_its_time(loop):
  fallen = loop.stage.task.body.default_qpos.astype(float)
  fallen[2] = 0.3
  loop.envs[0].reset(fallen, np.zeros(27))
  for _ in range(10):
    loop.turn()
  assert loop._over[0] > 0
  loop.take(loop.stage, 'again')
  assert loop._over == [0.0, 0.0]


def test_the_length_of_an_episode_that_diverges_is_counted(loop):
  loop.turn()
  loop.envs[0]._data.qvel[:] = 1e8
  loop.turn()
  assert loop.statistics.latest == pytest.approx(0.04)
  assert loop.envs[0].steps == 0


def test_a_change_is_seen_while_time_stands_still(running):
  until(lambda: running.snapshot.seconds > 0.1)
  running.pause(True)
  until(lambda: running.snapshot.paused)
  running.set_speed(2.0)
  until(lambda: running.snapshot.speed == 2.0)
  running.pause(False)
  until(lambda: not running.snapshot.paused)
