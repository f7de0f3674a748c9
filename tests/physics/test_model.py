"""The completed model: the robot as published, plus floor contacts, sensors and cameras that say what they should."""

import dataclasses
import subprocess
import sys

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import PD, Anatomy, Robot
from mjx_humanoid.physics.model import build_model, build_spec, model_file

XBODY = mujoco.mjtObj.mjOBJ_XBODY


@pytest.fixture(scope='module')
def stock(robot):
  return mujoco.MjModel.from_xml_path(str(model_file(robot)))


@pytest.fixture(scope='module')
def moving(model):
  """A world in the air in a random pose and motion, after mj_forward."""
  rng = np.random.default_rng(3)
  data = mujoco.MjData(model)
  data.qpos[:] = model.qpos0 + rng.normal(size=model.nq) * 0.3
  data.qpos[2] = 3.0
  data.qpos[3:7] /= np.linalg.norm(data.qpos[3:7])
  data.qvel[:] = rng.normal(size=model.nv)
  mujoco.mj_forward(model, data)
  return data


@pytest.fixture(scope='module')
def lying(model):
  """A world that lies on its back, half a second after it was let go."""
  data = mujoco.MjData(model)
  data.qpos[2] = 0.3
  data.qpos[3:7] = [np.sqrt(0.5), 0, -np.sqrt(0.5), 0]
  mujoco.mj_step(model, data, 100)
  mujoco.mj_forward(model, data)
  return data


def velocity(model, data, body):
  """World (angular, linear) velocity of a body's frame."""
  result = np.zeros(6)
  mujoco.mj_objectVelocity(model, data, XBODY, model.body(body).id, result, 0)
  return result[:3], result[3:]


def test_the_robot_itself_is_as_published(model, stock):
  assert (model.nq, model.nv, model.nu, model.nbody, model.ngeom) == (stock.nq, stock.nv, stock.nu, stock.nbody, 20)
  names = ('body_mass', 'body_inertia', 'body_pos', 'jnt_range', 'dof_damping', 'jnt_stiffness', 'actuator_gear')
  for name in (*names, 'qpos0', 'geom_size', 'geom_solref', 'dof_armature', 'actuator_ctrlrange'):
    assert (getattr(model, name) == getattr(stock, name)).all(), name


def test_solver_is_the_datasheets_in_training_and_converged_elsewhere(robot, model, converged_model):
  assert (model.opt.iterations, model.opt.ls_iterations) == (robot.solver_iterations, robot.line_search_iterations)
  assert (converged_model.opt.iterations, converged_model.opt.ls_iterations) == (100, 50)
  assert converged_model.opt.timestep == model.opt.timestep == robot.timestep


def test_a_datasheet_changes_the_options_of_its_model_only(robot, model):
  other = build_model(dataclasses.replace(robot, timestep=0.002, solver_iterations=7, line_search_iterations=9))
  assert (other.opt.timestep, other.opt.iterations, other.opt.ls_iterations) == (0.002, 7, 9)
  assert (model.opt.timestep, model.opt.iterations) == (robot.timestep, robot.solver_iterations)


def test_every_geom_meets_the_floor_once_and_nothing_else(model, robot):
  floor = model.geom(robot.floor).id
  pairs = [{model.pair_geom1[i], model.pair_geom2[i]} for i in range(model.npair)]
  assert all(floor in pair for pair in pairs)
  others = sorted(next(iter(pair - {floor})) for pair in pairs)
  assert others == [i for i in range(model.ngeom) if i != floor]
  assert (model.geom_contype * (np.arange(model.ngeom) != floor) == 0).all()


def test_added_contacts_feel_like_those_of_the_feet(model):
  """All geoms of the robot have one friction, solref and solimp, so all their pairs with the floor must too."""
  feet = [i for i in range(model.npair) if 'foot' in model.geom(max(model.pair_geom1[i], model.pair_geom2[i])).name]
  assert len(feet) == 4
  for name in ('pair_friction', 'pair_solref', 'pair_solimp', 'pair_dim', 'pair_margin', 'pair_gap'):
    values = getattr(model, name)
    assert (values == values[feet[0]]).all(), name


def test_a_robot_on_its_back_rests_on_the_floor(model, lying):
  assert lying.ncon > 4
  assert lying.qpos[2] > 0.03
  assert lying.contact.dist.min() > -0.01


def test_a_nan_is_not_mended_by_mujoco(model):
  """Else a diverged world would silently start anew, and nobody would know."""
  data = mujoco.MjData(model)
  data.qvel[3] = np.nan
  for _ in range(5):
    mujoco.mj_step(model, data)
  assert np.isnan(data.qvel).any()


