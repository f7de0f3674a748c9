"""Protects the loss of PPO: each part of it by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ppo_tools import ENTROPY, LINEAR, loss, loss_of, make, two_rows


def test_loss_of_two_rows_by_hand():
  # policy: row 0 min(1.5*2, 1.2*2) = 2.4; row 1 min(0.5*-1, 0.8*-1) = -0.8; minus their mean: -0.8
  # value: errors 0.5 - 1.5 = -1 and -0.5 + 2.5 = 2: half the mean square, (1 + 4) / 4 = 1.25
  total, metrics = loss()
  assert metrics['policy_loss'] == pytest.approx(-0.8, rel=1e-5)
  assert metrics['value_loss'] == pytest.approx(1.25, rel=1e-5)
  assert metrics['entropy'] == pytest.approx(ENTROPY, rel=1e-5)
  assert total == metrics['loss'] == pytest.approx(-0.8 + 0.5 * 1.25 - 0.01 * ENTROPY, rel=1e-5)


def test_kl_and_clip_fraction_by_hand():
  # KL of N(1, 1) from N(0, 1) is 0.5, of equals 0: mean 0.25. Ratios 1.5 and 0.5 both lie outside 0.8 to 1.2.
  _, metrics = loss()
  assert metrics['kl'] == pytest.approx(0.25, rel=1e-5)
  assert metrics['clip_fraction'] == 1.0
  assert loss(clip_epsilon=0.6)[1]['clip_fraction'] == 0.0


def test_a_wide_clip_leaves_the_ratios_alone():
  # 1.5*2 = 3 and 0.5*-1 = -0.5: minus their mean is -1.25
  assert loss(clip_epsilon=0.9)[1]['policy_loss'] == pytest.approx(-1.25, rel=1e-5)


def test_advantages_are_normalised_within_the_minibatch():
  # (2, -1) has mean 0.5 and standard deviation 1.5: (1, -1). min(1.5, 1.2) = 1.2; min(-0.5, -0.8) = -0.8
  assert loss(normalize_advantages=True)[1]['policy_loss'] == pytest.approx(-0.2, rel=1e-5)


def test_coefficients_weigh_the_parts():
  bare = loss(value_coef=0.0, entropy_coef=0.0)[0]
  assert loss(value_coef=2.0, entropy_coef=0.0)[0] - bare == pytest.approx(2 * 1.25, rel=1e-5)
  assert loss(value_coef=0.0, entropy_coef=0.5)[0] - bare == pytest.approx(-0.5 * ENTROPY, rel=1e-5)


@pytest.mark.parametrize(('bias', 'excess'), [(0.9, 0.0), (1.5, 0.25), (-3.0, 4.0)])
def test_mean_actions_beyond_one_cost_their_squares(bias, excess):
  """Both rows have the same mean action, the bias."""
  params = LINEAR | {'mean_head': {'kernel': jnp.zeros((1, 1)), 'bias': jnp.full(1, bias)}}
  losses = []
  for weight in (0.0, 0.1):
    total, metrics = loss_of(make(bound_coef=weight), params, two_rows(), jnp.zeros(1))
    losses.append(float(total))
    assert float(metrics['excess']) == pytest.approx(excess, rel=1e-5)
  assert losses[1] - losses[0] == pytest.approx(0.1 * excess, abs=1e-5)


def test_rows_beyond_the_clip_give_the_policy_no_gradient():
  algorithm = make(clip_epsilon=0.2, value_coef=0.0, entropy_coef=0.0, normalize_advantages=False)
  grads = jax.grad(lambda p: loss_of(algorithm, p, two_rows(), jnp.zeros(1))[0])(LINEAR)
  np.testing.assert_array_equal(grads['mean_head']['kernel'], [[0.0]])
  np.testing.assert_array_equal(grads['mean_head']['bias'], [0.0])
