"""Poses on the floor: standing, relaxed and the descent of a datasheet, by C MuJoCo's distances."""

import dataclasses

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.poses import with_joints


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
def test_every_pose_of_the_descent_touches_the_floor(model, body, row):
  _, lowest, _ = near_the_floor(model, body.descent[row], 0.0)
  assert abs(lowest) < 2e-3


@pytest.mark.parametrize(('pose', 'pitch'), [(0, 0.0), (1, 0.3), (2, 0.35)])
def test_the_poses_of_the_descent_rest_on_the_feet(model, body, pose, pitch):
  """Standing and two squats; within 10 cm."""
  near, _, data = near_the_floor(model, body.descent[8 * pose], 0.1)
  assert {'foot_left', 'foot_right'} <= near
  assert not near & {'torso', 'head', 'pelvis'}
  assert data.body('torso').xmat[6] == pytest.approx(-np.sin(pitch), abs=1e-3)  # the forward axis points down


def test_a_descent_is_linear_between_its_poses(body):
  """Row 12 of 16 is half-way from the first squat to the second: hips at -1.4, knees at -1.875 rad."""
  assert body.descent.shape == (17, 28)
  for name, angle in (('hip_y_left', -1.4), ('knee_right', -1.875), ('abdomen_z', 0.0)):
    assert body.descent[12, 7 + body.joint_index(name)] == pytest.approx(angle, abs=1e-6)


def test_a_standing_pose_of_the_datasheet_is_put_onto_the_floor(robot, model):
  """Knees bent by 1 rad, ankles and hips by half of it each: lower than upright, and just on the floor."""
  bent = (('knee', -1.0), ('hip_y', -0.5), ('ankle_y', -0.5))
  body = describe(dataclasses.replace(robot, pose=bent), model)
  _, lowest, data = near_the_floor(model, body.default_qpos, 0.0)
  assert lowest == pytest.approx(0, abs=1e-5)
  assert 1.0 < body.default_qpos[2] < 1.282
  assert data.joint('knee_left').qpos[0] == -1
  np.testing.assert_allclose(body.foot_heights, [data.body(f).xpos[2] for f in robot.feet], atol=1e-6)
  np.testing.assert_array_equal(body.keyframes['squat'], describe(robot, model).keyframes['squat'])


def test_angles_of_parts_that_no_joint_has_are_refused_with_the_choices(model):
  with pytest.raises(UserError, match="an angle for 'wing', which is in no joint name: root, abdomen_z, ") as error:
    with_joints(model, model.qpos0, (('wing', 1.0),))
  assert '\n' not in str(error.value)
