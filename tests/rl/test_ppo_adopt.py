"""Protects PPO that starts from a policy: it acts like that, and learns on from there."""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ppo_tools import MIRROR, experience, made, make

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import Actor
from mjx_humanoid.rl import ppo
from mjx_humanoid.rl.algorithm import Spec

# Starting from a policy that is there already


def policy(layers=(4, 3), mirror=None, size=2, actions=1):
  """An actor of random numbers, and the mean action that it gives by its own layers."""
  rng = np.random.default_rng(3)
  widths = [size, *layers, actions]
  kernels = [rng.normal(size=shape).astype(np.float32) for shape in itertools.pairwise(widths)]
  biases = [rng.normal(size=n).astype(np.float32) for n in widths[1:]]
  mean, std = rng.normal(size=size).astype(np.float32), np.exp(rng.normal(size=size)).astype(np.float32)

  def acts(obs):
    x = (obs - mean) / std
    for i, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
      x = x @ kernel + bias
      x = np.where(x > 0, x, np.expm1(np.minimum(x, 0))) if i < len(layers) else x  # elu
    return x

  return Actor(kernels, biases, np.full(actions, -1.7, np.float32), mean, std, mirror), acts


def near(actor, count=50):
  """Observations as that policy would see them."""
  rng = np.random.default_rng(8)
  return (actor.mean + actor.std * rng.normal(size=(count, len(actor.mean)))).astype(np.float32)


@pytest.mark.parametrize('layers', [(4, 3), (6,), ()])
def test_a_learner_that_adopts_a_policy_acts_like_it(layers):
  algorithm, (actor, acts) = make(layers=layers), policy(layers)
  fresh = algorithm.init(jax.random.PRNGKey(0))
  learner = algorithm.adopt(fresh, actor)
  obs = near(actor)
  mean = algorithm.act(learner, obs, jax.random.PRNGKey(1))[1]['mean']
  np.testing.assert_allclose(mean, acts(obs), atol=1e-5)
  again = algorithm.actor(learner)
  for name in ('kernels', 'biases', 'mean'):
    for a, b in zip(getattr(again, name), getattr(actor, name), strict=True):
      np.testing.assert_allclose(a, b, atol=1e-6)
  np.testing.assert_allclose(again.std, actor.std, rtol=1e-5)


def test_adopting_leaves_exploration_critic_optimiser_and_the_fresh_learner_alone():
  algorithm, (actor, _) = make(layers=(4, 3), initial_std=0.3), policy()
  fresh = algorithm.init(jax.random.PRNGKey(0))
  before = jax.tree.map(np.array, fresh)
  learner = algorithm.adopt(fresh, actor)
  np.testing.assert_allclose(learner.params['log_std'], math.log(0.3), rtol=1e-6)
  jax.tree.map(np.testing.assert_array_equal, jax.tree.map(np.array, fresh), before)
  for part in ('value', 'value_head'):
    jax.tree.map(np.testing.assert_array_equal, learner.params[part], fresh.params[part])
  assert float(learner.timesteps) == 0
  jax.tree.map(np.testing.assert_array_equal, learner.opt_state, fresh.opt_state)


def test_the_average_begins_at_what_was_adopted():
  algorithm, (actor, _) = make(layers=(4, 3), ema_decay=0.99), policy()
  learner = algorithm.adopt(algorithm.init(jax.random.PRNGKey(0)), actor)
  for a, b in zip(algorithm.actor(learner).kernels, actor.kernels, strict=True):
    np.testing.assert_array_equal(a, b)


def test_who_is_shown_more_than_it_has_seen_acts_as_before_and_may_learn_to_look():
  actor, acts = policy(size=1)
  algorithm = make(layers=(4, 3))  # of two observations
  learner = algorithm.adopt(algorithm.init(jax.random.PRNGKey(0)), actor)
  seen = near(actor)
  for unseen in (-5.0, 0.0, 7.0):
    obs = np.concatenate([seen, np.full_like(seen, unseen)], axis=1)
    np.testing.assert_allclose(algorithm.act(learner, obs, jax.random.PRNGKey(1))[1]['mean'], acts(seen), atol=1e-5)
  again = algorithm.actor(learner)
  assert (float(again.mean[1]), float(again.std[1])) == pytest.approx((0.0, 1.0), abs=1e-5)
  grads = jax.grad(lambda p: algorithm.act(learner._replace(params=p), obs, jax.random.PRNGKey(1))[0].sum())(
    learner.params
  )
  assert np.abs(grads['policy']['hidden_0']['kernel'][1]).max() > 0