# PD control


@pytest.mark.parametrize(
  ('ctrl', 'angle', 'velocity', 'torque'),
  [
    (0.0, 0.0, 0.0, 0.0),
    (-0.9, -0.5, 2.0, -42.4),  # 120 (0.8 x -0.9 + 0.5) - 8 x 2
    (-0.5, -0.4, 0.0, 0.0),  # where it was asked to be
    (1.0, -1.0, 0.0, 80.0),  # 216 N m, were it not for the limit
    (-1.0, 0.0, 9.0, -80.0),
    (-3.0, -0.5, 0.0, -36.0),  # no more than ctrl = -1 is ever asked for
  ],
)
def test_pd_control_pulls_towards_the_target_within_the_torque_limit(robot, ctrl, angle, velocity, torque):
  pd_model = build_model(dataclasses.replace(robot, pd=(('', PD(kp=120, kd=8, action_scale=0.8)),)))
  data = mujoco.MjData(pd_model)
  data.actuator('knee_left').ctrl[0] = ctrl
  data.joint('knee_left').qpos[0], data.joint('knee_left').qvel[0] = angle, velocity
  mujoco.mj_forward(pd_model, data)
  assert data.joint('knee_left').qfrc_actuator[0] == pytest.approx(torque)


def test_pd_control_changes_nothing_but_the_motors(robot, model):
  pd_model = build_model(dataclasses.replace(robot, pd=(('', PD(40.0, 2.0, 2.0)),)))
  arrays = [n for n in dir(model) if not n.startswith('_') and isinstance(getattr(model, n), np.ndarray)]
  changed = {n for n in arrays if not np.array_equal(getattr(model, n), getattr(pd_model, n), equal_nan=True)}
  motors = {'gainprm', 'biasprm', 'biastype', 'forcelimited', 'forcerange'}
  assert changed == {f'actuator_{field}' for field in motors}


# Sensors, against MuJoCo's own arrays


def test_position_sensors(moving, robot):
  assert moving.sensor('torso_pos').data == pytest.approx(moving.body(robot.root).xpos)
  assert moving.sensor('head_pos').data == pytest.approx(moving.body(robot.anatomy.head).xpos)
  for foot in robot.feet:
    assert moving.sensor(f'{foot}_pos').data == pytest.approx(moving.body(foot).xpos)


def test_axis_sensors_are_columns_of_the_rotation(moving, robot):
  rotation = moving.body(robot.root).xmat.reshape(3, 3)
  assert moving.sensor('torso_forward').data == pytest.approx(rotation[:, 0])
  assert moving.sensor('torso_up').data == pytest.approx(rotation[:, 2])
  for foot in robot.feet:
    assert moving.sensor(f'{foot}_up').data == pytest.approx(moving.body(foot).xmat.reshape(3, 3)[:, 2])


def test_velocity_sensors_are_in_world_axes(model, moving, robot):
  angular, linear = velocity(model, moving, robot.root)
  assert moving.sensor('torso_angvel').data == pytest.approx(angular)
  assert moving.sensor('torso_linvel').data == pytest.approx(linear)
  assert linear == pytest.approx(moving.qvel[:3])  # a free joint's linear velocity is in world axes too
  for foot in robot.feet:
    assert moving.sensor(f'{foot}_linvel').data == pytest.approx(velocity(model, moving, foot)[1])


def test_centre_of_mass_sensors_are_weighted_means_over_the_bodies(model, moving):
  mass = model.body_mass[1:, None]
  center = (mass * moving.xipos[1:]).sum(axis=0) / mass.sum()
  assert moving.sensor('com_pos').data == pytest.approx(center)
  momentum = np.zeros(3)
  for i in range(1, model.nbody):
    result = np.zeros(6)
    mujoco.mj_objectVelocity(model, moving, mujoco.mjtObj.mjOBJ_BODY, i, result, 0)
    momentum += model.body_mass[i] * result[3:]
  assert moving.sensor('com_vel').data == pytest.approx(momentum / mass.sum())


def contact_forces(model, data):
  """Summed normal force on each body by name, from the solver's contacts."""
  total = {model.body(i).name: 0.0 for i in range(1, model.nbody)}
  for i in range(data.ncon):
    force = np.zeros(6)
    mujoco.mj_contactForce(model, data, i, force)
    body = max(model.geom_bodyid[data.contact[i].geom])
    total[model.body(body).name] += force[0]
  return total


