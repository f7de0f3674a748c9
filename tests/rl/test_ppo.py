"""Protects updates of PPO: minibatches, steps of the optimiser, averages, and what is left out."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ppo_tools import experience, make, updated

from mjx_humanoid.core.config.ppo import PPOConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.rl import ppo


def test_minibatches_cover_every_row_once_per_epoch_in_a_new_order(monkeypatch):
  seen = []

  def watching(net, hyper, old_log_std, params, batch, shown):
    assert shown is None
    jax.debug.callback(lambda rows: seen.append(np.asarray(rows)), batch.action[:, 0], ordered=True)
    return 0.0 * params['log_std'].sum(), {'kl': jnp.zeros(())}

  monkeypatch.setattr(ppo, 'ppo_loss', watching)
  algorithm = make(layers=(4,), batch_size=4, num_epochs=3)
  learner, batch = experience(algorithm)
  numbered = batch._replace(action=jnp.arange(16.0).reshape(4, 4, 1))
  algorithm.update(learner, numbered, jax.random.PRNGKey(5))
  jax.effects_barrier()
  epochs = np.concatenate(seen).reshape(3, 16)
  np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(16.0), (3, 1)))
  assert len({tuple(epoch) for epoch in epochs}) == 3


def test_rows_of_a_minibatch_stay_together():
  """Each row's obs, action, density, mean and target are of the same transition."""
  algorithm = make(layers=(4,), batch_size=16, normalize_observations=False)
  learner, batch = experience(algorithm)
  seen = []
  with pytest.MonkeyPatch.context() as patch:

    def watching(net, hyper, old_log_std, params, rows, shown):
      jax.debug.callback(lambda r: seen.append(jax.tree.map(np.asarray, r)), rows)
      return 0.0 * params['log_std'].sum(), {'kl': jnp.zeros(())}

    patch.setattr(ppo, 'ppo_loss', watching)
    algorithm.update(learner, batch, jax.random.PRNGKey(5))
    jax.effects_barrier()
  rows = seen[0]
  again = dict(zip(np.asarray(batch.action).ravel(), np.asarray(batch.obs).reshape(-1, 2), strict=True))
  np.testing.assert_array_equal(rows.obs, [again[a] for a in rows.action[:, 0]])
  from scipy import stats

  std = np.exp(np.asarray(learner.params['log_std']))
  np.testing.assert_allclose(rows.log_prob, stats.norm.logpdf(rows.action, rows.mean, std)[:, 0], rtol=1e-4)


def test_gradients_are_scaled_down_to_the_norm_asked_for():
  """Adam's first moment is a tenth of the first gradient: its norm shows what Adam was given."""
  learner, _ = updated(1, batch_size=16, max_grad_norm=1e-3)[0]
  adam = next(part for part in learner.opt_state if isinstance(part, optax.ScaleByAdamState))
  norm = math.sqrt(sum(float(jnp.square(x).sum()) for x in jax.tree.leaves(adam.mu)))
  assert norm == pytest.approx(1e-4, rel=1e-3)


def test_the_first_step_of_adam_moves_no_parameter_further_than_the_learning_rate():
  algorithm = make(layers=(4,), batch_size=16, num_epochs=1, learning_rate=1e-3)
  learner, batch = experience(algorithm)
  after, _ = algorithm.update(learner, batch, jax.random.PRNGKey(0))
  moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), after.params, learner.params)
  largest = max(jax.tree.leaves(moved))
  assert 5e-4 < largest <= 1.001e-3


def test_the_update_counts_the_transitions_it_learned_from():
  assert [float(learner.timesteps) for learner, _ in updated(2)] == [16.0, 32.0]


def test_the_average_of_the_actor_is_what_is_played():
  """Decays of 2/11, 3/12 and 4/13 at first; then the config's, here 0.3. The critic is not averaged."""
  algorithm = make(layers=(4,), batch_size=16, num_epochs=1, ema_decay=0.3)
  learner, batch = experience(algorithm)
  update, expected = jax.jit(algorithm.update), np.asarray(learner.params['mean_head']['kernel'])
  for decay in (2 / 11, 3 / 12, 0.3, 0.3):
    learner, _ = update(learner, batch, jax.random.PRNGKey(0))
    expected = decay * expected + (1 - decay) * np.asarray(learner.params['mean_head']['kernel'])
  np.testing.assert_allclose(algorithm.actor(learner).kernels[-1], expected, rtol=1e-5)
  assert np.abs(expected - learner.params['mean_head']['kernel']).max() > 1e-5
  assert not any(name.startswith('value') for name in learner.average)
  plain = make(layers=(4,), batch_size=16, num_epochs=1)
  learner, batch = experience(plain)
  assert learner.average == {}
  np.testing.assert_array_equal(plain.actor(learner).kernels[-1], learner.params['mean_head']['kernel'])


def test_statistics_of_observations_move_only_after_the_update():
  """The update must normalise by what the actions were chosen by; then the batch's own statistics join."""
  algorithm = make(layers=(4,), batch_size=16, num_epochs=1)
  learner, batch = experience(algorithm)
  after, metrics = algorithm.update(learner, batch, jax.random.PRNGKey(0))
  assert float(metrics['kl']) < 1e-6  # measured before the only step: no difference to the policy that acted
  obs = np.asarray(batch.obs).reshape(-1, 2)
  np.testing.assert_allclose(after.normalizer.mean, obs.mean(axis=0), rtol=1e-4)
  np.testing.assert_allclose(after.normalizer.std, obs.std(axis=0), rtol=1e-4)


