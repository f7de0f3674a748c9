"""Protects playback in plain C MuJoCo: physics step by step, fit, ends, and that none of it needs JAX."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
import pytest

from mjx_humanoid.config import TaskConfig
from mjx_humanoid.errors import UserError
from mjx_humanoid.playback.rollout import check_fit, make_scene, rollout, view_of

WITHOUT_JAX = """
import sys
FORBIDDEN = {'jax', 'jaxlib', 'flax', 'brax', 'optax', 'orbax'}

class Refuse:
  def find_spec(self, name, path=None, target=None):
    if name.partition('.')[0] in FORBIDDEN:
      raise ImportError(f'{name} was imported')

sys.meta_path.insert(0, Refuse())
import numpy as np
from mjx_humanoid.playback.find import load
from mjx_humanoid.playback.rollout import check_fit, make_scene, rollout
from mjx_humanoid.playback.card import measure

policy = load(sys.argv[1])
scene = make_scene(policy.task)
check_fit(policy, scene)
qpos, qvel = scene.starts(np.random.default_rng(0), 2, 1.0)
paths = rollout(scene, policy, qpos, qvel, round(0.2 / scene.body.control_step))
assert paths.views.qpos.shape[0] == 2 and paths.views.qpos.shape[2] == 28, paths.views.qpos.shape
assert np.isfinite(paths.views.qpos).all()
print(measure(paths, scene.body)['survival_seconds'].tolist())
assert not FORBIDDEN & {name.partition('.')[0] for name in sys.modules}
"""


def still(obs):
  return np.zeros((len(obs), 21))


def starts(scene, n=2, strength=1.0, seed=0):
  return scene.starts(np.random.default_rng(seed), n, strength)


def test_playback_needs_no_jax(finished_run, run_python):
  result = run_python('-c', WITHOUT_JAX, finished_run)
  assert result.returncode == 0, result.stderr
  assert result.stdout.strip() == '[0.2, 0.2]'


def test_physics_is_that_of_mujoco_stepped_by_hand(scene):
  """Five physics steps of 5 ms a control step, controls held, sensors as MuJoCo left them."""
  rng = np.random.default_rng(3)
  controls = rng.uniform(-0.5, 0.5, (4, 2, 21))
  qpos, qvel = starts(scene)
  given = iter(controls)
  paths = rollout(scene, lambda obs: next(given), qpos, qvel, 4)
  data = mujoco.MjData(scene.model)
  data.qpos[:], data.qvel[:] = qpos[1], qvel[1]
  mujoco.mj_forward(scene.model, data)
  np.testing.assert_array_equal(paths.start.sensordata[1], data.sensordata.astype(np.float32))
  for step in range(4):
    data.ctrl[:] = controls[step, 1]
    for _ in range(5):
      mujoco.mj_step(scene.model, data)
    for name in ('qpos', 'qvel', 'ctrl', 'sensordata'):
      np.testing.assert_array_equal(getattr(paths.views, name)[1, step], getattr(data, name).astype(np.float32))
    assert paths.views.time[1, step] == pytest.approx(0.025 * (step + 1))


def test_the_solver_is_converged(scene):
  assert scene.model.opt.iterations >= 100


def test_the_controller_sees_the_state_before_its_action(scene):
  seen = []

  def controller(obs):
    seen.append(obs)
    return still(obs)

  qpos, qvel = starts(scene)
  paths = rollout(scene, controller, qpos, qvel, 3)
  assert len(seen) == 3
  first = scene.observe(paths.start, scene.body, scene.context(2, 0, np.zeros((2, 21))))
  np.testing.assert_array_equal(seen[0], first)
  view = type(paths.views)(*(field[:, 0] for field in paths.views))
  np.testing.assert_array_equal(seen[1], scene.observe(view, scene.body, scene.context(2, 1, still(seen[0]))))


def test_it_ends_early_only_when_all_have_fallen(scene):
  qpos, qvel = starts(scene)
  low = qpos.copy()
  low[0, 2] = 0.3  # below the fallen height from the start
  assert rollout(scene, still, low, qvel, 5).terminated.shape == (2, 5)
  low[1, 2] = 0.3
  paths = rollout(scene, still, low, qvel, 5)
  assert paths.terminated.shape == (2, 1)
  assert paths.terminated.all()
  assert rollout(scene, still, low, qvel, 5, stop_at_end=False).terminated.shape == (2, 5)


def test_a_world_that_is_no_longer_finite_has_ended(scene):
  qpos, qvel = starts(scene)
  qvel[0, 0] = np.nan
  terminated = rollout(scene, still, qpos, qvel, 2).terminated
  np.testing.assert_array_equal(terminated, [[True, True], [False, False]])


def test_frame_skip_of_the_task_changes_the_control_step():
  double = make_scene(TaskConfig(frame_skip=10))
  assert double.body.control_step == pytest.approx(0.05)
  assert rollout(double, still, *starts(double, 1), 2).views.time[0, 1] == pytest.approx(0.1)


def test_the_command_of_the_task_reaches_the_context():
  commanded = make_scene(TaskConfig(command=(1.0, 0.5, -0.25)))
  np.testing.assert_array_equal(commanded.context(2, 0, np.zeros((2, 21))).command, [[1.0, 0.5, -0.25]] * 2)


def test_a_policy_that_fits_is_accepted(scene, make_policy):
  check_fit(make_policy(), scene)


def test_a_policy_of_other_observations_is_refused(scene, make_policy):
  other = make_scene(dataclasses.replace(scene.task, observations=('joint_positions',)))
  with pytest.raises(UserError, match=r'observations and 21 actions, but humanoid with joint_positions has 25 and 21'):
    check_fit(make_policy(), other)


def test_a_policy_of_another_robot_is_refused(scene, make_policy):
  policy = make_policy()
  fewer = make_policy(
    kernels=(policy.kernels[0], policy.kernels[1][:, :17]),
    biases=(policy.biases[0], policy.biases[1][:17]),
    log_std=policy.log_std[:17],
  )
  with pytest.raises(UserError, match=r'and 17 actions, but humanoid .* 21: it is a policy of another robot'):
    check_fit(fewer, scene)


@pytest.mark.parametrize(
  ('name', 'kind'),
  [('robot', 'robot'), ('termination', 'termination'), ('observations', 'observation')],
)
def test_a_name_that_does_not_exist_is_refused(name, kind):
  value = ('nope',) if name == 'observations' else 'nope'
  with pytest.raises(UserError, match=f"unknown {kind} 'nope'"):
    make_scene(TaskConfig(**{name: value}))


def test_views_do_not_change_under_later_steps(scene):
  data = mujoco.MjData(scene.model)
  view = view_of([data])
  mujoco.mj_step(scene.model, data, 5)
  assert view.time[0] == 0.0
  assert view.qpos.dtype == np.float32
