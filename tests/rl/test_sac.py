"""Protects SAC: its settings, its updates and its actor."""

from __future__ import annotations

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probes import unused

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.sac import SACConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import Mirror, mean_action
from mjx_humanoid.rl import actor_critic, replay_memory
from mjx_humanoid.rl.algorithm import Spec, algorithms, choose_algorithm, make_algorithm
from mjx_humanoid.rl.sac import SAC
from mjx_humanoid.rl.sac_networks import gaussian_entropy
from mjx_humanoid.rl.sac_parts import PRESETS, parts_of

PLAIN = NetworkConfig(policy_layers=(6,), value_layers=(5,), activation='tanh', symmetric=False)
SMALL = {'replay_size': 256, 'warmup_steps': 32, 'critic_width': 4, 'critic_blocks': 1, 'num_bins': 11, 'batch_size': 8}


def config(network=PLAIN, **hyper):
  sac = SACConfig(**{**SMALL, 'updates_per_step': 0.5, 'unroll_length': 1, **hyper})
  return Config(algorithm='sac', num_envs=4, network=network, sac=sac)


def make(network=PLAIN, mirror=unused, **hyper):
  return make_algorithm(config(network, **hyper), Spec(2, 2, mirror))


# Settings


def test_it_is_listed_and_chosen_by_its_name():
  assert 'soft actor-critic' in algorithms()['sac'].lower()
  assert not {'sac_loss', 'sac_parts', 'replay', 'sac_update'} & set(algorithms())
  assert isinstance(make(), SAC)


def test_a_part_is_as_in_the_preset_unless_a_setting_says_otherwise():
  assert parts_of(SACConfig()).residual
  assert parts_of(SACConfig()).tau == PRESETS['fast']['tau']
  classic = parts_of(SACConfig(preset='classic', batch_norm='yes', tau=0.5))
  assert (classic.residual, classic.categorical, classic.batch_norm, classic.tau) == (False, False, True, 0.5)
  assert not parts_of(SACConfig(head='scalar', rms_norm='no')).categorical


def test_the_classic_target_is_one_nat_below_zero_for_each_action():
  """Haarnoja et al. (2018), appendix D."""
  assert gaussian_entropy(PRESETS['classic']['target_std'], 3) == pytest.approx(-3.0, abs=0.01)


@pytest.mark.parametrize(
  ('settings', 'words'),
  [
    ({'updates_per_step': 0.3}, 'whole number; the closest ratio that fits is 0.25'),
    ({'updates_per_step': 0.01}, 'the closest ratio that fits is 0.25'),
    ({'warmup_steps': 300}, 'holds fewer transitions than config.sac.warmup_steps=300'),
    ({'network': dataclasses.replace(PLAIN, shared=True)}, 'config.network.shared: actor and critics of SAC share no'),
    ({'network': dataclasses.replace(PLAIN, final_std=0.1)}, 'config.network.final_std: the exploration noise of SAC'),
  ],
)
def test_settings_that_do_not_fit_are_refused_in_one_line(settings, words):
  with pytest.raises(UserError) as error:
    choose_algorithm(config(**settings))
  assert words in str(error.value)
  assert '\n' not in str(error.value)


def test_the_size_of_the_replay_memory_is_stated(capsys):
  make()
  # 256 transitions of 4 * (2 * 2 + 2 + 1) + 2 = 30 bytes
  assert 'replay memory: 256 transitions, 7.68e-06 GB of main memory' in capsys.readouterr().out


def test_a_replay_memory_that_does_not_fit_is_refused_with_the_size_that_does(monkeypatch):
  monkeypatch.setattr(replay_memory, 'available_memory', lambda: 6000)
  with pytest.raises(UserError, match=r'config\.sac\.replay_size: 256 transitions .* need 7\.68e-06 GB') as error:
    make()
  assert 'the largest size that fits is 180.' in str(error.value)  # 0.9 * 6000 / 30
  assert '\n' not in str(error.value)
  make(replay_size=180)


