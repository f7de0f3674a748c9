"""What tests of playback share: the default task, and small policies for it."""

from __future__ import annotations

import numpy as np
import pytest

from mjx_humanoid.playback.policy import save_policy


@pytest.fixture(scope='session')
def task(standing_task):
  return standing_task[0]


@pytest.fixture(scope='session')
def model(standing_task):
  return standing_task[1]


@pytest.fixture(scope='session')
def body(task):
  return task.body


@pytest.fixture
def policy(make_policy):
  """Small and random, for the default task."""
  return make_policy()


@pytest.fixture
def observations():
  """observations(policy, n) -> like those of training, some elements so far out that they are clipped."""

  def draw(policy, n):
    rng = np.random.default_rng(5)
    deviations = rng.normal(size=(n, policy.observation_size))
    deviations[rng.random(deviations.shape) < 0.05] *= 20
    return (policy.mean + policy.std * deviations).astype(np.float32)

  return draw


@pytest.fixture
def path(policy, tmp_path):
  """The file of `policy`."""
  save_policy(policy, tmp_path / 'policy.safetensors')
  return tmp_path / 'policy.safetensors'
