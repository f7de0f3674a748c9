"""The gait clock by hand: strides are counted, begun with the right foot, finished, and quickened."""

import math

import numpy as np
import pytest
from stepping import DT, SAMPLED, advanced, at, begin, facing, later, maker_of, seen

from mjx_humanoid.tasks.context import MOVING, Context, swing


def test_the_phase_counts_strides(body):
  # 0.9 strides per second: 10 steps are 0.225 of a stride; 50 steps are 1.125 strides.
  maker = maker_of(body, {'value': (1, 0, 0)}, gait={'frequency': 0.9})
  context = begin(maker)
  np.testing.assert_allclose(context.phase, [0])
  np.testing.assert_allclose(later(maker, context, 10).phase, [0.225], atol=1e-6)
  np.testing.assert_allclose(later(maker, context, 50).phase, [0.125], atol=1e-6)


def test_the_phase_of_an_episode_that_begins_late_is_that_of_its_step(body):
  maker = maker_of(body, {'value': (1, 0, 0)}, gait={'frequency': 0.9})
  context = begin(maker)
  late = maker.at_age(context._replace(step=np.asarray([37], dtype=np.int32)))
  np.testing.assert_allclose(late.phase, [0.8325], atol=1e-6)  # 37 x 0.025 s x 0.9
  np.testing.assert_allclose(late.phase, later(maker, context, 37).phase, atol=1e-6)


@pytest.mark.parametrize(
  ('command', 'frequency', 'duty'),
  [
    ((1.0, 0.0, 0.0), 0.9, 0.35),
    ((0.0, -0.06, 0.0), 0.9, 0.35),  # any of the three
    ((0.0, 0.0, -1.0), 0.9, 0.35),
    ((0.04, -0.04, 0.04), 0.9, 1.0),  # too little: stand still
    ((0.0, 0.0, 0.0), 0.9, 1.0),
    ((1.0, 0.0, 0.0), 0.0, 1.0),  # no clock
  ],
)
def test_the_duty_factor_is_one_where_no_gait_is_wanted(body, command, frequency, duty):
  assert MOVING == 0.05
  maker = maker_of(body, {'value': command}, gait={'frequency': frequency, 'duty': 0.35})
  context = begin(maker)
  np.testing.assert_allclose(context.duty, [duty], rtol=1e-6)
  np.testing.assert_allclose(later(maker, context, 3).duty, [duty], rtol=1e-6)


def test_a_stride_is_finished_before_the_robot_stands(body):
  """Strides of 8 steps, new commands every 4: the command to stand comes in the middle of a stride."""
  command = {**SAMPLED, 'interval': 4 * DT, 'rest': 0.1}
  maker = maker_of(body, command, gait={'frequency': 1 / (8 * DT), 'duty': 0.6})
  context, duties = begin(maker, uniform=0.9), []
  for step in range(1, 17):
    context = later(maker, context, 1, uniform=0.9 if step >= 16 else 0.05)
    duties.append(float(context.duty[0]))
  assert duties == pytest.approx([0.6] * 7 + [1.0] * 8 + [0.6])


@pytest.mark.parametrize(('velocity', 'phase'), [((0.3, 0.2), 0.0), ((0.3, -0.2), 0.5), ((-0.3, -0.01), 0.5)])
def test_a_pushed_robot_begins_with_the_foot_of_the_side_that_it_moves_to(body, velocity, phase):
  """After eleven steps of standing, of strides of 40: the left foot swings from phase 0, the right one from 0.5."""
  maker = maker_of(body, station={'gain': 2.0}, gait={'frequency': 1.0, 'duty': 0.6})
  context = later(maker, begin(maker, angles=(math.pi / 2,)), 11)
  np.testing.assert_allclose(context.duty, [1.0])
  for step in range(3):
    context = advanced(maker, context, at(0.3, 0.0, velocity))
    np.testing.assert_allclose(context.duty, [0.6], rtol=1e-6)
    np.testing.assert_allclose(context.phase, [phase + step / 40], atol=1e-6)


