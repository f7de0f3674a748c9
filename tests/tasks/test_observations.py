"""What a policy sees, against MuJoCo's own kinematics; the same numbers from NumPy and from JAX."""

import dataclasses

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.physics.root import PlanarRoot
from mjx_humanoid.tasks.observations import OBSERVATIONS, observe_all, slices

EVERYTHING = tuple(name for name in OBSERVATIONS if 'clip' not in name)  # those of clips: test_clip_observations.py
GUIDED = {'command': (1, 2, 3), 'heading': (-0.6, 0.8), 'target_position': (4.3, -2.5), 'phase': 0.3, 'duty': 0.6}


@pytest.fixture
def see(body, make_context):
  return lambda name, view, **context: np.asarray(OBSERVATIONS[name](view, body, make_context(**context)))


def test_joint_positions(see, tumbling, tumbling_view):
  """Height; the world's up axis in the torso's frame, which is the last row of the rotation; the joint angles."""
  rotation = tumbling.body('torso').xmat.reshape(3, 3)
  expected = [3.0, *rotation[2], *tumbling.qpos[7:]]
  np.testing.assert_allclose(see('joint_positions', tumbling_view), expected, atol=1e-6)


def test_posture_is_the_same_once_more(see, tumbling_view):
  np.testing.assert_array_equal(see('posture', tumbling_view), see('joint_positions', tumbling_view))


def test_joint_velocities(see, model, tumbling, tumbling_view):
  """The torso's velocities in its own frame, by mj_objectVelocity, which puts the angular one first."""
  torso = np.zeros(6)
  mujoco.mj_objectVelocity(model, tumbling, mujoco.mjtObj.mjOBJ_XBODY, model.body('torso').id, torso, 1)
  expected = [*torso[3:], *torso[:3], *tumbling.qvel[6:]]
  np.testing.assert_allclose(see('joint_velocities', tumbling_view), expected, atol=1e-5)


def test_positions_are_qpos_without_the_place_on_the_floor(see, tumbling, tumbling_view):
  np.testing.assert_array_equal(see('positions', tumbling_view), tumbling.qpos[2:].astype(np.float32))


@pytest.mark.parametrize(('x', 'z', 'expected'), [(0, 1, [2, 3, 4]), (1, 0, [1, 3, 4])])
def test_positions_in_a_plane_lack_x(body, make_view, make_context, x, z, expected):
  root = PlanarRoot(1, np.zeros(3), x=x, z=z, pitch=2, sign=1.0)
  planar = dataclasses.replace(body, root=root, nq=4)
  view = make_view(qpos=[1, 2, 3, 4])
  np.testing.assert_array_equal(OBSERVATIONS['positions'](view, planar, make_context()), expected)


def test_velocities_are_qvel_and_bounded_ones_end_at_10(see, make_view, body):
  qvel = np.linspace(-20, 20, body.nv).astype(np.float32)
  np.testing.assert_array_equal(see('velocities', make_view(qvel=qvel)), qvel)
  np.testing.assert_array_equal(see('bounded_velocities', make_view(qvel=qvel)), np.clip(qvel, -10, 10))


def test_center_of_mass_is_relative_to_the_torso_and_in_its_frame(see, tumbling, tumbling_view):
  rotation = tumbling.body('torso').xmat.reshape(3, 3)
  offset = tumbling.subtree_com[1] - tumbling.body('torso').xpos
  expected = [*(rotation.T @ offset), *(rotation.T @ tumbling.sensor('com_vel').data)]
  np.testing.assert_allclose(see('center_of_mass', tumbling_view), expected, atol=2e-6)


def test_center_of_mass_of_an_upright_robot_that_faces_left(see, make_view, body):
  # Facing +y: what lies at +y is ahead (x), what lies at +x is to the right (-y).
  qpos = body.default_qpos.copy()
  qpos[3:7] = [np.sqrt(0.5), 0, 0, np.sqrt(0.5)]
  view = make_view(qpos=qpos, com_pos=[1, 2, 3], torso_pos=[0.5, 2, 4], com_vel=[7, 8, 9])
  np.testing.assert_allclose(see('center_of_mass', view), [0, -0.5, -1, 8, -7, 9], atol=1e-5)


