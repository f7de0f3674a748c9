"""Protects random poses: standing at share 0, anything within the limits at share 1, a part always on the floor."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from mjx_humanoid.motions.random_poses import random_poses


def test_without_a_share_they_stand(body):
  found = random_poses(body, np.random.default_rng(0), np.zeros(4))
  np.testing.assert_allclose(found[:, 7:], np.repeat(body.default_angles[None], 4, axis=0), atol=1e-6)
  np.testing.assert_allclose(found[:, 2], 1.282, atol=2e-3)
  assert np.ptp(np.arctan2(found[:, 6], found[:, 3])) > 0.5  # whichever way they face


def test_with_all_of_it_they_are_anything_within_the_limits_on_the_floor(body, model):
  found = random_poses(body, np.random.default_rng(0), np.ones(40))
  low, high = body.joint_range.T
  share = (found[:, 7:] - low) / (high - low)
  assert share.min() >= -1e-6
  assert share.max() <= 1 + 1e-6
  assert share.mean() == pytest.approx(0.5, abs=0.03)
  assert share.std() == pytest.approx(12**-0.5, abs=0.02)
  data, floor = mujoco.MjData(model), model.geom('floor').id
  own = [g for g in range(model.ngeom) if g != floor]
  for row in found:
    data.qpos[:] = row + np.eye(model.nq)[2]  # 1 m higher: clear of the floor
    mujoco.mj_kinematics(model, data)
    lowest = min(mujoco.mj_geomDistance(model, data, floor, geom, 5.0, None) for geom in own)
    assert lowest == pytest.approx(1, abs=1e-5)


def test_the_larger_the_share_the_farther_from_standing(body):
  away = [
    np.abs(random_poses(body, np.random.default_rng(0), np.full(20, share))[:, 7:] - body.default_angles).mean()
    for share in (0.1, 0.4, 1.0)
  ]
  assert away == sorted(away)
  assert away[0] == pytest.approx(0.1 * away[2], rel=1e-3)
