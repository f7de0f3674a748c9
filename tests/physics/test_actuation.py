"""Torques of motors and servos, in groups of joints, against what C MuJoCo applies and against hand arithmetic."""

import dataclasses

import jax
import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Robot, Servos
from mjx_humanoid.core.types import View
from mjx_humanoid.physics.actuation import read_actuation, servo_of
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model

LEGS, ARMS = Servos(stiffness=1.5, damping=0.1, reach=0.8), Servos(stiffness=3.0, damping=0.02, reach=0.5)
GROUPS = (('knee', LEGS), ('shoulder', ARMS), ('', Servos(stiffness=0.5, damping=0.05, reach=1.0)))


@pytest.fixture(scope='module')
def mixed(robot):
  """The humanoid with servos in knees and shoulders, and torque motors elsewhere."""
  return dataclasses.replace(robot, servos=GROUPS[:2])


@pytest.mark.parametrize('servos', [(), GROUPS[:1], GROUPS[:2], GROUPS], ids=['motors', 'knees', 'mixed', 'all'])
def test_torque_is_what_mujoco_applies(robot, servos):
  """For random states and controls, some of the torques at their limits; in JAX the same."""
  robot = dataclasses.replace(robot, servos=servos)
  model = build_model(robot)
  body, data, rng = describe(robot, model), mujoco.MjData(model), np.random.default_rng(0)
  states, applied = [], []
  for _ in range(20):
    data.qpos[7:], data.qvel[:] = rng.uniform(*model.jnt_range[1:].T), 2 * rng.normal(size=model.nv)
    data.ctrl[:] = rng.uniform(-1, 1, model.nu)
    mujoco.mj_forward(model, data)
    states.append(View(*(np.array(getattr(data, name), np.float32) for name in View._fields)))
    np.testing.assert_allclose(data.actuator_force * model.actuator_gear[:, 0], data.qfrc_actuator[body.actuator_dofs])
    applied.append(data.actuator_force * model.actuator_gear[:, 0])
  views = View(*(np.stack(x) for x in zip(*states, strict=True)))
  np.testing.assert_allclose(body.torque(views), applied, rtol=1e-4, atol=1e-3)
  np.testing.assert_allclose(jax.jit(body.torque)(views), applied, rtol=1e-4, atol=1e-3)
  assert (np.abs(applied) / body.torque_limit).max() == pytest.approx(1.0, abs=0.05)


def test_each_joint_has_the_servo_of_the_first_group_in_its_name(robot):
  assert servo_of(dataclasses.replace(robot, servos=GROUPS), 'knee_left') is LEGS
  assert servo_of(dataclasses.replace(robot, servos=GROUPS), 'shoulder1_right') is ARMS
  assert servo_of(dataclasses.replace(robot, servos=GROUPS), 'abdomen_x') is GROUPS[2][1]
  assert servo_of(dataclasses.replace(robot, servos=GROUPS[::-1]), 'knee_left') is GROUPS[2][1]
  assert servo_of(robot, 'knee_left') is None


def test_numbers_of_each_motor_are_those_of_its_group(mixed):
  model = build_model(mixed)
  actuation, names = read_actuation(mixed, model, model.qpos0), [model.actuator(i).name for i in range(model.nu)]
  for i, name in enumerate(names):
    servo = LEGS if 'knee' in name else ARMS if 'shoulder' in name else None
    assert actuation.servoed[i] == (servo is not None)
    expected = (servo.stiffness, servo.damping, servo.reach) if servo else (0, 0, 0)
    found = (actuation.stiffness[i], actuation.damping[i], actuation.reach[i])
    assert found == pytest.approx(expected)
  assert actuation.servoed.sum() == 6
  assert actuation.limit[names.index('knee_left')] == 80


def test_torques_by_hand(mixed):
  """Knee, 80 N m: 1.5 (0.8 x 0.5 - 0.2) - 0.1 x 1 = 0.2 of it. Shoulder, 20 N m: its limit. Elbow, 40 N m: ctrl."""
  model = build_model(mixed)
  body = describe(mixed, model)
  view = View(None, body.default_qpos.copy(), np.zeros(27), np.zeros(21), None)
  for name, ctrl, angle, velocity in (
    ('knee_left', 0.5, 0.2, 1),
    ('shoulder1_left', 1, -1, 0),
    ('elbow_left', 0.25, 1, 1),
  ):
    view.ctrl[body.actuator_names.index(name)] = ctrl
    view.qpos[7 + body.joint_index(name)], view.qvel[6 + body.joint_index(name)] = angle, velocity
  torque = dict(zip(body.actuator_names, body.torque(view), strict=True))
  expected = {'knee_left': 16, 'shoulder1_left': 20, 'elbow_left': 10, 'knee_right': 0}
  assert {name: torque[name] for name in expected} == pytest.approx(expected)


