"""Protects symmetric policies of PPO: what they do in the mirror is what they do, mirrored."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from ppo_tools import MIRROR, made

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.ppo import PPOConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.types import Transition
from mjx_humanoid.rl.algorithm import Spec


def symmetric():
  """A PPO whose learner has left its symmetric start: every parameter is random."""
  network = NetworkConfig(policy_layers=(6,), value_layers=(6,), symmetric=True)
  algorithm = made(Config(network=network, ppo=PPOConfig(batch_size=8)), Spec(3, 2, lambda: MIRROR))
  learner = algorithm.init(jax.random.PRNGKey(0))
  rng = np.random.default_rng(0)
  params = jax.tree.map(lambda x: x + 0.5 * rng.normal(size=x.shape).astype(np.float32), learner.params)
  return algorithm, learner._replace(params=params)


def test_a_symmetric_policy_does_in_the_mirror_what_it_does_mirrored():
  algorithm, learner = symmetric()
  obs = jax.random.normal(jax.random.PRNGKey(1), (5, 3))
  image = jnp.stack([obs[:, 1], obs[:, 0], -obs[:, 2]], axis=1)
  mean, mirrored = (algorithm.act(learner, x, jax.random.PRNGKey(2))[1]['mean'] for x in (obs, image))
  np.testing.assert_allclose(mirrored, np.asarray(mean)[:, ::-1], atol=1e-5)
  assert np.abs(np.asarray(mean)[:, 0] - np.asarray(mean)[:, 1]).max() > 0.1  # and is not symmetric by being constant


def test_a_symmetric_policy_scatters_both_sides_alike():
  algorithm, learner = symmetric()
  log_std = np.asarray(algorithm.actor(learner).log_std)
  expected = np.asarray(learner.params['log_std']).mean()
  np.testing.assert_allclose(log_std, [expected, expected], rtol=1e-5)


def test_a_symmetric_learner_scales_both_sides_alike():
  algorithm, learner = symmetric()
  obs = 3 + 2 * jax.random.normal(jax.random.PRNGKey(1), (4, 4, 3)) * jnp.array([1.0, 5.0, 1.0])
  action, extras = algorithm.act(learner, obs, jax.random.PRNGKey(2))
  no = jnp.zeros((4, 4), bool)
  batch = Transition(obs, action, jnp.ones((4, 4)), no, no, obs, extras)
  normalizer = algorithm.update(learner, batch, jax.random.PRNGKey(3))[0].normalizer
  sides = np.asarray(obs)[..., :2].ravel()
  np.testing.assert_allclose(normalizer.mean, [sides.mean(), sides.mean(), 0], atol=1e-3)
  np.testing.assert_allclose(normalizer.std[:2], [sides.std()] * 2, rtol=1e-3)
