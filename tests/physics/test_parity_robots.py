"""The native engine and MJX give the same motion of every robot, each control step from the same state.

See test_parity.py, which compares the humanoid in more detail, for the solver and for the one known difference: contact
of capsules that stand steeply.
"""

import jax
import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.process import COMPILER_OPTIONS
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.choice import make_engine
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.robots import robots

WORLDS, STEPS = 6, 6
AIR = np.arange(WORLDS) < 3  # worlds that start above the floor
STEEP = 0.86  # cosine of a capsule's axis to the vertical
QPOS, QVEL = 5e-4, 1e-2  # m and rad; m/s and rad/s
OTHERS = [name for name in robots() if name != 'humanoid']


def starts(body, rng):
  """qpos, qvel: the standing pose with noise, in the air and on the floor."""
  qpos = np.repeat(body.default_qpos[None].astype(np.float64), WORLDS, axis=0)
  angles = qpos[:, body.root.nq :] + 0.05 * rng.normal(size=(WORLDS, len(body.joint_names)))
  qpos[:, body.root.nq :] = np.clip(angles, *body.joint_range.T)
  upright = body.root.quaternion(qpos)
  height = body.root.height(qpos) + np.where(AIR, 2.0, 0.0)
  return body.root.placed(qpos, upright, height), 0.3 * rng.normal(size=(WORLDS, body.nv))


def touches_steeply(model, substeps, qpos, qvel, ctrl):
  """Whether a capsule touches something in a control step while it stands steeply."""
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:], data.ctrl[:] = qpos, qvel, ctrl
  for _ in range(substeps):
    mujoco.mj_step(model, data)
    geoms = {int(geom) for contact in data.contact for geom in contact.geom}
    capsules = [geom for geom in geoms if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_CAPSULE]
    if any(abs(data.geom_xmat[geom, 8]) > STEEP for geom in capsules):
      return True
  return False


@pytest.mark.slow  # each compiles for half a minute
@pytest.mark.parametrize('name', OTHERS)
def test_every_control_step_is_the_same_on_both_engines(name):
  robot, rng = robots()[name], np.random.default_rng(0)
  if robot.package:
    pytest.importorskip(robot.package)
  model = build_model(robot, converged=True)
  body = describe(robot, model)
  native, mjx = (make_engine(engine, model, WORLDS, body.substeps) for engine in ('native', 'mjx'))
  begin, step = jax.jit(mjx.init), jax.jit(mjx.step, compiler_options=COMPILER_OPTIONS)
  qpos, qvel = starts(body, rng)
  compared, moved = np.zeros(2, int), 0.0
  for _ in range(STEPS):
    ctrl = rng.uniform(-0.7, 0.7, (WORLDS, body.nu)).astype(np.float32)
    view = native.step(native.init(qpos, qvel), ctrl)[1]
    other = step(begin(qpos.astype(np.float32), qvel.astype(np.float32)), ctrl)[1]
    rows = np.array([not touches_steeply(model, body.substeps, *world) for world in zip(qpos, qvel, ctrl, strict=True)])
    np.testing.assert_allclose(other.qpos[rows], view.qpos[rows], rtol=0, atol=QPOS)
    np.testing.assert_allclose(other.qvel[rows], view.qvel[rows], rtol=0, atol=QVEL)
    compared += (rows & AIR).sum(), (rows & ~AIR).sum()
    moved = max(moved, np.abs(view.qpos - qpos).max())
    qpos, qvel = view.qpos.astype(np.float64), view.qvel.astype(np.float64)
  assert compared[0] == STEPS * AIR.sum()
  assert compared[1] > 0
  assert moved > 0.02
