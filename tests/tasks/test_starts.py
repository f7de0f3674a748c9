"""How episodes begin: spreads and fallen robots."""

import functools

import mujoco
import numpy as np
import pytest
from start_tools import FEW, N

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.states import settle as settle_limp
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks import starts
from mjx_humanoid.tasks.starts import OF_CLIPS, SETTLED, STARTS, make_start
from mjx_humanoid.tasks.terminations import TERMINATIONS

pytestmark = pytest.mark.usefixtures('no_search')
NOISY = ('uniform_noise', 'moving_noise')  # of Gymnasium, which adds noise to quaternions and past limits too


@pytest.fixture(scope='module')
def lying(body, settle):
  """200 fallen robots: what was let go, and qpos, qvel of where that ended."""
  let_go = []

  def watch(qpos, qvel, seconds):
    let_go.append((qpos.copy(), qvel.copy(), seconds))
    return settle(qpos, qvel, seconds)

  return let_go, STARTS['fallen'](body, np.random.default_rng(1), np.ones(200), watch)


def count(name):
  return FEW if name in SETTLED else N


# Starts


@pytest.mark.parametrize('name', [name for name in STARTS if name not in NOISY and 'clip' not in name])
def test_starts_have_unit_quaternions_and_joints_in_range(name, body, start):
  qpos, qvel = start(name, n=count(name), strength=3.0)
  assert (qpos.shape, qvel.shape) == ((count(name), body.nq), (count(name), body.nv))
  assert np.isfinite(qpos).all()
  assert np.isfinite(qvel).all()
  # Physics gives float32, and its limits are soft: a body's weight bends a joint beyond them by a little.
  np.testing.assert_allclose(np.linalg.norm(qpos[:, 3:7], axis=1), 1, atol=1e-6 if name in SETTLED else 1e-9)
  slack = 0.1 if name in SETTLED else 0.0
  assert (qpos[:, 7:] >= body.joint_range[:, 0] - slack).all()
  assert (qpos[:, 7:] <= body.joint_range[:, 1] + slack).all()


@pytest.mark.parametrize('name', [name for name in STARTS if 'clip' not in name])
def test_a_seed_gives_the_same_starts_and_another_seed_others(name, start):
  first, again, other = (start(name, seed, 4) for seed in (1, 1, 2))
  assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
  assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize('name', [name for name in STARTS if 'clip' not in name])
def test_drawing_leaves_the_poses_alone(name, body, start):
  before = [body.default_qpos.copy(), *(pose.copy() for pose in body.keyframes.values())]
  start(name, n=4)
  assert all(np.array_equal(a, b) for a, b in zip(before, [body.default_qpos, *body.keyframes.values()], strict=True))