def test_touch_sensors_feel_the_normal_force_on_their_body(model, lying):
  expected = contact_forces(model, lying)
  assert sum(force > 1 for force in expected.values()) >= 3
  for name, force in expected.items():
    assert lying.sensor(f'{name}_touch').data[0] == pytest.approx(force, abs=1e-6), name


def test_touch_sensors_feel_nothing_in_the_air(moving, model):
  names = [model.sensor(i).name for i in range(model.nsensor)]
  assert [n for n in names if n.endswith('_touch') and moving.sensor(n).data[0] != 0] == []


def test_touch_sensors_of_a_giant_reach_all_of_it(tmp_path):
  """A leg of 3 m, whose sole is 1.5 m from the frame of its body: 10 kg, 98.1 N."""
  path = tmp_path / 'giant.xml'
  path.write_text("""
<mujoco>
  <worldbody>
    <geom name="floor" type="plane" size="9 9 1"/>
    <body name="leg" pos="0 0 1.5"><joint name="up" type="slide" axis="0 0 1" damping="50"/>
      <geom type="box" size="0.2 0.2 1.5" mass="10"/>
    </body>
  </worldbody>
  <actuator><motor joint="up"/></actuator>
</mujoco>""")
  giant = build_model(Robot('giant', '', str(path), 'leg', ('leg',), 3.5, 1.0), converged=True)
  data = mujoco.MjData(giant)
  mujoco.mj_step(giant, data, 400)
  assert data.sensor('leg_touch').data[0] == pytest.approx(98.1, rel=0.01)


def test_feet_carry_the_weight_of_a_robot_that_was_just_put_down(model, robot):
  data = mujoco.MjData(model)
  mujoco.mj_step(model, data, 20)  # 0.1 s: at rest, and not yet falling
  mujoco.mj_forward(model, data)
  feet = sum(data.sensor(f'{foot}_touch').data[0] for foot in robot.feet)
  assert feet == pytest.approx(40.844 * 9.81, rel=0.2)


# Cameras, files, messages


@pytest.mark.parametrize('name', ['track', 'side', 'back', 'front'])
def test_cameras_follow_and_look_at_the_robot(model, name):
  data = mujoco.MjData(model)
  data.qpos[:2] = [5, -7]
  mujoco.mj_forward(model, data)
  camera = data.camera(name)
  to_robot = data.sensor('com_pos').data - camera.xpos
  assert 2 < np.linalg.norm(to_robot) < 6
  # A camera looks along its -z axis; cos(20 degrees) = 0.94.
  assert -camera.xmat.reshape(3, 3)[:, 2] @ to_robot / np.linalg.norm(to_robot) > 0.94


def test_cameras_that_play_names_exist(model):
  names = {model.cam(i).name for i in range(model.ncam)}
  assert {'track', 'front', 'side', 'back', 'egocentric'} <= names


def test_the_spec_can_still_be_edited(robot):
  spec = build_spec(robot)
  spec.body(robot.root).add_geom(name='backpack', type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.1, 0, 0], mass=2)
  assert spec.compile().body_subtreemass[0] == pytest.approx(40.844 + 2, abs=1e-3)


@pytest.mark.parametrize('change', [{'file': 'no/such.xml'}, {'package': 'no_such_package'}, {'file': 'mjx'}])
def test_a_missing_model_file_says_how_to_mend_it(robot, change):
  with pytest.raises(UserError, match=r'is missing from the package .*pip'):
    model_file(dataclasses.replace(robot, **change))


DIVERGE = """
import sys, mujoco
from mjx_humanoid.physics import model
m = mujoco.MjModel.from_xml_string('<mujoco><worldbody><body><freejoint/><geom size="1"/></body></worldbody></mujoco>')
d = mujoco.MjData(m)
d.qpos[0] = float('nan')
with model.quiet(), model.quiet():
  if sys.argv[1] == 'quiet':
    mujoco.mj_step(m, d)
if sys.argv[1] != 'quiet':
  mujoco.mj_step(m, d)
"""


def said_when_diverging(how, folder):
  done = subprocess.run([sys.executable, '-c', DIVERGE, how], cwd=folder, capture_output=True, text=True, check=True)
  return done.stdout + done.stderr + ''.join(p.name for p in folder.iterdir())


def test_quiet_writes_no_warning_and_no_file_and_ends(tmp_path):
  assert said_when_diverging('quiet', tmp_path) == ''
  assert said_when_diverging('loud', tmp_path) != ''


# Files that were not written for this package

