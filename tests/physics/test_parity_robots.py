"""The native engine and MJX are the same for every robot: motion, sensors, and what its main config makes of them.

Each control step begins from the same state. See test_parity.py, which compares the humanoid in more detail, for the
solver. Four differences are known, and left out:

- contact of capsules that stand steeply, see there;
- boxes on the floor: of the corners below it, MJX keeps those within 1 mm of the deepest, C MuJoCo all four;
- a joint exactly at its limit is beyond it in double precision or in single precision alone: none starts there;
- Runge-Kutta: sensors of MJX describe the last of its four stages, those of C MuJoCo the first.
"""

from typing import NamedTuple

import jax
import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.config.files import load_config
from mjx_humanoid.core.config.schema import resolve
from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.process import COMPILER_OPTIONS
from mjx_humanoid.core.types import View
from mjx_humanoid.physics import external
from mjx_humanoid.physics.choice import make_engine
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.playback.rollout import task_and_model
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.context import Context
from mjx_humanoid.tasks.rewards import TERMS
from mjx_humanoid.tasks.task import Task

pytestmark = pytest.mark.slow  # each robot compiles for half a minute

WORLDS, STEPS = 6, 6
AIR = np.arange(WORLDS) < 3  # worlds that start above the floor
STEEP = 0.86  # cosine of a capsule's axis to the vertical

CORNERS = 9e-4  # m between the depths of two corners of a box, from which MJX may leave out the higher
INSIDE = 1e-3  # rad or m by which joints start within their limits, and robots in the floor: rounding decides neither

# Largest differences allowed, as in test_parity.py; the largest measured in brackets.
QPOS = 5e-4  # m, rad (1.7e-6)
QVEL = 1e-2  # m/s, rad/s (1.1e-4)
SENSORS = 1.5e-3  # m, m/s, rad/s (3.2e-5)
TOUCH = 0.4  # N, on a scale of 950 (0.014)
EXTERNAL = 1e-3  # relative above 1 N or N m (5.4e-5)
OBSERVED = 1e-2  # in the units of each (1.1e-4)
REWARD = 6e-4  # each term of weight 1, relative above 1 (2e-5)
NEAR = 1e-3  # m: heights this close to where an episode ends may differ
LOWERED = (0.0, 0.25, 0.5, 0.75)  # of standing height, by which both runs are lowered: for ends of episodes

# The main config of each robot that does not have its name, and settings of the task.
MAIN = {'humanoid_pd': 'walk'}
GAINS = {'pd.kp': {'hip': 60.0, 'knee': 110.0, 'ankle': 40.0}, 'pd.kd': 1.5, 'pd.torque_limit': 12.0}
CASES = {name: (MAIN.get(name, name), {}) for name in robots() if name != 'humanoid'}
CASES['biped_pd with gains of its own'] = ('biped_pd', GAINS)


class Ran(NamedTuple):
  """Control steps [N] of both engines that are to be the same, from the same states."""

  task: Task
  native: View
  mjx: View
  judged: Context  # for reward and termination
  observed: Context
  air: np.ndarray  # bool [N]: of worlds that started above the floor
  touching: np.ndarray  # bool [N]: something touches the floor
  moved: float  # m or rad, the most of any coordinate in a control step
  runge_kutta: bool


def clearance(model, floor, qpos):
  """Height in m of the lowest point above the floor, at least 0."""
  data = mujoco.MjData(model)
  data.qpos[:] = qpos
  mujoco.mj_kinematics(model, data)
  geoms = [geom for geom in range(model.ngeom) if model.geom_bodyid[geom]]
  return max(0.0, min(mujoco.mj_geomDistance(model, data, floor, geom, 1.0, None) for geom in geoms))


def starts(model, body, rng):
  """qpos, qvel: the standing pose with noise, in the air and on the floor."""
  qpos = np.repeat(body.default_qpos[None].astype(np.float64), WORLDS, axis=0)
  angles = qpos[:, body.root.nq :] + 0.05 * rng.normal(size=(WORLDS, len(body.joint_names)))
  low, high = body.joint_range.T
  qpos[:, body.root.nq :] = np.clip(angles, low + INSIDE, high - INSIDE)
  above = np.array([clearance(model, model.geom(body.robot.floor).id, each) for each in qpos])
  height = body.root.height(qpos) + np.where(AIR, 2.0, np.where(above > 0, -above - INSIDE, 0))
  return body.root.placed(qpos, body.root.quaternion(qpos), height), 0.3 * rng.normal(size=(WORLDS, body.nv))


def contact_of_step(model, substeps, qpos, qvel, ctrl):
  """Whether anything touches the floor in a control step, and whether in a way in which MJX is known to differ."""
  data, touching = mujoco.MjData(model), False
  data.qpos[:], data.qvel[:], data.ctrl[:] = qpos, qvel, ctrl
  for _ in range(substeps):
    mujoco.mj_step(model, data)
    depths = {}
    for contact in data.contact:
      depths.setdefault(tuple(contact.geom), []).append(contact.dist)
    kinds = {geom: model.geom_type[geom] for pair in depths for geom in pair}
    touching |= mujoco.mjtGeom.mjGEOM_PLANE in kinds.values()
    capsules = [geom for geom, kind in kinds.items() if kind == mujoco.mjtGeom.mjGEOM_CAPSULE]
    if any(abs(data.geom_xmat[geom, 8]) > STEEP for geom in capsules):
      return touching, True
    boxes = [d for pair, d in depths.items() if mujoco.mjtGeom.mjGEOM_BOX in map(kinds.get, pair)]
    if any(max(d) - min(d) > CORNERS for d in boxes):
      return touching, True
  return touching, False


