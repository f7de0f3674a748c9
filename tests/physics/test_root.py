"""Robots joined to the world by a free joint, in a plane, or not at all: their root, by C MuJoCo."""

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.core.types import View
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.find_root import find_root
from mjx_humanoid.physics.mjx import MjxEngine
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.native import NativeEngine
from mjx_humanoid.physics.symmetry import mirror_view

TEMPLATE = """
<mujoco>
  <option gravity="0 0 0" integrator="implicitfast"/>
  <worldbody>
    <geom name="floor" type="plane" size="9 9 1"/>
    <body name="trunk" {root}
      <geom type="box" size="0.2 0.1 0.3" mass="3"/>
      <body name="leg" pos="0.05 0 -0.3"><joint name="hip" axis="0 1 0"/>
        <geom type="capsule" fromto="0 0 0 0 0 -0.4" size="0.05"/>
      </body>
    </body>
  </worldbody>
  <actuator><motor joint="hip" gear="5" ctrllimited="true" ctrlrange="-1 1"/></actuator>
</mujoco>"""
X, Z = '<joint name="x" type="slide" axis="1 0 0"/>', '<joint name="z" type="slide" axis="0 0 1"/>'
PITCH = '<joint name="pitch" axis="0 1 0"/>'
ROOTS = {
  'free': ('free', 'pos="0.3 -0.2 1"><freejoint/>'),
  'planar': ('planar', f'pos="0.3 -0.2 1">{X}{Z}{PITCH}'),
  # As Gymnasium's walkers are: the slide along z counts from a reference position.
  'referenced': (
    'planar',
    'pos="0.3 -0.2 1">' + Z.replace('/>', ' ref="1"/>') + X.replace('/>', ' ref="0.1"/>') + PITCH,
  ),
  'reversed': ('planar', f'pos="0.3 -0.2 1">{Z}{X}{PITCH.replace("0 1 0", "0 -1 0")}'),
  'fixed': ('fixed', 'pos="0.3 -0.2 1" quat="0.8 0 0 0.6">'),
}


@pytest.fixture(scope='module', params=ROOTS)
def robot(request, tmp_path_factory):
  path = tmp_path_factory.mktemp('roots') / 'model.xml'
  path.write_text(TEMPLATE.format(root=ROOTS[request.param][1]))
  return Robot(request.param, '', str(path), 'trunk', ('leg',), 1.0, 0.5)


@pytest.fixture(scope='module')
def model(robot):
  return build_model(robot)


@pytest.fixture(scope='module')
def body(robot, model):
  return describe(robot, model)


@pytest.fixture(scope='module')
def moving(model):
  """MjData of five random states, after mj_forward."""
  rng, states = np.random.default_rng(0), []
  for _ in range(5):
    data = mujoco.MjData(model)
    data.qpos[:] += rng.normal(size=model.nq)
    mujoco.mj_normalizeQuat(model, data.qpos)
    data.qvel[:] = rng.normal(size=model.nv)
    mujoco.mj_forward(model, data)
    states.append(data)
  return states


@pytest.fixture(scope='module')
def view(moving):
  return View(*(np.array([np.atleast_1d(getattr(d, f)) for d in moving], np.float32) for f in View._fields))


def frames(moving, model, body):
  """World position [5, 3], rotation [5, 3, 3], world linear and own angular velocity [5, 3] of the trunk, by MuJoCo."""
  trunk = model.body('trunk').id
  position = np.array([d.xpos[trunk] for d in moving])
  rotation = np.array([d.xmat[trunk].reshape(3, 3) for d in moving])
  velocities = np.zeros((2, 5, 6))
  for k, local in enumerate((0, 1)):
    for i, data in enumerate(moving):
      mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_XBODY, trunk, velocities[k, i], local)
  return position, rotation, velocities[0, :, 3:], velocities[1, :, :3]


def test_the_kind_of_root_is_read_from_its_joints(robot, body, model):
  kind = ROOTS[robot.name][0]
  assert body.root.kind == kind
  assert (body.root.nq, body.root.nv) == {'free': (7, 6), 'planar': (3, 3), 'fixed': (0, 0)}[kind]
  assert (model.nq, model.nv) == (body.root.nq + 1, body.root.nv + 1)
  assert body.joint_names == ('hip',)
  assert body.actuator_dofs.tolist() == [body.root.nv]


