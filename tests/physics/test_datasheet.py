"""A model.xml as a robot: what is read from the file and what is guessed, by hand."""

import math
from pathlib import Path

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.datasheet import adjusted, datasheet_of
from mjx_humanoid.physics.gains import with_actuation
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.tasks.terminations import TERMINATIONS

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
  def read(text, *changes):
    path = tmp_path / 'biped.xml'
    path.write_text(text)
    return datasheet_of(path, *changes)

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


@pytest.mark.parametrize(
  ('times', 'option', 'expected'),
  [
    ({}, 'timestep="0.004"', (0.004, 0.02, 5)),  # of the file, and 20 ms
    ({}, '', (0.002, 0.02, 10)),  # MuJoCo's own
    ({}, 'timestep="0.03"', (0.03, 0.03, 1)),  # one timestep
    ({'timestep': 0.001}, 'timestep="0.004"', (0.001, 0.02, 20)),
    ({'frame_skip': 3}, 'timestep="0.004"', (0.004, 0.012, 3)),
    ({'timestep': 0.005, 'frame_skip': 4}, 'timestep="0.004"', (0.005, 0.02, 4)),
  ],
)
def test_a_datasheet_leaves_times_to_the_file_where_it_does_not_set_them(tmp_path, times, option, expected):
  (tmp_path / 'biped.xml').write_text(BIPED.replace('timestep="0.004"', option))
  sheet = Robot('b', '', str(tmp_path / 'biped.xml'), 'ball', ('left', 'right'), 0.55, 0.3, floor='ground', **times)
  for robot in (sheet, with_actuation(sheet, TaskConfig(actuation='pd'))):
    model = build_model(robot)
    body = describe(robot, model)
    assert (model.opt.timestep, body.control_step, body.substeps) == pytest.approx(expected)
    assert (body.robot.timestep, body.robot.frame_skip) == pytest.approx((expected[0], expected[2]))
  assert describe(sheet, build_model(sheet), 2).substeps == 2


@pytest.mark.parametrize('times', [{'timestep': -0.001}, {'frame_skip': -1}])
def test_negative_times_are_refused(times):
  with pytest.raises(UserError, match='must be 0 or more; 0 takes the timestep of the MJCF file'):
    Robot('b', '', 'b.xml', 'ball', (), 0.55, 0.3, **times)


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
    ('size="9 9 1"', 'size="9 9 1" pos="0 0 0.5"', r"its floor 'ground' is at a height of 0.5 m; .* move the floor"),
    ('<motor joint="hip_left"/><motor joint="hip_right"/>', '', 'biped.xml has no actuators'),
    ('<freejoint/>', '<freejoint/><joint type="slide"/>', 'does not compile'),
    ('<geom size="0.2"/>', '<geom type="mesh" mesh="skull"/>', r'does not compile: .*mesh.*skull'),
    ('<freejoint/>', '<joint type="ball"/>', 'the first joints of the model must be those of its root'),
    (
      'size="0.2"',
      'size="2"',
      'no body but the root touches the floor in its standing pose; name its feet by --config.task.feet=.*ball',
    ),
    ('<geom size="0.2"/>', '<geom sise="0.2"/>', 'MuJoCo cannot read .*biped.xml'),
  ],
)
def test_files_of_which_nothing_can_be_guessed_are_refused_in_one_line(sheet_of, old, new, message):
  assert old in BIPED
  with pytest.raises(UserError, match=message) as error:
    sheet_of(BIPED.replace(old, new))
  assert '\n' not in str(error.value)


def test_legs_and_strides_are_those_of_the_feet(sheet_of):
  robot = sheet_of(BIPED)
  assert robot.legs == ('hip_left', 'hip_right')
  assert robot.offsets == (0.0, 0.5)


def test_feet_may_be_named_by_bodies_and_by_geoms(sheet_of):
  named = BIPED.replace(
    '<geom type="capsule" fromto="0 0 0 0 0 -0.5" size="0.05"/></body>\n    </body>',
    ('<geom name="sole" type="capsule" fromto="0 0 0 0 0 -0.5" size="0.05"/></body>\n    </body>'),
  )
  assert named != BIPED
  assert sheet_of(named, ('left',)).feet == ('left',)
  assert sheet_of(named, ('sole', 'left')).feet == ('right', 'left')
  with pytest.raises(UserError, match=r"foot in config.task.feet, .* 'biped': 'lefd'. Did you mean 'left'\?"):
    sheet_of(named, ('lefd',))


KEYS = (
  '<keyframe><key name="bent" qpos="0 0 3 1 0 0 0 0.5 0.5"/><key name="{}" qpos="0 0 3 1 0 0 0 0.3 0.2"/></keyframe>'
)


