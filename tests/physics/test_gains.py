"""task.actuation and task.pd on robots with and without PD control in their datasheet. Numbers by hand."""

import dataclasses
import math

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import PD, Robot
from mjx_humanoid.physics.gains import with_actuation
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.robots import robots

# A pendulum of 2 kg at 0.5 m, inertia 0.5 kg m2 about the hinge and a ball's own 2/5 m r2; and a light rod on a slide.
PENDULUM = """
<mujoco>
  <option timestep="0.005" gravity="0 0 0"/>
  <worldbody>
    <geom name="floor" type="plane" size="9 9 1" pos="0 0 -9"/>
    <body name="arm" pos="0 0 1"><joint name="swing" axis="0 1 0" damping="0.1"/>
      <geom mass="2" size="0.1" pos="0 0 -0.5"/></body>
    <body name="cart" pos="1 0 1"><joint name="along" type="slide" axis="1 0 0" range="-0.2 0.2" limited="true"/>
      <geom mass="0.001" size="0.1"/></body>
  </worldbody>
  <actuator>{}</actuator>
</mujoco>"""
MOTORS = '<motor joint="swing" gear="6"/><motor joint="along" gear="8"/>'


@pytest.fixture
def pendulum(tmp_path):
  def write(actuators=MOTORS):
    path = tmp_path / 'pendulum.xml'
    path.write_text(PENDULUM.format(actuators))
    return Robot('pendulum', '', str(path), 'arm', (), 1.0, 0.5)

  return write


def task(**changes):
  return replaced(TaskConfig(), changes, 'config.task')


def pd_of(robot, **changes):
  return dict(with_actuation(robot, task(**changes)).pd)


def test_nothing_changes_by_default(robot):
  for name in ('humanoid', 'humanoid_pd'):
    assert with_actuation(robots()[name], TaskConfig()) is robots()[name]


def test_torque_takes_pd_control_away(model):
  motors = build_model(with_actuation(robots()['humanoid_pd'], task(actuation='torque')))
  for field in ('gainprm', 'biasprm', 'gear', 'biastype', 'forcelimited'):
    np.testing.assert_array_equal(getattr(motors, f'actuator_{field}'), getattr(model, f'actuator_{field}'))


def test_pd_of_the_datasheet_by_joint_is_what_it_was():
  sheet = robots()['humanoid_pd']
  named = with_actuation(sheet, task(actuation='pd'))
  assert dict(named.pd)['hip_y_left'] == PD(kp=120, kd=6, action_scale=2)
  for field in ('gainprm', 'biasprm', 'gear'):
    np.testing.assert_array_equal(*(getattr(build_model(r), f'actuator_{field}') for r in (sheet, named)))


def test_numbers_for_all_for_groups_and_for_each_motor():
  sheet = robots()['humanoid_pd']
  assert {pd.kp for pd in pd_of(sheet, **{'pd.kp': 50}).values()} == {50}
  groups = pd_of(sheet, **{'pd.kd': {'knee': 3, 'knee_left': 4}, 'pd.action_scale': {'': 0.5, 'ankle': 0.25}})
  assert groups['knee_right'] == PD(80, 3, 0.5)
  assert groups['knee_left'] == PD(80, 4, 0.5)
  assert groups['ankle_x_left'] == PD(20, 1, 0.25)
  each = pd_of(sheet, **{'pd.torque_limit': [float(i + 1) for i in range(21)]})
  assert [each[name].torque_limit for name in ('abdomen_y', 'abdomen_z', 'elbow_left')] == [1, 2, 21]


def test_joints_without_pd_control_in_the_datasheet_keep_their_motors(robot):
  knees = dataclasses.replace(robot, pd=(('knee', PD(80, 4)),))
  assert pd_of(knees, **{'pd.kp': 30}) == {'knee_left': PD(30, 4), 'knee_right': PD(30, 4)}
  with pytest.raises(
    UserError, match=r"unknown joint group in config.task.pd.kp: 'hip'. Choices: knee_left, knee_right"
  ):
    pd_of(knees, **{'pd.kp': {'hip': 30}})


