"""What guides an episode, by hand: commands and when they change, where they lead to, and the clock of the gait."""

import cmath
import math

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from mjx_humanoid.tasks.context.guide import (
  COMMANDS,
  DRAWS,
  MOVING,
  heading_of,
  make_guide,
  rotate,
  swing,
  turn,
)

from mjx_humanoid.core.config.schema import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.context import Context

DT = 0.025
NU = 3
FALLEN = 0.8  # m, of the humanoid
SAMPLED = {'commands': 'sampled', 'command_low': (-0.5, -0.4, -1.0), 'command_high': (1.5, 0.4, 1.0)}


@pytest.fixture(params=[np, jnp], ids=['numpy', 'jax'])
def xp(request):
  """The library that the numbers are made of."""
  return request.param


def guide_of(**settings):
  return make_guide(TaskConfig(**settings), DT, robots()['humanoid'])


def facing(*angles):
  """qpos [n, 28] of robots on their feet at the origin that face these angles in rad, leaning forward a little."""
  qpos = np.zeros((len(angles), 28), np.float32)
  qpos[:, 2] = 1.28
  for row, angle in zip(qpos, angles, strict=True):
    turned, leant, both = np.zeros(4), np.zeros(4), np.zeros(4)
    mujoco.mju_axisAngle2Quat(turned, np.array([0, 0, 1.0]), angle)
    mujoco.mju_axisAngle2Quat(leant, np.array([0, 1.0, 0]), 0.3)
    mujoco.mju_mulQuat(both, turned, leant)
    row[3:7] = both
  return qpos


def begin(guide, xp=np, angles=(0.0,), uniform=0.5, **more):
  return guide.start(xp.asarray(facing(*angles)), NU, xp.full((len(angles), DRAWS), uniform), **more)


def seen(action, qpos=None, qvel=None):
  """What a control step under this action led to: by default a robot at rest at the origin, on its feet."""
  xp, shape = action.__array_namespace__(), action.shape[:-1]
  on_feet = xp.asarray(1.28 * np.eye(28, dtype=np.float32)[2])
  qpos = xp.zeros((*shape, 28), xp.float32) + on_feet if qpos is None else qpos
  qvel = xp.zeros((*shape, 27), xp.float32) if qvel is None else qvel
  return View(None, qpos, qvel, action, None)


def lead(guide, context, steps, uniform=0.5, **more):
  """The context some steps later, all random numbers being `uniform`."""
  count, xp = len(context.step), context.command.__array_namespace__()
  for _ in range(steps):
    context = guide.advance(context, seen(xp.zeros((count, NU))), xp.full((count, DRAWS), uniform), **more)
  return context


# Commands


def test_fixed_commands_are_those_of_the_config_whatever_is_drawn(xp):
  guide = guide_of(command=(1.5, -0.25, 0.5))
  context = guide.start(xp.asarray(facing(0, 1, 2)), NU, xp.asarray(np.random.default_rng(0).random((3, DRAWS))))
  np.testing.assert_allclose(context.command, [[1.5, -0.25, 0.5]] * 3)
  np.testing.assert_allclose(lead(guide, context, 200 if xp is np else 20, 0.0).command, [[1.5, -0.25, 0.5]] * 3)


def test_sampled_commands_lie_between_low_and_high(xp):
  # -0.5 + 2 x 0.25 = 0; -0.4 + 0.8 x 0.5 = 0; -1 + 2 x 0.75 = 0.5
  draws = xp.asarray([[0.25, 0.5, 0.75, 0.9], [0, 0, 0, 0.9], [0.5, 0.75, 0.125, 0.9]])
  found = COMMANDS['sampled'](TaskConfig(**SAMPLED), draws)
  np.testing.assert_allclose(found, [[0, 0, 0.5], [-0.5, -0.4, -1], [0.5, 0.2, -0.75]], atol=1e-6)


def test_the_share_of_rests_is_that_of_the_config(xp):
  """The fourth number decides; the rest is a command of exactly zero."""
  config = TaskConfig(**SAMPLED, command_rest=0.25)
  last = np.arange(1000) / 1000
  draws = xp.asarray(np.concatenate([np.full((1000, 3), 0.9), last[:, None]], axis=1))
  found = np.asarray(COMMANDS['sampled'](config, draws))
  np.testing.assert_array_equal(found[:250], 0)
  np.testing.assert_allclose(found[250:], [[1.3, 0.32, 0.8]] * 750, rtol=1e-5)


