"""What is shown of the spring: its own controls, in states near it, up to where it leaves the floor."""

import dataclasses

import numpy as np
import pytest

from mjx_humanoid.core.config.task import GaitConfig, TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.envs import demonstrations as room
from mjx_humanoid.envs.demonstrations import demonstrate
from mjx_humanoid.motions.rising import leap
from mjx_humanoid.tasks.task import make_task

SEEN = ('joint_positions', 'joint_velocities', 'gait_phase')


@pytest.fixture(scope='module')
def task(servo_body):
  return make_task(
    TaskConfig(robot='humanoid_pd', observations=SEEN, frame_skip=4, gait=GaitConfig(frequency=1.2)), servo_body
  )


@pytest.fixture(scope='module')
def shown(task):
  return demonstrate(task, np.random.default_rng(0))


@pytest.fixture(scope='module')
def spring(servo_body):
  return leap(servo_body)


def rows_of(shown, spring):
  """For each row, which control of the spring it shows."""
  return np.abs(shown.action[:, None] - spring.ctrl[None]).max(axis=2).argmin(axis=1)


def test_what_is_shown_are_controls_of_the_spring(shown, spring):
  assert shown.obs.dtype == shown.action.dtype == np.float32
  assert len(shown.obs) == len(shown.action)
  np.testing.assert_allclose(shown.action, spring.ctrl[rows_of(shown, spring)], atol=1e-6)


def test_it_ends_where_the_torso_rises_fastest(shown, spring):
  """All of it before is shown; its first control only by those who begin there, 512 x 3 / 63 of them."""
  fastest = np.argmax(spring.qvel[:, 2])
  assert 40 < fastest < len(spring.ctrl)
  counts = np.bincount(rows_of(shown, spring), minlength=len(spring.ctrl))
  assert counts[: fastest + 1].min() > 5
  assert not counts[fastest + 1 :].any()


def test_it_is_shown_in_states_near_those_of_the_spring(shown, spring):
  """The first element seen is the torso's height: within 0.1 m for nearly all, and not exactly."""
  away = shown.obs[:, 0] - spring.qpos[rows_of(shown, spring), 2]
  assert np.mean(np.abs(away) < 0.1) > 0.95
  assert np.std(away) > 0.001


def test_it_is_shown_at_any_time_of_the_stride(shown):
  """The clock is a point on a circle, everywhere on it."""
  sine, cosine = shown.obs[:, -2], shown.obs[:, -1]
  np.testing.assert_allclose(sine**2 + cosine**2, 1, atol=1e-5)
  quarters = np.bincount((np.arctan2(sine, cosine) // (np.pi / 2)).astype(int) + 2, minlength=4)
  assert quarters.min() > 0.15 * len(sine)


def test_a_seed_shows_the_same_again_and_another_seed_something_else(task, shown, monkeypatch):
  monkeypatch.setattr(room, 'ENVIRONMENTS', 8)
  first, again, other = (demonstrate(task, np.random.default_rng(seed)).obs for seed in (1, 1, 2))
  np.testing.assert_array_equal(first, again)
  assert first.shape != other.shape or not np.array_equal(first, other)


def test_without_noise_it_stays_on_the_spring(task, spring, monkeypatch):
  """Started exactly on it and left alone, each next state is that of the spring, but for the solver's warm start."""
  monkeypatch.setattr(room, 'ENVIRONMENTS', 64)
  monkeypatch.setattr(room, 'PERTURBED', 0.0)
  monkeypatch.setattr(room, 'NOISES', (0.0,))
  shown = demonstrate(task, np.random.default_rng(0))
  away = np.abs(shown.obs[:, 0] - spring.qpos[rows_of(shown, spring), 2])
  assert np.median(away) < 3e-3
  assert away.max() < 0.06


def test_a_robot_without_a_descent_shows_nothing(task):
  bare = dataclasses.replace(task, body=dataclasses.replace(task.body, descent=task.body.descent[:0]))
  with pytest.raises(UserError, match='descent in the datasheet of humanoid_pd') as error:
    demonstrate(bare, np.random.default_rng(0))
  assert '\n' not in str(error.value)