HOPPER = """
<mujoco>
  <compiler angle="radian"/>
  <worldbody>
    <geom name="floor" type="plane" size="9 9 1" contype="1" conaffinity="2"/>
    <body name="trunk" pos="0 0 1">
      <freejoint/>
      <camera name="track" pos="9 9 9"/><camera name="mine" pos="1 0 0"/>
      <geom name="chest" size="0.1" contype="4" conaffinity="4"/>
      <geom size="0.1" pos="0 0 .3" contype="4" conaffinity="4"/>
      <body pos="0 0 -0.3">
        <joint name="hip" axis="0 1 0" range="-2 2"/>
        <geom size="0.1" contype="4" conaffinity="4"/>
        <body name="foot" pos="0 0 -0.3">
          <joint axis="0 1 0" range="-2 2"/>
          <geom name="sole" size="0.1" contype="2" conaffinity="2"/>
        </body>
      </body>
    </body>
  </worldbody>
  <contact><pair geom1="floor" geom2="chest" friction="0.3 0.3 0.01 0.01 0.01"/></contact>
  <actuator>{actuators}</actuator>
  <sensor>{sensors}</sensor>
</mujoco>"""
MOTORS = '<motor name="m" joint="hip" gear="3" ctrllimited="true" ctrlrange="-0.4 0.4"/>'


@pytest.fixture
def hopper(tmp_path):
  """hopper(**changes of the datasheet) -> a robot of one leg."""

  def make(actuators=MOTORS, sensors='', text=HOPPER, **changes):
    path = tmp_path / 'hopper.xml'
    path.write_text(text.format(actuators=actuators, sensors=sensors))
    return Robot(**{**SHEET, 'file': str(path), **changes})

  return make


SHEET = {
  'name': 'hopper', 'description': '', 'root': 'trunk', 'feet': ('foot',), 'standing_height': 1.0, 'fallen_height': 0.5,
}  # fmt: skip


def test_what_has_no_name_gets_one(hopper):
  """By its number in the file: body 0 is the world, geom 0 the floor."""
  model = build_model(hopper())
  assert [model.body(i).name for i in range(model.nbody)] == ['world', 'trunk', 'body_2', 'foot']
  assert [model.geom(i).name for i in range(model.ngeom)] == ['floor', 'chest', 'geom_2', 'geom_3', 'sole']
  assert [model.joint(i).name for i in range(model.njnt)] == ['joint_0', 'hip', 'joint_2']
  assert 'body_2_touch' in {model.sensor(i).name for i in range(model.nsensor)}


def test_a_name_that_is_taken_is_not_given_again(hopper):
  model = build_model(hopper(text=HOPPER.replace('"chest"', '"geom_2"')))
  assert [model.geom(i).name for i in range(model.ngeom)] == ['floor', 'geom_2', 'geom_2_', 'geom_3', 'sole']


def test_cameras_of_the_files_own_are_replaced_only_where_their_name_is_needed(hopper):
  model = build_model(hopper())
  assert sorted(model.cam(i).name for i in range(model.ncam)) == ['front', 'mine', 'track']
  np.testing.assert_allclose(model.cam('track').pos, [1.9, -2.1, 0.15])


def test_only_geoms_that_do_not_meet_the_floor_yet_get_a_contact_with_it(hopper):
  """The chest has a pair of its own, which stays; the sole collides with the floor by its masks."""
  model = build_model(hopper())
  floor = model.geom('floor').id
  pairs = {
    next(model.geom(g).name for g in (model.pair_geom1[i], model.pair_geom2[i]) if g != floor): i
    for i in range(model.npair)
  }
  assert set(pairs) == {'chest', 'geom_2', 'geom_3'}
  assert model.pair_friction[pairs['chest'], 0] == 0.3


