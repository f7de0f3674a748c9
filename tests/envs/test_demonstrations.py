"""Demonstrations of the leap: its own controls, in states near it, up to where it rises fastest."""

import dataclasses

import numpy as np
import pytest

from mjx_humanoid.core.config.task import GaitConfig, TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.envs import demonstrations as module
from mjx_humanoid.envs.demonstrations import demonstrate
from mjx_humanoid.motions.rising import leap
from mjx_humanoid.tasks.task import make_task

pytestmark = pytest.mark.slow  # the search for the leap takes more than a minute
SEEN = ('joint_positions', 'joint_velocities', 'gait_phase')


@pytest.fixture(scope='module')
def task(servo_body):
  return make_task(
    TaskConfig(robot='humanoid_pd', observations=SEEN, frame_skip=4, gait=GaitConfig(frequency=1.2)), servo_body
  )


@pytest.fixture(scope='module')
def demonstrations(task):
  return demonstrate(task, np.random.default_rng(0))


@pytest.fixture(scope='module')
def motion(servo_body):
  return leap(servo_body)


def rows_of(demonstrations, motion):
  """For each row, which control of the leap it holds."""
  return np.abs(demonstrations.action[:, None] - motion.ctrl[None]).max(axis=2).argmin(axis=1)


def test_controls_are_those_of_the_leap(demonstrations, motion):
  assert demonstrations.obs.dtype == demonstrations.action.dtype == np.float32
  assert len(demonstrations.obs) == len(demonstrations.action)
  np.testing.assert_allclose(demonstrations.action, motion.ctrl[rows_of(demonstrations, motion)], atol=1e-6)


def test_it_ends_where_the_torso_rises_fastest(demonstrations, motion):
  """All controls before it are there; the first one only from those that begin there, 512 x 3 / 63 of them."""
  fastest = np.argmax(motion.qvel[:, 2])
  assert 40 < fastest < len(motion.ctrl)
  counts = np.bincount(rows_of(demonstrations, motion), minlength=len(motion.ctrl))
  assert counts[: fastest + 1].min() > 5
  assert not counts[fastest + 1 :].any()


def test_states_are_near_those_of_the_leap(demonstrations, motion):
  """The first element seen is the torso's height: within 0.1 m for nearly all, and not exactly."""
  away = demonstrations.obs[:, 0] - motion.qpos[rows_of(demonstrations, motion), 2]
  assert np.mean(np.abs(away) < 0.1) > 0.95
  assert np.std(away) > 0.001


def test_the_gait_clock_is_at_any_time_of_the_stride(demonstrations):
  """The clock is a point on a circle, everywhere on it."""
  sine, cosine = demonstrations.obs[:, -2], demonstrations.obs[:, -1]
  np.testing.assert_allclose(sine**2 + cosine**2, 1, atol=1e-5)
  quarters = np.bincount((np.arctan2(sine, cosine) // (np.pi / 2)).astype(int) + 2, minlength=4)
  assert quarters.min() > 0.15 * len(sine)


def test_a_seed_gives_the_same_again_and_another_seed_something_else(task, demonstrations, monkeypatch):
  monkeypatch.setattr(module, 'ENVIRONMENTS', 8)
  first, again, other = (demonstrate(task, np.random.default_rng(seed)).obs for seed in (1, 1, 2))
  np.testing.assert_array_equal(first, again)
  assert first.shape != other.shape or not np.array_equal(first, other)


def test_without_noise_it_stays_on_the_leap(task, motion, monkeypatch):
  """Started exactly on it and left alone, each next state is that of the motion, but for the solver's warm start."""
  monkeypatch.setattr(module, 'ENVIRONMENTS', 64)
  monkeypatch.setattr(module, 'PERTURBED', 0.0)
  monkeypatch.setattr(module, 'NOISES', (0.0,))
  demonstrations = demonstrate(task, np.random.default_rng(0))
  away = np.abs(demonstrations.obs[:, 0] - motion.qpos[rows_of(demonstrations, motion), 2])
  assert np.median(away) < 3e-3
  assert away.max() < 0.06


def test_a_robot_without_a_descent_has_no_demonstrations(task):
  bare = dataclasses.replace(task, body=dataclasses.replace(task.body, descent=task.body.descent[:0]))
  with pytest.raises(UserError, match="descent in the datasheet of robot 'humanoid_pd'") as error:
    demonstrate(bare, np.random.default_rng(0))
  assert '\n' not in str(error.value)