# Updates


def test_after_an_update_the_weights_of_each_unit_have_length_one_and_targets_follow():
  algorithm = make(tau=0.25)
  learner = jax.jit(algorithm.init)(jax.random.PRNGKey(0))
  after, metrics = updated(algorithm, learner, 10)
  kernel = after.trained.critics['Dense_0']['kernel']  # [critics, in, out]
  np.testing.assert_allclose(np.linalg.norm(kernel, axis=1), 1, atol=1e-5)
  assert int(after.trained.count) == 2 * 3  # two updates in each of three iterations: 32 transitions are stored at 8
  assert float(metrics['skipped']) == 0
  moved = [
    np.asarray(x['head']['bias']) for x in (learner.trained.critics, after.trained.targets, after.trained.critics)
  ]
  assert 0 < np.abs(moved[1] - moved[0]).max() < np.abs(moved[2] - moved[0]).max()


def experience(algorithm, seed, obs_size=2, reward=1.0):
  from mjx_humanoid.core.types import Transition

  rng = np.random.default_rng(seed)
  shape = (algorithm.unroll_length, algorithm.num_envs)
  obs, following = (jnp.asarray(rng.normal(size=(*shape, obs_size)), jnp.float32) for _ in range(2))
  action = jnp.asarray(rng.uniform(-1, 1, (*shape, algorithm.net.action_size)), jnp.float32)
  flags = jnp.zeros(shape, bool)
  return Transition(obs, action, jnp.full(shape, reward), flags, flags, following, {})


@functools.cache
def classic():
  """The classic preset, and its update compiled once for all tests."""
  algorithm = make(preset='classic')
  return algorithm, jax.jit(algorithm.init), jax.jit(algorithm.update)


def updated(algorithm, learner, count, update=None, **more):
  update = update or jax.jit(algorithm.update)
  for seed in range(count):
    learner, metrics = update(learner, experience(algorithm, seed, **more), jax.random.PRNGKey(seed))
  return learner, metrics


def test_updates_that_are_not_finite_are_skipped_and_counted():
  algorithm, init, update = classic()
  learner = init(jax.random.PRNGKey(0))
  after, metrics = updated(algorithm, learner, 9, update, reward=float('nan'))
  assert float(metrics['skipped']) == 2
  for new, old in zip(jax.tree.leaves(after.trained.critics), jax.tree.leaves(learner.trained.critics), strict=True):
    np.testing.assert_array_equal(new, old)


# The actor


def grown(algorithm, init=None):
  """A learner whose actor does something, with statistics of observations."""
  learner = (init or jax.jit(algorithm.init))(jax.random.PRNGKey(0))
  head = {'kernel': jax.random.normal(jax.random.PRNGKey(1), (6, 2)), 'bias': jnp.array([0.1, -0.2])}
  trained = learner.trained._replace(actor=learner.trained.actor | {'mean_head': head})
  obs = 4 + 2 * jax.random.normal(jax.random.PRNGKey(2), (9, 2))
  normalizer = actor_critic.observed(learner.normalizer, obs, algorithm.net.mirror)
  return learner._replace(trained=trained, normalizer=normalizer), obs


MIRROR = Mirror(np.array([1, 0]), np.array([1.0, 1.0]), np.array([1, 0]), np.array([-1.0, -1.0]))