@pytest.mark.parametrize(
  ('actuator', 'low', 'high'),
  [
    ('<motor joint="hip" gear="3" ctrllimited="true" ctrlrange="-0.4 0.4"/>', -0.4, 0.4),
    ('<motor joint="hip" gear="3" ctrllimited="true" ctrlrange="-1 1"/>', -1, 1),
    ('<motor joint="hip" gear="3" ctrllimited="true" ctrlrange="0 5"/>', 0, 5),
    ('<motor joint="hip" gear="3"/>', -1, 1),  # no range: as it is
    ('<position joint="hip" kp="20" ctrllimited="true" ctrlrange="-0.5 1.5"/>', -0.5, 1.5),
    ('<position joint="hip" kp="20" kv="2" ctrllimited="true" ctrlrange="-0.5 1.5"/>', -0.5, 1.5),
    ('<velocity joint="hip" kv="4" ctrllimited="true" ctrlrange="-3 3"/>', -3, 3),
    ('<general joint="hip" gear="2" gainprm="7" ctrllimited="true" ctrlrange="-2 6"/>', -2, 6),
  ],
)
def test_controls_from_minus_one_to_one_mean_the_files_own_range(hopper, actuator, low, high):
  """Equal joint forces, by C MuJoCo, from the file as it is and from the completed model."""
  robot = hopper(actuators=actuator)
  stock, model = mujoco.MjModel.from_xml_path(robot.file), build_model(robot)
  np.testing.assert_array_equal(model.actuator_ctrlrange, [[-1, 1]])
  for share in (-1.0, -0.3, 0.0, 0.7, 1.0):
    forces = []
    for each, ctrl in ((stock, (low + high) / 2 + share * (high - low) / 2), (model, share)):
      data = mujoco.MjData(each)
      data.qpos[7:], data.qvel[6:], data.ctrl[:] = (0.3, 0.0), (0.5, 0.0), ctrl
      mujoco.mj_forward(each, data)
      forces.append(data.qfrc_actuator.copy())
    np.testing.assert_allclose(forces[1], forces[0], atol=1e-12)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'root': 'trunc'}, "unknown body in the datasheet of robot 'hopper': 'trunc'. Did you mean 'trunk'? Choices: "),
    ({'feet': ('feet',)}, "unknown body in the datasheet of robot 'hopper': 'feet'. Choices: body_2, foot, trunk."),
    ({'floor': 'ground'}, "unknown floor geom in the datasheet of robot 'hopper': 'ground'. Choices: chest, floor, "),
    ({'pd': (('knee', PD(1, 1, 1)),)}, "joint group of PD control in the datasheet of robot 'hopper': 'knee'."),
    ({'anatomy': Anatomy('head', (), 0.5)}, "'hopper': 'head'"),
    ({'anatomy': Anatomy('trunk', ('shin',), 0.5)}, "'hopper': 'shin'"),
  ],
)  # fmt: skip
def test_names_that_the_file_lacks_are_refused_with_the_choices(hopper, change, message):
  with pytest.raises(UserError) as error:
    build_model(hopper(**change))
  assert message in str(error.value)
  assert 'Choices: ' in str(error.value)
  assert '\n' not in str(error.value)


def test_actuators_with_a_state_are_refused(hopper):
  """Their activation is in no reset and no checkpoint: an episode would begin with that of the one before."""
  text = '<general name="m" joint="hip" dyntype="{}" dynprm="0.1" ctrllimited="true" ctrlrange="-1 1"/>'
  for kind in ('integrator', 'filter', 'filterexact'):
    with pytest.raises(UserError, match=rf"^robot 'hopper': the actuator 'm' has a state .*dyntype {kind}\)"):
      build_model(hopper(text.format(kind)))
  assert build_model(hopper(text.format('none'))).na == 0


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('<mujoco>', 'MuJoCo cannot read .*hopper.xml: .*XML'),
    (HOPPER.replace('size="0.1" pos', 'sise="0.1" pos'), "MuJoCo cannot read .*unrecognized attribute: 'sise'"),
    (HOPPER.replace('<freejoint/>', '<joint type="ball"/><freejoint/>'), 'does not compile: .*more than 6 dofs'),
    (HOPPER.replace('{actuators}', ''), 'has no actuators, so there is nothing to control'),
  ],
)
def test_a_file_that_does_not_work_is_refused_with_mujocos_message_in_one_line(hopper, text, message):
  with pytest.raises(UserError, match=message) as error:
    build_model(hopper(text=text))
  assert str(error.value).startswith("robot 'hopper'")
  assert '\n' not in str(error.value)


def test_a_foot_may_be_the_root_or_the_head(hopper):
  names = [s.name for s in build_spec(hopper(feet=('trunk',), anatomy=Anatomy('trunk', (), 0.5))).sensors]
  assert len(names) == len(set(names))


def test_a_sensor_of_the_files_own_that_is_the_same_serves(hopper):
  sensor = '<framepos name="foot_pos" objtype="xbody" objname="foot"/>'
  model = build_model(hopper(sensors=sensor))
  assert [model.sensor(i).name for i in range(model.nsensor)].count('foot_pos') == 1


def test_a_sensor_of_the_files_own_that_is_another_is_refused(hopper):
  """Else tasks would read something else by that name, without a word."""
  sensor = '<framepos name="foot_pos" objtype="xbody" objname="trunk"/>'
  with pytest.raises(
    UserError, match=r"'hopper': its sensor 'foot_pos' is not what tasks read by that name; rename it"
  ):
    build_model(hopper(sensors=sensor))
