"""Protects forward kinematics of the ends of limbs: they are where mj_kinematics has them, in NumPy and in JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from mjx_humanoid.physics.ends import ends_of
from mjx_humanoid.physics.find_root import find_root
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.robots import robots

# An arm on a floating box: a hinge with a reference angle beside its body's frame, and a slide in a turned body.
ARM = """
<mujoco>
  <compiler angle="radian"/>
  <worldbody>
    <body name="box" pos="0 0 1">
      <freejoint/>
      <geom size="0.1"/>
      <body name="upper" pos="0.1 0.2 0.3">
        <joint name="swing" axis="0 1 0" pos="0.05 0 0.1" ref="0.3" range="-2 2"/>
        <geom size="0.1"/>
        <body name="rod" pos="0 0 -0.4" euler="0.5 0.2 -0.3">
          <joint name="reach" type="slide" axis="0 0 1" ref="0.1" range="-1 1"/>
          <joint name="twist" axis="1 0 0" range="-2 2"/>
          <geom size="0.1"/>
        </body>
      </body>
      <body name="hook" pos="-0.2 0 0"><geom size="0.05"/></body>
    </body>
  </worldbody>
</mujoco>
"""


def places_by_mujoco(model, root, names, qpos):
  """[N, E, 3] in the frame of the root."""
  data, found = mujoco.MjData(model), []
  for pose in qpos:
    data.qpos[:] = pose
    mujoco.mj_kinematics(model, data)
    matrix = data.xmat[root.body].reshape(3, 3)
    found.append([matrix.T @ (data.body(name).xpos - data.xpos[root.body]) for name in names])
  return np.array(found)


def random_poses(model, root, count=5):
  rng = np.random.default_rng(0)
  qpos = np.tile(model.qpos0, (count, 1))
  qpos[:, root.nq :] += rng.normal(size=(count, model.nq - root.nq))
  if root.kind == 'free':
    qpos[:, :7] = rng.normal(size=(count, 7))
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
  return qpos


@pytest.mark.parametrize('name', ['arm', *robots()])
def test_ends_are_where_mujoco_has_them(name):
  if name != 'arm' and robots()[name].package:
    pytest.importorskip(robots()[name].package)
  model = mujoco.MjModel.from_xml_string(ARM) if name == 'arm' else build_model(robots()[name])
  root = find_root(model)
  ends, qpos = ends_of(model, root), random_poses(model, root)
  angles = qpos[:, root.nq :].astype(np.float32)
  found = ends.places(angles)
  assert found.dtype == np.float32
  np.testing.assert_allclose(found, places_by_mujoco(model, root, ends.names, qpos), atol=2e-5)
  if name == 'arm':  # the programs of the others are long to compile
    np.testing.assert_allclose(jax.jit(ends.places)(jnp.asarray(angles)), found, atol=2e-5)


def test_ends_are_the_bodies_that_carry_no_other(model, body):
  assert set(ends_of(model, body.root).names) == {'head', 'foot_left', 'foot_right', 'hand_left', 'hand_right'}


def test_one_pose_and_a_batch_are_alike(model, body):
  ends = ends_of(model, body.root)
  one = ends.places(body.default_angles)
  assert one.shape == (5, 3)
  np.testing.assert_array_equal(ends.places(np.tile(body.default_angles, (2, 3, 1)))[1, 2], one)
