"""Protects what SAC learns, on environments whose values are known, by the real collecting and updates."""

from __future__ import annotations

import numpy as np
import pytest
from probes import bandit, constant, cycle, learn, probe_sac, soft_values, squashed_actions

SLOW = pytest.mark.slow


def test_a_constant_reward_under_time_limits_is_worth_one_over_one_minus_gamma():
  algorithm = probe_sac(gamma=0.8)
  learned = soft_values(algorithm, learn(constant(), algorithm, 400), [1.0])
  assert learned[0] == pytest.approx(5.0, rel=0.05)


@pytest.mark.parametrize('preset', ['classic', pytest.param('fast', marks=SLOW)])
def test_it_learns_the_action_that_each_observation_rewards_and_its_value(preset):
  algorithm = probe_sac(preset=preset)
  learner = learn(bandit(), algorithm, 400)
  np.testing.assert_allclose(squashed_actions(algorithm, learner, [-1.0, 1.0]), [-0.5, 0.5], atol=0.15)
  np.testing.assert_allclose(soft_values(algorithm, learner, [-1.0, 1.0]), 1.0, atol=0.15)


@pytest.mark.parametrize(
  ('preset', 'n_step', 'ends', 'worth'),
  [
    pytest.param('classic', 1, True, [0.5, 1.0], marks=SLOW),
    ('classic', 2, False, [2 / 3, 4 / 3]),
    pytest.param('fast', 1, True, [0.5, 1.0], marks=SLOW),
    pytest.param('fast', 2, False, [2 / 3, 4 / 3], marks=SLOW),
  ],
)
def test_a_delayed_reward_is_discounted_and_a_time_limit_is_no_end(preset, n_step, ends, worth):
  algorithm = probe_sac(preset=preset, gamma=0.5, n_step=n_step, normalize_observations=False)
  learned = soft_values(algorithm, learn(cycle(ends=ends), algorithm, 400), [0.0, 1.0])
  np.testing.assert_allclose(learned, worth, rtol=0.12)
