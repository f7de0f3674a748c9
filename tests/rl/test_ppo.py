"""Protects PPO: its loss by hand, its schedules, its minibatches, and that it learns values known beforehand."""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from probes import Probe, always, learn, mean_actions, never, probe_ppo, unused, values

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.ppo import PPOConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import Actor, Mirror
from mjx_humanoid.core.types import Demonstrations, Transition
from mjx_humanoid.rl import ppo
from mjx_humanoid.rl.algorithm import Spec
from mjx_humanoid.rl.ppo_loss import Batch, ppo_loss

HALF_LOG_2PI = 0.9189385
ENTROPY = 1.4189385  # of a unit Gaussian, in nats

# No hidden layers: the mean action is 0 and the value is the observation itself.
LINEAR = {
  'mean_head': {'kernel': jnp.zeros((1, 1)), 'bias': jnp.zeros(1)},
  'value_head': {'kernel': jnp.ones((1, 1)), 'bias': jnp.zeros(1)},
  'log_std': jnp.zeros(1),
}


def made(config, spec):
  return ppo.make(config, spec, config.ppo)


def loss_of(algorithm, params, batch, old_log_std, shown=None):
  return ppo_loss(algorithm.net, algorithm.hyper, old_log_std, params, batch, shown)


def make(total_timesteps=1000, layers=(), initial_std=0.4, **hyper):
  network = NetworkConfig(policy_layers=layers, value_layers=layers, symmetric=False, initial_std=initial_std)
  config = Config(total_timesteps=total_timesteps, network=network, ppo=PPOConfig(**hyper))
  return made(config, Spec(observation_size=2, action_size=1, mirror=unused))


def column(*values):
  return jnp.asarray(values, jnp.float32)[:, None]


def two_rows():
  """New log densities are -0.5 a^2 - HALF_LOG_2PI; the old ones make the ratios 1.5 and 0.5."""
  new = jnp.array([-0.5, 0.0]) - HALF_LOG_2PI
  return Batch(
    obs=column(0.5, -0.5),
    action=column(1.0, 0.0),
    log_prob=new - jnp.log(jnp.array([1.5, 0.5])),
    mean=column(1.0, 0.0),
    advantage=jnp.array([2.0, -1.0]),
    target=jnp.array([1.5, -2.5]),
  )


def loss(**hyper):
  settings = {'clip_epsilon': 0.2, 'value_coef': 0.5, 'entropy_coef': 0.01, 'normalize_advantages': False}
  total, metrics = loss_of(make(**{**settings, **hyper}), LINEAR, two_rows(), jnp.zeros(1))
  return float(total), {name: float(value) for name, value in metrics.items()}


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


# Imitation

# Observations [N, 2]; a policy without layers and with kernel (2, 0) and bias 0.1 does 2 x + 0.1 of the first element.
SHOWN = Demonstrations(np.array([[0.1, 9.0], [-0.2, 9.0]], np.float32), np.array([[0.5], [0.0]], np.float32))
DOUBLING = {
  'mean_head': {'kernel': jnp.array([[2.0], [0.0]]), 'bias': jnp.full(1, 0.1)},
  'value_head': {'kernel': jnp.zeros((2, 1)), 'bias': jnp.zeros(1)},
  'log_std': jnp.zeros(1),
}


def imitating(coef, shown=SHOWN, **hyper):
  network = NetworkConfig(policy_layers=(), value_layers=(), symmetric=False)
  config = Config(network=network, ppo=PPOConfig(imitation_coef=coef, batch_size=16, **hyper))
  return made(config, Spec(2, 1, unused, lambda: shown))


def test_distance_from_what_is_shown_costs_its_square():
  """Mean actions 0.3 and -0.3 where 0.5 and 0 are shown: (0.04 + 0.09) / 2."""
  batch = two_rows()._replace(obs=jnp.zeros((2, 2)))
  bare, _ = loss_of(imitating(0.6), DOUBLING, batch, jnp.zeros(1))
  total, metrics = loss_of(imitating(0.6), DOUBLING, batch, jnp.zeros(1), SHOWN)
  assert metrics['imitation_error'] == pytest.approx(0.065, rel=1e-5)
  assert total == metrics['loss'] == pytest.approx(float(bare) + 0.6 * 0.065, rel=1e-5)