def test_position_and_orientation_are_mujocos(body, model, moving, view):
  position, rotation, _, _ = frames(moving, model, body)
  np.testing.assert_allclose(body.position(view), position, atol=1e-6)
  np.testing.assert_allclose(body.height(view), position[:, 2], atol=1e-6)
  np.testing.assert_allclose(body.up(view), rotation[:, 2], atol=1e-6)
  forward = rotation[:, :2, 0]
  np.testing.assert_allclose(body.heading(view), forward / np.linalg.norm(forward, axis=1)[:, None], atol=1e-5)
  vector = np.random.default_rng(1).normal(size=(5, 3))
  np.testing.assert_allclose(body.in_root_frame(view, vector), np.einsum('nji,nj->ni', rotation, vector), atol=1e-5)


def test_velocities_are_mujocos(body, model, moving, view):
  _, _, linear, angular = frames(moving, model, body)
  np.testing.assert_allclose(body.linear_velocity(view), linear, atol=1e-6)
  np.testing.assert_allclose(body.angular_velocity(view), angular, atol=1e-6)


def test_joints_are_those_behind_the_root(body, moving, view):
  np.testing.assert_allclose(body.joint_angle(view, 'hip'), [d.joint('hip').qpos[0] for d in moving], rtol=1e-6)
  np.testing.assert_allclose(body.joint_velocities(view), [d.joint('hip').qvel for d in moving], rtol=1e-6)


def test_sensors_agree_with_the_state(body, view):
  """The sensors that the model was given, which are computed by MuJoCo, tell the same."""
  np.testing.assert_allclose(body.root_sensor(view, 'pos'), body.position(view), atol=1e-6)
  np.testing.assert_allclose(body.root_sensor(view, 'linvel'), body.linear_velocity(view), atol=1e-6)


def test_jax_agrees(body, view):
  def everything(view):
    return (
      body.position(view), body.height(view), body.up(view), body.heading(view), body.linear_velocity(view),
      body.angular_velocity(view), body.joint_angles(view),
    )  # fmt: skip

  for a, b in zip(jax.jit(everything)(jax.tree.map(jnp.asarray, view)), everything(view), strict=True):
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_standing_pose_is_the_files_own(body, model):
  view = View(None, body.default_qpos, np.zeros(model.nv), None, None)
  np.testing.assert_allclose(body.position(view), [0.3, -0.2, 1.0], atol=1e-6)
  np.testing.assert_allclose(body.up(view), [0, 0, 1], atol=1e-6)


def test_the_mirror_image_is_that_of_mujoco(model, body, moving, view):
  """Of a free root, position and velocity change the sign of y, and of rotations x and z. A plane is its own image."""
  if body.root.kind == 'fixed':  # it faces to a side, and has no coordinates that could be mirrored
    assert [len(signs) for signs in body.root.mirror_signs] == [0, 0]
    return
  image = mirror_view(view, body)
  signs = np.array([1, -1, 1]) if body.root.kind == 'free' else np.ones(3)
  for i in range(5):
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = image.qpos[i], image.qvel[i]
    mujoco.mj_forward(model, data)
    (position,), (rotation,), (linear,), (angular,) = (x[:1] for x in frames([data] * 5, model, body))
    np.testing.assert_allclose(position, body.position(view)[i] * signs, atol=1e-5)
    np.testing.assert_allclose(linear, body.linear_velocity(view)[i] * signs, atol=1e-5)
    axial = np.array([-1, 1, -1]) if body.root.kind == 'free' else np.ones(3)
    np.testing.assert_allclose(angular, body.angular_velocity(view)[i] * axial, atol=1e-5)
    np.testing.assert_allclose(rotation[:, 2], moving[i].xmat[1].reshape(3, 3)[:, 2] * signs, atol=1e-5)


