"""Late actions and noisy sensors in playback, as Env has them in training."""

import numpy as np
import pytest

from mjx_humanoid.physics.engine import view_states
from mjx_humanoid.playback.rollout import change_task, rollout
from mjx_humanoid.playback.wiring import Wiring


@pytest.fixture
def view(scene):
  return view_states(scene.model, scene.model.qpos0[None].repeat(2000, axis=0), np.zeros((2000, scene.model.nv)))


def test_an_episode_applies_the_action_of_as_many_steps_ago_as_it_is_late():
  wiring = Wiring({'action_delay': 3.0}, 4, 21, np.random.default_rng(0))
  wiring.delay = np.arange(4)
  arrived = [wiring.send(np.full((4, 21), i, np.float32))[:, 5] for i in range(1, 7)]
  # Nothing has been sent before the first step.
  assert np.array_equal(arrived, [[max(i - late, 0) for late in range(4)] for i in range(1, 7)])


def test_all_delays_up_to_the_greatest_appear():
  delays = np.bincount(Wiring({'action_delay': 3.0}, 400, 1, np.random.default_rng(0)).delay)
  # 400 episodes over 0, 1, 2, 3: 100 each, standard deviation sqrt(400 x 1/4 x 3/4) = 8.7
  assert len(delays) == 4
  assert abs(delays - 100).max() < 5 * 8.7


def test_noise_is_of_joint_angles_and_ten_times_that_of_all_velocities(view):
  seen = Wiring({'sensor_noise': 0.02}, 2000, 21, np.random.default_rng(0)).sense(view)
  assert np.array_equal(seen.qpos[:, :7], view.qpos[:, :7])
  assert (seen.qpos.dtype, seen.qvel.dtype) == (np.float32, np.float32)
  assert (seen.qpos - view.qpos)[:, 7:].std() == pytest.approx(0.02, rel=0.02)
  assert (seen.qvel - view.qvel).std() == pytest.approx(0.2, rel=0.02)


def test_without_either_nothing_is_touched_and_nothing_drawn(view):
  rng = np.random.default_rng(5)
  wiring = Wiring({'mass': 0.1}, 2000, 21, rng)
  ctrl = np.ones((2000, 21), np.float32)
  assert wiring.sense(view) is view
  assert wiring.send(ctrl) is ctrl
  assert rng.random() == np.random.default_rng(5).random()


def test_a_rollout_is_wired_so(scene):
  """What the policy sees is noisy, what is judged is not; one of delay 1 acts a step late."""
  rough = change_task(scene, {'randomization': {'action_delay': 1.0, 'sensor_noise': 0.05}})
  seen = []

  def policy(obs):
    seen.append(obs)
    return np.full((8, 21), 0.1 * len(seen), np.float32)

  qpos, qvel = scene.model.qpos0[None].repeat(8, axis=0), np.zeros((8, scene.model.nv))
  paths = rollout(rough, policy, qpos, qvel, 3, rng=np.random.default_rng(1))
  assert seen[0].std(axis=0).max() > 0.01  # of starts that are all alike
  assert (paths.start.qpos == paths.start.qpos[0]).all()
  orders = {tuple(round(float(x), 1) for x in row) for row in paths.views.ctrl[:, :, 0]}
  assert orders == {(0.1, 0.2, 0.3), (0.0, 0.1, 0.2)}
