"""MuJoCo Warp runs on CPUs too, if slowly: enough to see that it is given the same model. Needs the extra "warp"."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.choice import make_engine
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.starts import standing

WORLDS, SUBSTEPS, STEPS = 8, 5, 4


@pytest.mark.slow
def test_warp_and_c_agree_in_contact_with_a_converged_solver():
  """Measured with warp-lang 1.18.0: 1e-6 in qpos after 0.1 s."""
  pytest.importorskip('warp')
  model = build_model(robots()['humanoid'], converged=True)
  body = describe(robots()['humanoid'], model)
  rng = np.random.default_rng(0)
  qpos, qvel = (x.astype(np.float32) for x in standing(body, rng, np.ones(WORLDS), None))
  controls = rng.uniform(-0.3, 0.3, (STEPS, WORLDS, body.nu)).astype(np.float32)
  paths = []
  for name in ('native', 'mjx-warp'):
    engine = make_engine(name, model, WORLDS, SUBSTEPS)
    step = jax.jit(engine.step) if engine.traceable else engine.step
    state = engine.init(jnp.asarray(qpos), jnp.asarray(qvel))
    for ctrl in controls:
      state, view = step(state, ctrl)
    paths.append(view)
  native, warp = paths
  np.testing.assert_allclose(warp.qpos, native.qpos, atol=2e-5)
  np.testing.assert_allclose(warp.qvel, native.qvel, atol=2e-3)
  for name in ('torso_pos', 'com_vel', 'foot_left_pos'):
    np.testing.assert_allclose(body.sensor(warp, name), body.sensor(native, name), atol=2e-3)


@pytest.mark.slow
def test_warp_and_c_agree_under_pd_control():
  """Each control step from the same state: in a free run, contacts begin a physics step earlier or later.

  Measured with warp-lang 1.18.0: 2e-4 in qvel after a physics step.
  """
  pytest.importorskip('warp')
  model = build_model(robots()['humanoid_pd'], converged=True)
  body = describe(robots()['humanoid_pd'], model)
  rng = np.random.default_rng(0)
  qpos, qvel = (x.astype(np.float32) for x in standing(body, rng, np.ones(WORLDS), None))
  native, warp = (make_engine(name, model, WORLDS, SUBSTEPS) for name in ('native', 'mjx-warp'))
  step, saturated = jax.jit(warp.step), 0
  for _ in range(STEPS):
    ctrl = rng.uniform(-0.3, 0.3, (WORLDS, body.nu)).astype(np.float32)
    view = native.step(native.init(qpos, qvel), ctrl)[1]
    other = step(warp.init(jnp.asarray(qpos), jnp.asarray(qvel)), jnp.asarray(ctrl))[1]
    np.testing.assert_allclose(other.qpos, view.qpos, atol=5e-5)
    np.testing.assert_allclose(other.qvel, view.qvel, atol=5e-3)
    np.testing.assert_allclose(body.torque(other), body.torque(view), atol=0.05)  # N m
    saturated += (np.abs(body.torque(view)) == body.torque_limit).sum()
    qpos, qvel = view.qpos, view.qvel
  assert saturated > 0
