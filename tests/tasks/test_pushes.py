"""Pushes by hand: when exactly, how hard, which way, and that a kick is the impulse of its force."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.core.config.task import PushConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.tasks.pushes import DRAWS, PUSHES, make_pusher

DT, MASS = 0.025, 40.0
# A push in the last two of every eight steps: those that begin at 6, 7, 14, 15, 22, 23, ...
EVERY = {'interval': 0.2, 'duration': 0.05, 'force': (50.0, 150.0)}


@pytest.fixture(params=[np, jnp], ids=['numpy', 'jax'])
def xp(request):
  return request.param


def pusher_of(kind='force', **settings):
  return make_pusher(PushConfig(kind=kind, **{**EVERY, **settings}), DT, MASS)


def play(pusher, steps, worlds=1, xp=np, seed=0, **more):
  """Forces [T, B, 3] of so many control steps, and what acts on the physics in each."""
  rng, force, forces, inputs = np.random.default_rng(seed), xp.zeros((worlds, 3)), [], []
  for i in range(steps):
    step = xp.full(worlds, i, dtype=xp.int32)
    force = pusher.draw(step, force, xp.asarray(rng.random((worlds, DRAWS))), **more)
    forces.append(np.asarray(force))
    inputs.append(pusher.inputs(xp.zeros((worlds, 2)), step, force))
  return np.stack(forces), inputs


def test_a_push_lasts_for_exactly_the_last_duration_of_every_interval(xp):
  pusher = pusher_of()
  assert (pusher.interval, pusher.duration) == (8, 2)
  forces, _ = play(pusher, 25, xp=xp)
  assert np.flatnonzero(np.any(forces[:, 0] != 0, axis=1)).tolist() == [6, 7, 14, 15, 22, 23]


def test_a_push_keeps_its_force_and_the_next_one_has_another(xp):
  forces, _ = play(pusher_of(), 24, xp=xp)
  for first in (6, 14, 22):
    np.testing.assert_array_equal(forces[first], forces[first + 1])
  assert len({tuple(forces[i, 0]) for i in (6, 14, 22)}) == 3


@pytest.mark.parametrize(
  ('uniform', 'expected'),
  [
    ((0.0, 0.0), [50, 0, 0]),
    ((0.5, 0.25), [0, 100, 0]),  # a quarter turn
    ((1.0, 0.5), [-150, 0, 0]),
    ((0.25, 0.125), [75 * 0.70710678, 75 * 0.70710678, 0]),
  ],
)
def test_size_and_direction_by_hand(xp, uniform, expected):
  force = pusher_of().draw(xp.asarray([6]), xp.zeros((1, 3)), xp.asarray([uniform]))
  np.testing.assert_allclose(force, [expected], atol=2e-5)
  assert force.dtype == np.float32


def test_pushes_are_level_and_come_from_all_sides():
  """2000 worlds: sizes uniform in [50, 150], with a mean of 100 and a standard deviation of 100 / sqrt(12)."""
  forces, _ = play(pusher_of(), 7, worlds=2000)
  push = forces[6]
  assert not push[:, 2].any()
  size = np.hypot(push[:, 0], push[:, 1])
  assert size.min() >= 49.999
  assert size.max() <= 150.001
  assert size.mean() == pytest.approx(100, abs=5 * 28.9 / np.sqrt(2000))
  assert size.std() == pytest.approx(28.87, rel=0.05)
  quarters = np.histogram(np.arctan2(push[:, 1], push[:, 0]), bins=4, range=(-np.pi, np.pi))[0]
  assert abs(quarters - 500).max() < 5 * 19.4  # sqrt(2000 x 1/4 x 3/4)


def test_the_level_is_a_factor_on_the_force(xp):
  level = xp.asarray([0.1, 0.5, 1.0])
  force = pusher_of().draw(xp.full(3, 6), xp.zeros((3, 3)), xp.full((3, DRAWS), 0.5), level)
  np.testing.assert_allclose(force, [[-10, 0, 0], [-50, 0, 0], [-100, 0, 0]], atol=2e-5)


def test_each_environment_has_its_own_age(xp):
  force = pusher_of().draw(xp.asarray([5, 6, 7, 8]), xp.full((4, 3), 7.0), xp.full((4, DRAWS), 0.5))
  # Not yet; begins; is under way with what it had; is over.
  np.testing.assert_allclose(force, [[0, 0, 0], [-100, 0, 0], [7, 7, 7], [0, 0, 0]], atol=2e-5)


@pytest.mark.parametrize(
  ('settings', 'interval', 'duration'),
  [
    ({'interval': 4.0, 'duration': 0.2}, 160, 8),
    ({'interval': 0.001, 'duration': 0.001}, 1, 1),
    ({'interval': 0.1, 'duration': 9.0}, 4, 4),  # no longer than there is time
  ],
)
def test_times_are_counted_in_control_steps(settings, interval, duration):
  pusher = pusher_of(**settings)
  assert (pusher.interval, pusher.duration) == (interval, duration)


def test_pushes_without_a_pause_change_at_every_interval():
  forces, _ = play(pusher_of(interval=0.05, duration=0.05), 6)
  assert forces.any(axis=2).all()
  changes = np.any(forces[1:] != forces[:-1], axis=(1, 2))
  assert changes.tolist() == [False, True, False, True, False]


def test_a_lift_pulls_upwards_all_the_time_and_fades_with_the_level(xp):
  """By 150 N at a level of zero; random numbers, age and the force before do not matter."""
  pusher, level = pusher_of('lift'), xp.asarray([0.1, 0.5, 1.0])
  for step in range(9):
    force = pusher.draw(xp.full(3, step), xp.full((3, 3), 7.0), xp.full((3, DRAWS), 0.1 * step), level)
    np.testing.assert_allclose(force, [[0, 0, 135], [0, 0, 75], [0, 0, 0]], atol=2e-5)
    assert force.dtype == np.float32


def test_there_is_no_lift_without_a_curriculum(xp):
  forces, inputs = play(pusher_of('lift'), 9, xp=xp)
  assert not forces.any()
  assert all(acting.kick is None for acting in inputs)


# What acts on the physics


def test_there_are_no_pushes_by_default():
  pusher = make_pusher(PushConfig(), DT, MASS)
  assert not pusher.ever
  ctrl = np.ones((1, 2))
  inputs = pusher.inputs(ctrl, np.zeros(1, int), np.ones((1, 3)))
  assert inputs.ctrl is ctrl
  assert (inputs.force, inputs.kick) == (None, None)


@pytest.mark.parametrize('name', ['force', 'lift'])
def test_a_force_acts_as_long_as_the_push(xp, name):
  pusher = pusher_of(name)
  assert pusher.ever
  forces, inputs = play(pusher, 16, xp=xp)
  for force, acting in zip(forces, inputs, strict=True):
    np.testing.assert_array_equal(acting.force, force)
    assert acting.kick is None


def test_a_kick_is_the_impulse_of_its_force_at_the_first_step(xp):
  """Force times 2 steps of 25 ms, over 40 kg."""
  forces, inputs = play(pusher_of('kick'), 16, xp=xp)
  kicks = np.stack([np.asarray(acting.kick) for acting in inputs])
  assert all(acting.force is None for acting in inputs)
  assert np.flatnonzero(kicks.any(axis=(1, 2))).tolist() == [6, 14]
  np.testing.assert_allclose(kicks[6], forces[6] * 0.05 / 40, rtol=1e-5, atol=1e-7)
  np.testing.assert_allclose((kicks * MASS).sum(axis=0), (forces * DT).sum(axis=0), rtol=1e-5, atol=1e-5)


def test_a_kick_comes_once_even_where_pushes_have_no_pause():
  _, inputs = play(pusher_of('kick', interval=0.05, duration=0.05), 6)
  assert [bool(acting.kick.any()) for acting in inputs] == [True, False, True, False, True, False]


def test_controls_pass_through(xp):
  ctrl = xp.asarray([[0.25, -1.0]])
  for name in PUSHES:
    inputs = pusher_of(name).inputs(ctrl, xp.asarray([6]), xp.ones((1, 3)))
    np.testing.assert_array_equal(inputs.ctrl, ctrl)


@pytest.mark.parametrize('name', ['force', 'kick', 'lift'])
def test_numpy_and_jax_push_alike(name):
  pusher = pusher_of(name)
  on_host, acting_on_host = play(pusher, 24, worlds=5, strength=0.7)
  on_device, acting_on_device = play(pusher, 24, worlds=5, xp=jnp, strength=0.7)
  np.testing.assert_allclose(on_device, on_host, rtol=1e-5, atol=1e-4)
  for a, b in zip(acting_on_host, acting_on_device, strict=True):
    assert [x is None for x in a] == [x is None for x in b]
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-4), a, b)


def test_drawing_runs_inside_jit():
  pusher = pusher_of()
  arguments = (jnp.arange(8), jnp.ones((8, 3)), jnp.full((8, DRAWS), 0.25))
  np.testing.assert_allclose(jax.jit(pusher.draw)(*arguments), pusher.draw(*arguments), rtol=1e-6, atol=1e-5)


# Mistakes


@pytest.mark.parametrize('name', ['kicks', '', 'push'])
def test_an_unknown_kind_of_push_is_refused_with_the_choices(name):
  with pytest.raises(UserError, match=r'unknown kind of push .*Choices: force, kick, lift, none') as error:
    pusher_of(name)
  assert '\n' not in str(error.value)


def test_a_range_upside_down_is_refused():
  with pytest.raises(UserError, match=r'^config\.task\.push\.force is upside down: 150\.0 > 50\.0\.$'):
    pusher_of(force=(150.0, 50.0))
  assert pusher_of(force=(50.0, 50.0)).ever


def test_every_kind_of_push_describes_itself():
  assert list(PUSHES) == ['none', 'force', 'kick', 'lift']
  assert all(PUSHES.describe().values())
