"""Protects a live environment: it is the physics and the control step of playback, and what the user adds to them."""

from __future__ import annotations

import numpy as np
import pytest

from mjx_humanoid.playback.rollout import rollout
from mjx_humanoid.viewer.live_env import LiveEnv
from mjx_humanoid.viewer.steering import Steering, observes_commands, steered


@pytest.fixture
def make_env(follow_stage):
  def make(command=(0.0, 0.0, 0.0), stage=follow_stage):
    return LiveEnv(stage, Steering(None if command is None else np.array(command)), np.random.default_rng(3))

  return make


def test_it_moves_as_in_a_rollout_bit_by_bit(follow_stage, make_env):
  env = make_env(command=None)
  qpos, qvel = follow_stage.task.body.default_qpos.astype(float), np.zeros(follow_stage.model.nv)
  qpos[0] = 0.5
  env.reset(qpos, qvel)
  frames = [env.step() for _ in range(20)]
  task, model, controller = follow_stage.task, follow_stage.model, follow_stage.controller
  paths = rollout(task, model, controller, qpos[None], qvel[None], 20, rng=np.random.default_rng(3))
  np.testing.assert_array_equal(paths.views.qpos[0], [frame.view.qpos[0] for frame in frames])
  np.testing.assert_array_equal(paths.contexts.command[0], [frame.context.command[0] for frame in frames])
  assert env.motion.qpos.shape == (4, model.nq)  # 20 ms of 5 ms each
  np.testing.assert_array_equal(env.motion.qpos[-1].astype(np.float32), frames[-1].view.qpos[0])


def test_the_command_of_the_user_takes_the_place_of_the_task_s(make_env):
  env = make_env((0.7, 0.0, 0.2))
  frame = env.step()
  np.testing.assert_allclose(frame.context.requested[0], [0.7, 0.0, 0.2], rtol=1e-6)
  env._steering.command = np.array([-0.3, 0.1, 0.0])
  env.step()
  np.testing.assert_allclose(env.step().context.requested[0], [-0.3, 0.1, 0.0], rtol=1e-6)
  env._steering.command = None
  before = env.step().context.requested[0]
  assert before.tolist() == pytest.approx([-0.3, 0.1, 0.0])  # until the task draws its next one


def test_it_walks_as_commanded(make_env, follow_stage):
  env = make_env((0.8, 0.0, 0.0))
  for _ in range(150):
    frame = env.step()
  ahead = frame.context.heading[0]
  assert 0.5 < frame.view.qvel[0, :2] @ ahead < 1.1
  assert frame.view.qpos[0, :2] @ ahead > 1.2  # m after 3 s


def test_a_push_changes_the_momentum_by_force_times_time(make_env, follow_stage):
  """In the air only the push counts: 100 N for 0.04 s, of which the sensor, a physics step late, sees 0.035 s."""
  env, body = make_env(), follow_stage.task.body
  qpos = body.default_qpos.astype(float)
  qpos[2] = 3.0
  env.reset(qpos, np.zeros(body.nv))
  env.push(body.root.body, np.array([100.0, 0.0, 0.0]), 0.2)
  for _ in range(2):
    frame = env.step()
  momentum = body.sensor(frame.view, 'com_vel')[0] * body.total_mass
  assert momentum[0] == pytest.approx(100 * 0.035, rel=0.01)
  assert abs(momentum[1]) < 0.2
  assert len(env.pushes) == 1
  for _ in range(9):
    env.step()
  assert env.pushes == ()  # ten steps of 20 ms are over
  assert not env._data.xfrc_applied.any()


def test_another_policy_goes_on_from_the_same_state(make_env, follow_stage):
  from mjx_humanoid.viewer.viewer import stage_of

  env = make_env()
  for _ in range(10):
    env.step()
  qpos, qvel = env._data.qpos.copy(), env._data.qvel.copy()
  env.continue_with(stage_of('stand'))
  np.testing.assert_array_equal(env._data.qpos, qpos)
  np.testing.assert_array_equal(env._data.qvel, qvel)
  assert env.stage.name == 'stand'
  assert env.step().context.step[0] == 1


def test_a_task_without_a_command_is_left_as_it_is(follow_stage):
  import dataclasses

  task = follow_stage.task
  assert observes_commands(task)
  bare = dataclasses.replace(task, config=dataclasses.replace(task.config, context=('gait_clock',)))
  assert steered(bare, Steering()) is bare
  assert not observes_commands(bare)