def test_contact_forces_are_in_body_weights(see, body, make_view):
  # 40.844 kg x 9.81 m/s^2 = 400.68 N
  found = see('contact_forces', make_view(foot_left_touch=400.68, hand_left_touch=200.34))
  expected = {'foot_left': 1.0, 'hand_left': 0.5}
  np.testing.assert_allclose(found, [expected.get(name, 0) for name in body.touch_names], atol=1e-4)


def test_contact_forces_of_a_robot_at_rest_add_up_to_its_weight(see, model):
  data = mujoco.MjData(model)
  data.qpos[2] = 0.3
  data.qpos[3:7] = [np.sqrt(0.5), 0, -np.sqrt(0.5), 0]
  mujoco.mj_step(model, data, 2000)  # 10 s on its back
  mujoco.mj_forward(model, data)
  view = View(*(np.array(getattr(data, n), np.float32) for n in ('time', 'qpos', 'qvel', 'ctrl', 'sensordata')))
  # On a plane the normals are vertical; what still swings a little is in the tolerance.
  assert see('contact_forces', view).sum() == pytest.approx(1, abs=0.05)


def test_actuator_states_are_the_controls_in_force(see, make_view, body):
  ctrl = np.linspace(-1, 1, body.nu)
  np.testing.assert_allclose(see('actuator_states', make_view(ctrl=ctrl)), ctrl, atol=1e-7)


def test_command_is_the_command(see, make_view):
  np.testing.assert_allclose(see('command', make_view(), command=(1, -2, 3)), [1, -2, 3])


FACING = {'+x': [1, 0, 0, 0], '+y': [np.sqrt(0.5), 0, 0, np.sqrt(0.5)], '-x': [0, 0, 0, 1]}


@pytest.mark.parametrize(
  ('facing', 'wanted', 'expected'),
  [
    ('+x', [1, 0], [1, 0]),  # as it should
    ('+x', [0.6, 0.8], [0.6, 0.8]),  # 53 degrees to the left
    ('+y', [1, 0], [0, -1]),  # a quarter turn to the right
    ('+y', [-0.6, 0.8], [0.8, 0.6]),
    ('-x', [1, 0], [-1, 0]),  # about face
  ],
)
def test_heading_error(see, make_view, body, facing, wanted, expected):
  view = make_view(qpos=[5, -3, 1.28, *FACING[facing], *[0] * 21])
  np.testing.assert_allclose(see('heading_error', view, heading=wanted), expected, atol=1e-6)


@pytest.mark.parametrize(
  ('facing', 'target', 'expected'),
  [
    ('+x', [1.3, 2.4], [0.3, 0.4]),
    ('+y', [1.3, 2.4], [0.4, -0.3]),  # +y is ahead, +x to the right
    ('-x', [1.3, 2.4], [-0.3, -0.4]),
    ('+y', [1.5, -7.0], [-1, -0.5]),  # 9 m behind is shown as 1
    ('+x', [9.0, 9.0], [1, 1]),
  ],
)
def test_position_error(see, make_view, facing, target, expected):
  view = make_view(qpos=[1, 2, 1.28, *FACING[facing], *[0] * 21])
  np.testing.assert_allclose(see('position_error', view, target_position=target), expected, atol=1e-6)


@pytest.mark.parametrize(
  ('heading', 'target', 'expected'),
  [
    ([1, 0], [9.0, 2.4], 0.4),
    ([0, 1], [1.3, 9.0], -0.3),  # along +y, with +x to the right; how far ahead it should be does not matter
    ([0.6, 0.8], [1.0, 2.5], 0.3),
    ([1, 0], [0.0, -7.0], -1),
  ],
)
@pytest.mark.parametrize('facing', ['+x', '-x'])
def test_cross_track_error_is_aside_of_the_wanted_heading(see, make_view, facing, heading, target, expected):
  view = make_view(qpos=[1, 2, 1.28, *FACING[facing], *[0] * 21])
  np.testing.assert_allclose(
    see('cross_track_error', view, heading=heading, target_position=target), [expected], atol=1e-6
  )