def test_the_distance_of_an_action_is_that_of_all_its_elements():
  """Away by 0.3 and 0.4: 0.25, not its half."""
  network = NetworkConfig(policy_layers=(), value_layers=(), symmetric=False)
  shown = Demonstrations(jnp.zeros((1, 1)), jnp.array([[0.3, -0.4]]))
  spec = Spec(1, 2, unused, lambda: shown)
  algorithm = made(Config(network=network, ppo=PPOConfig(imitation_coef=1.0)), spec)
  params = {
    'mean_head': {'kernel': jnp.zeros((1, 2)), 'bias': jnp.zeros(2)},
    'value_head': {'kernel': jnp.zeros((1, 1)), 'bias': jnp.zeros(1)},
    'log_std': jnp.zeros(2),
  }
  batch = two_rows()._replace(action=jnp.zeros((2, 2)), mean=jnp.zeros((2, 2)))
  _, metrics = loss_of(algorithm, params, batch, jnp.zeros(2), shown)
  assert metrics['imitation_error'] == pytest.approx(0.25, rel=1e-5)


def test_an_actor_learns_what_it_is_shown():
  """Experience that tells nothing, as no reward ever differs: what is left is to do 0.5 and 0 there."""
  algorithm = imitating(1.0, learning_rate=0.05, lr_schedule='constant', normalize_observations=False)
  learner, batch = experience(algorithm, reward=jnp.zeros((4, 4)))
  learner = learner._replace(params=learner.params | {'value_head': DOUBLING['value_head']})
  update = jax.jit(algorithm.update)
  for key in jax.random.split(jax.random.PRNGKey(0), 100):
    learner, metrics = update(learner, batch, key)
  assert metrics['imitation_error'] < 0.01
  kernel, bias = learner.params['mean_head']['kernel'], learner.params['mean_head']['bias']
  np.testing.assert_allclose(SHOWN.obs @ kernel + bias, SHOWN.action, atol=0.1)


def test_what_is_shown_is_seen_as_the_actor_sees():
  """Normalised: elements of mean 4 and standard deviation 2 are shown as 6, one standard deviation above."""
  shown = Demonstrations(np.full((1, 2), 6.0, np.float32), np.zeros((1, 1), np.float32))
  algorithm = imitating(1.0, shown, learning_rate=1e-12, num_epochs=1)
  learner = algorithm.init(jax.random.PRNGKey(0))
  learner = learner._replace(normalizer=ppo.normalize.known(jnp.full(2, 4.0), jnp.full(2, 2.0)))
  params = learner.params | {'mean_head': DOUBLING['mean_head']}
  _, batch = experience(algorithm)
  _, metrics = algorithm.update(learner._replace(params=params), batch, jax.random.PRNGKey(1))
  assert metrics['imitation_error'] == pytest.approx(2.1**2, rel=1e-4)


def test_without_imitation_no_demonstrations_are_asked_for():
  """Spec's own demonstrations raise."""
  assert 'imitation_error' not in loss()[1]
  with pytest.raises(
    UserError, match=r'imitation_coef: this environment has no demonstrations to imitate. Set it to 0'
  ) as error:
    make(imitation_coef=0.1)
  assert '\n' not in str(error.value)


def test_rows_beyond_the_clip_give_the_policy_no_gradient():
  algorithm = make(clip_epsilon=0.2, value_coef=0.0, entropy_coef=0.0, normalize_advantages=False)
  grads = jax.grad(lambda p: loss_of(algorithm, p, two_rows(), jnp.zeros(1))[0])(LINEAR)
  np.testing.assert_array_equal(grads['mean_head']['kernel'], [[0.0]])
  np.testing.assert_array_equal(grads['mean_head']['bias'], [0.0])


def experience(algorithm, steps=4, worlds=4, seed=0, reward=None):
  """A fresh learner and transitions [T, B] with its own actions and densities."""
  learner = jax.jit(algorithm.init)(jax.random.PRNGKey(seed))
  keys = jax.random.split(jax.random.PRNGKey(seed + 1), 3)
  obs = jax.random.normal(keys[0], (steps, worlds, 2))
  action, extras = algorithm.act(learner, obs, keys[1])
  no = jnp.zeros((steps, worlds), bool)
  reward = jax.random.normal(keys[2], (steps, worlds)) if reward is None else reward
  return learner, Transition(obs, action, reward, no, no, obs + 1, extras)


