"""External forces on bodies: those of contacts and pushes, on every engine the same."""

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics import external
from mjx_humanoid.physics.mjx import MjxEngine
from mjx_humanoid.physics.native import NativeEngine
from mjx_humanoid.physics.states import view_states

# Two balls of 2 kg and 1 kg on a stick without mass, which is 1 m long; a motor turns the lighter one in place.
XML = """
<mujoco>
  <option timestep="0.002" integrator="{integrator}"/>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 1"/>
    <body name="heavy" pos="0 0 0.1">
      <freejoint/>
      <geom type="sphere" size="0.1" mass="2"/>
      <body name="light" pos="1 0 0">
        <joint name="turn" axis="0 0 1" damping="1"/>
        <geom type="sphere" size="0.1" mass="1"/>
      </body>
    </body>
  </worldbody>
  <actuator><motor joint="turn"/></actuator>
</mujoco>
"""
GRAVITY = 9.81


def made(integrator='Euler', *, sensors=True):
  spec = mujoco.MjSpec.from_string(XML.format(integrator=integrator))
  spec.add_sensor(
    name='com_pos', type=mujoco.mjtSensor.mjSENS_SUBTREECOM, objtype=mujoco.mjtObj.mjOBJ_BODY, objname='heavy'
  )
  if sensors:
    external.add_sensors(spec)
  return spec.compile()


@pytest.fixture(scope='module')
def model():
  return made()


def reading(model, view, name):
  start, width = model.sensor(name).adr[0], model.sensor(name).dim[0]
  return np.asarray(view.sensordata)[0, start : start + width]


def settled(model):
  engine = NativeEngine(model, 2, 500)
  state = engine.init(np.tile(model.qpos0, (2, 1)), np.zeros((2, model.nv)))
  return engine, *engine.step(state, np.zeros((2, 1)))


def test_a_ball_at_rest_is_carried_by_its_weight(model):
  """Torques are about the common centre of mass, 1/3 m from the heavy ball: F_z at -1/3 m along x turns about y."""
  _, _, view = settled(model)
  np.testing.assert_allclose(reading(model, view, 'heavy_external_force'), [0, 0, 2 * GRAVITY], atol=0.02)
  np.testing.assert_allclose(reading(model, view, 'light_external_force'), [0, 0, GRAVITY], atol=0.02)
  np.testing.assert_allclose(reading(model, view, 'heavy_external_torque'), [0, 2 * GRAVITY / 3, 0], atol=0.02)
  np.testing.assert_allclose(reading(model, view, 'light_external_torque'), [0, -2 * GRAVITY / 3, 0], atol=0.02)


def test_a_push_in_the_air_is_the_only_force(model):
  """4 N along y on the heavy ball, 1/3 m from the centre of mass along -x: -4/3 N m about z."""
  qpos = model.qpos0[None].copy()
  qpos[0, 2] = 5.0
  engine = NativeEngine(model, 1, 1)
  _, view = engine.step(engine.init(qpos, np.zeros((1, model.nv))), np.zeros((1, 1)), np.array([[0, 4.0, 0]]))
  np.testing.assert_allclose(reading(model, view, 'heavy_external_force'), [0, 4, 0], atol=1e-6)
  np.testing.assert_allclose(reading(model, view, 'heavy_external_torque'), [0, 0, -4 / 3], atol=1e-6)
  assert not reading(model, view, 'light_external_force').any()


def test_states_and_rollouts_are_read_the_same(model):
  engine, _, view = settled(model)
  seen = view_states(model, view.qpos.astype(float), view.qvel.astype(float))
  rows = engine._worlds.state[:, : 1 + model.nq + model.nv]
  filled = np.zeros((2, model.nsensordata))
  external.fill_at(model, rows, np.zeros((2, 1)), filled)
  for sensordata in (seen.sensordata, filled):
    np.testing.assert_allclose(
      sensordata[0, external.slots(model).columns], view.sensordata[0, external.slots(model).columns], atol=0.02
    )


def test_a_model_without_such_sensors_has_none():
  model = made(sensors=False)
  assert not external.slots(model)
  filled = np.ones((1, model.nsensordata))
  external.fill_at(model, np.zeros((1, 1)), np.zeros((1, 1)), filled)
  assert (filled == 1).all()


def test_the_centre_of_mass_is_that_of_the_last_evaluation():
  """Of a step by Runge-Kutta, whose sensors MuJoCo computes at its beginning."""
  model = made('RK4')
  data = mujoco.MjData(model)
  data.qvel[0] = 3.0
  engine = NativeEngine(model, 1, 1)
  _, view = engine.step(engine.init(data.qpos[None].copy(), data.qvel[None].copy()), np.zeros((1, 1)))
  mujoco.mj_step(model, data)
  assert data.sensor('com_pos').data[0] == pytest.approx(1 / 3)
  assert data.subtree_com[1, 0] == pytest.approx(1 / 3 + 3 * 0.002, abs=1e-4)
  np.testing.assert_allclose(reading(model, view, 'com_pos'), data.subtree_com[1], rtol=1e-6)


@pytest.mark.slow
def test_mjx_computes_them_too(model):
  engine = MjxEngine(model, 2, impl='jax', num_envs=1)
  _, _, view = settled(model)
  state = engine.init(view.qpos[:1], view.qvel[:1])
  _, found = engine.step(state, np.zeros((1, 1), np.float32))
  for name in ('heavy_external_force', 'light_external_torque'):
    np.testing.assert_allclose(reading(model, found, name), reading(model, view, name), atol=0.05)


def test_warp_refuses_them(model):
  with pytest.raises(UserError, match='engine mjx-warp does not compute external forces'):
    MjxEngine(model, 1, impl='warp', num_envs=1)


def test_mjx_takes_newton_in_place_of_pgs(model):
  from mjx_humanoid.physics.mjx import for_mjx

  model = made()
  model.opt.solver = mujoco.mjtSolver.mjSOL_PGS
  assert for_mjx(model, 'jax').opt.solver == mujoco.mjtSolver.mjSOL_NEWTON
  assert model.opt.solver == mujoco.mjtSolver.mjSOL_PGS