def test_rests_may_be_none_or_all():
  draws = np.concatenate([np.full((9, 3), 0.9), np.arange(9)[:, None] / 9], axis=1)
  assert COMMANDS['sampled'](TaskConfig(**SAMPLED, command_rest=0.0), draws).all()
  assert not COMMANDS['sampled'](TaskConfig(**SAMPLED, command_rest=1.0), draws).any()


def test_a_new_command_is_given_at_exactly_every_interval(xp):
  guide = guide_of(**SAMPLED, command_interval=0.1)  # four control steps
  assert guide.interval == 4
  context, changes = begin(guide, xp, uniform=0.1), []
  rng = np.random.default_rng(0)
  for step in range(1, 14):
    following = guide.advance(context, seen(xp.zeros((1, NU))), xp.asarray(rng.uniform(0.2, 1, (1, DRAWS))))
    if not np.array_equal(following.command, context.command):
      changes.append(step)
    context = following
  assert changes == [4, 8, 12]


@pytest.mark.parametrize(
  ('seconds', 'steps'),
  [(4.0, 160), (0.025, 1), (0.001, 1), (0.06, 2), (0.07, 3)],  # of 25 ms, rounded, and at least one
)
def test_the_interval_is_counted_in_control_steps(seconds, steps):
  assert guide_of(command_interval=seconds).interval == steps


def test_each_world_has_its_own_age(xp):
  guide = guide_of(**SAMPLED, command_interval=0.1)
  context = begin(guide, xp, angles=(0, 0, 0, 0), uniform=0.5)
  context = context._replace(step=xp.asarray([2, 3, 6, 7], dtype=xp.int32))
  following = guide.advance(context, seen(xp.zeros((4, NU))), xp.full((4, DRAWS), 0.9))
  np.testing.assert_array_equal(np.any(following.command != context.command, axis=1), [False, True, False, True])


@pytest.mark.parametrize('first', [(0.0, 0.0, 0.0), (0.5, 0.1, -1.0)])
def test_commands_part_from_the_fixed_one_by_the_level(xp, first):
  guide = guide_of(**SAMPLED, command=first, command_interval=DT)
  level = xp.asarray([0.1, 0.5, 1.0])
  begun = begin(guide, xp, angles=(0, 0, 0), uniform=0.9, level=level)
  drawn = np.array([1.3, 0.32, 0.8])
  for context, shares in ((begun, (0.1, 0.5, 1.0)), (lead(guide, begun, 1, 0.9, level=1 - level), (0.9, 0.5, 0.0))):
    expected = [np.array(first) + share * (drawn - first) for share in shares]
    np.testing.assert_allclose(context.command, expected, atol=1e-6)


def test_fixed_commands_have_no_level(xp):
  context = begin(guide_of(command=(1.0, 0.5, -0.5)), xp, angles=(0, 0), level=xp.asarray([0.1, 0.6]))
  np.testing.assert_allclose(context.command, [[1, 0.5, -0.5]] * 2, rtol=1e-6)


# Where they lead to


def test_an_episode_begins_where_the_robot_is_and_faces(xp):
  guide = guide_of(command=(1, 0, 0))
  qpos = facing(0.0, 0.7, -2.5)
  qpos[:, :2] = [[0, 0], [3, -4], [-1, 0.5]]
  context = guide.start(xp.asarray(qpos), NU, xp.zeros((3, DRAWS)))
  np.testing.assert_allclose(context.place, qpos[:, :2])
  expected = [[math.cos(a), math.sin(a)] for a in (0.0, 0.7, -2.5)]
  np.testing.assert_allclose(context.heading, expected, atol=1e-6)
  np.testing.assert_array_equal(context.step, 0)
  np.testing.assert_array_equal(context.last_action, np.zeros((3, NU)))


def test_the_heading_integrates_turning(xp):
  # 0.8 rad/s for 100 steps of 25 ms are 2 rad.
  context = lead(guide_of(command=(0, 0, 0.8)), begin(guide_of(command=(0, 0, 0.8)), xp, angles=(0.7, -3.0)), 100)
  expected = [[math.cos(a + 2), math.sin(a + 2)] for a in (0.7, -3.0)]
  np.testing.assert_allclose(context.heading, expected, atol=2e-5)
  np.testing.assert_array_equal(context.step, 100)


