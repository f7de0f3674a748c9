"""Left and right exchanged: the maps are checked by physics itself, which does not know left from right."""

import dataclasses

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.core.types import View
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.symmetry import action_map, joint_map, mirror_view, other_side


def view_of(data):
  """One environment as a batch of one."""
  return View(*(np.array(getattr(data, name), np.float32)[None] for name in View._fields))


def mirrored_runs(model, body, steps):
  """A moving robot and its mirror image, so many physics steps later, by C MuJoCo."""
  rng = np.random.default_rng(3)
  data, image = mujoco.MjData(model), mujoco.MjData(model)
  data.qpos[body.root.nq :] += 0.1 * rng.normal(size=len(body.joint_names))
  data.qvel[:] = 0.3 * rng.normal(size=body.nv)
  data.ctrl[:] = 0.3 * rng.normal(size=body.nu)
  start = mirror_view(view_of(data), body)
  image.qpos[:], image.qvel[:], image.ctrl[:] = start.qpos[0], start.qvel[0], start.ctrl[0]
  for _ in range(steps):
    mujoco.mj_step(model, data)
    mujoco.mj_step(model, image)
  return view_of(data), view_of(image)


def assert_images(view, image, body):
  """Positions, velocities, and every sensor; touch is a force, and stiffer."""
  mirrored = mirror_view(view, body)
  np.testing.assert_allclose(mirrored.qpos, image.qpos, atol=1e-5)
  np.testing.assert_allclose(mirrored.qvel, image.qvel, atol=1e-4)
  np.testing.assert_array_equal(mirrored.ctrl, image.ctrl)
  for name in body.sensors:
    atol = 0.05 if name.endswith('_touch') else 1e-4
    np.testing.assert_allclose(body.sensor(mirrored, name), body.sensor(image, name), atol=atol, err_msg=name)
  assert np.abs(view.qpos - image.qpos).max() > 0.05  # the two differ


@pytest.fixture(scope='module')
def runs(converged_model, body):
  return mirrored_runs(converged_model, body, 60)


def test_a_mirrored_humanoid_stays_the_mirror_image(runs, body):
  assert_images(*runs, body)


def test_mirrored_twice_is_the_same(runs, body):
  for before, after in zip(runs[0], mirror_view(mirror_view(runs[0], body), body), strict=True):
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_sides_are_exchanged_and_the_middle_stays(body):
  assert other_side('knee_left', body) == 'knee_right'
  assert other_side('foot_right_touch', body) == 'foot_left_touch'
  assert other_side('abdomen_x', body) == 'abdomen_x'


def test_only_the_spine_changes_signs(body):
  """The model's left joints have mirrored axes, so only bending and twisting sideways change their signs."""
  signs = dict(zip(body.joint_names, joint_map(body).signs, strict=True))
  assert {name for name, sign in signs.items() if sign < 0} == {'abdomen_x', 'abdomen_z'}


def test_actions_follow_their_joints(body):
  """Motors stand in another order than joints: abdomen_y, abdomen_z, abdomen_x, ..."""
  sources, signs = action_map(body)
  names = body.actuator_names
  assert [names[i] for i in sources[:6]] == [
    'abdomen_y', 'abdomen_z', 'abdomen_x', 'hip_x_left', 'hip_z_left', 'hip_y_left',
  ]  # fmt: skip
  assert signs[:6].tolist() == [1, -1, -1, 1, 1, 1]


# A cart with two wings that swing about the same axis, two arms that slide out, and a mast that leans to a side.
WINGS = """
<mujoco>
  <option integrator="implicitfast"/>
  <worldbody>
    <geom name="floor" type="plane" size="9 9 1"/>
    <body name="cart" pos="0 0 1"><freejoint/><geom size="0.2" mass="3"/>
      <body pos="0 0.3 0"><joint name="wing_l" axis="1 0 0"/><geom type="capsule" fromto="0 0 0 0 .4 0" size=".05"/>
        <body pos="0 0.4 0"><joint name="arm_l" type="slide" axis="0 1 0"/><geom size="0.1" pos="0.2 0 0"/></body>
      </body>
      <body pos="0 -0.3 0"><joint name="wing_r" axis="1 0 0"/><geom type="capsule" fromto="0 0 0 0 -.4 0" size=".05"/>
        <body pos="0 -0.4 0"><joint name="arm_r" type="slide" axis="0 -1 0"/><geom size="0.1" pos="0.2 0 0"/></body>
      </body>
      <body pos="0 0 .2"><joint name="sway" type="slide" axis="0 1 0"/><geom size="0.1"/></body>
    </body>
  </worldbody>
  <actuator>
    <motor joint="arm_r" gear="9" ctrllimited="true" ctrlrange="-1 1"/><motor joint="wing_l" gear="9"/>
    <motor joint="sway" gear="9"/><motor joint="wing_r" gear="9"/><motor joint="arm_l" gear="9"/>
  </actuator>
  <sensor><clock name="time_l"/><clock name="time_r"/><clock name="own_l"/></sensor>
</mujoco>"""


@pytest.fixture(scope='module')
def winged(tmp_path_factory):
  """Its datasheet."""
  path = tmp_path_factory.mktemp('wings') / 'wings.xml'
  path.write_text(WINGS)
  return Robot('wings', '', str(path), 'cart', ('cart',), 1.0, 0.5, symmetry=(('_l', '_r'),))


def test_joints_with_like_axes_and_slides_change_signs(winged):
  """By hand: a hinge about x turns the other way in the mirror; a slide along y that points outward on both sides does
  not change, one in the middle does. And so physics says.
  """
  model = build_model(winged, converged=True)
  body = describe(winged, model)
  joints, actions = joint_map(body), action_map(body)
  assert body.joint_names == ('wing_l', 'arm_l', 'wing_r', 'arm_r', 'sway')
  assert joints.sources.tolist() == [2, 3, 0, 1, 4]
  assert joints.signs.tolist() == [-1, 1, -1, 1, -1]
  assert actions.sources.tolist() == [4, 3, 2, 1, 0]
  assert actions.signs.tolist() == [1, -1, -1, -1, 1]
  assert_images(*mirrored_runs(model, body, 60), body)


def test_sensors_are_exchanged_by_the_parts_in_their_names(winged):
  """The side '_l' is in 'cart_linvel' too, where it means none; and a sensor may have no other side."""
  body = describe(winged, build_model(winged))
  width = max(place.stop for place in body.sensors.values())
  view = View(*(np.zeros((1, n)) for n in (1, body.nq, body.nv, body.nu)), np.arange(1.0, width + 1)[None])
  image = mirror_view(view, body)
  np.testing.assert_array_equal(body.sensor(image, 'time_l'), body.sensor(view, 'time_r'))
  np.testing.assert_array_equal(body.sensor(image, 'time_r'), body.sensor(view, 'time_l'))
  np.testing.assert_array_equal(body.sensor(image, 'own_l'), body.sensor(view, 'own_l'))
  np.testing.assert_array_equal(body.sensor(image, 'cart_linvel'), body.sensor(view, 'cart_linvel') * [1, -1, 1])


def test_a_symmetry_that_leads_to_no_joint_is_refused(winged):
  robot = dataclasses.replace(winged, symmetry=(('_l', '_rechts'),))
  body = describe(robot, build_model(robot))
  expected = "its symmetry makes 'wing_rechts' the mirror image of joint 'wing_l', and there is no such joint"
  with pytest.raises(UserError, match=expected) as error:
    joint_map(body)
  assert '\n' not in str(error.value)
