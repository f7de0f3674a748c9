"""How episodes begin and end: thresholds, spreads, and unit quaternions that tilt and turn as they say."""

import jax
import mujoco
import numpy as np
import pytest

from mjx_humanoid.errors import UserError
from mjx_humanoid.tasks import episodes
from mjx_humanoid.tasks.episodes import STARTS, TERMINATIONS, tilted_heading

N = 4000


@pytest.fixture
def start(body):
  """Start states of a distribution: qpos, qvel."""
  return lambda name='standing', seed=0, n=N, strength=1.0: STARTS[name](body, np.random.default_rng(seed), n, strength)


def ends(name, view, body, context):
  return bool(TERMINATIONS[name](view, body, context))


# Ends


@pytest.mark.parametrize(('z', 'ended'), [(0.799, True), (0.801, False), (1.282, False), (-1.0, True)])
def test_fallen_is_below_the_datasheets_height(body, make_view, make_context, z, ended):
  assert body.robot.fallen_height == 0.8
  assert ends('fallen', make_view(qpos=[0, 0, z, 1, *[0] * 24]), body, make_context()) == ended


def test_off_balance_is_below_a_share_of_standing_height(body, make_view, make_context):
  assert 0.7 < episodes.OFF_BALANCE < 1
  threshold = episodes.OFF_BALANCE * 1.282
  assert ends('off_balance', make_view(qpos=[0, 0, threshold - 0.001, 1, *[0] * 24]), body, make_context())
  assert not ends('off_balance', make_view(qpos=[0, 0, threshold + 0.001, 1, *[0] * 24]), body, make_context())


@pytest.mark.parametrize('z', [1.282, 0.0, -1e6])
def test_never_ends_at_no_height(body, make_view, make_context, z):
  assert not ends('never', make_view(qpos=[0, 0, z, 1, *[0] * 24]), body, make_context())


@pytest.mark.parametrize('name', list(TERMINATIONS))
def test_a_robot_in_its_standing_pose_goes_on(name, body, make_view, make_context):
  assert not ends(name, make_view(torso_pos=body.default_qpos[:3], torso_up=[0, 0, 1]), body, make_context())


@pytest.mark.parametrize('name', list(TERMINATIONS))
def test_ends_are_the_same_in_numpy_and_jax_alone_and_in_batches(name, body, make_view, make_context):
  heights = [1.4, 1.1, 0.9, 0.7, 0.1]
  views = [make_view(qpos=[0, 0, z, 1, *[0] * 24], torso_pos=[0, 0, z]) for z in heights]
  batch = jax.tree.map(lambda *x: np.stack(x), *views)
  context = jax.tree.map(lambda *x: np.stack(x), *[make_context()] * len(heights))
  together = np.asarray(TERMINATIONS[name](batch, body, context))
  assert together.dtype == bool
  assert together.tolist() == [ends(name, v, body, make_context()) for v in views]
  traced = jax.jit(jax.vmap(lambda v, c: TERMINATIONS[name](v, body, c)))(batch, context)
  assert together.tolist() == traced.tolist()


# Starts


@pytest.mark.parametrize('name', list(STARTS))
def test_starts_have_unit_quaternions_and_joints_in_range(name, body, start):
  qpos, qvel = start(name, strength=3.0)
  assert (qpos.shape, qvel.shape) == ((N, body.nq), (N, body.nv))
  assert np.isfinite(qpos).all()
  assert np.isfinite(qvel).all()
  np.testing.assert_allclose(np.linalg.norm(qpos[:, 3:7], axis=1), 1, atol=1e-9)
  assert (qpos[:, 7:] >= body.joint_range[:, 0]).all()
  assert (qpos[:, 7:] <= body.joint_range[:, 1]).all()


@pytest.mark.parametrize('name', list(STARTS))
def test_a_seed_gives_the_same_starts_and_another_seed_others(name, start):
  first, again, other = start(name, 1), start(name, 1), start(name, 2)
  assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
  assert not np.array_equal(first[0], other[0])


def test_drawing_leaves_the_standing_pose_alone(body, start):
  before = body.default_qpos.copy()
  start()
  assert np.array_equal(body.default_qpos, before)


def test_at_strength_zero_only_the_heading_is_random(body, start):
  qpos, qvel = start(strength=0.0)
  np.testing.assert_allclose(qpos[:, :3], np.tile(body.default_qpos[:3], (N, 1)))
  np.testing.assert_allclose(qpos[:, 7:], 0, atol=1e-12)
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
  assert qpos[:, 7 + free].std() == pytest.approx(episodes.JOINT_NOISE * strength, rel=0.08)
  assert qvel[:, :6].std(axis=0) == pytest.approx([episodes.VELOCITY_NOISE * strength] * 6, rel=0.08)
  assert qvel[:, 6:].std(axis=0) == pytest.approx([episodes.JOINT_VELOCITY_NOISE * strength] * 21, rel=0.08)
  up = 1 - 2 * (qpos[:, 4] ** 2 + qpos[:, 5] ** 2)  # the cosine of the tilt
  # Two angles of that noise each: the mean square of the tilt is twice its square.
  assert np.mean(np.arccos(up) ** 2) == pytest.approx(2 * (episodes.TILT_NOISE * strength) ** 2, rel=0.12)


@pytest.mark.parametrize('noise', ['JOINT_NOISE', 'TILT_NOISE', 'VELOCITY_NOISE', 'JOINT_VELOCITY_NOISE'])
def test_every_perturbation_is_there_and_mild(noise):
  assert 0 < getattr(episodes, noise) <= 0.5


def test_starts_stay_over_their_place_and_at_their_height(body, start):
  np.testing.assert_allclose(start()[0][:, :3], np.tile([0, 0, 1.282], (N, 1)), atol=1e-6)


def test_no_start_is_ended_at_once(body, start, make_context):
  qpos, qvel = start()
  view = type('Rows', (), {'qpos': qpos, 'qvel': qvel})
  assert not TERMINATIONS['fallen'](view, body, make_context()).any()


@pytest.mark.parametrize('seed', range(4))
def test_tilted_heading_is_mujocos_product_of_quaternions(seed):
  rng = np.random.default_rng(seed)
  heading, tilt = rng.uniform(-np.pi, np.pi, 3), rng.normal(size=(3, 2))
  for row, (angle, lean) in enumerate(zip(heading, tilt, strict=True)):
    turn, bend, expected = np.zeros(4), np.zeros(4), np.zeros(4)
    mujoco.mju_axisAngle2Quat(turn, np.array([0.0, 0, 1]), angle)
    size = np.linalg.norm(lean)
    mujoco.mju_axisAngle2Quat(bend, np.array([*lean / size, 0]), size)
    mujoco.mju_mulQuat(expected, turn, bend)
    np.testing.assert_allclose(tilted_heading(heading, tilt)[row], expected, atol=1e-12)


def test_no_tilt_is_no_division_by_zero():
  np.testing.assert_allclose(tilted_heading(np.zeros(1), np.zeros((1, 2))), [[1, 0, 0, 0]])


@pytest.mark.parametrize(('registry', 'name'), [(TERMINATIONS, 'falen'), (STARTS, 'standin'), (STARTS, '')])
def test_unknown_names_are_refused_with_the_choices(registry, name):
  with pytest.raises(UserError, match=rf"unknown {registry.kind} '{name}'.*Choices: .*(fallen|standing)"):
    registry[name]
