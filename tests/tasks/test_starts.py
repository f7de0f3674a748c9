"""How episodes begin: spreads, poses of files, fallen robots, and the reverse curriculum along a path made by hand."""

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.rising import RisePath
from mjx_humanoid.tasks import starts
from mjx_humanoid.tasks.starts import SETTLED, STARTS, make_start, perturbed
from mjx_humanoid.tasks.terminations import TERMINATIONS

N = 4000
FEW = 24  # of those that physics must settle


@pytest.fixture(scope='module')
def path(body):
  """A path to get up by that is known by hand: the descent of the humanoid, then a leap of 81 states.

  Along the leap the elbows bend from -1.2 to 0.4 rad and the torso sinks from 0.85 m to 0.15 m; it moves ahead, to the
  left, and up, quickest in the middle.
  """
  share = np.arange(81) / 80
  qpos = np.repeat(body.descent[-1:].astype(np.float64), 81, axis=0)
  qpos[:, 2] = 0.85 - 0.7 * share
  for side in ('left', 'right'):
    qpos[:, joint(body, f'elbow_{side}')] = -1.2 + 1.6 * share
  qvel = np.zeros((81, body.nv))
  qvel[:, :3] = np.sin(np.pi * share)[:, None] * [0.5, 0.2, 2.0]
  still = np.zeros((17, body.nv))
  depth = np.concatenate([np.linspace(0, 0.25, 17), np.linspace(0.25, 1, 81)])
  return RisePath(depth, np.concatenate([body.descent, qpos]), np.concatenate([still, qvel]))


@pytest.fixture(autouse=True)
def no_search(monkeypatch, path):
  monkeypatch.setattr(starts, 'rise_path', lambda body: path)


