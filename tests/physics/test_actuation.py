"""Torques of motors and PD control, in groups of joints, against what C MuJoCo applies and against hand arithmetic."""

import dataclasses

import jax
import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import PD, Robot
from mjx_humanoid.core.types import View
from mjx_humanoid.physics.actuation import read_actuation
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model

LEGS, ARMS = PD(kp=120, kd=8, action_scale=0.8), PD(kp=60, kd=0.4, action_scale=0.5)
GROUPS = (('knee', LEGS), ('shoulder', ARMS), ('', PD(kp=20, kd=2)))


@pytest.fixture(scope='module')
def mixed(robot):
  """The humanoid with PD control of knees and shoulders, and torque motors elsewhere."""
  return dataclasses.replace(robot, pd=GROUPS[:2])


@pytest.mark.parametrize('pd', [(), GROUPS[:1], GROUPS[:2], GROUPS], ids=['motors', 'knees', 'mixed', 'all'])
def test_torque_is_what_mujoco_applies(robot, pd):
  """For random states and controls, some of the torques at their limits; in JAX the same."""
  robot = dataclasses.replace(robot, pd=pd)
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


def test_each_joint_has_the_pd_control_of_the_longest_group_in_its_name(robot):
  for groups in (GROUPS, GROUPS[::-1]):
    sheet = dataclasses.replace(robot, pd=groups)
    assert sheet.pd_of('knee_left') is LEGS
    assert sheet.pd_of('shoulder1_right') is ARMS
    assert sheet.pd_of('abdomen_x') is dict(GROUPS)['']
  assert robot.pd_of('knee_left') is None


def test_numbers_of_each_motor_are_those_of_its_group(mixed):
  model = build_model(mixed)
  actuation, names = read_actuation(model, model.qpos0), [model.actuator(i).name for i in range(model.nu)]
  for i, name in enumerate(names):
    pd = LEGS if 'knee' in name else ARMS if 'shoulder' in name else None
    assert actuation.affine[i] == (pd is not None)
    if pd:
      assert actuation.slopes[:, i] == pytest.approx((0, pd.kp * pd.action_scale, -pd.kp, -pd.kd))
  assert actuation.affine.sum() == 6
  assert actuation.limit[names.index('knee_left')] == 80


def test_torques_by_hand(mixed):
  """Knee: 120 (0.8 x 0.5 - 0.2) - 8 x 1 = 16. Shoulder, 60 (0.5 + 1) = 90: its limit of 20. Elbow, 40 N m: ctrl."""
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


def test_pd_control_holds_the_standing_pose_of_the_datasheet(robot):
  """At ctrl = 0 and in that pose there is no torque, in C MuJoCo and as reckoned."""
  bent = dataclasses.replace(robot, pd=GROUPS, pose=(('knee', -0.6), ('elbow', -1.0)))
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
  ('actuator', 'given', 'limit'),
  [
    ('<motor joint="j" gear="3" ctrllimited="true" ctrlrange="-0.4 0.4"/>', 0, 1.2),
    ('<motor joint="j" gear="-3"/>', 0, 3),  # PD control pulls to its target whichever way the motor is mounted
    ('<motor joint="j" gear="3" ctrlrange="-1 1" forcerange="-0.5 0.5"/>', 0, 1.5),
    ('<position joint="j" kp="20" ctrllimited="true" ctrlrange="-1 1" forcerange="-9 9"/>', 0, 9),
    ('<motor joint="j" gear="3"/>', 7, 7),
    ('<position joint="j" kp="20"/>', 0, np.inf),
  ],
)
def test_pd_control_within_the_limit_of_the_file_or_of_the_datasheet(tmp_path, actuator, given, limit):
  """By hand, from standing at 0.4 rad: 2 (0.8 ctrl - angle) - 0.5 velocity, within the limit."""
  path = tmp_path / 'one.xml'
  path.write_text(ONE_JOINT.format(actuator))
  robot = Robot('one', '', str(path), 'b', (), 1.0, 0.5, pd=(('', PD(2, 0.5, 0.8, given)),))
  model = build_model(robot)
  body, data = describe(robot, model), mujoco.MjData(model)
  assert body.torque_limit[0] == pytest.approx(limit)
  for ctrl, angle, velocity, torque in ((0.5, 0.2, 1.0, -0.1), (0.0, -0.2, 0.0, 0.4), (1.0, -20.0, 0.0, 41.6)):
    data.qpos[:], data.qvel[:], data.ctrl[:] = 0.4 + angle, velocity, ctrl
    mujoco.mj_forward(model, data)
    view = View(*(np.atleast_1d(getattr(data, name)).astype(np.float32) for name in View._fields))
    assert data.qfrc_actuator[0] == pytest.approx(min(torque, limit), rel=1e-5)
    np.testing.assert_allclose(body.torque(view), data.qfrc_actuator, rtol=1e-5)


def test_the_limit_of_a_joint_holds_for_motors_and_pd_control(tmp_path):
  """actuatorfrcrange of a joint: 2 N m, where the motor alone would give 3."""
  path = tmp_path / 'one.xml'
  path.write_text(
    ONE_JOINT.replace('ref="0.4"', 'ref="0.4" actuatorfrcrange="-2 2"').format('<motor joint="j" gear="3"/>')
  )
  for pd in ((), (('', PD(50, 0)),)):
    robot = Robot('one', '', str(path), 'b', (), 1.0, 0.5, pd=pd)
    model = build_model(robot)
    body, data = describe(robot, model), mujoco.MjData(model)
    assert body.torque_limit[0] == 2
    data.ctrl[:] = 1
    mujoco.mj_forward(model, data)
    view = View(*(np.atleast_1d(getattr(data, name)).astype(np.float32) for name in View._fields))
    assert data.qfrc_actuator[0] == pytest.approx(2)
    np.testing.assert_allclose(body.torque(view), 2)


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
    build_model(robot)
  assert '\n' not in str(error.value)