@pytest.mark.parametrize(
  ('phase', 'duty', 'expected'),
  [
    (0.0, 0.6, [0, 1]),
    (0.25, 0.6, [1, 0]),
    (0.5, 0.3, [0, -1]),
    (1 / 12, 0.6, [0.5, 0.8660254]),
    (0.25, 1.0, [0, 0]),  # no gait is wanted
  ],
)
def test_gait_phase(see, make_view, phase, duty, expected):
  np.testing.assert_allclose(see('gait_phase', make_view(), phase=phase, duty=duty), expected, atol=1e-6)


@pytest.mark.parametrize('duty', [0.3, 0.6, 1.0])
def test_gait_clock_runs_on_where_no_gait_is_wanted(see, make_view, duty):
  np.testing.assert_allclose(see('gait_clock', make_view(), phase=1 / 12, duty=duty), [0.5, 0.8660254], atol=1e-6)


@pytest.mark.parametrize('name', ['heading_error', 'position_error', 'cross_track_error'])
def test_errors_of_heading_and_position_turn_with_the_world(see, name, body, make_view):
  """Robot, target heading and position turned together by 1.1 rad about the origin: the robot sees the same."""
  angle, spin = 1.1, np.exp(1.1j)
  at, heading, target = 0.4 + 0.2j, 0.28 + 0.96j, 0.9 - 0.1j
  leaning = np.zeros(4)
  mujoco.mju_mulQuat(leaning, np.array([np.cos(0.35), 0, 0, np.sin(0.35)]), np.array([np.cos(0.1), np.sin(0.1), 0, 0]))
  turned = np.zeros(4)
  mujoco.mju_mulQuat(turned, np.array([np.cos(angle / 2), 0, 0, np.sin(angle / 2)]), leaning)

  def seen(where, quaternion, heading, target):
    view = make_view(qpos=[where.real, where.imag, 1.2, *quaternion, *[0] * 21])
    return see(name, view, heading=[heading.real, heading.imag], target_position=[target.real, target.imag])

  expected = seen(at, leaning, heading, target)
  np.testing.assert_allclose(seen(at * spin, turned, heading * spin, target * spin), expected, atol=1e-5)
  assert np.abs(expected).min() > 0.05


@pytest.mark.parametrize('name', ['joint_positions', 'joint_velocities'])
def test_a_robot_cannot_see_where_it_is_or_which_way_it_faces(see, name, tumbling_view):
  """Turning the world about the vertical, and moving it, changes nothing."""
  heading = np.array([np.cos(0.6), 0, 0, np.sin(0.6)])
  qpos, qvel = np.array(tumbling_view.qpos, np.float64), np.array(tumbling_view.qvel, np.float64)
  turned, linear, rotated = qpos.copy(), qvel.copy(), np.zeros(3)
  mujoco.mju_mulQuat(turned[3:7], heading, qpos[3:7])
  mujoco.mju_rotVecQuat(rotated, qvel[:3], heading)
  turned[:2] += [10, -5]
  linear[:3] = rotated
  other = tumbling_view._replace(qpos=turned.astype(np.float32), qvel=linear.astype(np.float32))
  np.testing.assert_allclose(see(name, other), see(name, tumbling_view), atol=1e-5)


def test_a_robot_that_leans_forward_sees_the_vertical_behind_it(see, make_view, body):
  # 30 degrees about +y puts the head forward: up is then (-sin 30, 0, cos 30) in the torso's frame.
  qpos = body.default_qpos.copy()
  qpos[3:7] = [np.cos(np.pi / 12), 0, np.sin(np.pi / 12), 0]
  np.testing.assert_allclose(see('joint_positions', make_view(qpos=qpos))[1:4], [-0.5, 0, 0.8660254], atol=1e-6)