@pytest.fixture
def start(body, settle):
  """Start states of a distribution: qpos, qvel."""

  def draw(name='standing', seed=0, n=N, strength=1.0):
    return make_start(name)(body, np.random.default_rng(seed), np.full(n, strength), settle)

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
  assert qvel[N // 2 :, 6:].std() == pytest.approx(2 * starts.JOINT_VELOCITY_NOISE, rel=0.05)


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
  assert qpos[:, 7 + free].std() == pytest.approx(starts.JOINT_NOISE, rel=0.08)
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
  with pytest.raises(
    UserError, match=r'row 1 of qpos has an orientation, elements 3 to 6, that is no quaternion'
  ) as error:
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


# Rising: along a path, beside it, then lying


def rise(body, strength, n=320, seed=0):
  """Rising starts, and how many of them were settled; nothing moves here."""
  calls = []

  def watch(qpos, qvel, seconds):
    calls.append(len(qpos))
    assert seconds == starts.SETTLE_SECONDS
    return qpos, qvel

  qpos, qvel = STARTS['rising'](body, np.random.default_rng(seed), np.full(n, strength), watch)
  return qpos, qvel, sum(calls)


def joint(body, name):
  return 7 + body.joint_index(name)


def leap_share(body, qpos):
  """How far along the leap [n] a pose is, from 0 to 1, by its elbow."""
  return (qpos[:, joint(body, 'elbow_left')] + 1.2) / 1.6


def test_at_full_strength_all_lie(body):
  """Depths are 0.9 to 1, and from 0.75 on they lie: where they are let go here, low or 0.7 m up."""
  qpos, _, settled = rise(body, 1.0)
  lie, drop = starts.LIE_HEIGHT * 1.282, starts.DROP_HEIGHT * 1.282
  assert sorted(set(qpos[:, 2])) == pytest.approx([lie, drop]) == [0.25, 0.7]
  assert settled == 320


def test_robots_lie_face_down_at_first(body):
  """At strength 0.8 depths are 0.72 to 0.8: 5 of 8 are 0.75 or more; only they are settled, the nose down."""
  qpos, _, settled = rise(body, 0.8)
  assert settled == pytest.approx(320 * 5 / 8, abs=4 * (320 * 15 / 64) ** 0.5)
  nose = 2 * (qpos[:, 4] * qpos[:, 6] - qpos[:, 3] * qpos[:, 5])
  assert (np.isclose(qpos[:, 2], 0.25) & np.isclose(nose, -1)).sum() == settled


def test_weak_rising_starts_squat(body):
  """At strength 0.05 depths are 0.045 to 0.05, of 0.6 x 0.25 / 16 each: from 4.8 to 5.3 of the 8 rows to the squat."""
  qpos, qvel, settled = rise(body, 0.05)
  up, squat = body.descent[0], body.descent[8]
  bending = [joint(body, f'{name}_{side}') for name in ('hip_y', 'knee') for side in ('left', 'right')]
  share = ((qpos[:, bending] - up[bending]) / (squat[bending] - up[bending])).mean(axis=1)
  assert share.mean() == pytest.approx(5 / 8, abs=0.01)  # the nearest row
  np.testing.assert_allclose(np.linalg.norm(qpos[:, 3:7], axis=1), 1)
  assert qvel[:, 6:].std() == pytest.approx(0.5 * starts.JOINT_VELOCITY_NOISE, rel=0.05)
  assert settled == 0


@pytest.fixture
def unperturbed(monkeypatch):
  for limit in ('ON_THE_PATH', 'BESIDE_IT'):
    monkeypatch.setattr(starts, limit, 0.0)


@pytest.mark.usefixtures('unperturbed')
def test_on_the_path_states_are_its_own(body):
  """At 0.27 to 0.3 of 0.6 they leap: depths of 0.45 to 0.5, which are 4/15 to 5/15 of the leap; by hand."""
  qpos, qvel, settled = rise(body, 0.3)
  share = leap_share(body, qpos)
  assert settled == 0
  assert (share.min(), share.max()) == pytest.approx((4 / 15, 5 / 15), abs=0.01)
  np.testing.assert_allclose(qpos[:, 2], 0.85 - 0.7 * share, atol=1e-6)
  speed = np.sin(np.pi * share)
  np.testing.assert_allclose(qvel[:, 2], 2 * speed, atol=1e-6)
  np.testing.assert_allclose(np.hypot(qvel[:, 0], qvel[:, 1]), speed * np.hypot(0.5, 0.2), atol=1e-6)
  assert np.ptp(np.arctan2(qvel[:, 1], qvel[:, 0])) > 3  # whichever way they face
  assert not qvel[:, 3:].any()


@pytest.mark.usefixtures('unperturbed')
def test_beside_the_path_they_are_anywhere_along_its_leap(body):
  """At 0.63 to 0.7, before any lies: uniform over the leap; 320 come to within 0.03 of both ends."""
  qpos, _, settled = rise(body, 0.7)
  share = np.sort(leap_share(body, qpos))
  assert (share[0], share[-1]) == pytest.approx((0, 1), abs=0.03)
  np.testing.assert_allclose(share, np.linspace(0, 1, 320), atol=0.1)
  assert settled == 0


@pytest.mark.parametrize(
  ('depth', 'strength'),
  [(0.59, 0.5), (0.65, 0.5 + 7.5 / 3), (0.749, 0.5 + 7.5 * 0.149 / 0.15)],  # on it, a third of the way, all of it
)
def test_perturbations_grow_beside_the_path(body, monkeypatch, depth, strength):
  """From 0.5 at a depth of 0.6 to 8 at 0.75; by the velocities of the joints, which nothing else moves."""
  monkeypatch.setattr(starts, 'SHALLOWEST', 1.0)
  _, qvel, _ = rise(body, depth)
  assert qvel[:, 6:].std() == pytest.approx(strength * starts.JOINT_VELOCITY_NOISE, rel=0.05)


def test_velocities_turn_with_the_heading(body):
  """3 m/s ahead, 2 to the left and 1 up: so it is wherever the torso faces, by C MuJoCo's rotation."""
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


def test_without_strength_they_stand(body):
  qpos, qvel, _ = rise(body, 0.0)
  np.testing.assert_allclose(qpos[:, 2], 1.282, atol=1e-3)
  assert not qvel.any()


def test_the_stronger_the_lower(body, settle):
  strength = np.repeat([0.05, 0.1, 0.2, 1.0], 24)
  qpos, qvel = STARTS['rising'](body, np.random.default_rng(0), strength, settle)
  heights = [np.median(qpos[strength == level, 2]) for level in np.unique(strength)]
  assert heights == sorted(heights, reverse=True)
  assert heights[0] > 1.1
  assert heights[-1] < 0.25
  assert np.isfinite(qvel).all()


def test_the_hardest_starts_need_no_path(body, monkeypatch):
  """Report cards take these, without a search."""
  monkeypatch.setattr(starts, 'rise_path', None)
  qpos, _, _ = rise(body, 1.0)
  assert len(qpos) == 320


def test_only_starts_that_need_physics_ask_for_it(body):
  def refuse(qpos, qvel, seconds):
    raise AssertionError('settled')

  for name in STARTS:
    if name not in SETTLED:
      STARTS[name](body, np.random.default_rng(0), np.ones(3), refuse)
  assert set(SETTLED) <= set(STARTS)


@pytest.mark.parametrize('name', ['falen', '', 'poses.npy', 'fallen.npz.bak'])
def test_an_unknown_start_is_refused_with_the_choices(name):
  with pytest.raises(UserError, match=r'unknown start .*Choices: fallen, keyframes, rising, standing') as error:
    make_start(name)
  assert '\n' not in str(error.value)