@pytest.mark.parametrize(('height', 'duty'), [(1.08, 0.6), (0.2, 0.6), (1.10, 1.0)])
def test_a_robot_off_balance_steps_though_it_is_asked_to_stand(body, height, duty):
  """The robot stands 1.282 m high; 85 % of it are 1.09 m. At the start and later."""
  maker = maker_of(body, gait={'frequency': 1.0, 'duty': 0.6})
  qpos = facing(0.3)
  qpos[:, 2] = height
  context = maker.start(seen(qpos), np.full((1, maker.draws), 0.5))
  np.testing.assert_allclose(context.duty, [duty], rtol=1e-6)
  np.testing.assert_allclose(advanced(maker, begin(maker), seen(qpos)).duty, [duty], rtol=1e-6)


@pytest.mark.parametrize(
  ('ahead', 'left', 'velocity', 'strength'),
  [
    (0.06, 0.0, (0.0, 0.0), 0.0324),  # commanded back at 0.09 m/s of 0.5, squared
    (0.2, -0.1, (0.0, 0.0), 0.45),  # (0.3^2 + 0.15^2) / 0.5^2
    (0.0, 0.0, (0.0, 1.0), 0.81),  # pushed: it will be 0.3 m off
    (3.0, -4.0, (0.0, 0.0), 1.0),
  ],
)
def test_strides_are_quicker_the_stronger_station_keeping_corrects(body, ahead, left, velocity, strength):
  """Strides of 40 steps, up to half as quick again."""
  maker = maker_of(body, station={'gain': 1.5}, gait={'frequency': 1.0, 'speedup': 0.5, 'duty': 0.6})
  view = at(ahead, left, velocity)
  first = advanced(maker, begin(maker, angles=(math.pi / 2,)), view)
  np.testing.assert_allclose(first.duty, [0.6], rtol=1e-6)
  second = advanced(maker, first, view)
  np.testing.assert_allclose(second.phase - first.phase, [(1 + 0.5 * strength) / 40], rtol=1e-4)


@pytest.mark.parametrize('gain', [0.0, 1.5])
def test_a_commanded_robot_keeps_the_frequency(body, gain):
  gait = {'frequency': 1.0, 'speedup': 0.5, 'duty': 0.6}
  maker = maker_of(body, {'value': (1.0, 0.3, 0.0)}, station={'gain': gain}, gait=gait)
  np.testing.assert_allclose(later(maker, begin(maker), 10).phase, [0.25], atol=1e-6)


# Which foot swings


def at_phase(phase, duty):
  phase = np.asarray(phase)
  return Context(*[None] * 5, phase, np.full(phase.shape, duty), None)


def test_progress_through_the_swing_of_either_foot():
  # Duty 0.6: the left foot swings for 0.4 of a stride from phase 0 on, the right one from 0.5 to 0.9.
  context = at_phase([0.0, 0.1, 0.3, 0.45, 0.5, 0.7, 0.89, 0.95], 0.6)
  left, right = (np.asarray(swing(context, offset)) for offset in (0.0, 0.5))
  np.testing.assert_allclose(left, [0, 0.25, 0.75, -1, -1, -1, -1, -1], atol=1e-6)
  np.testing.assert_allclose(right, [-1, -1, -1, -1, 0, 0.5, 0.975, -1], atol=1e-6)


@pytest.mark.parametrize(('duty', 'both_down', 'both_up'), [(0.6, 0.2, 0), (0.5, 0, 0), (0.35, 0, 0.3), (1.0, 1, 0)])
def test_shares_of_a_stride(duty, both_down, both_up):
  """Walking has 2 duty - 1 of it on both feet, running 1 - 2 duty of it on none."""
  context = at_phase((np.arange(1000) + 0.5) / 1000, duty)
  up = np.stack([swing(context, offset) for offset in (0.0, 0.5)]) >= 0
  assert up.mean(axis=1) == pytest.approx([1 - duty] * 2, abs=2e-3)
  assert (~up).all(axis=0).mean() == pytest.approx(both_down, abs=4e-3)
  assert up.all(axis=0).mean() == pytest.approx(both_up, abs=4e-3)