def test_explained_variance_is_that_of_value_targets():
  """Constant values explain nothing of targets that vary: 1 - var(target - value) / var(target) = 0."""
  algorithm = make(layers=(), batch_size=16, gamma=0.0)
  learner, batch = experience(algorithm)
  params = jax.tree.map(lambda x: x, learner.params)
  params['value_head'] = jax.tree.map(jnp.zeros_like, params['value_head'])
  _, metrics = algorithm.update(learner._replace(params=params), batch, jax.random.PRNGKey(0))
  assert float(metrics['explained_variance']) == pytest.approx(0.0, abs=1e-4)


def test_update_changes_neither_the_learner_nor_the_batch_it_was_given():
  algorithm = make(layers=(4,), batch_size=8)
  learner, batch = experience(algorithm)
  before = jax.tree.map(np.array, (learner, batch))
  algorithm.update(learner, batch, jax.random.PRNGKey(0))
  jax.tree.map(np.testing.assert_array_equal, before, jax.tree.map(np.array, (learner, batch)))


def test_the_same_key_gives_the_same_update_and_another_key_another():
  algorithm = make(layers=(4,), batch_size=4)
  learner, batch = experience(algorithm)
  first, again, other = (algorithm.update(learner, batch, jax.random.PRNGKey(seed))[0].params for seed in (0, 0, 1))
  jax.tree.map(np.testing.assert_array_equal, first, again)
  assert not np.array_equal(first['value_head']['kernel'], other['value_head']['kernel'])


def test_the_actor_of_an_unnormalised_learner_leaves_observations_alone():
  algorithm = make(layers=(4,), batch_size=16, normalize_observations=False)
  learner, batch = experience(algorithm)
  actor = algorithm.actor(algorithm.update(learner, batch, jax.random.PRNGKey(0))[0])
  np.testing.assert_array_equal(actor.mean, [0, 0])
  np.testing.assert_array_equal(actor.std, [1, 1])


def test_a_minibatch_without_a_finite_gradient_is_left_out_and_counted():
  """One action that is not finite: its minibatch changes nothing, the others are learned from."""
  algorithm = make(layers=(4,), batch_size=4, num_epochs=1, gae_lambda=0.0)
  learner, batch = experience(algorithm)
  bad = batch._replace(action=batch.action.at[0, 2].set(jnp.nan))
  after, metrics = algorithm.update(learner, bad, jax.random.PRNGKey(0))
  assert float(metrics['skipped']) == 1
  assert all(np.isfinite(x).all() for x in jax.tree.leaves((after.params, after.opt_state)))
  assert not np.array_equal(after.params['value_head']['kernel'], learner.params['value_head']['kernel'])


def test_a_minibatch_that_is_left_out_is_left_out_of_the_means_too(monkeypatch):
  """Losses 0, 1, NaN, 3 in the first epoch, 4, NaN, 6, 7 in the second: means (0+1+3+4+6+7)/6 and, of KL, (4+6+7)/3."""

  def loss(net, hyper, old_log_std, params, batch, shown):
    number = batch.action[0, 0]
    bad = jnp.where(number % 4 == jnp.where(number < 4, 2, 1), jnp.nan, 1.0)
    return bad * params['log_std'].sum(), {'kl': bad * number, 'loss': bad * number}

  monkeypatch.setattr(ppo, 'ppo_loss', loss)
  rows = np.arange(8)  # the minibatches of two epochs, each of one row that holds its number
  monkeypatch.setattr(ppo.minibatches, 'shuffled', lambda key, count, size, epochs: jnp.asarray(rows)[:, None])
  algorithm = make(layers=(4,), batch_size=2, num_epochs=2)
  learner, batch = experience(algorithm, steps=2, worlds=4)
  numbered = batch._replace(action=jnp.arange(8.0).reshape(2, 4, 1))
  _, metrics = algorithm.update(learner, numbered, jax.random.PRNGKey(0))
  assert float(metrics['skipped']) == 2
  assert float(metrics['loss']) == pytest.approx(21 / 6)
  assert float(metrics['kl']) == pytest.approx(17 / 3)


def test_where_every_minibatch_is_left_out_there_is_no_mean():
  algorithm = make(layers=(4,), batch_size=16, num_epochs=1)
  learner, batch = experience(algorithm)
  after, metrics = algorithm.update(learner, batch._replace(action=batch.action * jnp.nan), jax.random.PRNGKey(0))
  assert float(metrics['skipped']) == 1
  assert np.isnan(metrics['loss'])
  assert float(after.learning_rate) == float(learner.learning_rate)
  jax.tree.map(np.testing.assert_array_equal, after.params, learner.params)


def test_a_checkpoint_holds_all_of_the_learner():
  algorithm = make(layers=(4,), ema_decay=0.5)
  learner, other = (algorithm.init(jax.random.PRNGKey(seed)) for seed in (0, 1))
  restored = algorithm.restored(other, algorithm.kept(learner))
  assert jax.tree.structure(restored) == jax.tree.structure(learner)
  jax.tree.map(np.testing.assert_array_equal, restored, learner)


def test_minibatches_that_do_not_fit_are_refused_by_the_names_of_the_settings():
  with pytest.raises(
    UserError, match=r'config\.num_envs=15 x config\.ppo\.unroll_length=8 = 120 .*fits is 30'
  ) as error:
    ppo.check(Config(num_envs=15), PPOConfig(batch_size=32))
  assert '\n' not in str(error.value)
  ppo.check(Config(num_envs=15), PPOConfig(batch_size=30))