def test_the_heading_stays_a_unit_vector():
  context = lead(guide_of(command=(0, 0, 1.3)), begin(guide_of(command=(0, 0, 1.3))), 2000)
  assert np.linalg.norm(context.heading) == pytest.approx(1, abs=1e-4)


def test_the_place_moves_along_the_heading_and_to_its_left(xp):
  # Facing +y: 1 m/s forward is +y, 0.5 m/s sideways is -x. After 40 steps, which are 1 s:
  guide = guide_of(command=(1.0, 0.5, 0.0))
  context = lead(guide, begin(guide, xp, angles=(math.pi / 2,)), 40)
  np.testing.assert_allclose(context.place, [[-0.5, 1.0]], atol=1e-5)


def test_the_place_goes_round_in_a_circle(xp):
  """As a sum of complex steps: each along the heading that the step began with."""
  guide = guide_of(command=(1.2, -0.3, 0.9))
  context = lead(guide, begin(guide, xp, angles=(0.4,)), 60)
  expected = sum((1.2 - 0.3j) * DT * cmath.exp(1j * (0.4 + 0.9 * DT * k)) for k in range(60))
  np.testing.assert_allclose(context.place, [[expected.real, expected.imag]], atol=1e-5)


@pytest.mark.parametrize('hold', [0.0, 2.0])
def test_who_is_down_keeps_the_heading_and_the_place_with_which_it_gets_up(xp, hold):
  """At 0.79 m it goes where it will, as if nothing had been asked; from 0.81 m on it is led from there."""
  guide = guide_of(command=(1.0, 0.0, 0.5), hold=hold)
  context = begin(guide, xp)
  for angle, height, where in ((0.3, 0.79, [2.0, -1.0]), (1.1, 0.79, [2.5, -1.5]), (0.0, 0.81, [9.0, 9.0])):
    qpos = facing(angle)
    qpos[:, :3] = [*where, height]
    context = guide.advance(context, seen(xp.zeros((1, NU)), xp.asarray(qpos)), xp.zeros((1, DRAWS)))
    if height < FALLEN:
      np.testing.assert_allclose(context.heading, [[math.cos(angle), math.sin(angle)]], atol=1e-6)
      np.testing.assert_allclose(context.place, [where], atol=1e-6)
  np.testing.assert_allclose(context.heading, [[math.cos(1.1 + 0.5 * DT), math.sin(1.1 + 0.5 * DT)]], atol=1e-6)
  if not hold:  # with it, who is asked to move has its place wherever it is
    np.testing.assert_allclose(context.place, [[2.5 + math.cos(1.1) * DT, -1.5 + math.sin(1.1) * DT]], atol=1e-6)


def test_who_is_down_and_at_rest_is_led_nowhere(xp):
  guide = guide_of(hold=2.0)
  qpos = facing(0.3)
  qpos[:, :3] = [3.0, 4.0, 0.2]
  context = guide.advance(begin(guide, xp), seen(xp.zeros((1, NU)), xp.asarray(qpos)), xp.zeros((1, DRAWS)))
  np.testing.assert_array_equal(context.command, np.zeros((1, 3)))


def test_a_new_command_moves_nothing_yet(xp):
  """In the step that ends with a new command, the robot still follows the old one."""
  guide = guide_of(**SAMPLED, command_interval=DT)
  old = begin(guide, xp, uniform=0.9)
  new = guide.advance(old, seen(xp.zeros((1, NU))), xp.full((1, DRAWS), 0.5))
  np.testing.assert_allclose(new.command, [[0.5, 0, 0]], atol=1e-6)
  np.testing.assert_allclose(new.place, [[1.3 * DT, 0.32 * DT]], rtol=1e-5)
  np.testing.assert_allclose(new.heading, [[math.cos(0.8 * DT), math.sin(0.8 * DT)]], rtol=1e-5)


def test_the_action_is_remembered(xp):
  guide = guide_of()
  action = xp.asarray([[0.5, -1.0, 0.25]])
  np.testing.assert_array_equal(
    guide.advance(begin(guide, xp), seen(action), xp.zeros((1, DRAWS))).last_action, [[0.5, -1, 0.25]]
  )


# The clock of the gait