def test_servos_hold_the_standing_pose_of_the_datasheet(robot):
  """At ctrl = 0 and in that pose there is no torque, in C MuJoCo and as reckoned."""
  bent = dataclasses.replace(robot, servos=GROUPS, pose=(('knee', -0.6), ('elbow', -1.0)))
  model = build_model(bent)
  body, data = describe(bent, model), mujoco.MjData(model)
  data.qpos[:] = body.default_qpos
  mujoco.mj_forward(model, data)
  np.testing.assert_allclose(data.qfrc_actuator, 0, atol=1e-5)
  view = View(*(np.array(getattr(data, name), np.float32) for name in View._fields))
  np.testing.assert_allclose(body.torque(view), 0, atol=1e-5)


ONE_JOINT = """
<mujoco>
  <compiler angle="radian"/>
  <worldbody>
    <geom name="floor" type="plane" size="9 9 1"/>
    <body name="b" pos="0 0 1"><joint name="j" axis="0 1 0" ref="0.4"/><geom size="0.1" pos="0 0 0.2"/></body>
  </worldbody>
  <actuator>{}</actuator>
</mujoco>"""


@pytest.mark.parametrize(
  ('actuator', 'limit'),
  [
    ('<motor joint="j" gear="3" ctrllimited="true" ctrlrange="-0.4 0.4"/>', 1.2),
    ('<motor joint="j" gear="-3"/>', -3),
    ('<general joint="j" gear="2" gainprm="7" ctrllimited="true" ctrlrange="-2 2"/>', 28),
    ('<motor joint="j" gear="3" ctrllimited="true" ctrlrange="0 5"/>', np.inf),
    ('<position joint="j" kp="20" kv="2" ctrllimited="true" ctrlrange="-0.5 1.5"/>', np.inf),
    ('<position joint="j" gear="2" kp="20" ctrllimited="true" ctrlrange="-1 1" forcerange="-9 9"/>', 18),
    ('<velocity joint="j" gear="-2" kv="4" ctrllimited="true" ctrlrange="-3 3"/>', np.inf),
  ],
)
def test_torques_of_the_files_own_actuators(tmp_path, actuator, limit):
  """Scaled ranges, gains, offsets, position and velocity servos of the file: all as C MuJoCo applies them."""
  path = tmp_path / 'one.xml'
  path.write_text(ONE_JOINT.format(actuator))
  robot = Robot('one', '', str(path), 'b', (), 1.0, 0.5)
  model = build_model(robot)
  body, data, rng = describe(robot, model), mujoco.MjData(model), np.random.default_rng(0)
  assert body.torque_limit[0] == pytest.approx(limit)
  for _ in range(20):
    data.qpos[:], data.qvel[:], data.ctrl[:] = rng.normal(size=1), rng.normal(size=1), rng.uniform(-1, 1)
    mujoco.mj_forward(model, data)
    view = View(*(np.atleast_1d(getattr(data, name)).astype(np.float32) for name in View._fields))
    np.testing.assert_allclose(body.torque(view), data.qfrc_actuator, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
  ('actuator', 'limit'),
  [
    ('<motor joint="j" gear="3" ctrllimited="true" ctrlrange="-0.4 0.4"/>', 1.2),
    ('<motor joint="j" gear="-3"/>', 3),  # a servo pulls to its target whichever way the motor is mounted
    ('<position joint="j" kp="20" ctrllimited="true" ctrlrange="-1 1" forcerange="-9 9"/>', 9),
  ],
)
def test_servos_of_a_datasheet_keep_the_limit_of_the_files_actuator(tmp_path, actuator, limit):
  """By hand, from standing at 0.4 rad: limit x (1.5 (0.8 x ctrl - angle) - 0.1 x velocity)."""
  path = tmp_path / 'one.xml'
  path.write_text(ONE_JOINT.format(actuator))
  robot = Robot('one', '', str(path), 'b', (), 1.0, 0.5, servos=(('', LEGS),))
  model = build_model(robot)
  body, data = describe(robot, model), mujoco.MjData(model)
  assert body.torque_limit[0] == pytest.approx(limit)
  for ctrl, angle, velocity, share in ((0.5, 0.2, 1.0, 0.2), (0.0, -0.2, 0.0, 0.3), (1.0, -1.0, 0.0, 1.0)):
    data.qpos[:], data.qvel[:], data.ctrl[:] = 0.4 + angle, velocity, ctrl
    mujoco.mj_forward(model, data)
    view = View(*(np.atleast_1d(getattr(data, name)).astype(np.float32) for name in View._fields))
    assert data.qfrc_actuator[0] == pytest.approx(share * limit, rel=1e-5)
    np.testing.assert_allclose(body.torque(view), data.qfrc_actuator, rtol=1e-5)


def test_motors_that_drive_no_joint_are_refused(tmp_path):
  path = tmp_path / 'tendon.xml'
  path.write_text("""
<mujoco>
  <worldbody>
    <geom name="floor" type="plane" size="9 9 1"/>
    <body name="b" pos="0 0 1"><joint name="j"/><geom size="0.1"/></body>
  </worldbody>
  <tendon><fixed name="cable"><joint joint="j" coef="1"/></fixed></tendon>
  <actuator><motor name="winch" tendon="cable"/></actuator>
</mujoco>""")
  robot = Robot('crane', '', str(path), 'b', (), 1.0, 0.5)
  with pytest.raises(UserError, match='actuators must drive joints; these do not: winch') as error:
    describe(robot, build_model(robot))
  assert '\n' not in str(error.value)