def test_a_keyframe_may_be_the_standing_pose(sheet_of):
  """By hand, both legs bent alike: 0.5 cos 0.5 + 0.05 = 0.4888."""
  text = BIPED.replace('</mujoco>', KEYS.format('crouched') + '</mujoco>')
  assert sheet_of(text).pose == (('hip_left', pytest.approx(0.1)),)
  robot = sheet_of(text, (), 'bent')
  assert robot.pose == (('hip_left', 0.5), ('hip_right', 0.5))
  assert robot.standing_height == pytest.approx(0.4888, abs=1e-4)
  assert sheet_of(text.replace('crouched', 'home')).pose == (('hip_left', 0.3), ('hip_right', 0.2))
  with pytest.raises(
    UserError, match=r"keyframe of robot 'biped': 'bend'. Did you mean 'bent'\? Choices: bent, crouched"
  ):
    sheet_of(text, (), 'bend')
  with pytest.raises(UserError, match=r"config.task.keyframe=bent: the MJCF file of robot 'biped' has no keyframes"):
    sheet_of(BIPED, (), 'bent')


def test_a_datasheet_may_get_other_feet_and_another_pose(sheet_of):
  sheet = sheet_of(BIPED.replace('</mujoco>', KEYS.format('low') + '</mujoco>'))
  assert adjusted(sheet) is sheet
  robot = adjusted(sheet, ('right',), 'bent')
  assert robot.feet == ('right',)
  assert robot.pose == (('hip_left', 0.5), ('hip_right', 0.5))
  assert robot.standing_height == pytest.approx(0.4888, abs=1e-4)
  assert robot.fallen_height == pytest.approx(0.6 * 0.4888, abs=1e-4)


def test_a_floor_is_added_where_there_is_none(sheet_of):
  robot = sheet_of(
    BIPED.replace('<geom name="ground" type="plane" size="9 9 1"/>', '<geom name="floor" size="0.01" pos="5 5 5"/>')
  )
  assert (robot.floor, robot.new_floor, robot.feet) == ('floor_', 0.0, ('left', 'right'))
  assert robot.standing_height == pytest.approx(0.55)
  model = build_model(robot)
  assert model.geom('floor_').type == mujoco.mjtGeom.mjGEOM_PLANE


ARM = """
<mujoco>
  <worldbody>
    <body name="base" pos="0 0 0.4">
      <geom size="0.05"/>
      <body name="arm"><joint name="elbow" axis="0 1 0"/><geom type="capsule" fromto="0 0 0 0 0 1" size="0.05"/></body>
    </body>
  </worldbody>
  <actuator><motor joint="elbow" gear="3"/></actuator>
</mujoco>"""


def test_a_fixed_robot_cannot_fall_and_cannot_reach_its_new_floor(sheet_of):
  """The arm reaches 1.05 m below 0.4 m; the floor is below that."""
  robot = sheet_of(ARM)
  assert (robot.feet, robot.standing_height, robot.fallen_height) == ((), 0.4, 0.0)
  assert robot.new_floor < 0.4 - 1.05
  model = build_model(robot)
  body, data = describe(robot, model), mujoco.MjData(model)
  data.qpos[:] = math.pi
  mujoco.mj_forward(model, data)
  assert not any(model.geom('floor').id in contact.geom for contact in data.contact)
  view = view_states(model, np.zeros((1, 1)), np.zeros((1, 1)))
  for name, terminate in ((name, TERMINATIONS[name]) for name in ('fallen', 'off_balance', 'collapsed', 'never')):
    assert not terminate(view, body, None).any(), name
  with pytest.raises(UserError, match=r"gait needs feet, and robot 'biped' has none; name them by config.task.feet"):
    robot.with_feet('gait')


def test_four_feet_trot():
  """Gymnasium's ant: the front left and the hind right leg swing together."""
  gymnasium = pytest.importorskip('gymnasium')
  robot = datasheet_of(Path(gymnasium.__file__).parent / 'envs' / 'mujoco' / 'assets' / 'ant.xml')
  model = build_model(robot)
  data = mujoco.MjData(model)
  data.qpos[:] = describe(robot, model).default_qpos
  mujoco.mj_kinematics(model, data)
  assert len(robot.feet) == 4
  for foot, offset in zip(robot.feet, robot.offsets, strict=True):
    x, y, _ = data.body(foot).xpos
    assert offset == (0.0 if x * y > 0 else 0.5)
  assert sorted(robot.legs) == sorted(f'{joint}_{i}' for joint in ('hip', 'ankle') for i in (1, 2, 3, 4))


def test_a_missing_file_is_said(tmp_path):
  with pytest.raises(UserError, match=r"no.xml': there is no such file"):
    datasheet_of(tmp_path / 'no.xml')