def test_the_phase_counts_strides(xp):
  # 0.9 strides per second: 10 steps are 0.225 of a stride; 50 steps are 1.125 strides.
  guide = guide_of(command=(1, 0, 0), gait_frequency=0.9)
  context = begin(guide, xp)
  np.testing.assert_allclose(context.phase, [0])
  np.testing.assert_allclose(lead(guide, context, 10).phase, [0.225], atol=1e-6)
  np.testing.assert_allclose(lead(guide, context, 50).phase, [0.125], atol=1e-6)


def test_the_phase_of_any_age_is_that_of_a_world_which_lived_that_long(xp):
  guide = guide_of(command=(1, 0, 0), gait_frequency=0.9)
  context = begin(guide, xp)
  aged = guide.timed(context._replace(step=xp.asarray([37], dtype=xp.int32)))
  np.testing.assert_allclose(aged.phase, lead(guide, context, 37).phase, atol=1e-6)


@pytest.mark.parametrize(
  ('command', 'frequency', 'duty'),
  [
    ((1.0, 0.0, 0.0), 0.9, 0.35),
    ((0.0, -0.06, 0.0), 0.9, 0.35),  # any of the three
    ((0.0, 0.0, -1.0), 0.9, 0.35),
    ((0.04, -0.04, 0.04), 0.9, 1.0),  # too little: stand still
    ((0.0, 0.0, 0.0), 0.9, 1.0),
    ((1.0, 0.0, 0.0), 0.0, 1.0),  # no gait is asked for
  ],
)
def test_feet_stand_where_no_gait_is_wanted(xp, command, frequency, duty):
  assert MOVING == 0.05
  guide = guide_of(command=command, gait_frequency=frequency, gait_duty=0.35)
  context = begin(guide, xp)
  np.testing.assert_allclose(context.duty, [duty], rtol=1e-6)
  np.testing.assert_allclose(lead(guide, context, 3).duty, [duty], rtol=1e-6)


def test_a_rest_ends_the_gait_at_the_end_of_its_stride_and_a_new_command_begins_it_again(xp):
  """Strides of 8 steps, new commands every 4: told to rest in the middle of a stride, it first ends that."""
  guide = guide_of(**SAMPLED, command_interval=4 * DT, command_rest=0.1, gait_frequency=1 / (8 * DT), gait_duty=0.6)
  context, duties = begin(guide, xp, uniform=0.9), []
  for step in range(1, 17):
    context = lead(guide, context, 1, uniform=0.9 if step >= 16 else 0.05)
    duties.append(float(context.duty[0]))
  assert duties == pytest.approx([0.6] * 7 + [1.0] * 8 + [0.6])


@pytest.mark.parametrize(('velocity', 'phase'), [((0.3, 0.2), 0.0), ((0.3, -0.2), 0.5), ((-0.3, -0.01), 0.5)])
def test_who_is_shoved_begins_with_the_foot_of_the_side_that_it_is_moving_to(xp, velocity, phase):
  """After eleven steps at rest, of strides of 40: the left foot swings from phase 0 on, the right one from 0.5 on."""
  guide = guide_of(hold=2.0, gait_frequency=1.0, gait_duty=0.6)
  context = lead(guide, begin(guide, xp, angles=(math.pi / 2,)), 11)
  np.testing.assert_allclose(context.duty, [1.0])
  for step in range(3):
    context = guide.advance(context, at(xp, 0.3, 0.0, velocity), xp.zeros((1, DRAWS)))
    np.testing.assert_allclose(context.duty, [0.6], rtol=1e-6)
    np.testing.assert_allclose(context.phase, [phase + step / 40], atol=1e-6)


@pytest.mark.parametrize(('height', 'duty'), [(1.08, 0.6), (0.2, 0.6), (1.10, 1.0)])
def test_who_is_off_balance_steps_though_it_is_asked_for_nothing(xp, height, duty):
  """The robot stands 1.282 m high; 85 % of it are 1.09 m. The same from the start on and later."""
  guide = guide_of(gait_frequency=1.0, gait_duty=0.6)
  qpos = facing(0.3)
  qpos[:, 2] = height
  context = guide.start(xp.asarray(qpos), NU, xp.full((1, DRAWS), 0.5))
  np.testing.assert_allclose(context.duty, [duty], rtol=1e-6)
  later = guide.advance(begin(guide, xp), seen(xp.zeros((1, NU)), xp.asarray(qpos)), xp.zeros((1, DRAWS)))
  np.testing.assert_allclose(later.duty, [duty], rtol=1e-6)