def updated(rounds=1, schedule='constant', **hyper):
  """Learners after each of some updates, with their metrics."""
  settings = {'batch_size': 8, 'num_epochs': 1, 'lr_schedule': schedule, 'learning_rate': 1e-3, **hyper}
  algorithm = make(total_timesteps=64, layers=(4,), **settings)
  learner, batch = experience(algorithm)
  update, history = jax.jit(algorithm.update) if rounds > 1 else algorithm.update, []
  for i in range(rounds):
    learner, metrics = update(learner, batch, jax.random.PRNGKey(i))
    history.append((learner, metrics))
  return history


def test_constant_schedule():
  assert [float(m['learning_rate']) for _, m in updated(3)] == pytest.approx([1e-3] * 3)


def test_linear_schedule_falls_to_a_tenth_at_the_end_of_the_budget():
  # 16 of 64 steps an update: progress 0, 1/4, 1/2, 3/4, 1, and no further than that.
  rates = [float(m['learning_rate']) for _, m in updated(6, 'linear')]
  assert rates == pytest.approx([1e-3, 7.75e-4, 5.5e-4, 3.25e-4, 1e-4, 1e-4], rel=1e-5)


def test_adaptive_schedule_slows_down_where_kl_is_large():
  (learner, metrics), (_, second) = updated(2, 'adaptive', learning_rate=9e-3, target_kl=1e-9)
  assert float(metrics['kl']) > 2e-9
  assert float(metrics['learning_rate']) == pytest.approx(9e-3)
  assert float(learner.learning_rate) == float(second['learning_rate']) == pytest.approx(9e-3 / 1.5)


def test_adaptive_schedule_speeds_up_where_kl_is_small():
  learner, metrics = updated(1, 'adaptive', target_kl=1e3)[0]
  assert float(metrics['kl']) < 500
  assert float(learner.learning_rate) == pytest.approx(1.5e-3)


def test_adaptive_schedule_stays_within_half_and_twice_the_target():
  kl = float(updated(1)[0][1]['kl'])
  assert kl > 0
  for target in (kl * 1.5, kl / 1.5):
    assert float(updated(1, 'adaptive', target_kl=target)[0][0].learning_rate) == pytest.approx(1e-3)


@pytest.mark.parametrize(('start', 'shift', 'bound'), [(9e-3, 0.0, 1e-2), (1.2e-5, 1.0, 1e-5)])
def test_adaptive_schedule_keeps_its_bounds(start, shift, bound):
  """A policy that acts otherwise by `shift` than the one that collected has a KL of shift^2 / 2 std^2."""
  algorithm = make(layers=(4,), batch_size=16, num_epochs=1, lr_schedule='adaptive', learning_rate=start, target_kl=0.1)
  learner, batch = experience(algorithm)
  learner.params['mean_head']['bias'] += shift
  after, metrics = algorithm.update(learner, batch, jax.random.PRNGKey(0))
  assert float(metrics['kl']) == pytest.approx(shift**2 / 2 / math.exp(learner.params['log_std'][0]) ** 2, abs=1e-3)
  assert float(after.learning_rate) == pytest.approx(bound)


def explore(final_std, rounds):
  """Learners after each of some updates of 16 of 64 steps, from a standard deviation of 0.4."""
  network = NetworkConfig(policy_layers=(4,), value_layers=(4,), symmetric=False, initial_std=0.4, final_std=final_std)
  hyper = PPOConfig(batch_size=8, num_epochs=1, entropy_coef=0.1)
  algorithm = made(Config(total_timesteps=64, network=network, ppo=hyper), Spec(2, 1, unused))
  learner, batch = experience(algorithm)
  update, history = jax.jit(algorithm.update), []
  for i in range(rounds):
    learner, _ = update(learner, batch, jax.random.PRNGKey(i))
    history.append(learner)
  return algorithm, history