@pytest.mark.parametrize('symmetric', [False, True])
def test_the_actor_holds_what_acting_used(symmetric):
  network = dataclasses.replace(PLAIN, symmetric=symmetric)
  algorithm = make(network, lambda: MIRROR, preset='classic') if symmetric else classic()[0]
  learner, obs = grown(algorithm)
  actor = algorithm.actor(learner)
  assert actor.squash
  expected = mean_action(actor, obs, 'tanh')
  x = (obs - actor.mean) / actor.std
  by_hand = jnp.tanh(jnp.tanh(x @ actor.kernels[0] + actor.biases[0]) @ actor.kernels[1] + actor.biases[1])
  if symmetric:  # exactly, for observations with left and right exchanged
    np.testing.assert_allclose(mean_action(actor, obs[:, ::-1], 'tanh'), -expected[:, ::-1], atol=1e-6)
  else:
    np.testing.assert_allclose(by_hand, expected, atol=1e-5)
  # without noise: standard deviation e^-5 at most
  quiet = learner.trained.actor | {'std_head': {'kernel': jnp.zeros((6, 2)), 'bias': jnp.full(2, -20.0)}}
  learner = learner._replace(trained=learner.trained._replace(actor=quiet), timesteps=jnp.full((), 99.0))
  acted, _ = jax.jit(algorithm.act)(learner, obs[:4], jax.random.PRNGKey(3))
  np.testing.assert_allclose(acted, expected[:4], atol=0.03)


def test_the_average_of_the_actor_is_what_is_played():
  """Decays of 1/10, 2/11 and 3/12 at first; then the config's, here 0.26. Acting uses the actor itself."""
  algorithm = make(preset='classic', updates_per_step=0.25, warmup_steps=4, ema_decay=0.26)
  learner, update = jax.jit(algorithm.init)(jax.random.PRNGKey(0)), jax.jit(algorithm.update)
  expected = np.asarray(learner.trained.actor['mean_head']['kernel'])
  for decay in (1 / 10, 2 / 11, 3 / 12, 0.26):
    learner, _ = updated(algorithm, learner, 1, update)
    expected = decay * expected + (1 - decay) * np.asarray(learner.trained.actor['mean_head']['kernel'])
  np.testing.assert_allclose(algorithm.actor(learner).kernels[-1], expected, rtol=1e-5)
  assert np.abs(expected - learner.trained.actor['mean_head']['kernel']).max() > 1e-5
  adopted = algorithm.adopt(learner, algorithm.actor(learner))
  np.testing.assert_allclose(algorithm.actor(adopted).kernels[-1], expected, rtol=1e-5)
  assert classic()[1](jax.random.PRNGKey(0)).trained.average == {}


def test_actions_are_uniformly_random_at_first_but_not_of_an_adopted_actor():
  algorithm, init, _ = classic()
  learner, _ = grown(algorithm, init)
  adopted = algorithm.adopt(init(jax.random.PRNGKey(5)), algorithm.actor(learner))
  obs, act = jnp.full((4, 2), 4.0), jax.jit(algorithm.act)
  many = np.stack([act(learner, obs, key)[0] for key in jax.random.split(jax.random.PRNGKey(0), 200)])
  assert many.mean() == pytest.approx(0, abs=0.05)
  assert many.std() == pytest.approx(1 / math.sqrt(3), abs=0.03)
  assert np.std([act(adopted, obs, key)[0][:, 0] for key in jax.random.split(jax.random.PRNGKey(0), 20)]) < 0.4
  expected, found = (np.asarray(mean_action(algorithm.actor(x), obs, 'tanh')) for x in (learner, adopted))
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_an_actor_that_clips_is_refused():
  algorithm, init, _ = classic()
  learner = init(jax.random.PRNGKey(0))
  with pytest.raises(UserError, match=r'clips its actions, so config\.algorithm must be ppo, a2c or amp'):
    algorithm.adopt(learner, algorithm.actor(learner)._replace(squash=False))


def test_a_checkpoint_leaves_the_replay_memory_out_and_gets_it_back():
  algorithm, init, update = classic()
  learner, _ = updated(algorithm, init(jax.random.PRNGKey(0)), 3, update)
  assert not jax.tree.leaves(algorithm.kept(learner).replay)
  again = algorithm.restored(init(jax.random.PRNGKey(9)), algorithm.kept(learner))
  assert int(again.replay.filled) == 0
  again = algorithm.rejoined(again, algorithm.apart(learner))
  for one, other in zip(jax.tree.leaves(again), jax.tree.leaves(learner), strict=True):
    np.testing.assert_array_equal(one, other)
