"""A model.xml as a robot: what is read from the file and what is guessed, by hand."""

import math

import mujoco
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.datasheet import datasheet_of
from mjx_humanoid.physics.model import build_model

# Two legs of 0.5 m under a ball, and a plane that is not called floor.
BIPED = """
<mujoco>
  <compiler angle="radian"/>
  <option timestep="0.004"/>
  <worldbody>
    <geom name="ground" type="plane" size="9 9 1"/>
    <body name="ball" pos="0 0 3"><freejoint/><geom size="0.2"/>
      <body name="left" pos="0 0.1 0"><joint name="hip_left" axis="0 1 0" range="0.1 1" limited="true"/>
        <geom type="capsule" fromto="0 0 0 0 0 -0.5" size="0.05"/></body>
      <body name="right" pos="0 -0.1 0"><joint name="hip_right" axis="0 1 0" range="-1 1" limited="true"/>
        <geom type="capsule" fromto="0 0 0 0 0 -0.5" size="0.05"/></body>
    </body>
  </worldbody>
  <actuator><motor joint="hip_left"/><motor joint="hip_right"/></actuator>
</mujoco>"""


@pytest.fixture
def sheet_of(tmp_path):
  def read(text):
    path = tmp_path / 'biped.xml'
    path.write_text(text)
    return datasheet_of(path)

  return read


def test_what_is_read_and_what_is_guessed(sheet_of):
  """The left leg is bent by 0.1 rad into its range, and 0.5 (1 - cos 0.1) = 2.5 mm shorter: still a foot."""
  robot = sheet_of(BIPED)
  assert (robot.name, robot.root, robot.floor, robot.feet) == ('biped', 'ball', 'ground', ('left', 'right'))
  assert robot.pose == (('hip_left', pytest.approx(0.1)),)
  assert robot.standing_height == pytest.approx(0.55)
  assert robot.fallen_height == pytest.approx(0.6 * 0.55)
  assert (robot.timestep, robot.frame_skip) == (0.004, 5)  # 20 ms
  assert robot.anatomy is None
  assert robot.symmetry == ()


def test_the_robot_stands_on_the_floor_in_that_pose(sheet_of):
  robot = sheet_of(BIPED)
  model = build_model(robot)
  body, data = describe(robot, model), mujoco.MjData(model)
  assert body.default_qpos[2] == pytest.approx(0.55, abs=1e-5)
  data.qpos[:] = body.default_qpos
  mujoco.mj_kinematics(model, data)
  distances = [mujoco.mj_geomDistance(model, data, 0, geom, 1.0, None) for geom in (2, 3)]  # left and right leg
  assert distances == pytest.approx([0.5 * (1 - math.cos(0.1)), 0], abs=1e-5)


@pytest.mark.parametrize(
  ('old', 'new', 'message'),
  [
    (
      'type="plane" size="9 9 1"',
      'size="1" pos="0 0 -9"',
      r'the file has no floor; add <geom name="floor" type="plane"',
    ),
    ('<freejoint/>', '<joint type="ball"/>', 'the first joints of the model must be those of its root'),
    ('size="0.2"', 'size="2"', 'no body but the root touches the floor in its own pose; write a datasheet for it'),
    ('<geom size="0.2"/>', '<geom sise="0.2"/>', 'MuJoCo cannot read .*biped.xml'),
  ],
)
def test_files_of_which_nothing_can_be_guessed_are_refused_in_one_line(sheet_of, old, new, message):
  assert old in BIPED
  with pytest.raises(UserError, match=message) as error:
    sheet_of(BIPED.replace(old, new))
  assert '\n' not in str(error.value)


def test_a_missing_file_is_said(tmp_path):
  with pytest.raises(UserError, match=r"no.xml': there is no such file"):
    datasheet_of(tmp_path / 'no.xml')
