"""Stability of a timestep: PD control of a pendulum, whose limits are known."""

import dataclasses

import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import PD, Robot
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.stability import refuse_unstable, stability, stable_timestep
from mjx_humanoid.robots import robots

# A point of 1 kg at 1 m from a hinge, without gravity: inertia 1 kg m2 but for the ball's own 4e-5.
PENDULUM = """
<mujoco>
  <option timestep="{}" gravity="0 0 0"/>
  <worldbody>
    <geom name="floor" type="plane" size="9 9 1" pos="0 0 -9"/>
    <body name="arm" pos="0 0 1"><joint name="swing" axis="0 1 0"/><geom mass="1" size="0.01" pos="0 0 -1"/></body>
  </worldbody>
  <actuator><motor joint="swing"/></actuator>
</mujoco>"""


@pytest.fixture
def pendulum(tmp_path):
  def write(timestep, kp, kd):
    path = tmp_path / 'pendulum.xml'
    path.write_text(PENDULUM.format(timestep))
    sheet = Robot('pendulum', '', str(path), 'arm', (), 1.0, 0.0, pd=(('', PD(kp, kd, 1.0, 1e6)),))
    return dataclasses.replace(sheet, timestep=timestep)

  return write


def test_explicit_pd_control_is_stable_below_its_limit(pendulum):
  """Semi-implicit Euler: v <- v - dt (kp x + kd v) is stable for dt^2 kp + 2 dt kd < 4 at an inertia of 1.

  Of kp 1600 and kd 25 at 10 ms, 0.16 + 0.5; at 40 ms, 2.56 + 2.
  """
  for timestep, is_stable in ((0.01, True), (0.04, False)):
    robot = pendulum(timestep, 1600.0, 25.0)
    assert stability(robot, build_model(robot)).stable == is_stable


def test_the_cure_is_a_timestep_that_is_stable(pendulum):
  """20 ms: 0.64 + 1 < 4."""
  robot = pendulum(0.04, 1600.0, 25.0)
  model = build_model(robot)
  assert stable_timestep(robot, model) == 0.02
  with pytest.raises(
    UserError, match=r"'pendulum': physics is unstable .* 0.04 s .* timestep=\"0.02\" .* lower"
  ) as error:
    refuse_unstable(robot, model)
  assert '\n' not in str(error.value)
  assert model.opt.timestep == 0.04


def test_the_humanoid_is_stable(robot, model):
  for name in ('humanoid', 'humanoid_pd'):
    sheet = robots()[name]
    refuse_unstable(sheet, build_model(sheet))
