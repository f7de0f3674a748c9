"""Velocity commands by hand: when they change, and the target heading and position that they add up to."""

import cmath
import math

import numpy as np
import pytest
from stepping import DT, SAMPLED, advanced, begin, facing, later, maker_of, seen

from mjx_humanoid.core.config.task import CommandConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.tasks.context import COMMANDS


def interval_of(body, seconds):
  return maker_of(body, {'interval': seconds}).parts[0].interval


def test_fixed_commands_are_those_of_the_config_whatever_is_drawn(body):
  maker = maker_of(body, {'value': (1.5, -0.25, 0.5)})
  uniform = np.asarray(np.random.default_rng(0).random((3, maker.draws)))
  context = maker.start(seen(facing(0, 1, 2)), uniform)
  np.testing.assert_allclose(context.command, [[1.5, -0.25, 0.5]] * 3)
  np.testing.assert_allclose(later(maker, context, 200, 0.0).command, [[1.5, -0.25, 0.5]] * 3)


def test_sampled_commands_lie_between_low_and_high():
  # -0.5 + 2 x 0.25 = 0; -0.4 + 0.8 x 0.5 = 0; -1 + 2 x 0.75 = 0.5
  uniform = np.asarray([[0.25, 0.5, 0.75, 0.9], [0, 0, 0, 0.9], [0.5, 0.75, 0.125, 0.9]])
  found = COMMANDS['sampled'](CommandConfig(**SAMPLED), uniform)
  np.testing.assert_allclose(found, [[0, 0, 0.5], [-0.5, -0.4, -1], [0.5, 0.2, -0.75]], atol=1e-6)


@pytest.mark.parametrize(('rest', 'rests'), [(0.0, 0), (0.25, 250), (1.0, 1000)])
def test_the_share_of_zero_commands_is_that_of_the_config(rest, rests):
  """The fourth number decides, here from 0 to 0.999."""
  uniform = np.concatenate([np.full((1000, 3), 0.9), np.arange(1000)[:, None] / 1000], axis=1)
  found = np.asarray(COMMANDS['sampled'](CommandConfig(**SAMPLED, rest=rest), np.asarray(uniform)))
  np.testing.assert_array_equal(found[:rests], np.zeros((rests, 3)))
  np.testing.assert_allclose(found[rests:], np.tile([1.3, 0.32, 0.8], (1000 - rests, 1)), rtol=1e-5)


def test_a_new_command_is_given_at_exactly_every_interval(body):
  maker = maker_of(body, {**SAMPLED, 'interval': 0.1})  # four control steps
  context, changes, rng = begin(maker, uniform=0.1), [], np.random.default_rng(0)
  for step in range(1, 14):
    following = advanced(maker, context, seen(), rng.uniform(0.2, 1))
    if not np.array_equal(following.command, context.command):
      changes.append(step)
    context = following
  assert changes == [4, 8, 12]


@pytest.mark.parametrize(
  ('seconds', 'steps'),
  [(4.0, 160), (0.025, 1), (0.001, 1), (0.06, 2), (0.07, 3)],  # of 25 ms, rounded, and at least one
)
def test_the_interval_is_counted_in_control_steps(body, seconds, steps):
  assert interval_of(body, seconds) == steps


def test_each_environment_has_its_own_age(body):
  maker = maker_of(body, {**SAMPLED, 'interval': 0.1})
  context = begin(maker, angles=(0, 0, 0, 0))._replace(step=np.asarray([2, 3, 6, 7], dtype=np.int32))
  following = later(maker, context, 1, 0.9)
  np.testing.assert_array_equal(np.any(following.command != context.command, axis=1), [False, True, False, True])
  np.testing.assert_array_equal(following.step, [3, 4, 7, 8])


@pytest.mark.parametrize('value', [(0.0, 0.0, 0.0), (0.5, 0.1, -1.0)])
def test_the_level_leads_from_the_fixed_command_to_the_sampled_one(body, value):
  maker = maker_of(body, {**SAMPLED, 'value': value, 'interval': DT})
  level = np.asarray([0.1, 0.5, 1.0])
  start = begin(maker, angles=(0, 0, 0), uniform=0.9, level=level)
  drawn = np.array([1.3, 0.32, 0.8])
  for context, shares in ((start, (0.1, 0.5, 1.0)), (later(maker, start, 1, 0.9, level=1 - level), (0.9, 0.5, 0.0))):
    expected = [np.array(value) + share * (drawn - value) for share in shares]
    np.testing.assert_allclose(context.command, expected, atol=1e-6)


def test_fixed_commands_do_not_depend_on_the_level(body):
  context = begin(maker_of(body, {'value': (1.0, 0.5, -0.5)}), angles=(0, 0), level=np.asarray([0.1, 0.6]))
  np.testing.assert_allclose(context.command, [[1, 0.5, -0.5]] * 2, rtol=1e-6)


# Target heading and position


def test_an_episode_begins_at_the_position_and_heading_of_the_robot(body):
  qpos = facing(0.0, 0.7, -2.5)
  qpos[:, :2] = [[0, 0], [3, -4], [-1, 0.5]]
  maker = maker_of(body, {'value': (1, 0, 0)})
  context = maker.start(seen(qpos), np.zeros((3, maker.draws)))
  np.testing.assert_allclose(context.target_position, qpos[:, :2])
  np.testing.assert_allclose(context.heading, [[math.cos(a), math.sin(a)] for a in (0.0, 0.7, -2.5)], atol=1e-6)


