"""The native engine and MJX are two programs for the same physics: what is learned on one must hold on the other.

Both have a converged solver here. One difference is known and left out: where a capsule that touches the floor stands
steeper than 60 degrees, MJX turns the two axes of the friction pyramid otherwise about the normal than C MuJoCo (its
fallback begins at a projected length of 0.5, that of C only at 0). All else about the contact is the same.
"""

import jax
import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.process import COMPILER_OPTIONS
from mjx_humanoid.core.types import View
from mjx_humanoid.motions.features import motion_features
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.mjx import MjxEngine
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.native import NativeEngine
from mjx_humanoid.physics.randomize import randomized_fields, varied_models
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.context import Context
from mjx_humanoid.tasks.observations import OBSERVATIONS
from mjx_humanoid.tasks.rewards import TERMS
from mjx_humanoid.tasks.terminations import TERMINATIONS

WORLDS, SUBSTEPS, STEPS = 16, 5, 20
AIR = np.broadcast_to(np.arange(WORLDS) < 8, (STEPS, WORLDS))
STEEP = 0.86  # the cosine of 30 degrees is 0.866: a capsule's axis against the vertical

# Largest differences allowed, and in brackets the largest measured with mujoco 4.0.0 and mujoco-mjx 3.17.0 over three
# seeds and half a second of control. MJX computes in single precision, and errors grow along a free run.
QPOS = 5e-4  # m, rad (1.2e-4; of a single control step in contact 6e-6)
QVEL = 1e-2  # m/s, rad/s, of which joints reach tens (2.4e-3)
SENSORS = 1.5e-3  # m, m/s, rad/s (3.8e-4)
TOUCH = 0.4  # N, on a scale of 2900 (0.10)
OBSERVED = 1e-2  # in the units of each, as joint velocities are among them (2.4e-3)
REWARD = 6e-4  # each term of weight 1 (1.6e-4)
NEAR = 1e-3  # m: heights this close to where an episode ends may differ


def gather(views):
  """View [T, B, ...] from a view for each step."""
  return View(*(np.stack([np.asarray(x) for x in field]) for field in zip(*views, strict=True)))


@pytest.fixture(scope='module')
def c_engine(converged_model):
  return NativeEngine(converged_model, WORLDS, SUBSTEPS)


@pytest.fixture(scope='module')
def begin(mjx_engine):
  return jax.jit(mjx_engine.init)


@pytest.fixture(scope='module', params=[7, 8, 9])
def case(request, draw):
  """qpos, qvel to start from, and controls."""
  return draw(request.param)


@pytest.fixture(scope='module')
def starts(case):
  return case[:2]


@pytest.fixture(scope='module')
def smooth_controls(case):
  return case[2]


@pytest.fixture(scope='module')
def native(c_engine, starts, smooth_controls):
  """Half a second by C MuJoCo."""
  state = c_engine.init(*starts)
  return gather([c_engine.step(state, ctrl)[1] for ctrl in smooth_controls])


@pytest.fixture(scope='module')
def mjx(mjx_step, begin, starts, smooth_controls):
  """The same half second by MJX."""
  state, views = begin(*starts), []
  for ctrl in smooth_controls:
    state, view = mjx_step(state, ctrl)
    views.append(view)
  return gather(views)


@pytest.fixture(scope='module')
def before(native, starts):
  """qpos, qvel [T, B] that each control step of the native run began with."""
  runs = (native.qpos, native.qvel)
  return tuple(np.concatenate([start[None], run[:-1]]) for start, run in zip(starts, runs, strict=True))


@pytest.fixture(scope='module')
def native_alone(c_engine, before, smooth_controls):
  """Each control step by itself, from the state that the native run had."""
  steps = zip(*before, smooth_controls, strict=True)
  return gather([c_engine.step(c_engine.init(*at), ctrl)[1] for *at, ctrl in steps])


@pytest.fixture(scope='module')
def mjx_alone(mjx_step, begin, before, smooth_controls):
  steps = zip(*before, smooth_controls, strict=True)
  return gather([mjx_step(begin(*at), ctrl)[1] for *at, ctrl in steps])


def contact_of_step(model, qpos, qvel, ctrl, force=0.0):
  """Whether anything touches in a control step, and the steepest capsule that does, as the cosine to the vertical."""
  data, touching, steepest = mujoco.MjData(model), False, 0.0
  data.qpos[:], data.qvel[:], data.ctrl[:] = qpos, qvel, ctrl
  data.xfrc_applied[1, :3] = force
  for _ in range(SUBSTEPS):
    mujoco.mj_step(model, data)
    geoms = [max(contact.geom) for contact in data.contact]
    capsules = [g for g in geoms if model.geom_type[g] == mujoco.mjtGeom.mjGEOM_CAPSULE]
    touching |= bool(geoms)
    steepest = max([steepest, *(abs(data.geom_xmat[g, 8]) for g in capsules)])
  return touching, steepest


