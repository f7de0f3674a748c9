"""Protects the closed forms of one, two and three hinges, by rotations of SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mjx_humanoid.motions.hinges import frame, one_hinge, rotation, three_hinges, two_hinges, within

RNG = np.random.default_rng(0)


def unit(n=1):
  vectors = RNG.normal(size=(n, 3))
  return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def turned(axis, angle, vector):
  return Rotation.from_rotvec(angle * axis).apply(vector)


def test_a_rotation_is_that_of_scipy():
  for axis in unit(5):
    np.testing.assert_allclose(rotation(axis, 0.7), Rotation.from_rotvec(0.7 * axis).as_matrix(), atol=1e-12)


def test_one_hinge_finds_its_angle():
  for axis, start in zip(unit(20), unit(20), strict=True):
    angle = RNG.uniform(-3, 3)
    assert one_hinge(axis, start, turned(axis, angle, start)) == pytest.approx(angle, abs=1e-9)


def test_a_direction_along_the_hinge_leaves_it_at_zero():
  up = np.array([0.0, 0.0, 1.0])
  assert one_hinge(up, up, np.array([1.0, 0.0, 0.0])) == 0.0


def test_two_hinges_have_two_solutions_which_both_lead_there():
  for first, second, start in zip(unit(30), unit(30), unit(30), strict=True):
    angles = RNG.uniform(-2, 2, 2)
    end = turned(first, angles[0], turned(second, angles[1], start))
    found = two_hinges(first, second, start, end)
    assert len(found) == 2
    for pair in found:
      np.testing.assert_allclose(turned(first, pair[0], turned(second, pair[1], start)), end, atol=1e-6)
    assert min(np.abs(pair - angles).max() for pair in found) < 1e-6


def test_a_direction_out_of_reach_is_approached():
  """Hinges about z and x keep the x axis in the horizontal plane: straight up is 90 degrees away, whatever they do."""
  x, z = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
  (pair,) = two_hinges(z, x, x, z)
  assert np.isfinite(pair).all()
  assert turned(z, pair[0], turned(x, pair[1], x)) @ z == pytest.approx(0, abs=1e-9)


def test_three_hinges_make_any_frame_as_euler_angles_do():
  """About x, z and y as the hip: SciPy's intrinsic angles XZY."""
  axes = np.eye(3)[[0, 2, 1]]
  for _ in range(20):
    angles = RNG.uniform([-3, -1.4, -3], [3, 1.4, 3])
    target = Rotation.from_euler('XZY', angles).as_matrix()
    found = three_hinges(axes, target)
    assert min(np.abs(each - angles).max() for each in found) < 1e-6


def test_the_solution_within_the_limits_comes_first_and_all_are_clipped():
  found = within([np.array([2.0, 0.0]), np.array([0.4, -0.2])], np.array([[-1.0, 1.0], [-0.1, 0.1]]))
  np.testing.assert_allclose(found, [[0.4, -0.1], [1.0, 0.0]])


def test_a_frame_stands_along_its_direction():
  found = frame(np.array([0.0, 0.0, 2.0]), np.array([0.0, 3.0, 1.0]))
  np.testing.assert_allclose(found, np.eye(3), atol=1e-12)
  parallel = frame(np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, 5.0]))
  np.testing.assert_allclose(parallel.T @ parallel, np.eye(3), atol=1e-12)