def test_what_was_adopted_survives_learning():
  """A first batch of other observations moves the statistics by little: else the policy would be lost at once."""
  algorithm, (actor, acts) = make(layers=(4, 3), batch_size=8, num_epochs=1, learning_rate=1e-9), policy()
  learner = algorithm.adopt(algorithm.init(jax.random.PRNGKey(0)), actor)
  _, batch = experience(algorithm)
  _, extras = algorithm.act(learner, batch.obs, jax.random.PRNGKey(1))
  after, metrics = jax.jit(algorithm.update)(learner, batch._replace(extras=extras), jax.random.PRNGKey(0))
  assert float(metrics['skipped']) == 0
  obs = near(actor)
  mean = algorithm.act(after, obs, jax.random.PRNGKey(1))[1]['mean']
  np.testing.assert_allclose(mean, acts(obs), atol=0.01)


def test_the_critic_of_what_was_adopted_learns_first(monkeypatch):
  """From WARM_UP transitions, 16 an update, the actor stays as it is, to the last bit; a fresh learner's never does."""
  monkeypatch.setattr(ppo, 'WARM_UP', 3 * 16)
  algorithm, (actor, _) = make(layers=(4, 3), batch_size=8, num_epochs=1), policy()
  fresh, batch = experience(algorithm)
  update, changed = jax.jit(algorithm.update), []
  learners = [algorithm.adopt(fresh, actor), fresh]
  for _ in range(5):
    following = [update(learner, batch, jax.random.PRNGKey(0))[0] for learner in learners]
    for part in ('policy', 'mean_head', 'value', 'value_head'):
      pairs = [(before.params[part], after.params[part]) for before, after in zip(learners, following, strict=True)]
      moved = [any(not np.array_equal(*x) for x in zip(*map(jax.tree.leaves, pair), strict=True)) for pair in pairs]
      changed.append((part, *moved))
    learners = following
  critics, actors = ([row[1:] for row in changed if row[0].startswith('value') == sort] for sort in (True, False))
  assert critics == 5 * 2 * [(True, True)]
  assert actors == 3 * 2 * [(False, True)] + 2 * 2 * [(True, True)]


def test_the_first_steps_of_an_adopted_actor_are_small(monkeypatch):
  """After a critic that had much to learn, alone at first; clipped with its gradients, they come to 0.3 of 20 rates."""
  monkeypatch.setattr(ppo, 'WARM_UP', 20 * 16)
  settings = {'batch_size': 16, 'num_epochs': 20, 'learning_rate': 1e-5, 'lr_schedule': 'constant'}
  algorithm, (actor, _) = make(layers=(4, 3), **settings), policy()
  learner = algorithm.adopt(algorithm.init(jax.random.PRNGKey(0)), actor)
  _, batch = experience(algorithm)
  _, extras = algorithm.act(learner, batch.obs, jax.random.PRNGKey(1))
  update = jax.jit(algorithm.update)
  for _ in range(20):
    learner, _ = update(learner, batch._replace(extras=extras, reward=1000 * batch.reward), jax.random.PRNGKey(0))
  after, _ = update(learner, batch._replace(extras=extras, reward=0.01 * batch.reward), jax.random.PRNGKey(0))
  kernels = [x.params['policy']['hidden_0']['kernel'] for x in (learner, after)]
  moved = float(jnp.abs(kernels[1] - kernels[0]).max())
  assert 0 < moved < 0.1 * 20 * 1e-5


def test_an_adopted_actor_sets_out_from_rest(monkeypatch):
  """Told the same twenty times, it has a tenth of that as momentum at its first step: 0.1 / (1 - 0.9^21) of a rate.

  With the momentum of what it was told while it waited, it would be the whole of the rate.
  """
  monkeypatch.setattr(ppo, 'WARM_UP', 20 * 16)
  settings = {'batch_size': 16, 'num_epochs': 1, 'learning_rate': 1e-5, 'lr_schedule': 'constant', 'max_grad_norm': 1e9}
  algorithm, (actor, _) = make(3200, layers=(4, 3), **settings), policy()
  learner = algorithm.adopt(algorithm.init(jax.random.PRNGKey(0)), actor)
  _, batch = experience(algorithm)
  _, extras = algorithm.act(learner, batch.obs, jax.random.PRNGKey(1))
  update = jax.jit(algorithm.update)
  for _ in range(21):
    before, learner = learner, update(learner, batch._replace(extras=extras), jax.random.PRNGKey(0))[0]
  kernels = [x.params['policy']['hidden_0']['kernel'] for x in (before, learner)]
  steps = jnp.abs(kernels[1] - kernels[0]) / 1e-5
  assert float(jnp.median(steps)) == pytest.approx(0.1 / (1 - 0.9**21), rel=0.5)


