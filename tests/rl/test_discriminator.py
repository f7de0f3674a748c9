"""Protects the discriminator: its loss and its reward by hand, and that it tells two distributions apart."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.core.config.amp import AMPConfig
from mjx_humanoid.rl.discriminator import Critic, Discriminator, style_reward

# Without hidden layers and with one feature: D = 2 before - 1 after + 0.5, for pairs (before, after).
LINEAR = {'score': {'kernel': jnp.array([[2.0], [-1.0]]), 'bias': jnp.array([0.5])}}


def made(size=1, layers=(), **hyper):
  return Discriminator(AMPConfig(layers=layers, **hyper), size)


def pairs(*values):
  """[N, 2, 1]."""
  return jnp.asarray(values, jnp.float32)[..., None]


def test_scores_by_hand():
  np.testing.assert_allclose(made().scores(LINEAR, pairs((1, 0), (0, 1), (1, 2))), [2.5, -0.5, 0.5])


def test_loss_and_gradient_penalty_by_hand():
  """Clip: D = 2.5 and 0.5, squares of D - 1: 2.25 and 0.25, mean 1.25. Policy: -0.5 and 0.5: 0.25 and 2.25, 1.25.

  The gradient of D is (2, -1) everywhere, whose square is 5; its weight is 0.6 / 2.
  """
  real, fake = pairs((1, 0), (0, 0)), pairs((0, 1), (1, 2))
  loss, metrics = made(gradient_penalty=0.6).loss(LINEAR, real, fake)
  assert float(metrics['gradient_penalty']) == pytest.approx(5.0)
  assert float(loss) == float(metrics['discriminator_loss']) == pytest.approx(1.25 + 1.25 + 0.3 * 5)
  assert float(metrics['discriminator_real']) == pytest.approx(1.5)
  assert float(metrics['discriminator_policy']) == pytest.approx(0.0)
  assert float(metrics['discriminator_accuracy']) == pytest.approx(0.75)  # both of the clip, one of two of the policy


def test_the_penalty_is_of_the_clip_alone():
  """D of one hidden unit, max(0, before): its slope is 1 at the clip, (1, 0), and 0 at the policy, (-1, 0)."""
  params = {
    'trunk': {'hidden_0': {'kernel': jnp.array([[1.0], [0.0]]), 'bias': jnp.zeros(1)}},
    'score': {'kernel': jnp.ones((1, 1)), 'bias': jnp.zeros(1)},
  }
  discriminator = made(layers=(1,))
  assert float(discriminator.loss(params, pairs((1, 0)), pairs((-1, 0)))[1]['gradient_penalty']) == pytest.approx(1)
  assert float(discriminator.loss(params, pairs((-1, 0)), pairs((1, 0)))[1]['gradient_penalty']) == pytest.approx(0)


@pytest.mark.parametrize(('score', 'reward'), [(1, 1), (0, 0.75), (2, 0.75), (-1, 0), (-5, 0), (3, 0), (4, 0)])
def test_style_reward_by_hand(score, reward):
  """max(0, 1 - 0.25 (D - 1)^2)."""
  assert float(style_reward(jnp.asarray(float(score)))) == pytest.approx(reward)


def test_a_step_whose_gradients_are_not_finite_is_left_out_and_counted():
  discriminator = made()
  critic = Critic(LINEAR, discriminator.optimizer.init(LINEAR))
  after, metrics = discriminator.step(critic, pairs((1, 0)), pairs((jnp.nan, 0)))
  assert float(metrics['skipped']) == 1
  jax.tree.map(np.testing.assert_array_equal, after, critic)
  after, metrics = discriminator.step(critic, pairs((1, 0)), pairs((0, 0)))
  assert float(metrics['skipped']) == 0
  # Adam's first step is the learning rate, against the gradient: 2 (2.5 - 1) + 2 (0.5 + 1) > 0 for the bias
  assert float(after.params['score']['bias'][0]) == pytest.approx(0.5 - 1e-4, abs=1e-6)


def test_it_tells_two_motions_apart_and_prefers_the_clip():
  """The clip moves on by 2 in each step and the policy does not; where they are is distributed alike."""
  discriminator = made(layers=(32,), learning_rate=3e-3, gradient_penalty=0.1)

  def of(key, step):
    at = jax.random.normal(key, (128, 1))
    return jnp.stack([at, at + step], axis=1)

  def iterate(critic, key):
    real, fake = (of(jax.random.fold_in(key, i), step) for i, step in enumerate((2.0, 0.0)))
    return discriminator.step(critic, real, fake)

  critic = discriminator.init(jax.random.PRNGKey(0))
  critic, metrics = jax.jit(lambda c: jax.lax.scan(iterate, c, jax.random.split(jax.random.PRNGKey(1), 400)))(critic)
  assert float(metrics['discriminator_accuracy'][0]) < 0.8
  assert float(metrics['discriminator_accuracy'][-1]) > 0.97
  scores = [discriminator.scores(critic.params, of(jax.random.PRNGKey(2), step)) for step in (2.0, 1.0, 0.0)]
  clip, between, policy = (float(style_reward(score).mean()) for score in scores)
  assert clip > 0.9 > between > 0.4 > policy
