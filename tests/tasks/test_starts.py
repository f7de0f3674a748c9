"""How episodes begin and end: thresholds, spreads, and unit quaternions that tilt and turn as they say."""

import dataclasses

import jax
import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.rising import way_up
from mjx_humanoid.tasks import starts as episodes
from mjx_humanoid.tasks.starts import (
  SEARCHED,
  SETTLED,
  STARTS,
  TERMINATIONS,
  make_start,
  perturbed,
  quaternion_about_z,
  quaternion_product,
  tilted_heading,
)

N = 4000
FEW = 24  # of those that physics must settle


@pytest.fixture
def start(body, settle, servo_body):
  """Start states of a distribution: qpos, qvel."""

  def draw(name='standing', seed=0, n=N, strength=1.0):
    who = servo_body if name in SEARCHED else body  # for whom there is a way up
    return make_start(name)(who, np.random.default_rng(seed), np.full(n, strength), settle)

  return draw


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


def ends(name, view, body, context):
  return bool(TERMINATIONS[name](view, body, context))


# Ends


@pytest.mark.parametrize(('z', 'ended'), [(0.799, True), (0.801, False), (1.282, False), (-1.0, True)])
def test_fallen_is_below_the_datasheets_height(body, make_view, make_context, z, ended):
  assert body.robot.fallen_height == 0.8
  assert ends('fallen', make_view(qpos=[0, 0, z, 1, *[0] * 24]), body, make_context()) == ended


def test_off_balance_is_below_a_share_of_standing_height(body, make_view, make_context):
  threshold = 0.85 * 1.282
  assert ends('off_balance', make_view(qpos=[0, 0, threshold - 0.001, 1, *[0] * 24]), body, make_context())
  assert not ends('off_balance', make_view(qpos=[0, 0, threshold + 0.001, 1, *[0] * 24]), body, make_context())


@pytest.mark.parametrize(
  ('seconds', 'share', 'ended'), [(2.9, 0.1, False), (3.1, 0.1, True), (3.1, 0.84, True), (3.1, 0.86, False)]
)
def test_overdue_is_off_balance_after_three_seconds(body, make_view, make_context, seconds, share, ended):
  view = make_view(qpos=[0, 0, share * 1.282, 1, *[0] * 24])
  assert ends('overdue', view, body, make_context(step=round(seconds / body.control_step))) == ended


@pytest.mark.parametrize(('degrees', 'ended'), [(0, False), (44, False), (46, True), (90, True), (180, True)])
@pytest.mark.parametrize('axis', [[1, 0, 0], [0, 1, 0], [0.6, -0.8, 0]])
def test_tipped_is_a_lean_of_more_than_45_degrees(body, make_view, make_context, axis, degrees, ended):
  turned, leant, both = np.zeros(4), np.zeros(4), np.zeros(4)
  mujoco.mju_axisAngle2Quat(leant, np.array(axis, float), np.radians(degrees))
  mujoco.mju_axisAngle2Quat(turned, np.array([0, 0, 1.0]), 2.0)  # whichever way it faces
  mujoco.mju_mulQuat(both, turned, leant)
  assert ends('tipped', make_view(qpos=[0, 0, 1.282, *both, *[0] * 21]), body, make_context()) == ended


@pytest.mark.parametrize(
  ('name', 'threshold'),
  [('tipped', 0.5 * 1.282), ('collapsed', 0.3 * 1.282)],  # 0.641 and 0.3846 m
)
def test_upright_but_too_low_ends(name, threshold, body, make_view, make_context):
  assert ends(name, make_view(qpos=[0, 0, threshold - 0.001, 1, *[0] * 24]), body, make_context())
  assert not ends(name, make_view(qpos=[0, 0, threshold + 0.001, 1, *[0] * 24]), body, make_context())


def test_a_robot_on_upright_knees_has_neither_tipped_nor_collapsed(body, make_view, make_context):
  kneeling = make_view(qpos=[0, 0, body.robot.kneeling_height, 1, *[0] * 24])
  assert not ends('tipped', kneeling, body, make_context())
  assert not ends('collapsed', kneeling, body, make_context())


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
  context = jax.tree.map(lambda *x: np.stack(x), *[make_context(step=200)] * len(heights))
  together = np.asarray(TERMINATIONS[name](batch, body, context))
  assert together.dtype == bool
  assert together.tolist() == [ends(name, v, body, make_context(step=200)) for v in views]
  assert any(together) == (name != 'never')  # 5 s after the start, by when all of them know an end
  traced = jax.jit(jax.vmap(lambda v, c: TERMINATIONS[name](v, body, c)))(batch, context)
  assert together.tolist() == traced.tolist()


