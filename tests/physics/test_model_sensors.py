"""The sensors of the completed model, against MuJoCo's own arrays."""

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.robot import Robot
from mjx_humanoid.physics.model import build_model

XBODY = mujoco.mjtObj.mjOBJ_XBODY


def velocity(model, data, body):
  """World (angular, linear) velocity of a body's frame."""
  result = np.zeros(6)
  mujoco.mj_objectVelocity(model, data, XBODY, model.body(body).id, result, 0)
  return result[:3], result[3:]


def test_position_sensors(moving, robot):
  assert moving.sensor('torso_pos').data == pytest.approx(moving.body(robot.root).xpos)
  assert moving.sensor('head_pos').data == pytest.approx(moving.body(robot.anatomy.head).xpos)
  for foot in robot.feet:
    assert moving.sensor(f'{foot}_pos').data == pytest.approx(moving.body(foot).xpos)


def test_axis_sensors_are_columns_of_the_rotation(moving, robot):
  rotation = moving.body(robot.root).xmat.reshape(3, 3)
  assert moving.sensor('torso_forward').data == pytest.approx(rotation[:, 0])
  assert moving.sensor('torso_up').data == pytest.approx(rotation[:, 2])
  for foot in robot.feet:
    assert moving.sensor(f'{foot}_up').data == pytest.approx(moving.body(foot).xmat.reshape(3, 3)[:, 2])


def test_velocity_sensors_are_in_world_axes(model, moving, robot):
  angular, linear = velocity(model, moving, robot.root)
  assert moving.sensor('torso_angvel').data == pytest.approx(angular)
  assert moving.sensor('torso_linvel').data == pytest.approx(linear)
  assert linear == pytest.approx(moving.qvel[:3])  # a free joint's linear velocity is in world axes too
  for foot in robot.feet:
    assert moving.sensor(f'{foot}_linvel').data == pytest.approx(velocity(model, moving, foot)[1])


def test_centre_of_mass_sensors_are_weighted_means_over_the_bodies(model, moving):
  mass = model.body_mass[1:, None]
  center = (mass * moving.xipos[1:]).sum(axis=0) / mass.sum()
  assert moving.sensor('com_pos').data == pytest.approx(center)
  momentum = np.zeros(3)
  for i in range(1, model.nbody):
    result = np.zeros(6)
    mujoco.mj_objectVelocity(model, moving, mujoco.mjtObj.mjOBJ_BODY, i, result, 0)
    momentum += model.body_mass[i] * result[3:]
  assert moving.sensor('com_vel').data == pytest.approx(momentum / mass.sum())


def contact_forces(model, data):
  """Summed normal force on each body by name, from the solver's contacts."""
  total = {model.body(i).name: 0.0 for i in range(1, model.nbody)}
  for i in range(data.ncon):
    force = np.zeros(6)
    mujoco.mj_contactForce(model, data, i, force)
    body = max(model.geom_bodyid[data.contact[i].geom])
    total[model.body(body).name] += force[0]
  return total


def test_touch_sensors_feel_the_normal_force_on_their_body(model, lying):
  expected = contact_forces(model, lying)
  assert sum(force > 1 for force in expected.values()) >= 3
  for name, force in expected.items():
    assert lying.sensor(f'{name}_touch').data[0] == pytest.approx(force, abs=1e-6), name


def test_touch_sensors_feel_nothing_in_the_air(moving, model):
  names = [model.sensor(i).name for i in range(model.nsensor)]
  assert [n for n in names if n.endswith('_touch') and moving.sensor(n).data[0] != 0] == []


def test_touch_sensors_reach_the_ends_of_a_long_body(tmp_path):
  """A leg of 3 m, whose sole is 1.5 m from the frame of its body: 10 kg, 98.1 N."""
  path = tmp_path / 'leg.xml'
  path.write_text("""
<mujoco>
  <worldbody>
    <geom name="floor" type="plane" size="9 9 1"/>
    <body name="leg" pos="0 0 1.5"><joint name="up" type="slide" axis="0 0 1" damping="50"/>
      <geom type="box" size="0.2 0.2 1.5" mass="10"/>
    </body>
  </worldbody>
  <actuator><motor joint="up"/></actuator>
</mujoco>""")
  model = build_model(Robot('leg', '', str(path), 'leg', ('leg',), 1.0, 0.5), converged=True)
  data = mujoco.MjData(model)
  mujoco.mj_step(model, data, 400)
  assert data.sensor('leg_touch').data[0] == pytest.approx(98.1, rel=0.01)


def test_feet_carry_the_weight_of_a_robot_that_was_just_put_down(model, robot):
  data = mujoco.MjData(model)
  mujoco.mj_step(model, data, 20)  # 0.1 s: at rest, and not yet falling
  mujoco.mj_forward(model, data)
  feet = sum(data.sensor(f'{foot}_touch').data[0] for foot in robot.feet)
  assert feet == pytest.approx(40.844 * 9.81, rel=0.2)
