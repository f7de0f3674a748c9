"""The completed model: the robot as published, plus floor contacts, PD control and cameras."""

import dataclasses
import subprocess
import sys

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import PD
from mjx_humanoid.physics.model import build_model, build_spec, model_file


@pytest.fixture(scope='module')
def stock(robot):
  return mujoco.MjModel.from_xml_path(str(model_file(robot)))


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