def test_each_start_has_a_strength_of_its_own(body, settle):
  """Half of them none, half of them double; the spread of velocities tells."""
  strength = np.repeat([0.0, 2.0], N // 2)
  qpos, qvel = STARTS['standing'](body, np.random.default_rng(0), strength, settle)
  np.testing.assert_allclose(qpos[: N // 2, 7:], np.tile(body.relaxed_angles, (N // 2, 1)))
  assert not qvel[: N // 2].any()
  assert qvel[N // 2 :, 6:].std() == pytest.approx(2 * starts.JOINT_VELOCITY_NOISE, rel=0.05)


def test_at_strength_zero_only_the_heading_is_random(body, start):
  qpos, qvel = start(strength=0.0)
  np.testing.assert_allclose(qpos[:, :3], np.tile(body.default_qpos[:3], (N, 1)))
  np.testing.assert_allclose(qpos[:, 7:], np.tile(body.relaxed_angles, (N, 1)))
  np.testing.assert_allclose(qpos[:, 4:6], 0, atol=1e-12)
  assert (qvel == 0).all()
  heading = 2 * np.arctan2(qpos[:, 6], qpos[:, 3])
  # Uniform over the circle: quarters hold N/4 each, with a standard deviation of sqrt(N x 0.25 x 0.75) = 27.
  quarters = np.histogram(np.mod(heading, 2 * np.pi), bins=4, range=(0, 2 * np.pi))[0]
  assert abs(quarters - N / 4).max() < 5 * 27


@pytest.mark.parametrize('strength', [1.0, 2.0])
def test_spreads_grow_with_the_strength(body, start, strength):
  """Standard deviations, within 8 %: that of N = 4000 draws has a standard error of 1 / sqrt(2 N) = 1.1 %."""
  qpos, qvel = start(strength=strength)
  free = body.joint_index('shoulder1_left')  # -85..60 degrees: far from its limits, so never clipped
  assert qpos[:, 7 + free].std() == pytest.approx(starts.JOINT_NOISE * strength, rel=0.08)
  assert qvel[:, :6].std(axis=0) == pytest.approx([starts.VELOCITY_NOISE * strength] * 6, rel=0.08)
  assert qvel[:, 6:].std(axis=0) == pytest.approx([starts.JOINT_VELOCITY_NOISE * strength] * 21, rel=0.08)
  up = 1 - 2 * (qpos[:, 4] ** 2 + qpos[:, 5] ** 2)  # the cosine of the tilt
  # Two angles of that noise each: the mean square of the tilt is twice its square.
  assert np.mean(np.arccos(up) ** 2) == pytest.approx(2 * (starts.TILT_NOISE * strength) ** 2, rel=0.12)


@pytest.mark.parametrize('noise', ['JOINT_NOISE', 'TILT_NOISE', 'VELOCITY_NOISE', 'JOINT_VELOCITY_NOISE'])
def test_every_perturbation_is_there_and_mild(noise):
  assert 0 < getattr(starts, noise) <= 0.5


def test_starts_stay_over_their_place_and_at_their_height(body, start):
  np.testing.assert_allclose(start()[0][:, :3], np.tile([0, 0, 1.282], (N, 1)), atol=1e-6)


@pytest.mark.parametrize('name', [name for name in TERMINATIONS if 'clip' not in name])
def test_no_start_is_ended_at_once(name, body, start, make_context):
  """Not even those of the configs, at strength 2, nor by what ends an episode when it is late."""
  qpos, qvel = start(strength=2.0)
  view = type('Rows', (), {'qpos': qpos, 'qvel': qvel})
  assert not TERMINATIONS[name](view, body, make_context(step=200)).any()


# Fallen starts


def test_fallen_robots_lie_on_the_floor_slowly(lying):
  _, (qpos, qvel) = lying
  assert np.isfinite(qpos).all()
  assert np.isfinite(qvel).all()
  assert (qpos[:, 2] > 0.03).all()  # not below it
  assert (qpos[:, 2] < 0.4).mean() >= 0.99  # a limp robot may still be rolling off its own knees
  assert (qpos[:, 2] < 0.6).all()
  # Velocities are those of the perturbation at strength 1, 0.05 and 0.1 as standard deviations: five of these at most.
  assert np.abs(qvel).max() < 5 * starts.JOINT_VELOCITY_NOISE


def test_fallen_robots_are_still_where_they_lie(lying, settle):
  """Left alone for a fifth of a second, most torsos hardly move: they had come to rest."""
  _, (qpos, _) = lying
  later, _ = settle(qpos[:40], np.zeros((40, 27)), 0.2)
  moved = np.linalg.norm(later[:, :3] - qpos[:40, :3], axis=1)
  assert np.median(moved) < 0.03
  assert (moved < 0.2).mean() > 0.9


def test_four_kinds_of_falls_are_let_go_limp_and_settled(lying):
  """Prone: forward points down; supine: up; on a side: the left axis points up or down; and tumbling, from higher."""
  let_go, _ = lying
  assert len(let_go) == 1
  qpos, qvel, seconds = let_go[0]
  assert not qvel.any()
  assert seconds >= 1
  tumbling = np.isclose(qpos[:, 2], 0.7)
  rotations = np.zeros((len(qpos), 9))
  for row, quaternion in zip(rotations, qpos[:, 3:7], strict=True):
    mujoco.mju_quat2Mat(row, quaternion)
  forward, left = rotations[:, 6], rotations[:, 7]  # heights of the torso's x and y axes
  kinds = {
    'prone': np.isclose(forward, -1),
    'supine': np.isclose(forward, 1),
    'right': np.isclose(left, 1),
    'left': np.isclose(left, -1),
  }
  # 200 over four kinds: 50 each, standard deviation sqrt(200 x 1/4 x 3/4) = 6.1; each side is half of its kind.
  for kind, rows in kinds.items():
    expected = 25 if kind in ('right', 'left') else 50
    assert abs(rows.sum() - expected) < 5 * 6.1, kind
    np.testing.assert_allclose(qpos[rows, 2], 0.25)
  assert abs(tumbling.sum() - 50) < 5 * 6.1
  assert tumbling.sum() + sum(rows.sum() for rows in kinds.values()) == 200
  np.testing.assert_allclose(np.linalg.norm(qpos[:, 3:7], axis=1), 1)


def test_only_starts_that_need_physics_ask_for_it(body):
  def refuse(qpos, qvel, seconds):
    raise AssertionError('settled')

  for name in STARTS:
    if name not in SETTLED and name not in OF_CLIPS:
      STARTS[name](body, np.random.default_rng(0), np.ones(3), refuse)
  assert set(SETTLED) <= set(STARTS)


@pytest.mark.parametrize('name', ['falen', '', 'poses.npy', 'fallen.npz.bak'])
def test_an_unknown_start_is_refused_with_the_choices(name):
  with pytest.raises(
    UserError,
    match=r'unknown start .*: any_pose, clip, clip_beginning, clip_or_standing, fallen, keyframes, moving_noise, ris',
  ) as error:
    make_start(name)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize('name', NOISY)
def test_noise_on_every_coordinate(start, body, name):
  """Positions uniform within 0.2; velocities too, of deviation 0.2 / sqrt(3), or normal, of deviation 0.2."""
  qpos, qvel = start(name, strength=0.2)
  moved = qpos - body.default_qpos
  assert moved.shape == (N, body.nq)
  assert 0.199 < moved.max() <= 0.2
  assert -0.2 <= moved.min() < -0.199
  np.testing.assert_allclose(moved.std(axis=0), 0.2 / 3**0.5, rtol=0.06)
  deviation = 0.2 / 3**0.5 if name == 'uniform_noise' else 0.2
  np.testing.assert_allclose(qvel.std(axis=0), deviation, rtol=0.06)
  assert (np.abs(qvel).max() <= 0.2) == (name == 'uniform_noise')


def test_a_quadruped_falls_onto_belly_back_and_sides():
  """Its trunk is 0.18 m high and 0.28 m wide: whichever way it lies, its root is lower than while it stands."""
  quadruped = robots()['anymal_c']
  model = build_model(quadruped, converged=True)
  body = describe(quadruped, model)
  settle = functools.partial(settle_limp, model)
  qpos, _ = STARTS['fallen'](body, np.random.default_rng(0), np.ones(24), settle)
  up = 1 - 2 * (qpos[:, 4] ** 2 + qpos[:, 5] ** 2)
  assert (up > 0.9).any() and (up < -0.9).any()
  assert np.median(qpos[:, 2]) < 0.5 * quadruped.standing_height
  assert np.abs(qpos[:, 7:] - body.default_angles).max() < 1.7 * np.pi  # joints that can turn further are not wound up