def test_scheduled_noise_of_actions_falls_geometrically_whatever_pays():
  # From 0.4 to 0.1: halved by half of the way, at 2 of 4 updates; and no further than that.
  algorithm, history = explore(0.1, 6)
  found = [math.exp(float(learner.params['log_std'][0])) for learner in history]
  assert found == pytest.approx([0.4 / 2**0.5, 0.2, 0.2 / 2**0.5, 0.1, 0.1, 0.1], rel=1e-5)
  assert float(algorithm.actor(history[3]).log_std[0]) == pytest.approx(math.log(0.1), rel=1e-5)


@pytest.mark.parametrize(('final_std', 'learned'), [(0.1, False), (0.0, True)])
def test_noise_that_is_scheduled_has_no_gradient(final_std, learned):
  network = NetworkConfig(policy_layers=(), value_layers=(), symmetric=False, final_std=final_std)
  hyper = PPOConfig(clip_epsilon=0.9, entropy_coef=0.1, normalize_advantages=False)
  algorithm = made(Config(network=network, ppo=hyper), Spec(1, 1, unused))
  grads = jax.grad(lambda p: loss_of(algorithm, p, two_rows(), jnp.zeros(1))[0])(LINEAR)
  assert bool(np.any(grads['log_std'] != 0)) == learned
  assert np.all(grads['mean_head']['bias'] != 0)


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


# Two legs and a lean: the mirror exchanges obs 0 and 1, turns obs 2 round, and exchanges the two motors.
MIRROR = Mirror(np.array([1, 0, 2]), np.array([1.0, 1.0, -1.0]), np.array([1, 0]), np.array([1.0, 1.0]))


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


# Probe environments, through the real collect_traced and the real update.


def ones(age, key):
  return jnp.ones((len(age), 1))


def test_a_constant_reward_under_time_limits_is_worth_one_over_one_minus_gamma():
  """Were truncation taken for termination, episodes of 5 steps could not be worth more than 4.1."""
  env = Probe(reward=lambda age, obs, a: jnp.ones(16), terminated=never, truncated=lambda age: age >= 5, observe=ones)
  algorithm = probe_ppo(gamma=0.9, gae_lambda=0.9)
  value = values(algorithm, learn(env, algorithm, 300), [1.0])
  assert value[0] == pytest.approx(10.0, rel=0.03)


def test_a_reward_before_termination_is_worth_itself():
  env = Probe(reward=lambda age, obs, a: jnp.ones(16), terminated=always, truncated=never, observe=ones)
  algorithm = probe_ppo(gamma=0.9)
  assert values(algorithm, learn(env, algorithm, 200), [1.0])[0] == pytest.approx(1.0, rel=0.03)


def test_a_reward_two_steps_away_is_discounted_once():
  """Observation 0, reward 0; observation 1, reward 1, end. Worth gamma and 1."""
  env = Probe(
    reward=lambda age, obs, a: (age == 2).astype(jnp.float32),
    terminated=lambda age: age >= 2,
    truncated=never,
    observe=lambda age, key: age[:, None].astype(jnp.float32),
  )
  algorithm = probe_ppo(gamma=0.5, normalize_observations=False)
  np.testing.assert_allclose(values(algorithm, learn(env, algorithm, 300), [0.0, 1.0]), [0.5, 1.0], atol=0.04)


def test_the_action_that_pays_most_is_preferred():
  env = Probe(reward=lambda age, obs, a: -((a - 0.5) ** 2), terminated=always, truncated=never, observe=ones)
  algorithm = probe_ppo(normalize_observations=False)
  learner = learn(env, algorithm, 300)
  assert mean_actions(algorithm, learner, [1.0])[0] == pytest.approx(0.5, abs=0.1)
  assert math.exp(float(learner.params['log_std'][0])) < 0.4  # noise costs here, so it was learned away


def test_the_preferred_action_depends_on_the_observation():
  def sign(age, key):
    return jax.random.rademacher(key, (len(age), 1)).astype(jnp.float32)

  env = Probe(reward=lambda age, obs, a: obs * a, terminated=always, truncated=never, observe=sign)
  algorithm = probe_ppo()
  actions = mean_actions(algorithm, learn(env, algorithm, 300), [-1.0, 1.0])
  assert actions[0] < -0.5
  assert actions[1] > 0.5