def at_phase(xp, phase, duty):
  phase = xp.asarray(phase)
  return Context(*[None] * 5, phase, xp.full(phase.shape, duty), None)


def test_the_left_foot_swings_first_and_the_right_one_half_a_stride_later(xp):
  # Duty 0.6: the left foot swings for 0.4 of a stride from phase 0 on, the right one from 0.5 to 0.9.
  context = at_phase(xp, [0.0, 0.1, 0.3, 0.45, 0.5, 0.7, 0.89, 0.95], 0.6)
  left, right = (np.asarray(swing(context, foot, 2)) for foot in (0, 1))
  np.testing.assert_allclose(left, [0, 0.25, 0.75, -1, -1, -1, -1, -1], atol=1e-6)
  np.testing.assert_allclose(right, [-1, -1, -1, -1, 0, 0.5, 0.975, -1], atol=1e-6)


@pytest.mark.parametrize(('duty', 'both_down', 'both_up'), [(0.6, 0.2, 0), (0.5, 0, 0), (0.35, 0, 0.3), (1.0, 1, 0)])
def test_shares_of_a_stride(duty, both_down, both_up):
  """Walking has 2 duty - 1 of it on both feet, running 1 - 2 duty of it on none."""
  context = at_phase(np, (np.arange(1000) + 0.5) / 1000, duty)
  up = np.stack([swing(context, foot, 2) for foot in (0, 1)]) >= 0
  assert up.mean(axis=1) == pytest.approx([1 - duty] * 2, abs=2e-3)
  assert (~up).all(axis=0).mean() == pytest.approx(both_down, abs=4e-3)
  assert up.all(axis=0).mean() == pytest.approx(both_up, abs=4e-3)


# Geometry


@pytest.mark.parametrize('seed', range(4))
def test_the_heading_is_the_horizontal_part_of_the_torsos_forward_axis(xp, seed):
  qpos = np.zeros(28, np.float32)
  qpos[3:7] = np.random.default_rng(seed).normal(size=4)
  qpos[3:7] /= np.linalg.norm(qpos[3:7])
  forward = np.zeros(3)
  mujoco.mju_rotVecQuat(forward, np.array([1.0, 0, 0]), qpos[3:7].astype(float))
  expected = forward[:2] / np.linalg.norm(forward[:2])
  np.testing.assert_allclose(heading_of(xp.asarray(qpos)), expected, atol=1e-5)


def test_the_heading_of_a_torso_that_looks_straight_down_is_finite(xp):
  qpos = np.zeros(28, np.float32)
  qpos[3:7] = [math.sqrt(0.5), 0, math.sqrt(0.5), 0]
  assert np.isfinite(np.asarray(heading_of(xp.asarray(qpos)))).all()


def test_vectors_are_turned_like_complex_numbers(xp):
  rng = np.random.default_rng(0)
  vector, angle, more = rng.normal(size=(5, 2)), rng.uniform(-3, 3, 5), rng.uniform(-3, 3, (5, 1))
  heading = np.stack([np.cos(angle), np.sin(angle)], axis=1)
  z = (vector[:, 0] + 1j * vector[:, 1]) * np.exp(1j * angle)
  world = rotate(xp.asarray(vector), xp.asarray(heading))
  np.testing.assert_allclose(world, np.stack([z.real, z.imag], axis=1), atol=1e-6)
  np.testing.assert_allclose(along(world, xp.asarray(heading)), vector, atol=1e-6)
  turned = np.exp(1j * (angle + more[:, 0]))
  found = turn(xp.asarray(heading), xp.asarray(more))
  np.testing.assert_allclose(found, np.stack([turned.real, turned.imag], axis=1), atol=1e-6)


# A place that is held


def at(xp, ahead, left, velocity=(0.0, 0.0)):
  """A robot that faces +y, this far ahead and to the left of where it began, and what it moves by."""
  qpos, qvel = facing(math.pi / 2), np.zeros((1, 27), np.float32)
  qpos[0, :2], qvel[0, :2] = (-left, ahead), (-velocity[1], velocity[0])
  return seen(xp.zeros((1, NU)), xp.asarray(qpos), xp.asarray(qvel))


