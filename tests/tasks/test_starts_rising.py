"""How episodes begin under the reverse curriculum, along a path made by hand."""

import mujoco
import numpy as np
import pytest
from start_tools import joint

from mjx_humanoid.tasks import starts
from mjx_humanoid.tasks.starts import STARTS, perturbed

pytestmark = pytest.mark.usefixtures('no_search')


def rise(body, strength, n=320, seed=0):
  """Rising starts, and how many of them were settled; nothing moves here."""
  calls = []

  def watch(qpos, qvel, seconds):
    calls.append(len(qpos))
    assert seconds == starts.SETTLE_SECONDS
    return qpos, qvel

  qpos, qvel = STARTS['rising'](body, np.random.default_rng(seed), np.full(n, strength), watch)
  return qpos, qvel, sum(calls)


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