@pytest.mark.parametrize('schedule', ['constant', 'linear', 'adaptive'])
def test_the_critic_of_what_was_adopted_learns_at_its_own_rate(monkeypatch, schedule):
  """Reported, and by its first step: Adam's is the rate itself, whatever the gradient. The actor's rate is kept."""
  monkeypatch.setattr(ppo, 'WARM_UP', 1)
  settings = {'batch_size': 16, 'num_epochs': 1, 'learning_rate': 1e-5, 'lr_schedule': schedule}
  algorithm, (actor, _) = make(layers=(4, 3), **settings), policy()
  fresh, batch = experience(algorithm)
  learner = algorithm.adopt(fresh, actor)
  first, metrics = jax.jit(algorithm.update)(learner, batch, jax.random.PRNGKey(0))
  assert float(metrics['learning_rate']) == pytest.approx(ppo.WARM_UP_RATE)
  bias = [float(x.params['value_head']['bias'][0]) for x in (learner, first)]
  assert abs(bias[1] - bias[0]) == pytest.approx(ppo.WARM_UP_RATE, rel=0.05)
  second = jax.jit(algorithm.update)(first, batch, jax.random.PRNGKey(0))[1]
  assert float(second['learning_rate']) == pytest.approx(1e-5, rel=0.02)  # linear: 1.4 % of the way down


def test_of_a_short_training_the_critic_alone_has_a_tenth():
  algorithm, (actor, _) = make(total_timesteps=50_000, layers=(4, 3)), policy()
  fresh, _ = experience(algorithm)
  assert int(algorithm.adopt(fresh, actor).warm_up) == 5000
  assert int(fresh.warm_up) == 0


def test_learning_on_from_what_was_adopted_compiles_once():
  algorithm, (actor, _) = make(layers=(4, 3), batch_size=8, num_epochs=1), policy()
  fresh, batch = experience(algorithm)
  traces = []

  @jax.jit
  def update(*arguments):
    traces.append(arguments)
    return algorithm.update(*arguments)

  learner = algorithm.adopt(fresh, actor)
  assert jax.tree.structure(fresh) == jax.tree.structure(learner)
  for _ in range(2):
    learner, _ = update(learner, batch, jax.random.PRNGKey(0))
  update(fresh, batch, jax.random.PRNGKey(0))
  assert len(traces) == 1


@pytest.mark.parametrize(
  ('layers', 'given', 'message'),
  [
    ((4, 3), (4, 5), r'has layers \(4, 5\) for 2 observations, this training \(4, 3\) for 2'),
    ((4, 3), (4,), r'has layers \(4,\) for 2 observations'),
    ((), (4,), r'this training \(\) for 2'),
  ],
)
def test_a_policy_of_other_layers_is_refused(layers, given, message):
  algorithm = make(layers=layers)
  with pytest.raises(UserError, match=message) as error:
    algorithm.adopt(algorithm.init(jax.random.PRNGKey(0)), policy(given)[0])
  assert f'set config.network.policy_layers={given}' in str(error.value)
  assert '\n' not in str(error.value)


def test_a_policy_of_other_observations_or_motors_is_refused():
  algorithm = make(layers=(4, 3))
  fresh = algorithm.init(jax.random.PRNGKey(0))
  with pytest.raises(UserError, match=r'for 5 observations, this training .* for 2'):
    algorithm.adopt(fresh, policy(size=5)[0])
  with pytest.raises(UserError, match=r'config\.init_from'):
    algorithm.adopt(fresh, policy(actions=2)[0])


def test_a_policy_that_scales_what_it_sees_is_refused_by_a_learner_that_does_not():
  algorithm, (actor, acts) = make(layers=(4, 3), normalize_observations=False), policy()
  fresh = algorithm.init(jax.random.PRNGKey(0))
  with pytest.raises(UserError, match=r'set config\.ppo\.normalize_observations=True'):
    algorithm.adopt(fresh, actor)
  plain = actor._replace(mean=np.zeros(2, np.float32), std=np.ones(2, np.float32))
  obs = near(plain)
  mean = algorithm.act(algorithm.adopt(fresh, plain), obs, jax.random.PRNGKey(1))[1]['mean']
  np.testing.assert_allclose(mean, acts(obs * actor.std + actor.mean), atol=1e-5)


@pytest.mark.parametrize('symmetric', [True, False])
def test_a_policy_is_symmetric_where_the_learner_is(symmetric):
  network = NetworkConfig(policy_layers=(4, 3), value_layers=(4,), symmetric=symmetric)
  algorithm = made(Config(network=network), Spec(3, 2, lambda: MIRROR))
  fresh = algorithm.init(jax.random.PRNGKey(0))
  actor, acts = policy(mirror=MIRROR if symmetric else None, size=3, actions=2)
  if symmetric:  # which implies statistics that are the same on both sides
    actor.mean[:], actor.std[:] = [0.3, 0.3, 0], [2, 2, 0.5]
  obs = near(actor)
  expected = acts(obs)
  if symmetric:
    image = np.stack([obs[:, 1], obs[:, 0], -obs[:, 2]], axis=1)
    expected = (expected + acts(image)[:, ::-1]) / 2
  mean = algorithm.act(algorithm.adopt(fresh, actor), obs, jax.random.PRNGKey(1))[1]['mean']
  np.testing.assert_allclose(mean, expected, atol=1e-5)
  other = actor._replace(mirror=None if symmetric else MIRROR)
  with pytest.raises(UserError, match=rf'set config\.network\.symmetric={not symmetric}, as that policy is'):
    algorithm.adopt(fresh, other)