@pytest.mark.parametrize(
  ('ahead', 'left', 'velocity', 'expected'),
  [
    (0.03, -0.03, (0.0, 0.0), (0.0, 0.0)),  # 0.042 m off, less than 0.05: it just stands
    (0.2, -0.1, (0.0, 0.0), (-0.3, 0.15)),  # 1.5 m/s for each metre
    (3.0, -4.0, (0.0, 0.0), (-0.3, 0.4)),  # but no more than 0.5 m/s
    (0.0, 0.0, (0.4, 0.0), (-0.18, 0.0)),  # shoved: in 0.3 s it will be 0.12 m off
    (-0.24, 0.0, (0.8, 0.0), (0.0, 0.0)),  # on its way back already
  ],
)
def test_who_is_asked_for_nothing_is_led_back_to_its_place(xp, ahead, left, velocity, expected):
  guide = guide_of(hold=1.5, gait_frequency=1.0, gait_duty=0.6)
  start = begin(guide, xp, angles=(math.pi / 2,))
  context = guide.advance(start, at(xp, ahead, left, velocity), xp.zeros((1, DRAWS)))
  np.testing.assert_allclose(context.command, [[*expected, 0.0]], atol=1e-6)
  np.testing.assert_array_equal(context.asked, [[0, 0, 0]])
  np.testing.assert_array_equal(context.place, [[0, 0]])
  assert float(context.duty[0]) == pytest.approx(0.6 if any(expected) else 1.0)


def test_who_is_on_its_way_back_stops_only_when_it_is_there(xp):
  """With a radius of 0.15 m it sets out 0.16 m off, goes on at 0.12 and at 0.06, and stands from 0.04 to 0.14 m."""
  guide = guide_of(hold=1.5, hold_radius=0.15)
  context = begin(guide, xp, angles=(math.pi / 2,))
  for ahead, expected in [(0.14, 0), (0.16, -0.24), (0.12, -0.18), (0.06, -0.09), (0.04, 0), (0.14, 0)]:
    context = guide.advance(context, at(xp, ahead, 0.0), xp.zeros((1, DRAWS)))
    np.testing.assert_allclose(context.command, [[expected, 0.0, 0.0]], atol=1e-6)


def test_a_place_is_held_where_the_last_command_ended(xp):
  """Asked to walk, it is led nowhere else; told to rest, it holds the place that its momentum leads to in 0.3 s."""
  guide = guide_of(**SAMPLED, hold=1.5, command_interval=2 * DT, command_rest=0.1)
  walking = guide.advance(begin(guide, xp, uniform=0.9), at(xp, 5.0, 1.0, (1.0, 0.2)), xp.full((1, DRAWS), 0.9))
  np.testing.assert_allclose(walking.command, [[1.3, 0.32, 0.8]], atol=1e-6)
  resting = guide.advance(walking, at(xp, 9.0, 1.0), xp.full((1, DRAWS), 0.05))
  np.testing.assert_allclose(resting.place, [[-1.06, 5.3]], atol=1e-6)
  np.testing.assert_allclose(np.linalg.norm(resting.command), 0.5, rtol=1e-5)


@pytest.mark.parametrize(
  ('ahead', 'left', 'velocity', 'urgency'),
  [
    (0.06, 0.0, (0.0, 0.0), 0.0324),  # led back at 0.09 m/s of 0.5, squared
    (0.2, -0.1, (0.0, 0.0), 0.45),  # (0.3^2 + 0.15^2) / 0.5^2
    (0.0, 0.0, (0.0, 1.0), 0.81),  # shoved: it will be 0.3 m off
    (3.0, -4.0, (0.0, 0.0), 1.0),
  ],
)
def test_strides_are_quicker_the_further_it_is_carried_off_its_place(xp, ahead, left, velocity, urgency):
  """Strides of 40 steps, up to half as quick again."""
  guide = guide_of(hold=1.5, gait_frequency=1.0, gait_hurry=0.5, gait_duty=0.6)
  view = at(xp, ahead, left, velocity)
  first = guide.advance(begin(guide, xp, angles=(math.pi / 2,)), view, xp.zeros((1, DRAWS)))
  second = guide.advance(first, view, xp.zeros((1, DRAWS)))
  np.testing.assert_allclose(second.phase - first.phase, [(1 + 0.5 * urgency) / 40], rtol=1e-4)


