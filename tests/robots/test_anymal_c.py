"""ANYmal C has the numbers of its published model, and stands."""

import mujoco
import numpy as np
import pytest

from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model, model_file
from mjx_humanoid.robots import robots

LEGS = {'LF': (1, 1), 'RF': (1, -1), 'LH': (-1, 1), 'RH': (-1, -1)}  # front or hind, left or right
MASSES = {'HIP': 2.781, 'THIGH': 3.071, 'SHANK': 0.58842, 'FOOT': 0.0}
# Principal moments of inertia in kg m^2, smallest first.
INERTIAS = {'HIP': (3.29e-3, 4.92e-3, 5.86e-3), 'THIGH': (4.18e-3, 29.9e-3, 30.3e-3)}
INERTIAS['SHANK'] = (1.12e-3, 9.24e-3, 10.2e-3)
# m from the body above, for the left front leg: ahead, to the left, up
OFFSETS = {'HIP': (0.2999, 0.104, 0), 'THIGH': (0.0599, 0.0838, 0), 'SHANK': (0, 0.1003, -0.285)}
OFFSETS['FOOT'] = (0.088, 0.0131, -0.3155)


@pytest.fixture(scope='module')
def sheet():
  return robots()['anymal_c']


@pytest.fixture(scope='module')
def model(sheet):
  return build_model(sheet, converged=True)


def test_the_trunk_has_the_published_mass_inertia_and_centre(model):
  base = model.body('base')
  assert base.mass[0] == pytest.approx(19.2035)
  assert sorted(base.inertia) == pytest.approx((0.2174, 0.6240, 0.6396))
  assert base.ipos == pytest.approx((0.0025, 0, 0.0502))
  assert model.body_subtreemass[0] == pytest.approx(44.97, abs=0.01)


@pytest.mark.parametrize('leg', LEGS)
def test_a_leg_has_the_published_masses_inertias_and_offsets(model, leg):
  front, left = LEGS[leg]
  for part, mass in MASSES.items():
    body = model.body(f'{leg}_{part}')
    assert body.mass[0] == pytest.approx(mass)
    assert body.pos == pytest.approx(np.array(OFFSETS[part]) * (front, left, 1))
    if part in INERTIAS:
      assert sorted(body.inertia) == pytest.approx(INERTIAS[part])
  foot = model.geom(f'{leg}_FOOT')
  assert (foot.type[0], foot.size[0]) == (mujoco.mjtGeom.mjGEOM_SPHERE, 0.03)


@pytest.mark.parametrize('leg', LEGS)
def test_joints_and_motors_have_the_published_ranges_and_strength(model, leg):
  abduction = (-0.72, 0.49) if leg[0] == 'L' else (-0.49, 0.72)
  for name, range_ in {'HAA': abduction, 'HFE': (-9.42, 9.42), 'KFE': (-9.42, 9.42)}.items():
    joint, motor = model.joint(f'{leg}_{name}'), model.actuator(f'{leg}_{name}')
    assert joint.range == pytest.approx(range_)
    assert (joint.damping[0], joint.frictionloss[0]) == (1.0, 0.1)
    # The file's joints turn about the axes of the trunk: a leg outwards about x, hip and knee about y.
    assert joint.axis == pytest.approx((1, 0, 0) if name == 'HAA' else (0, 1, 0))
    gear = abs(motor.gear[0])
    assert gear * motor.forcerange == pytest.approx((-80, 80))
    assert -motor.biasprm[1] * gear**2 == pytest.approx(100)  # kp in N m/rad


def test_it_stands_on_four_feet_as_high_as_its_datasheet_says(sheet, model):
  body = describe(sheet, model)
  assert body.default_qpos[2] == pytest.approx(sheet.standing_height, abs=1e-3)
  assert body.foot_heights == pytest.approx([0.03] * 4, abs=1e-5)


def test_it_keeps_standing_under_pd_control(sheet, model):
  """In C MuJoCo, for 3 s. The gains are as soft as published: it sinks by about 2 cm."""
  data = mujoco.MjData(model)
  data.qpos[:] = describe(sheet, model).default_qpos
  mujoco.mj_step(model, data, 600)
  assert 0.52 < data.qpos[2] < 0.559
  assert data.qpos[3] > 0.9999  # cosine of half of its tilt
  assert np.linalg.norm(data.qpos[:2]) < 0.01
  assert np.abs(data.qvel).max() < 0.05


def test_its_file_is_inside_the_package_so_that_a_wheel_holds_it():
  import mjx_humanoid

  folder = model_file(robots()['anymal_c']).parent
  assert folder.parent.samefile(mjx_humanoid.__path__[0])