def test_the_target_heading_integrates_the_yaw_velocity(body):
  # 0.8 rad/s for 100 steps of 25 ms are 2 rad.
  maker = maker_of(body, {'value': (0, 0, 0.8)})
  context = later(maker, begin(maker, angles=(0.7, -3.0)), 100)
  expected = [[math.cos(a + 2), math.sin(a + 2)] for a in (0.7, -3.0)]
  np.testing.assert_allclose(context.heading, expected, atol=2e-5)
  np.testing.assert_array_equal(context.step, 100)


def test_the_target_heading_stays_a_unit_vector(body):
  maker = maker_of(body, {'value': (0, 0, 1.3)})
  context = later(maker, begin(maker), 2000)
  assert np.linalg.norm(context.heading) == pytest.approx(1, abs=1e-4)


def test_the_target_position_moves_along_the_heading_and_to_its_left(body):
  # Facing +y: 1 m/s forward is +y, 0.5 m/s sideways is -x. After 40 steps, which are 1 s:
  maker = maker_of(body, {'value': (1.0, 0.5, 0.0)})
  context = later(maker, begin(maker, angles=(math.pi / 2,)), 40)
  np.testing.assert_allclose(context.target_position, [[-0.5, 1.0]], atol=1e-5)


def test_the_target_position_goes_round_in_a_circle(body):
  """As a sum of complex steps: each along the heading that the step began with."""
  maker = maker_of(body, {'value': (1.2, -0.3, 0.9)})
  context = later(maker, begin(maker, angles=(0.4,)), 60)
  expected = sum((1.2 - 0.3j) * DT * cmath.exp(1j * (0.4 + 0.9 * DT * k)) for k in range(60))
  np.testing.assert_allclose(context.target_position, [[expected.real, expected.imag]], atol=1e-5)


def test_targets_follow_a_fallen_robot(body):
  """The humanoid is fallen below 0.8 m. At 0.81 m the targets go on from where it got up."""
  maker = maker_of(body, {'value': (1.0, 0.0, 0.5)})
  context = begin(maker)
  for angle, height, where in ((0.3, 0.79, [2.0, -1.0]), (1.1, 0.79, [2.5, -1.5]), (0.0, 0.81, [9.0, 9.0])):
    qpos = facing(angle)
    qpos[:, :3] = [*where, height]
    context = advanced(maker, context, seen(qpos))
    if height < 0.8:
      np.testing.assert_allclose(context.heading, [[math.cos(angle), math.sin(angle)]], atol=1e-6)
      np.testing.assert_allclose(context.target_position, [where], atol=1e-6)
  np.testing.assert_allclose(context.heading, [[math.cos(1.1 + 0.5 * DT), math.sin(1.1 + 0.5 * DT)]], atol=1e-6)
  expected = [[2.5 + math.cos(1.1) * DT, -1.5 + math.sin(1.1) * DT]]
  np.testing.assert_allclose(context.target_position, expected, atol=1e-6)


def test_a_new_command_moves_no_target_yet(body):
  """In the step that ends with a new command, the robot still follows the old one."""
  maker = maker_of(body, {**SAMPLED, 'interval': DT})
  new = advanced(maker, begin(maker, uniform=0.9), seen(), 0.5)
  np.testing.assert_allclose(new.command, [[0.5, 0, 0]], atol=1e-6)
  np.testing.assert_allclose(new.target_position, [[1.3 * DT, 0.32 * DT]], rtol=1e-5)
  np.testing.assert_allclose(new.heading, [[math.cos(0.8 * DT), math.sin(0.8 * DT)]], rtol=1e-5)


# Mistakes


@pytest.mark.parametrize('name', ['smapled', '', 'Fixed'])
def test_an_unknown_kind_of_command_is_refused_with_the_choices(body, name):
  with pytest.raises(UserError, match=r'unknown kind of command .*Choices: fixed, sampled') as error:
    maker_of(body, {'kind': name})
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(
  ('low', 'high', 'which'),
  [
    ((1.0, 0.0, 0.0), (0.5, 0.0, 0.0), 'forward: 1.0 > 0.5'),
    ((0.0, 0.3, 0.0), (0.5, -0.3, 0.0), 'sideways: 0.3 > -0.3'),
    ((0.0, 0.0, 0.1), (0.5, 0.0, 0.0), 'yaw: 0.1 > 0.0'),
  ],
)
def test_ranges_upside_down_are_refused_by_name(body, low, high, which):
  with pytest.raises(UserError, match=which) as error:
    maker_of(body, {'kind': 'sampled', 'low': low, 'high': high})
  assert str(error.value).startswith('config.task.command.low is above config.task.command.high for ')
  assert '\n' not in str(error.value)


def test_a_range_of_one_value_is_a_range(body):
  maker = maker_of(body, {'kind': 'sampled', 'low': (1.0, 0.0, 0.0), 'high': (1.0, 0.0, 0.0), 'rest': 0.0})
  np.testing.assert_allclose(begin(maker, uniform=0.3).command, [[1, 0, 0]])


def test_every_kind_of_command_describes_itself():
  assert list(COMMANDS) == ['fixed', 'sampled']
  assert all(COMMANDS.describe().values())