@pytest.fixture(scope='module', params=list(CASES))
def ran(request):
  name, settings = CASES[request.param]
  config = resolve(load_config(name)).task
  if robots()[config.robot].package:
    pytest.importorskip(robots()[config.robot].package)
  task, model = task_and_model(replaced(config, settings, 'config.task'))
  body, rng = task.body, np.random.default_rng(0)
  native, mjx = (make_engine(engine, model, WORLDS, body.substeps) for engine in ('native', 'mjx'))
  begin, step = jax.jit(mjx.init), jax.jit(mjx.step, compiler_options=COMPILER_OPTIONS)
  qpos, qvel = starts(model, body, rng)
  found, moved = [], 0.0
  for _ in range(STEPS):
    ctrl = rng.uniform(-0.7, 0.7, (WORLDS, body.nu)).astype(np.float32)
    view = native.step(native.init(qpos, qvel), ctrl)[1]
    other = step(begin(qpos.astype(np.float32), qvel.astype(np.float32)), ctrl)[1]
    uniform = rng.uniform(size=(WORLDS, task.context.draws)).astype(np.float32)
    context = task.context.start(view_states(model, qpos, qvel), uniform)
    judged = context._replace(step=context.step + 1)
    worlds = zip(qpos, qvel, ctrl, strict=True)
    touching, differs = np.array([contact_of_step(model, body.substeps, *world) for world in worlds]).T
    observed = task.context.advance(context, view, uniform)
    everything = (view, View(*map(np.asarray, other)), judged, observed, AIR, touching)
    found.append(jax.tree.map(lambda x, rows=~differs: np.asarray(x)[rows], everything))
    moved = max(moved, np.abs(view.qpos - qpos).max())
    qpos, qvel = view.qpos.astype(np.float64), view.qvel.astype(np.float64)
  runge_kutta = model.opt.integrator == int(mujoco.mjtIntegrator.mjINT_RK4)
  return Ran(task, *jax.tree.map(lambda *steps: np.concatenate(steps), *found), moved, runge_kutta)


def apart(a, b):
  """The largest difference; relative where numbers exceed 1."""
  return np.max(np.abs(np.asarray(a, float) - b) / np.maximum(1, np.abs(b)), initial=0)


def test_the_cases_are_what_they_are_meant_to_be(ran):
  """Every step in the air is compared, and some on the floor; the last case has motors at their torque limit."""
  assert ran.air.sum() == STEPS * AIR.sum()
  assert not (ran.air & ran.touching).any()
  assert ran.touching.any()
  assert ran.moved > 0.02
  if ran.task.config.pd.torque_limit:
    body = ran.task.body
    assert body.torque_limit == pytest.approx([GAINS['pd.torque_limit']] * body.nu)
    assert 0.05 < (np.abs(body.torque(ran.native)) == body.torque_limit).mean() < 0.95


def test_motion(ran):
  np.testing.assert_allclose(ran.mjx.time, ran.native.time, atol=1e-5)
  np.testing.assert_array_equal(ran.mjx.ctrl, ran.native.ctrl)
  np.testing.assert_allclose(ran.mjx.qpos, ran.native.qpos, rtol=0, atol=QPOS)
  np.testing.assert_allclose(ran.mjx.qvel, ran.native.qvel, rtol=0, atol=QVEL)
  np.testing.assert_allclose(*(ran.task.body.torque(v) for v in (ran.mjx, ran.native)), rtol=1e-3, atol=0.1)


def test_sensors(ran):
  """With Runge-Kutta those alone that describe the last evaluation of the physics in C MuJoCo too."""
  compared = 0
  for name, where in ran.task.body.sensors.items():
    a, b = ran.mjx.sensordata[:, where], ran.native.sensordata[:, where]
    if name.endswith((external.TORQUE, external.FORCE)):
      assert apart(a, b) < EXTERNAL, name
    elif name == 'com_pos' or not ran.runge_kutta:
      np.testing.assert_allclose(a, b, rtol=0, atol=TOUCH if name.endswith('_touch') else SENSORS, err_msg=name)
    else:
      continue
    compared += 1
  assert compared > (0 if ran.runge_kutta else 10)


def test_observation(ran):
  a, b = (ran.task.observe(view, ran.task.body, ran.observed) for view in (ran.mjx, ran.native))
  np.testing.assert_allclose(a, b, rtol=0, atol=OBSERVED)


def test_reward_and_each_of_its_terms(ran):
  body = ran.task.body

  def judge(view, context):
    total, names = ran.task.reward(view, body, context)
    return {'total': total, **{name: TERMS[name](view, body, context) for name in names}}

  judge = jax.jit(jax.vmap(judge))
  a, b = judge(ran.mjx, ran.judged), judge(ran.native, ran.judged)
  assert len(b) > 2
  assert {name: apart(a[name], b[name]) for name in b if not apart(a[name], b[name]) < REWARD} == {}


def test_termination(ran):
  """The same worlds end, wherever heights are not within a millimetre of the threshold; some only when lowered."""
  task, body, ended = ran.task, ran.task.body, []
  for share in LOWERED:

    def ends(view, lift=0.0, down=share * body.robot.standing_height):
      height = body.root.height(view.qpos) - down + lift
      moved = body.root.placed(view.qpos, body.root.quaternion(view.qpos), height)
      return task.terminate(view._replace(qpos=moved.astype(np.float32)), body, ran.judged)

    clear = ends(ran.native, NEAR) == ends(ran.native, -NEAR)
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(ends(ran.mjx)[clear], ends(ran.native)[clear])
    ended.append(ends(ran.native).mean())
  assert task.config.termination == 'never' or min(ended) < 0.9
  assert (max(ended) > 0.1) == (task.config.termination != 'never')