def test_names_of_coordinates_are_as_many_as_the_root_has(body):
  positions, velocities = body.root.coordinate_names
  assert (len(positions), len(velocities)) == (body.root.nq, body.root.nv)
  for name, axis in (('x [m]', 0), ('z [m]', 2)):
    if name in positions:
      qpos = np.zeros((1, body.nq), np.float32)
      before = body.root.position(qpos.copy())
      qpos[0, positions.index(name)] = 0.7
      np.testing.assert_allclose((body.root.position(qpos) - before)[0], 0.7 * np.eye(3)[axis], atol=1e-6)


# What acts on the root


def kicked(engine, model):
  """Velocity of the root after a short step without gravity that began with a kick of 1, 2 and 3 m/s."""
  qpos, qvel = model.qpos0[None].astype(np.float32), np.zeros((1, model.nv), np.float32)
  step = jax.jit(engine.step) if engine.traceable else engine.step
  kick = np.array([[1.0, 2.0, 3.0]], np.float32)
  _, view = step(engine.init(qpos, qvel), np.zeros((1, model.nu), np.float32), None, kick)
  return find_root(model).linear_velocity(np.asarray(view.qvel))[0]


def test_a_kick_changes_the_velocity_of_the_root_as_far_as_its_joints_let_it(body):
  model = build_model(body.robot)
  model.opt.timestep = 1e-5
  expected = {'free': [1, 2, 3], 'planar': [1, 0, 3], 'fixed': [0, 0, 0]}[body.root.kind]
  np.testing.assert_allclose(kicked(NativeEngine(model, 1, 1, 1), model), expected, atol=1e-2)


@pytest.mark.parametrize(('name', 'expected'), [('reversed', [1, 0, 3]), ('fixed', [0, 0, 0])])
def test_in_mjx_too(name, expected):
  """Without contacts, which take long to compile; the free root is in test_mjx.py."""
  model = mujoco.MjModel.from_xml_string(TEMPLATE.format(root=ROOTS[name][1]))
  model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONTACT)
  model.opt.timestep = 1e-5
  np.testing.assert_allclose(kicked(MjxEngine(model, 1, impl='jax', num_envs=1), model), expected, atol=1e-2)


# Start states


def test_rotated_starts_tilt_and_turn(model, body):
  """A free root by both, a planar one by its pitch alone, a fixed one not at all; the place stays."""
  qpos = np.tile(model.qpos0, (3, 1))
  heading, tilt = np.array([0.0, 0.5, -2.0]), np.array([[0.0, 0.1], [0.2, 0.3], [0.1, -0.2]])
  before = qpos.copy()
  found = body.root.rotated(qpos, heading, tilt)
  np.testing.assert_array_equal(qpos, before)
  for i in range(3):
    data = mujoco.MjData(model)
    data.qpos[:] = found[i]
    mujoco.mj_kinematics(model, data)
    np.testing.assert_allclose(data.body('trunk').xpos, [0.3, -0.2, 1], atol=1e-6)
    rotation = data.body('trunk').xmat.reshape(3, 3)
    if body.root.kind == 'free':
      size = np.linalg.norm(tilt[i])
      assert rotation[2, 2] == pytest.approx(np.cos(size))
      turn = np.array([[np.cos(heading[i]), -np.sin(heading[i])], [np.sin(heading[i]), np.cos(heading[i])]])
      lean = np.sin(size) * np.array([tilt[i, 1], -tilt[i, 0]]) / size  # where the upper end goes
      np.testing.assert_allclose(rotation[:2, 2], turn @ lean, atol=1e-9)
    elif body.root.kind == 'planar':
      assert np.arctan2(rotation[0, 2], rotation[2, 2]) == pytest.approx(tilt[i, 1])
    else:
      np.testing.assert_allclose(rotation[:2, 0], [0.28, 0.96], atol=1e-9)  # 2 x 0.6^2, 2 x 0.8 x 0.6


def test_placed_starts_have_this_orientation_and_height(model, body):
  """Pitched by 0.4 rad, 1.7 m high."""
  quaternion = np.array([np.cos(0.2), 0, np.sin(0.2), 0])
  data = mujoco.MjData(model)
  data.qpos[:] = body.root.placed(model.qpos0[None], quaternion, 1.7)[0]
  mujoco.mj_kinematics(model, data)
  if body.root.kind == 'fixed':
    np.testing.assert_array_equal(data.qpos, model.qpos0)
  else:
    np.testing.assert_allclose(data.body('trunk').xpos, [0.3, -0.2, 1.7], atol=1e-9)
    np.testing.assert_allclose(data.body('trunk').xquat, quaternion, atol=1e-9)