@pytest.fixture(scope='module')
def contacts(converged_model, before, smooth_controls):
  """[T, B]: whether a step is in contact, and whether steeply."""
  rows = [
    [contact_of_step(converged_model, *world) for world in zip(*step, strict=True)]
    for step in zip(*before, smooth_controls, strict=True)
  ]
  touching, steepest = np.moveaxis(np.array(rows, float), 2, 0)
  return touching.astype(bool), steepest > STEEP


@pytest.fixture(scope='module')
def comparable(contacts):
  """[T, B]: steps of a free run before the first steep contact of their world."""
  return ~np.logical_or.accumulate(contacts[1], axis=0)


def assert_same_physics(a, b, rows, body):
  """Compares rows [T, B] of two runs, with the tolerance of each quantity."""
  is_touch = np.zeros(a.sensordata.shape[-1], bool)
  for name, where in body.sensors.items():
    is_touch[where] = name.endswith('_touch')
  np.testing.assert_allclose(a.time[rows], b.time[rows], atol=1e-5)
  np.testing.assert_array_equal(a.ctrl[rows], b.ctrl[rows])
  np.testing.assert_allclose(a.qpos[rows], b.qpos[rows], rtol=0, atol=QPOS)
  np.testing.assert_allclose(a.qvel[rows], b.qvel[rows], rtol=0, atol=QVEL)
  np.testing.assert_allclose(a.sensordata[rows][:, ~is_touch], b.sensordata[rows][:, ~is_touch], rtol=0, atol=SENSORS)
  np.testing.assert_allclose(a.sensordata[rows][:, is_touch], b.sensordata[rows][:, is_touch], rtol=0, atol=TOUCH)


def test_the_cases_are_what_they_are_meant_to_be(native, contacts, comparable):
  """Nothing touches in the air, much does elsewhere, and little of it is left out."""
  touching, steep = contacts
  assert not touching[AIR].any()
  assert touching[:, 8:].sum() >= 100
  assert (touching & ~steep).sum() >= 90
  assert (touching & comparable).sum() >= 50
  assert np.abs(native.qvel).max() > 5


def test_half_a_second_in_the_air(mjx, native, body):
  assert_same_physics(mjx, native, AIR, body)


def test_free_runs_in_contact(mjx, native, body, comparable):
  assert_same_physics(mjx, native, comparable & ~AIR, body)


def test_every_control_step_in_contact_by_itself(mjx_alone, native_alone, body, contacts):
  """From the same state: nothing has time to grow, so that late and violent contacts count too."""
  assert_same_physics(mjx_alone, native_alone, contacts[0] & ~contacts[1], body)


# Worlds that differ, under a force and kicked, in each control step by itself


@pytest.fixture(scope='module')
def native_varied(converged_model, varied_fields, before, smooth_controls, pushes):
  engine = NativeEngine(converged_model, WORLDS, SUBSTEPS, fields=varied_fields)
  steps = zip(*before, smooth_controls, strict=True)
  return gather([engine.step(engine.init(*at), ctrl, *pushes)[1] for *at, ctrl in steps])


@pytest.fixture(scope='module')
def mjx_varied(varied_engine, varied_step, before, smooth_controls, pushes):
  begin, steps = jax.jit(varied_engine.init), zip(*before, smooth_controls, strict=True)
  return gather([varied_step(begin(*at), ctrl, *pushes)[1] for *at, ctrl in steps])


@pytest.fixture(scope='module')
def contacts_varied(converged_model, varied_fields, before, smooth_controls, pushes):
  """[T, B]: whether a step is in contact, and whether steeply."""
  models, (forces, kicks) = varied_models(converged_model, varied_fields, WORLDS), pushes
  kicked = before[1].copy()
  kicked[:, :, :3] += kicks
  rows = [
    [contact_of_step(*world) for world in zip(models, *step, forces, strict=True)]
    for step in zip(before[0], kicked, smooth_controls, strict=True)
  ]
  touching, steepest = np.moveaxis(np.array(rows, float), 2, 0)
  return touching.astype(bool), steepest > STEEP


def test_worlds_that_differ_and_are_pushed(mjx_varied, native_varied, native_alone, body, contacts_varied):
  touching, steep = contacts_varied
  assert (touching & ~steep).sum() >= 90
  assert_same_physics(mjx_varied, native_varied, ~steep, body)
  # All this makes a difference within a single control step, many times as large as the tolerances.
  changed = np.abs(native_varied.qpos - native_alone.qpos).max(axis=2), np.abs(native_varied.qvel - native_alone.qvel)
  assert np.median(changed[0]) > 10 * QPOS
  assert np.median(changed[1].max(axis=2)) > 50 * QVEL