def test_guesses_by_hand(pendulum):
  """Swing: 6 N m at 1 rad; 1.4 sqrt(6 x 0.508) = 2.44, less the joint's own 0.1. Cart: 1 g (0.3 / 5 ms)^2 = 3.6."""
  gains = pd_of(pendulum(), actuation='pd')
  assert gains['swing'] == PD(kp=6.0, kd=pytest.approx(2.34), action_scale=1.0)
  assert gains['along'] == PD(
    kp=pytest.approx(3.6), kd=pytest.approx(1.4 * math.sqrt(3.6e-3), rel=5e-3), action_scale=0.2
  )


def test_servos_of_the_file_keep_their_gains_and_may_become_motors(pendulum):
  servos = '<position joint="swing" kp="20" kv="3" gear="2" forcerange="-5 5"/><position joint="along" kp="7" kv="1"/>'
  gains = pd_of(pendulum(servos), actuation='pd')
  assert gains['swing'] == PD(kp=80, kd=12, action_scale=1.0)  # gear^2: of lengths and of forces
  assert gains['along'] == PD(kp=7, kd=1, action_scale=0.2)
  with pytest.raises(UserError, match=r'needs a torque limit, and the servo .* has none; give it a forcerange'):
    build_model(with_actuation(pendulum(servos), task(actuation='torque')))
  motors = build_model(
    with_actuation(pendulum(servos.replace('kv="1"', 'forcerange="-4 4"')), task(actuation='torque'))
  )
  data = mujoco.MjData(motors)
  data.qpos[:], data.qvel[:], data.ctrl[:] = 0.1, 0.3, [0.5, -1]
  mujoco.mj_forward(motors, data)
  assert data.qfrc_actuator == pytest.approx([5, -4])  # half of 5 N m x gear 2; all of 4 N


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'pd.kp': 40}, r"^config.task.pd.kp needs PD control, .* 'pendulum' has not: set config.task.actuation=pd.$"),
    ({'actuation': 'torque', 'pd.kd': 1}, '^config.task.pd.kd needs PD control, and config.task.actuation=torque'),
    ({'actuation': 'pd', 'pd.kp': [1, 2, 3]}, '^config.task.pd.kp has 3 numbers for 2 motors: .* swing, along, or'),
    ({'actuation': 'pd', 'pd.kp': {'wing': 1, 'elbow': 2}}, "group in config.task.pd.kp: 'elbow'. .*: along, swing.$"),
    ({'actuation': 'pd', 'pd.kp': 'stiff'}, "^config.task.pd.kp must be a number, a list .*, not 'stiff'.$"),
    ({'actuation': 'pd', 'pd.kp': True}, '^config.task.pd.kp must be a number'),
    ({'actuation': 'pd', 'pd.kp': -1}, '^config.task.pd.kp=-1.0 is out of range: it must be at least 0'),
    ({'actuation': 'pd', 'pd.torque_limit': 0}, '^config.task.pd.torque_limit=0.0 is out of range: .* more than 0'),
    ({'actuation': 'servo'}, "^unknown value for config.task.actuation: 'servo'. Choices: datasheet, pd, torque.$"),
  ],
)
def test_what_cannot_be_is_said_in_one_line(pendulum, changes, message):
  with pytest.raises(UserError, match=message) as error:
    with_actuation(pendulum(), task(**changes))
  assert '\n' not in str(error.value)


def test_guessed_gains_are_stable_and_hold_the_pose(robot):
  """MuJoCo's humanoid by guessed gains, in the air: it stays in its pose within 0.1 rad for a second."""
  model = build_model(with_actuation(robot, task(actuation='pd')), converged=True)
  model.opt.gravity[:] = 0
  data = mujoco.MjData(model)
  data.qvel[6:] = 1.0
  for _ in range(200):
    mujoco.mj_step(model, data)
  np.testing.assert_allclose(data.qpos[7:], 0, atol=0.1)
  assert np.abs(data.qvel[6:]).max() < 0.1