def test_velocities_turn_with_the_heading_of_a_free_root_alone(body, model):
  qvel = np.ones((1, model.nv))
  found = body.root.velocity_turned(qvel, np.array([np.pi / 2]))
  expected = [-1, 1, *[1] * (model.nv - 2)] if body.root.kind == 'free' else [1] * model.nv
  np.testing.assert_allclose(found, [expected], atol=1e-12)


def test_normalized_quaternions(body, model):
  qpos = np.full((2, model.nq), 2.0)
  found = body.root.normalized(qpos, 'here')
  if body.root.kind == 'free':
    np.testing.assert_allclose(found[:, 3:7], 0.5)
    qpos[1, 3:7] = 0
    with pytest.raises(UserError, match=r'here: row 1 of qpos has an orientation, elements 3 to 6'):
      body.root.normalized(qpos, 'here')
  else:
    np.testing.assert_array_equal(found, qpos)


# Models that cannot be controlled


@pytest.mark.parametrize(
  ('bodies', 'message'),
  [
    ('<body><freejoint/><geom size="1"/><body><joint type="ball"/><geom size="1"/></body></body>', 'ball joints'),
    ('<body><freejoint/><geom size="1"/></body><body><freejoint/><geom size="1"/></body>', 'move by themselves'),
    ('<body><joint type="ball"/><geom size="1"/></body>', 'ball joints'),
    ('<body><geom size="1"/></body>', 'no joints: there is nothing to control'),
    ('', 'no joints'),
  ],
)
def test_other_joints_are_refused_in_one_line(bodies, message):
  model = mujoco.MjModel.from_xml_string(f'<mujoco><worldbody>{bodies}</worldbody></mujoco>')
  with pytest.raises(UserError, match=message) as error:
    find_root(model)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(
  'joints',
  [f'{X}{Z}', f'{X}{PITCH}', f'{X}{Z}<joint axis="1 0 0"/>', f'{X.replace("1 0 0", "0 1 0")}{Z}{PITCH}'],
)
def test_slides_and_hinges_that_are_no_plane_are_joints_of_a_fixed_root(joints):
  """Such as a crane: its joints are all controlled, and its root does not move."""
  xml = f'<mujoco><worldbody><body name="b">{joints}<geom size="1"/></body></worldbody></mujoco>'
  root = find_root(mujoco.MjModel.from_xml_string(xml))
  assert (root.kind, root.nq) == ('fixed', 0)


def test_furniture_that_does_not_move_is_not_the_robot():
  table = '<body name="table"><geom size="1"/></body>'
  arm = '<body name="arm"><joint/><geom size="1"/></body>'
  model = mujoco.MjModel.from_xml_string(f'<mujoco><worldbody>{table}{arm}</worldbody></mujoco>')
  assert find_root(model).body == model.body('arm').id == 2


@pytest.mark.parametrize(
  'body',
  [
    f'<body name="b">{PITCH}{X}{Z}<geom size="1"/></body>',  # the slides would turn with it
    f'<body name="b">{X}{Z}<joint axis="0 1 0" pos="0 0 .5"/><geom size="1"/></body>',  # about another point
    f'<body name="b">{X}{Z}<joint axis="0 1 0" ref="20"/><geom size="1"/></body>',
    f'<body name="b" euler="0 10 0">{X}{Z}{PITCH}<geom size="1"/></body>',
  ],
)
def test_planar_roots_whose_coordinates_are_not_those_of_the_body_are_refused(body):
  """Else positions and pitch would be wrong without a word."""
  model = mujoco.MjModel.from_xml_string(f'<mujoco><worldbody>{body}</worldbody></mujoco>')
  with pytest.raises(UserError, match="the slides of planar root 'b' must come before its hinge") as error:
    find_root(model)
  assert '\n' not in str(error.value)