def contexts(ctrl, rows):
  """What the environment would add: each step's age, the action before it, and what guides it, [N, ...]."""
  count = int(rows.sum())
  last = np.concatenate([np.zeros_like(ctrl[:1]), ctrl[:-1]])
  steps = np.broadcast_to(np.arange(1, STEPS + 1, dtype=np.int32)[:, None], (STEPS, WORLDS))
  command, heading, target = (np.tile(np.float32(x), (count, 1)) for x in ([0.5, 0, 0.2], [0.8, 0.6], [0.1, -0.2]))
  phase = (0.02 * steps[rows] % 1).astype(np.float32)
  duty = np.full(count, 0.6, np.float32)
  requested = command * (np.arange(count) % 2)[:, None].astype(np.float32)  # every other one keeps its station
  return Context(steps[rows], last[rows], command, heading, target, phase, duty, requested)


def rows_of(view, rows):
  return View(*(field[rows] for field in view))


@pytest.mark.parametrize('name', [name for name in OBSERVATIONS if 'clip' not in name])
def test_observations(name, mjx, native, body, comparable):
  context = contexts(native.ctrl, comparable)
  a, b = (OBSERVATIONS[name](rows_of(view, comparable), body, context) for view in (mjx, native))
  np.testing.assert_allclose(a, b, rtol=0, atol=OBSERVED)


def test_features_of_the_motion(mjx, native, model, body, comparable):
  """Of robots that are not lying: the heading of one that faces upwards turns with every rounding."""
  features, rows = motion_features(body, model), comparable & (body.up(native)[..., 2] > 0.5)
  assert rows.sum() > 20
  a, b = (features(view.qpos[rows], view.qvel[rows]) for view in (mjx, native))
  np.testing.assert_allclose(a, b, rtol=0, atol=OBSERVED)
  assert np.abs(b).max() > 1  # m/s or rad/s


@pytest.mark.parametrize('name', list(TERMS))
def test_reward_terms(name, mjx, native, body, comparable):
  context = contexts(native.ctrl, comparable)
  term = jax.jit(jax.vmap(lambda view, context: TERMS[name](view, body, context)))
  a, b = (np.asarray(term(rows_of(view, comparable), context)) for view in (mjx, native))
  np.testing.assert_allclose(a, b, rtol=0, atol=REWARD)


@pytest.mark.parametrize('name', [name for name in TERMINATIONS if 'clip' not in name])
def test_terminations(name, mjx, native, body, comparable):
  """The same worlds end at the same steps, but for heights within a millimetre of the threshold."""
  context = contexts(native.ctrl, comparable)
  context = context._replace(step=context.step + 200)  # 5 s: whatever is late ends too

  def ends(view, lift=0.0):
    rows = rows_of(view, comparable)
    qpos = rows.qpos.copy()
    qpos[:, 2] += lift
    return np.asarray(TERMINATIONS[name](rows._replace(qpos=qpos), body, context))

  clear = ends(native, NEAR) == ends(native, -NEAR)
  assert clear.mean() > 0.95
  np.testing.assert_array_equal(ends(mjx)[clear], ends(native)[clear])


def test_worlds_fall_and_stand_in_these_cases(native, body, comparable):
  """Else the comparison of terminations would say little."""
  fallen = TERMINATIONS['fallen'](rows_of(native, comparable), body, None)
  assert 20 < fallen.sum() < fallen.size - 20


@pytest.mark.slow
def test_servos_are_the_same_on_both_engines(draw):
  """Robots in the air under servos, some at their torque limits, motors of different strength: half a second."""
  model, count = build_model(robots()['humanoid_pd'], converged=True), 4
  fields = randomized_fields(model, {'motor_strength': 0.2}, np.random.default_rng(0), count)
  qpos, qvel, controls = (x[..., :count, :] for x in draw(7))
  sides = [NativeEngine(model, count, SUBSTEPS, fields=fields)]
  sides.append(MjxEngine(model, SUBSTEPS, impl='jax', num_envs=count, fields=fields))
  runs = []
  for engine in sides:
    step = jax.jit(engine.step, compiler_options=COMPILER_OPTIONS) if engine.traceable else engine.step
    state = engine.init(qpos, qvel)
    for ctrl in 2 * controls:
      state, view = step(state, ctrl)
    runs.append(view)
  body = describe(robots()['humanoid_pd'], model)
  assert (np.abs(body.torque(runs[0])) == body.torque_limit).any()
  np.testing.assert_allclose(runs[0].qpos, runs[1].qpos, atol=QPOS)
  np.testing.assert_allclose(runs[0].qvel, runs[1].qvel, atol=QVEL)