@pytest.mark.parametrize('hold', [0.0, 1.5])
def test_who_is_asked_to_walk_does_not_hurry(xp, hold):
  guide = guide_of(command=(1.0, 0.3, 0.0), hold=hold, gait_frequency=1.0, gait_hurry=0.5, gait_duty=0.6)
  np.testing.assert_allclose(lead(guide, begin(guide, xp), 10).phase, [0.25], atol=1e-6)


# NumPy and JAX


def test_numpy_and_jax_lead_the_same_way():
  """Sixty steps of sampled commands and rests, with gait, heading and place, from the same random numbers."""
  guide = guide_of(**SAMPLED, command_interval=0.2, command_rest=0.5, hold=1.5, gait_frequency=1.1, gait_hurry=0.4)
  rng = np.random.default_rng(0)
  uniform = rng.random((61, 8, DRAWS)).astype(np.float32)
  actions, level = rng.normal(size=(60, 8, NU)).astype(np.float32), rng.uniform(0.1, 1, 8).astype(np.float32)
  qpos = facing(*rng.uniform(-3, 3, 8))
  qpos[:4, 2] = 0.3  # down
  qvel = rng.normal(size=(8, 27)).astype(np.float32)
  on_host = guide.start(qpos, NU, uniform[0], level)
  on_device = guide.start(*map(jnp.asarray, (qpos,)), NU, *map(jnp.asarray, (uniform[0], level)))
  advance = jax.jit(guide.advance)
  for action, draws in zip(actions, uniform[1:], strict=True):
    on_host = guide.advance(on_host, seen(action, qpos, qvel), draws, level)
    on_device = advance(on_device, seen(jnp.asarray(action), qpos, qvel), draws, level)
    for name, a, b in zip(Context._fields, on_host, on_device, strict=True):
      assert a.shape == b.shape
      np.testing.assert_allclose(a, b, rtol=1e-5, atol=3e-6, err_msg=name)


def test_any_leading_axes():
  guide = guide_of(**SAMPLED, command_interval=DT)
  rng = np.random.default_rng(0)
  qpos, uniform = facing(*rng.uniform(-3, 3, 6)), rng.random((6, DRAWS))
  flat = guide.advance(guide.start(qpos, NU, uniform), seen(np.ones((6, NU))), uniform[::-1])
  folded = guide.start(qpos.reshape(2, 3, -1), NU, uniform.reshape(2, 3, -1))
  folded = guide.advance(folded, seen(np.ones((2, 3, NU))), uniform[::-1].reshape(2, 3, -1))
  for a, b in zip(flat, folded, strict=True):
    np.testing.assert_array_equal(a, b.reshape(a.shape))


# Mistakes


@pytest.mark.parametrize('name', ['smapled', '', 'Fixed'])
def test_an_unknown_kind_of_command_is_refused_with_the_choices(name):
  with pytest.raises(UserError, match=r'unknown kind of command .*Choices: fixed, sampled') as error:
    guide_of(commands=name)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(
  ('low', 'high', 'which'),
  [
    ((1.0, 0.0, 0.0), (0.5, 0.0, 0.0), 'forward: 1.0 > 0.5'),
    ((0.0, 0.3, 0.0), (0.5, -0.3, 0.0), 'sideways: 0.3 > -0.3'),
    ((0.0, 0.0, 0.1), (0.5, 0.0, 0.0), 'turning: 0.1 > 0.0'),
  ],
)
def test_ranges_upside_down_are_refused_by_name(low, high, which):
  with pytest.raises(UserError, match=which) as error:
    guide_of(commands='sampled', command_low=low, command_high=high)
  assert str(error.value).startswith('config.task.command.low is above config.task.command.high for ')
  assert '\n' not in str(error.value)


def test_a_range_of_one_value_is_a_range():
  guide = guide_of(commands='sampled', command_low=(1.0, 0.0, 0.0), command_high=(1.0, 0.0, 0.0), command_rest=0.0)
  np.testing.assert_allclose(begin(guide, uniform=0.3).command, [[1, 0, 0]])


def test_every_kind_of_command_describes_itself():
  assert list(COMMANDS) == ['fixed', 'sampled']
  assert all(COMMANDS.describe().values())