def test_a_robot_that_faces_left_knows_its_own_forward(see, make_view, body):
  # Facing +y (90 degrees about z), moving at 2 m/s along +y: 2 m/s forward in its own frame.
  qpos, qvel = body.default_qpos.copy(), np.zeros(body.nv)
  qpos[3:7] = [np.sqrt(0.5), 0, 0, np.sqrt(0.5)]
  qvel[1] = 2
  np.testing.assert_allclose(see('joint_velocities', make_view(qpos=qpos, qvel=qvel))[:3], [2, 0, 0], atol=1e-6)


# Joining


@pytest.mark.parametrize('name', EVERYTHING)
def test_numpy_and_jax_see_the_same(name, body, tumbling_view, make_context):
  context = make_context(**GUIDED)
  on_host = OBSERVATIONS[name](tumbling_view, body, context)
  view, moved = jax.tree.map(jnp.asarray, (tumbling_view, context))
  on_device = OBSERVATIONS[name](view, body, moved)
  assert isinstance(on_host, np.ndarray)
  assert on_host.dtype == np.float32 == on_device.dtype
  np.testing.assert_allclose(on_host, on_device, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('name', EVERYTHING)
def test_inside_jit_too(name, body, tumbling_view, make_context):
  context = make_context(**GUIDED)
  traced = jax.jit(lambda v, c: OBSERVATIONS[name](v, body, c))(tumbling_view, context)
  np.testing.assert_allclose(traced, OBSERVATIONS[name](tumbling_view, body, context), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('name', EVERYTHING)
def test_a_batch_is_its_worlds_one_by_one(name, body, make_view, make_context, tumbling_view):
  views = [tumbling_view, make_view(), tumbling_view]
  contexts = [make_context(**{**GUIDED, 'command': (i, 0, 0), 'phase': i / 7, 'duty': 0.4 + 0.3 * i}) for i in range(3)]
  stacked = jax.tree.map(lambda *x: np.stack(x), *views), jax.tree.map(lambda *x: np.stack(x), *contexts)
  together = OBSERVATIONS[name](stacked[0], body, stacked[1])
  alone = [OBSERVATIONS[name](v, body, c) for v, c in zip(views, contexts, strict=True)]
  np.testing.assert_array_equal(together, np.stack(alone))


def test_joined_in_the_order_of_their_names(body, tumbling_view, make_context, see):
  names = ('command', 'joint_velocities', 'joint_positions')
  joined = observe_all(names)(tumbling_view, body, make_context(command=(1, 2, 3)))
  expected = [see('command', tumbling_view, command=(1, 2, 3)), *(see(n, tumbling_view) for n in names[1:])]
  np.testing.assert_array_equal(joined, np.concatenate(expected))


def test_slices_say_where_each_lies(body, tumbling_view, make_context):
  # 4 + 21 joints; 6 + 21; 6; 16 bodies with a shape; 21 motors; 3
  names = ('joint_positions', 'joint_velocities', 'center_of_mass', 'contact_forces', 'actuator_states', 'command')
  names += ('heading_error', 'position_error', 'gait_phase', 'gait_clock')  # 2 each
  found = slices(names, tumbling_view, make_context(), body)
  assert list(found) == list(names)
  assert list(found.values())[:6] == [(0, 25), (25, 52), (52, 58), (58, 74), (74, 95), (95, 98)]
  assert list(found.values())[6:] == [(98, 100), (100, 102), (102, 104), (104, 106)]
  joined = observe_all(names)(tumbling_view, body, make_context())
  assert joined.shape == (106,)
  first, last = found['actuator_states']
  np.testing.assert_array_equal(joined[first:last], tumbling_view.ctrl)


@pytest.mark.parametrize('names', [['joint_position'], ['joint_positions', ''], ['torch']])
def test_unknown_observations_are_refused_with_the_choices(names):
  with pytest.raises(UserError, match=r'unknown observation .*Choices: .*joint_positions'):
    observe_all(names)


def test_every_observation_says_what_it_is_and_how_wide():
  assert [name for name, line in OBSERVATIONS.describe().items() if '[' not in line] == []
