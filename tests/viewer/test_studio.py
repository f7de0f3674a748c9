"""Protects the policy inside MuJoCo Studio: it drives a simulation that another program steps."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from mjx_humanoid.playback.rollout import rollout
from mjx_humanoid.viewer.driver import Driver
from mjx_humanoid.viewer.steering import Steering


@pytest.fixture
def standing(follow_stage):
  data = mujoco.MjData(follow_stage.model)
  data.qpos[:] = follow_stage.task.body.default_qpos
  mujoco.mj_forward(follow_stage.model, data)
  return data


def drive(driver, model, data, steps):
  for _ in range(steps):
    data.xfrc_applied[:] = 0
    driver.before_step(data)
    mujoco.mj_step(model, data)


def test_it_moves_as_in_a_rollout(follow_stage, standing):
  """20 control steps; only the solver's warm start differs, which a converged solver hardly shows."""
  task, model = follow_stage.task, follow_stage.model
  qpos = standing.qpos.copy()
  drive(Driver(follow_stage, Steering(np.zeros(3)), np.random.default_rng(3)), model, standing, 20 * task.body.substeps)
  fixed = Steering(np.zeros(3))
  from mjx_humanoid.viewer.steering import steered

  paths = rollout(
    steered(task, fixed), model, follow_stage.controller, qpos[None], np.zeros((1, model.nv)), 20,
    rng=np.random.default_rng(3),
  )  # fmt: skip
  np.testing.assert_allclose(standing.qpos, paths.views.qpos[0, -1], atol=2e-3)
  assert standing.time == pytest.approx(0.4)


def test_a_reset_begins_a_new_episode(follow_stage, standing):
  driver = Driver(follow_stage, Steering(np.array([0.8, 0, 0])), np.random.default_rng(0))
  drive(driver, follow_stage.model, standing, 400)
  assert np.linalg.norm(standing.qpos[:2]) > 0.6  # m in 2 s
  mujoco.mj_resetData(follow_stage.model, standing)
  standing.qpos[:] = follow_stage.task.body.default_qpos
  drive(driver, follow_stage.model, standing, 4)
  assert driver._episode.context.step[0] == 0
  drive(driver, follow_stage.model, standing, 396)
  assert 1.0 < standing.qpos[2] < 1.35  # it has not fallen


def test_the_plugin_steps_pauses_and_single_steps(follow_stage, standing):
  """Messages as Studio sends them."""
  from mujoco.studio import messages, sim

  from mjx_humanoid.viewer.studio_plugins import make_plugins

  steps, _ = make_plugins(follow_stage, Steering(), np.random.default_rng(0))
  model = follow_stage.model
  assert steps.on_step(messages.StepEvent(model=model, data=standing))
  assert standing.time == pytest.approx(0.005)
  paused = next(state for state in sim.PauseState.__members__.values() if state != sim.PauseState.UNPAUSED)
  steps.on_control(messages.StepControlSnapshot(pause_state=paused, speed=50.0))
  assert steps.on_step(messages.StepEvent(model=model, data=standing))
  assert standing.time == pytest.approx(0.005)
  steps.on_single_step(messages.SingleStepEvent())
  for _ in range(3):
    steps.on_step(messages.StepEvent(model=model, data=standing))
  assert standing.time == pytest.approx(0.010)
  steps.on_control(messages.StepControlSnapshot(speed=100.0))
  assert not steps.paused
