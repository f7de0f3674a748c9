"""Rotations against MuJoCo's own, and turns in the plane against complex numbers."""

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from mjx_humanoid.physics.rotations import (
  along,
  heading_of,
  in_frame,
  quaternion_about_z,
  quaternion_product,
  tilted_heading,
  to_world,
  turned,
  vertical_of,
)


@pytest.fixture(scope='module')
def quaternions():
  """Random unit quaternions [8, 4]."""
  found = np.random.default_rng(0).normal(size=(8, 4))
  return found / np.linalg.norm(found, axis=1, keepdims=True)


def rotated(quaternion, vector):
  found = np.zeros(3)
  mujoco.mju_rotVecQuat(found, np.array(vector, float), quaternion)
  return found


def unrotated(quaternion, vector):
  inverse = np.zeros(4)
  mujoco.mju_negQuat(inverse, quaternion)
  return rotated(inverse, vector)


def test_the_heading_is_the_horizontal_part_of_the_x_axis(quaternions):
  forward = np.array([rotated(q, [1, 0, 0])[:2] for q in quaternions])
  np.testing.assert_allclose(heading_of(quaternions), forward / np.linalg.norm(forward, axis=1, keepdims=True))


def test_the_heading_of_an_x_axis_that_points_straight_down_is_finite():
  assert np.isfinite(heading_of(np.array([0.5**0.5, 0, 0.5**0.5, 0]))).all()


def test_vectors_in_a_frame_are_mujocos_inverse_rotation(quaternions):
  vectors = np.random.default_rng(1).normal(size=(8, 3))
  expected = [unrotated(q, v) for q, v in zip(quaternions, vectors, strict=True)]
  np.testing.assert_allclose(np.concatenate(in_frame(quaternions, vectors), axis=-1), expected, atol=1e-12)


def test_the_vertical_is_that_of_the_world_in_the_frame(quaternions):
  expected = [unrotated(q, [0, 0, 1]) for q in quaternions]
  np.testing.assert_allclose(np.concatenate(vertical_of(quaternions), axis=-1), expected, atol=1e-12)


def test_vectors_of_the_plane_turn_like_complex_numbers():
  rng = np.random.default_rng(0)
  vector, angle, more = rng.normal(size=(5, 2)), rng.uniform(-3, 3, 5), rng.uniform(-3, 3, (5, 1))
  heading = np.stack([np.cos(angle), np.sin(angle)], axis=1)
  z = (vector[:, 0] + 1j * vector[:, 1]) * np.exp(1j * angle)
  world = to_world(vector, heading)
  np.testing.assert_allclose(world, np.stack([z.real, z.imag], axis=1))
  np.testing.assert_allclose(along(world, heading), vector)
  expected = np.exp(1j * (angle + more[:, 0]))
  np.testing.assert_allclose(turned(heading, more), np.stack([expected.real, expected.imag], axis=1))


def test_jax_agrees(quaternions):
  def everything(quaternion, vector):
    heading = heading_of(quaternion)
    return heading, vertical_of(quaternion), in_frame(quaternion, vector), turned(heading, vector[..., :1])

  vectors = np.random.default_rng(1).normal(size=(8, 3))
  traced = jax.jit(everything)(jnp.asarray(quaternions), jnp.asarray(vectors))
  for a, b in zip(jax.tree.leaves(traced), jax.tree.leaves(everything(quaternions, vectors)), strict=True):
    np.testing.assert_allclose(a, b, atol=2e-6)


# Of start states


def test_products_are_those_of_mujoco(quaternions):
  first, second = quaternions[:4], quaternions[4:]
  expected = np.zeros((4, 4))
  for row, a, b in zip(expected, first, second, strict=True):
    mujoco.mju_mulQuat(row, a, b)
  np.testing.assert_allclose(quaternion_product(first, second), expected, atol=1e-12)


@pytest.mark.parametrize('angle', [0, 0.5, -2.0, np.pi])
def test_turning_about_the_vertical_is_that_of_mujoco(angle):
  expected = np.zeros(4)
  mujoco.mju_axisAngle2Quat(expected, np.array([0, 0, 1.0]), angle)
  np.testing.assert_allclose(quaternion_about_z(np.array([angle])), [expected], atol=1e-12)


def test_a_tilted_heading_is_mujocos_product_of_a_turn_and_a_tilt():
  rng = np.random.default_rng(0)
  heading, tilt = rng.uniform(-np.pi, np.pi, 9), rng.normal(size=(9, 2))
  for found, angle, lean in zip(tilted_heading(heading, tilt), heading, tilt, strict=True):
    turn, bend, expected = np.zeros(4), np.zeros(4), np.zeros(4)
    mujoco.mju_axisAngle2Quat(turn, np.array([0.0, 0, 1]), angle)
    size = np.linalg.norm(lean)
    mujoco.mju_axisAngle2Quat(bend, np.array([*lean / size, 0]), size)
    mujoco.mju_mulQuat(expected, turn, bend)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_no_tilt_is_no_division_by_zero():
  np.testing.assert_allclose(tilted_heading(np.zeros(1), np.zeros((1, 2))), [[1, 0, 0, 0]])