# Starts


@pytest.mark.parametrize('name', list(STARTS))
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


@pytest.mark.parametrize('name', list(STARTS))
def test_a_seed_gives_the_same_starts_and_another_seed_others(name, start):
  first, again, other = (start(name, seed, 4) for seed in (1, 1, 2))
  assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
  assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize('name', list(STARTS))
def test_drawing_leaves_the_poses_alone(name, body, start):
  before = [body.default_qpos.copy(), *(pose.copy() for pose in body.keyframes.values())]
  start(name, n=4)
  assert all(np.array_equal(a, b) for a, b in zip(before, [body.default_qpos, *body.keyframes.values()], strict=True))


def test_each_start_has_a_strength_of_its_own(body, settle):
  """Half of them none, half of them double; the spread of velocities tells."""
  strength = np.repeat([0.0, 2.0], N // 2)
  qpos, qvel = STARTS['standing'](body, np.random.default_rng(0), strength, settle)
  np.testing.assert_allclose(qpos[: N // 2, 7:], 0, atol=1e-12)
  assert not qvel[: N // 2].any()
  assert qvel[N // 2 :, 6:].std() == pytest.approx(2 * episodes.JOINT_VELOCITY_NOISE, rel=0.05)


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


@pytest.mark.parametrize('name', list(TERMINATIONS))
def test_no_start_is_ended_at_once(name, body, start, make_context):
  """Not even those of the configs, at strength 2, nor by what ends an episode when it is late."""
  qpos, qvel = start(strength=2.0)
  view = type('Rows', (), {'qpos': qpos, 'qvel': qvel})
  assert not TERMINATIONS[name](view, body, make_context(step=200)).any()


# Starts from given poses


def heading_removed(qpos):
  """Where the vertical lies in the torso's frame: all of a rotation but its heading. By MuJoCo."""
  up, inverse = np.zeros(3), np.zeros(4)
  mujoco.mju_negQuat(inverse, np.asarray(qpos[3:7], float))
  mujoco.mju_rotVecQuat(up, np.array([0, 0, 1.0]), inverse)
  return up


def test_keyframes_of_the_file_all_appear_as_they_are_but_for_the_heading(model, body, start):
  qpos, qvel = start('keyframes', n=90, strength=0.0)
  assert not qvel.any()
  found = np.zeros(model.nkey, int)
  for row in qpos:
    matches = [
      np.allclose(row[:3], key[:3], atol=1e-6)
      and np.allclose(row[7:], np.clip(key[7:], *model.jnt_range[1:].T), atol=1e-6)
      and np.allclose(heading_removed(row), heading_removed(key), atol=1e-3)  # the file has three digits
      for key in model.key_qpos
    ]
    assert sum(matches) == 1
    found[matches.index(True)] += 1
  # 90 over 3 keyframes: 30 each, standard deviation sqrt(90 x 1/3 x 2/3) = 4.5
  assert model.nkey == 3
  assert abs(found - 30).max() < 5 * 4.5


@pytest.fixture
def poses(body):
  """Three poses of different heights, the second one leaning by 0.5 rad about y."""
  qpos = np.repeat(body.default_qpos[None].astype(np.float64), 3, axis=0)
  qpos[:, 2] = [1.1, 1.2, 1.3]
  qpos[1, 3:7] = [np.cos(0.25), 0, np.sin(0.25), 0]
  qpos[:, 7:] = 0.25 * body.joint_range.sum(axis=1)  # well inside the ranges
  return qpos


def test_poses_of_a_file_appear_as_they_are_but_for_the_heading(tmp_path, poses, start):
  np.savez(tmp_path / 'poses.npz', qpos=poses, anything=np.ones(3))
  qpos, qvel = start(str(tmp_path / 'poses.npz'), n=90, strength=0.0)
  assert not qvel.any()
  which = np.searchsorted([1.15, 1.25], qpos[:, 2])
  assert abs(np.bincount(which) - 30).max() < 5 * 4.5
  np.testing.assert_allclose(qpos[:, :3], poses[which, :3])
  np.testing.assert_allclose(qpos[:, 7:], poses[which, 7:], atol=1e-12)
  for row, pose in zip(qpos, poses[which], strict=True):
    np.testing.assert_allclose(heading_removed(row), heading_removed(pose), atol=1e-9)
  assert len(np.unique(qpos[:, 6].round(6))) > 80  # headings


@pytest.mark.parametrize('dtype', [np.float32, np.float64, np.int64])
def test_poses_of_a_file_may_be_of_any_kind_of_number(tmp_path, body, start, dtype):
  np.savez_compressed(tmp_path / 'poses.npz', qpos=np.array([[0, 0, 2, 1, *[0] * 24]], dtype))
  qpos, _ = start(str(tmp_path / 'poses.npz'), n=2, strength=0.0)
  np.testing.assert_allclose(qpos[:, 2], 2)


def test_perturbed_poses_spread_around_their_own_joints(body, poses):
  """Not around the standing pose; the poses that were given stay as they are."""
  before, many = poses.copy(), np.repeat(poses[:1], N, axis=0)
  qpos, qvel = perturbed(many, body, np.random.default_rng(0), np.ones(N))
  free = body.joint_index('shoulder1_left')
  assert qpos[:, 7 + free].mean() == pytest.approx(poses[0, 7 + free], abs=0.005)
  assert qpos[:, 7 + free].std() == pytest.approx(episodes.JOINT_NOISE, rel=0.08)
  assert qvel.shape == (N, body.nv)
  np.testing.assert_array_equal(many, np.repeat(before[:1], N, axis=0))


def write_array(array):
  def write(path):
    with open(path, 'wb') as file:
      np.save(file, array)

  return write


BAD_FILES = {
  'missing': lambda path: None,
  'a folder': lambda path: path.mkdir(),
  'empty': lambda path: path.write_bytes(b''),
  'text': lambda path: path.write_text('0 0 1.28 1 0 0 0'),
  'an npy': write_array(np.zeros((2, 28))),
  'half a file': lambda path: (np.savez(path, qpos=np.zeros((9, 28))), path.write_bytes(path.read_bytes()[:500])),
  'another array': lambda path: np.savez(path, poses=np.zeros((2, 28))),
  'words': lambda path: np.savez(path, qpos=np.array(['a', 'b'])),
  'objects': lambda path: np.savez(path, qpos=np.array([{}, None], object)),
  'records': lambda path: np.savez(path, qpos=np.zeros(3, [('a', float), ('b', int)])),
}


@pytest.mark.parametrize('kind', BAD_FILES)
def test_what_is_no_pose_file_is_refused_in_one_line(tmp_path, kind):
  path = tmp_path / 'poses.npz'
  BAD_FILES[kind](path)
  wanted = r'poses\.npz is not a pose file, an \.npz with an array qpos \[K, nq\]: '
  with pytest.raises(UserError, match=wanted) as error:
    make_start(str(path))
  assert '\n' not in str(error.value)


def test_a_pickled_array_is_not_run(tmp_path):
  """Loading one would run whatever its maker wrote into it."""

  class Trap:
    def __reduce__(self):
      return (tmp_path.joinpath('trapped').touch, ())

  np.savez(tmp_path / 'poses.npz', qpos=np.array([Trap()], object))
  with pytest.raises(UserError, match='not a pose file'):
    make_start(str(tmp_path / 'poses.npz'))
  assert not (tmp_path / 'trapped').exists()


@pytest.mark.parametrize(
  'qpos',
  [np.zeros(28), np.zeros((2, 27)), np.zeros((2, 2, 28)), np.zeros((0, 28)), np.full((2, 28), np.nan)],
)
def test_poses_that_do_not_fit_the_robot_are_refused(tmp_path, start, qpos):
  np.savez(tmp_path / 'poses.npz', qpos=qpos)
  shape = str(qpos.shape).replace('(', r'\(').replace(')', r'\)')
  with pytest.raises(UserError, match=rf'holds qpos of shape {shape}; humanoid needs \[K, 28\], all finite'):
    start(str(tmp_path / 'poses.npz'), n=2)


def test_rotations_of_a_file_need_not_be_of_unit_length(tmp_path, poses, start):
  stretched = poses.copy()
  stretched[:, 3:7] *= np.array([[0.5], [2.0], [-3.0]])
  for name, rows in (('unit', poses), ('stretched', stretched)):
    np.savez(tmp_path / f'{name}.npz', qpos=rows)
  unit, other = (start(str(tmp_path / f'{name}.npz'), n=20)[0] for name in ('unit', 'stretched'))
  np.testing.assert_allclose(np.abs((unit[:, 3:7] * other[:, 3:7]).sum(axis=1)), 1, atol=1e-12)
  np.testing.assert_allclose(unit[:, 7:], other[:, 7:])


def test_a_rotation_of_no_length_is_refused_with_its_row(tmp_path, poses, start):
  poses = poses.copy()
  poses[1, 3:7] = 0
  np.savez(tmp_path / 'poses.npz', qpos=poses)
  with pytest.raises(UserError, match=r'row 1 of qpos has a rotation, elements 3 to 6, that is no quaternion') as error:
    start(str(tmp_path / 'poses.npz'), n=2)
  assert '\n' not in str(error.value)


# Fallen starts


def test_fallen_robots_lie_on_the_floor_slowly(lying):
  _, (qpos, qvel) = lying
  assert np.isfinite(qpos).all()
  assert np.isfinite(qvel).all()
  assert (qpos[:, 2] > 0.03).all()  # not below it
  assert (qpos[:, 2] < 0.4).mean() >= 0.99  # a limp robot may still be rolling off its own knees
  assert (qpos[:, 2] < 0.6).all()
  # Velocities are those of the perturbation at strength 1, 0.05 and 0.1 as standard deviations: five of these at most.
  assert np.abs(qvel).max() < 5 * episodes.JOINT_VELOCITY_NOISE


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
  tumbling = qpos[:, 2] == episodes.DROP_HEIGHT
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
    np.testing.assert_allclose(qpos[rows, 2], episodes.LIE_HEIGHT)
  assert abs(tumbling.sum() - 50) < 5 * 6.1
  assert tumbling.sum() + sum(rows.sum() for rows in kinds.values()) == 200
  np.testing.assert_allclose(np.linalg.norm(qpos[:, 3:7], axis=1), 1)


# Starts on the way up


def rise(body, strength, n=320, seed=0):
  """Rising starts, and how many of them were settled; nothing moves here."""
  calls = []

  def watch(qpos, qvel, seconds):
    calls.append(len(qpos))
    assert seconds == episodes.SETTLE_SECONDS
    return qpos, qvel

  qpos, qvel = STARTS['rising'](body, np.random.default_rng(seed), np.full(n, strength), watch)
  return qpos, qvel, sum(calls)


def joint(body, name):
  return 7 + body.joint_index(name)


def test_at_full_strength_all_lie(servo_body):
  """Depths are 0.9 to 1, and from 0.75 on they lie: where they are let go here, low or 0.7 m up."""
  qpos, _, settled = rise(servo_body, 1.0)
  assert set(qpos[:, 2]) == {episodes.LIE_HEIGHT, episodes.DROP_HEIGHT}
  assert settled == 320


def test_who_lies_lies_on_its_face_first(servo_body):
  """At strength 0.8 depths are 0.72 to 0.8: 5 of 8 are 0.75 or more; only they are settled, the nose down."""
  qpos, _, settled = rise(servo_body, 0.8)
  assert settled == pytest.approx(320 * 5 / 8, abs=4 * (320 * 15 / 64) ** 0.5)
  nose = 2 * (qpos[:, 4] * qpos[:, 6] - qpos[:, 3] * qpos[:, 5])
  assert ((qpos[:, 2] == episodes.LIE_HEIGHT) & np.isclose(nose, -1)).sum() == settled


def test_weak_starts_on_the_way_up_squat(servo_body):
  """At strength 0.05 depths are 0.045 to 0.05, of 0.6 x 0.25 / 16 each: from 4.8 to 5.3 of the 8 rows to the squat."""
  qpos, qvel, settled = rise(servo_body, 0.05)
  up, squat = servo_body.descent[0], servo_body.descent[8]
  bending = [joint(servo_body, f'{name}_{side}') for name in ('hip_y', 'knee') for side in ('left', 'right')]
  share = ((qpos[:, bending] - up[bending]) / (squat[bending] - up[bending])).mean(axis=1)
  assert share.mean() == pytest.approx(5 / 8, abs=0.01)  # the nearest row
  np.testing.assert_allclose(np.linalg.norm(qpos[:, 3:7], axis=1), 1)
  assert qvel[:, 6:].std() == pytest.approx(0.5 * episodes.JOINT_VELOCITY_NOISE, rel=0.05)
  assert settled == 0


@pytest.fixture
def unperturbed(monkeypatch):
  for limit in ('ON_THE_WAY', 'BESIDE_IT'):
    monkeypatch.setattr(episodes, limit, 0.0)


def test_on_the_way_up_they_move_as_it_does(servo_body, unperturbed):
  """At 0.27 to 0.3 of 0.6 they spring; unperturbed, at the speeds of the states there, wherever they face."""
  way = way_up(servo_body)
  qpos, qvel, _ = rise(servo_body, 0.3)
  rows = np.abs(qpos[:, None, 2] - way.qpos[None, 17:, 2]).argmin(axis=1) + 17
  np.testing.assert_allclose(qpos[:, 2], way.qpos[rows, 2])
  np.testing.assert_allclose(qvel[:, 2:], way.qvel[rows, 2:])
  np.testing.assert_allclose(np.hypot(*qvel[:, :2].T), np.hypot(*way.qvel[rows, :2].T))
  assert 0.44 < way.depth[rows].min() < 0.46
  assert 0.49 < way.depth[rows].max() < 0.51
  assert np.abs(qvel[:, 2]).max() > 1


def test_beside_the_way_they_are_anywhere_along_its_spring(servo_body, unperturbed):
  """At 0.63 to 0.7, before anybody lies; 320 over 0.25 to 1 come to within 0.01 of both ends, and 1/2 within 1/4."""
  way = way_up(servo_body)
  qpos, _, settled = rise(servo_body, 0.7)
  rows = np.abs(qpos[:, None, 7:] - way.qpos[None, 17:, 7:]).mean(axis=-1).argmin(axis=1) + 17
  depth = np.sort(way.depth[rows])
  assert (depth[0], depth[-1]) == pytest.approx((0.25, 1), abs=0.02)
  assert depth[80:240] == pytest.approx(np.linspace(0.4375, 0.8125, 160), abs=0.1)
  assert settled == 0


def test_the_further_beside_the_way_the_more_they_are_perturbed(servo_body, monkeypatch):
  """On the way by 1, and at 0.65 of 0.6 to 0.75 by a third of the way from there to the most, at 0.75 by nearly all."""
  monkeypatch.setattr(episodes, 'SHALLOWEST', 1.0)
  angles = way_up(servo_body).qpos[:, 7:].clip(servo_body.joint_range[:, 0], servo_body.joint_range[:, 1])
  spread = {}
  for most in (0.0, 1.0, 4.0):
    for strength in (0.59, 0.65, 0.749):
      for limit, value in (('ON_THE_WAY', min(most, 1.0)), ('BESIDE_IT', most)):
        monkeypatch.setattr(episodes, limit, value)
      away = np.abs(rise(servo_body, strength)[0][:, None, 7:] - angles).mean(axis=-1)
      nearest = away.argmin(axis=1) if most == 0 else spread[0.0, strength][0]
      spread[most, strength] = nearest, np.median(away[np.arange(320), nearest])
  for strength, ratio in ((0.59, 1), (0.65, 2), (0.749, 3.98)):
    assert spread[0.0, strength][1] < 1e-6
    assert spread[4.0, strength][1] / spread[1.0, strength][1] == pytest.approx(ratio, rel=0.2)


def test_who_is_turned_moves_the_other_way(body):
  """Standing, 3 m/s ahead, 2 to the left and 1 up: so it is wherever the torso faces, by C MuJoCo's rotation."""
  qvel = np.zeros((50, body.nv))
  qvel[:, :3], qvel[:, 3:] = (3, 2, 1), 0.5
  still = np.repeat(body.default_qpos[None], 50, axis=0)
  qpos, turned = perturbed(still, body, np.random.default_rng(0), np.zeros(50), qvel)
  for k in range(50):
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, qpos[k, 3:7])
    np.testing.assert_allclose(rotation.reshape(3, 3).T @ turned[k, :3], [3, 2, 1], atol=1e-6)
  np.testing.assert_array_equal(turned[:, 3:], 0.5)
  assert np.ptp(turned[:, 0]) > 3


def near_the_floor(model, qpos, within):
  """By C MuJoCo: the bodies of which some part is that near, and the distance of the nearest."""
  data = mujoco.MjData(model)
  data.qpos[:] = qpos
  mujoco.mj_kinematics(model, data)
  floor, distances = model.geom('floor').id, {}
  for geom in range(model.ngeom):
    if geom != floor:
      name = model.body(model.geom_bodyid[geom]).name
      distance = mujoco.mj_geomDistance(model, data, floor, geom, 5.0, None)
      distances[name] = min(distance, distances.get(name, 5.0))
  return {name for name, distance in distances.items() if distance < within}, min(distances.values()), data


@pytest.mark.parametrize('row', range(0, 17, 4))
def test_all_of_the_way_down_is_on_the_floor(model, body, row):
  _, lowest, _ = near_the_floor(model, body.descent[row], 0.0)
  assert abs(lowest) < 2e-3


@pytest.mark.parametrize(('pose', 'pitch'), [(0, 0.0), (1, 0.3), (2, 0.35)])
def test_on_the_way_down_it_rests_on_its_feet(model, body, pose, pitch):
  """Standing and two squats; within 10 cm."""
  near, _, data = near_the_floor(model, body.descent[8 * pose], 0.1)
  assert {'foot_left', 'foot_right'} <= near
  assert not near & {'torso', 'head', 'pelvis'}
  assert data.body('torso').xmat[6] == pytest.approx(-np.sin(pitch), abs=1e-3)  # what was ahead is down


def test_without_strength_they_stand(servo_body):
  qpos, qvel, _ = rise(servo_body, 0.0)
  np.testing.assert_allclose(qpos[:, 2], 1.282, atol=1e-3)
  assert not qvel.any()


def test_the_stronger_the_lower(servo_body, settle):
  strength = np.repeat([0.05, 0.1, 0.2, 1.0], 24)
  qpos, qvel = STARTS['rising'](servo_body, np.random.default_rng(0), strength, settle)
  heights = [np.median(qpos[strength == level, 2]) for level in np.unique(strength)]
  assert heights == sorted(heights, reverse=True)
  assert heights[0] > 1.1
  assert heights[-1] < 0.25
  assert np.isfinite(qvel).all()


def test_the_hardest_starts_need_no_way(body):
  """Playback and judges take these: nobody waits for a search then."""
  qpos, _, _ = rise(dataclasses.replace(body, descent=body.descent[:0]), 1.0)
  assert len(qpos) == 320


def test_a_robot_without_a_descent_cannot_begin_on_the_way_up(body):
  with pytest.raises(UserError, match=r'descent in the datasheet of humanoid'):
    rise(dataclasses.replace(body, descent=body.descent[:0]), 0.2)


def test_only_starts_that_need_physics_ask_for_it(body):
  def refuse(qpos, qvel, seconds):
    raise AssertionError('settled')

  for name in STARTS:
    if name not in SETTLED:
      STARTS[name](body, np.random.default_rng(0), np.ones(3), refuse)
  assert set(SETTLED) <= set(STARTS)


# Quaternions


@pytest.mark.parametrize('seed', range(3))
def test_products_of_quaternions_are_those_of_mujoco(seed):
  rng = np.random.default_rng(seed)
  a, b = rng.normal(size=(2, 3, 4))
  expected = np.zeros((3, 4))
  for row, x, y in zip(expected, a, b, strict=True):
    mujoco.mju_mulQuat(row, x, y)
  np.testing.assert_allclose(quaternion_product(a, b), expected, atol=1e-12)


@pytest.mark.parametrize('angle', [0, 0.5, -2.0, np.pi])
def test_turning_about_the_vertical_is_that_of_mujoco(angle):
  expected = np.zeros(4)
  mujoco.mju_axisAngle2Quat(expected, np.array([0, 0, 1.0]), angle)
  np.testing.assert_allclose(quaternion_about_z(np.array([angle])), [expected], atol=1e-12)


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


@pytest.mark.parametrize('name', ['falen', '', 'poses.npy', 'fallen.npz.bak'])
def test_an_unknown_start_is_refused_with_the_choices(name):
  with pytest.raises(UserError, match=r'unknown start .*Choices: fallen, keyframes, rising, standing') as error:
    make_start(name)
  assert '\n' not in str(error.value)
