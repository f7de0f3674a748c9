"""Robots: every file is listed, and the datasheet says what the robot's own MJCF file says."""

import math
import pkgutil

import mujoco
import pytest

from mjx_humanoid import robots as package
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.physics.model import model_file
from mjx_humanoid.robots import robots


def installed(name):
  """The datasheet of a robot; the test is skipped where the package of its model is not installed."""
  sheet = robots()[name]
  pytest.importorskip(sheet.package)
  return sheet


@pytest.fixture(scope='module', params=[name for name in robots() if robots()[name].package != 'mjx_humanoid'])
def sheet(request):
  return installed(request.param)


@pytest.fixture(scope='module', params=[name for name in robots() if robots()[name].anatomy])
def person(request):
  """The datasheet of a humanoid."""
  return installed(request.param)


@pytest.fixture(scope='module')
def stock(sheet):
  """The robot's file as it was published, before it is completed."""
  return mujoco.MjModel.from_xml_path(str(model_file(sheet)))


def test_every_file_of_the_folder_is_a_robot_of_that_name():
  assert sorted(robots()) == sorted(m.name for m in pkgutil.iter_modules(package.__path__))


def test_every_robot_is_a_described_datasheet(sheet):
  assert isinstance(sheet, Robot)
  assert robots().describe()[sheet.name] == sheet.description != ''


def test_an_unknown_robot_is_refused_with_the_choices():
  with pytest.raises(UserError, match=r"unknown robot 'humanod'. Did you mean 'humanoid'\? Choices: .*humanoid"):
    robots()['humanod']


def test_names_of_the_datasheet_are_those_of_the_file(sheet, stock):
  assert stock.body(sheet.root).parentid == 0
  first = int(stock.jnt_type[stock.body(sheet.root).jntadr[0]])
  assert mujoco.mjtJoint(first).name in ('mjJNT_FREE', 'mjJNT_SLIDE')
  assert stock.geom_type[stock.geom(sheet.floor).id] == mujoco.mjtGeom.mjGEOM_PLANE
  assert all(stock.body(foot).id > 0 for foot in sheet.feet)


def test_names_of_the_anatomy_are_those_of_the_file(person):
  stock = mujoco.MjModel.from_xml_path(str(model_file(person)))
  assert all(stock.body(name).id > 0 for name in (person.anatomy.head, *person.anatomy.shins))
  assert len(person.anatomy.shins) == len(person.feet)


def test_joints_of_the_legs_lie_between_the_torso_and_the_feet(sheet, stock):
  """By the tree of bodies: every joint above a foot has a part of a leg in its name, but for those of the trunk."""
  names = {stock.joint(i).name for i in range(1, stock.njnt)}
  legs = {name for name in names if any(part in name for part in sheet.legs)}
  above = set()
  for foot in sheet.feet:
    body = stock.body(foot).id
    while body and stock.body(body).name != sheet.root:
      first, count = stock.body_jntadr[body], stock.body_jntnum[body]
      above |= {stock.joint(i).name for i in range(first, first + count)}
      body = stock.body_parentid[body]
  assert legs <= above
  assert all('abdomen' in name for name in above - legs)


def test_the_relaxed_pose_is_within_the_ranges_and_the_same_on_both_sides(person):
  sheet, stock = person, mujoco.MjModel.from_xml_path(str(model_file(person)))
  names = [stock.joint(i).name for i in range(stock.njnt)]
  for part, angle in sheet.anatomy.relaxed:
    bent = {name for name in names if part in name}
    assert bent
    for name in bent:
      low, high = stock.joint(name).range
      assert low <= angle <= high
      for left, right in sheet.symmetry:
        assert (name.replace(left, right) if left in name else name.replace(right, left)) in bent
      assert not any(leg in name for leg in sheet.legs)


def test_standing_height_is_that_of_the_files_start_pose(sheet, stock):
  data = mujoco.MjData(stock)
  mujoco.mj_kinematics(stock, data)
  assert sheet.standing_height == pytest.approx(data.body(sheet.root).xpos[2], abs=1e-9)


def test_the_feet_of_the_humanoid_are_on_the_floor_in_that_pose(person):
  stock = mujoco.MjModel.from_xml_path(str(model_file(person)))
  data = mujoco.MjData(stock)
  mujoco.mj_forward(stock, data)
  assert data.ncon > 0
  assert abs(data.contact.dist).max() < 1e-9


def test_a_fallen_robot_is_lower_than_a_standing_one(sheet):
  assert 0 < sheet.fallen_height < sheet.standing_height < sheet.highest
  assert sheet.anatomy is None or 0 < sheet.anatomy.kneeling_height < sheet.standing_height


def test_time_step_and_solver_are_the_files_own(sheet, stock):
  assert sheet.timestep == stock.opt.timestep
  assert (sheet.solver_iterations, sheet.line_search_iterations) == (stock.opt.iterations, stock.opt.ls_iterations)
  assert sheet.frame_skip >= 1


def test_left_and_right_are_mirror_images_by_name(sheet, stock):
  """Each joint, body and motor of one side has its counterpart, with the same range, mass and strength."""
  for left, right in sheet.symmetry:
    names = [stock.joint(i).name for i in range(stock.njnt)]
    mirrored = [name for name in names if left in name]
    assert mirrored
    for name in mirrored:
      own, other = stock.joint(name).range, stock.joint(name.replace(left, right)).range
      assert (own == other).all() or (own == -other[::-1]).all()  # of an axis that points the other way
    for name in (stock.body(i).name for i in range(stock.nbody)):
      if left in name:
        assert stock.body(name).mass == pytest.approx(stock.body(name.replace(left, right)).mass)
    for name in (stock.actuator(i).name for i in range(stock.nu)):
      if left in name:
        assert (stock.actuator(name).gear == stock.actuator(name.replace(left, right)).gear).all()


def test_the_humanoid_is_as_described():
  sheet = robots()['humanoid']
  stock = mujoco.MjModel.from_xml_path(str(model_file(sheet)))
  assert (stock.nu, stock.nv) == (21, 27)
  assert stock.body_subtreemass[0] == pytest.approx(41, abs=0.5)  # 40.84 kg
  # The crown: torso 1.282, head 0.19 above it, a sphere of 0.09: 1.562 m.
  data = mujoco.MjData(stock)
  mujoco.mj_forward(stock, data)
  assert data.body('head').xpos[2] + stock.geom('head').size[0] == pytest.approx(1.562)
  assert sheet.timestep * sheet.frame_skip == pytest.approx(1 / 40)  # control at 40 Hz


def test_the_humanoid_kneels_at_the_height_of_its_upright_thighs():
  """Knees bent by a right angle, lowered until the shins touch the floor."""
  sheet = robots()['humanoid']
  stock = mujoco.MjModel.from_xml_path(str(model_file(sheet)))
  data = mujoco.MjData(stock)
  for side in ('left', 'right'):
    data.joint(f'knee_{side}').qpos[0] = -math.pi / 2
    data.joint(f'ankle_y_{side}').qpos[0] = math.pi / 4  # toes stretched out of the way
  mujoco.mj_forward(stock, data)
  shins = [stock.body(shin).geomadr[0] for shin in sheet.anatomy.shins]
  lowest = min(data.geom_xpos[g, 2] - stock.geom_size[g, 0] for g in shins)  # capsules that lie level
  assert data.qpos[2] - lowest == pytest.approx(sheet.anatomy.kneeling_height, abs=0.03)
