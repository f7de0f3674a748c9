"""Protects the losses of SAC, computed by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probes import probe_sac

from mjx_humanoid.rl import sac_loss
from mjx_humanoid.rl.sac_networks import SACNetworks, squashed_log_prob


def nets(**hyper) -> SACNetworks:
  return probe_sac(num_bins=11, **hyper).net


def test_the_density_of_squashed_actions_integrates_to_one():
  """At mean 0.3 and standard deviation 0.8, over actions from -1 to 1."""
  action = np.linspace(-0.99999, 0.99999, 200_001)
  value = np.arctanh(action)
  log_std = np.full_like(value, math.log(0.8))
  log_prob = squashed_log_prob(*(jnp.asarray(x)[:, None] for x in (value, (value - 0.3) / 0.8, log_std)))
  assert np.trapezoid(np.exp(np.asarray(log_prob)), action) == pytest.approx(1.0, abs=1e-3)


def test_the_scalar_target_by_hand(monkeypatch):
  """The lower of the next values 3 and 2, less the cost 0.5, discounted by 0.9: 1 + 0.9 * 1.5 = 2.35.

  Critics say 2 and 3: half the squares are 0.06125 and 0.21125.
  """
  net = nets(preset='classic')
  batch = sac_loss.Target(
    *(jnp.zeros((1, 2)),) * 2, *map(jnp.array, ([1.0], [0.9])), *(jnp.zeros((1, 2)),) * 2, jnp.array([0.5])
  )
  outputs = jnp.array([[[2.0]], [[3.0]]]), jnp.array([[[3.0]], [[2.0]]])
  monkeypatch.setattr(sac_loss, 'both', lambda *_: (*outputs, {}))
  loss, (_, metrics) = sac_loss.critic_loss(net, {}, {}, batch, {})
  assert float(loss) == pytest.approx(0.06125 + 0.21125, rel=1e-5)
  assert float(metrics['value']) == 2.5
  assert float(metrics['td_error']) == pytest.approx((0.35 + 0.65) / 2, rel=1e-5)


def test_the_categorical_target_by_hand(monkeypatch):
  """Bins -5 to 5. The lower critic is sure of 2: reward 1 and 0.5 (2 - 1) more, that is 1.5, halved between 1 and 2."""
  net = nets(head='categorical')
  batch = sac_loss.Target(
    *(jnp.zeros((1, 2)),) * 2, *map(jnp.array, ([1.0], [0.5])), *(jnp.zeros((1, 2)),) * 2, jnp.array([1.0])
  )

  def sure(value):
    return jnp.where(jnp.arange(11) == value + 5, 0.0, -50.0)

  following = jnp.stack([sure(4), sure(2)])[:, None]
  now = jnp.zeros((2, 1, 11))
  monkeypatch.setattr(sac_loss, 'both', lambda *_: (now, following, {}))
  loss, (_, metrics) = sac_loss.critic_loss(net, {}, {}, batch, {})
  assert float(loss) == pytest.approx(2 * math.log(11), rel=1e-5)  # of each critic, uniform over the bins
  assert float(metrics['td_error']) == pytest.approx(1.5, rel=1e-5)  # their mean is 0
  grads = jax.grad(lambda x: sac_loss.categorical.cross_entropy(jnp.eye(11)[6:8].mean(0), x))(jnp.zeros(11))
  monkeypatch.setattr(sac_loss, 'both', lambda net, p, *_: (p, following, {}))
  found = jax.grad(lambda p: sac_loss.critic_loss(net, {}, {}, batch, p)[0])(now)
  np.testing.assert_allclose(found[0, 0], grads, atol=1e-5)


def test_the_actor_loss_by_hand():
  """Mean 0.5, standard deviation 0.2, noise 1: the action is tanh 0.7 = 0.604368.

  Its log density is -1/2 - log 0.2 - log(2 pi) / 2 - log(1 - 0.604368^2) = 0.645039. The critics say 2 a and 3 - a, of
  which the first is lower: 0.1 * 0.645039 - 1.208736.
  """
  net = SimpleNamespace(
    parts=SimpleNamespace(categorical=False),
    policy=lambda params, obs: (jnp.full((1, 1), 0.5), jnp.full((1, 1), math.log(0.2))),
    critics=lambda params, stats, obs, action, train: (jnp.stack([2 * action, 3 - action]), {}),
  )
  loss, (log_prob, _) = sac_loss.actor_loss(net, {}, {}, 0.1, jnp.zeros((1, 2)), jnp.ones((1, 1)), {})
  assert float(log_prob[0]) == pytest.approx(0.645039, rel=1e-4)
  assert float(loss) == pytest.approx(-1.144232, rel=1e-4)


def test_the_temperature_rises_while_entropy_is_below_its_target():
  slope = jax.grad(lambda x: sac_loss.alpha_loss(-2.0, jnp.array([3.0, 5.0]), x))(jnp.log(0.5))
  assert float(slope) == pytest.approx(-0.5 * (4.0 - 2.0), rel=1e-5)  # descending makes it larger
