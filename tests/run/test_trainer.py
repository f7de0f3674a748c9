"""Protects the iteration: what it averages, when start states change, and that it compiles once."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from points import point_setup
from tiny import TINY

from mjx_humanoid.run import trainer as module
from mjx_humanoid.run.setup import BANK_ITERATIONS, prepare
from mjx_humanoid.run.trainer import Trainer, means


def leaves(tree):
  return [np.array(x) for x in jax.tree.leaves(tree)]


def equal(first, second):
  return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(leaves(first), leaves(second), strict=True))


@pytest.fixture(scope='module')
def trainer(tmp_path_factory):
  from mjx_humanoid.core.config.schema import default_config, resolve

  config = default_config()
  config.update_from_flattened_dict(TINY)
  return Trainer(prepare(resolve(config)))


def test_means_by_hand():
  sums = {'episodes': 4, 'episode_return': 10.0, 'episode_length': 30, 'steps': 20, 'diverged': 1, 'term/a': 5.0}
  result = {name: float(value) for name, value in means(jax.tree.map(jnp.asarray, sums)).items()}
  expected = {'episodes': 4, 'episode_return': 2.5, 'episode_length': 7.5, 'diverged': 1, 'term/a': 0.25}
  assert result == expected


def test_means_without_a_finished_episode_do_not_divide_by_zero():
  sums = {'episodes': 0, 'episode_return': 0.0, 'episode_length': 0, 'steps': 20, 'diverged': 0}
  assert float(means(jax.tree.map(jnp.asarray, sums))['episode_return']) == 0.0


def test_an_iteration_is_worlds_times_unroll_steps(trainer):
  assert trainer.steps_per_iteration == 16 * 4
  state, _ = trainer.step(trainer.start())
  assert (state.iteration, float(state.learner.timesteps)) == (1, 64.0)


def test_an_iteration_learns_and_advances_every_world(trainer):
  first = trainer.start()
  params, steps = leaves(first.learner.params), np.array(first.carry.env.episode.context.step)
  state, metrics = trainer.step(first)
  assert not equal(params, state.learner.params)
  assert not np.array_equal(steps, state.carry.env.episode.context.step)
  assert all(np.isfinite(value).all() for value in metrics.values())


def test_metrics_name_episodes_terms_and_losses(trainer):
  _, metrics = trainer.step(trainer.start())
  terms = {name for name in metrics if name.startswith('term/')}
  assert terms
  assert {'episodes', 'episode_return', 'episode_length', 'diverged', 'loss', 'kl', 'learning_rate'} <= set(metrics)


def test_the_seed_alone_decides(tiny, trainer):
  """Two trainers of one seed agree in everything; another seed differs in parameters and start states."""
  again, other = Trainer(prepare(tiny())).start(), Trainer(prepare(tiny(seed=1))).start()
  first = trainer.start()
  assert equal((first.learner, first.carry.env, first.key), (again.learner, again.carry.env, again.key))
  assert not equal(first.learner.params, other.learner.params)
  assert not np.array_equal(first.carry.env.obs, other.carry.env.obs)


def test_worlds_begin_at_different_ages_and_places(trainer):
  state = trainer.start()
  assert len(np.unique(state.carry.env.episode.context.step)) > 3
  assert len(np.unique(np.asarray(state.carry.env.obs), axis=0)) > 8


def test_start_states_are_refreshed_every_so_many_iterations_and_depend_on_nothing_else(trainer):
  every = BANK_ITERATIONS
  first, last = trainer.bank(0).qpos, trainer.bank(every - 1).qpos
  following = trainer.bank(every).qpos
  assert first.shape[0] == module.BANK_SIZE
  np.testing.assert_array_equal(first, last)
  assert not np.array_equal(first, following)
  np.testing.assert_array_equal(trainer.bank(0).qpos, first)  # as a resumed run asks for it


def test_another_number_of_iterations_that_a_bank_serves():
  setup = dataclasses.replace(point_setup(), bank_iterations=3)
  banks = [Trainer(setup).bank(iteration) for iteration in (0, 2, 3)]
  np.testing.assert_array_equal(banks[0], banks[1])
  assert not np.array_equal(banks[0], banks[2])


# From an actor that is there already


@pytest.fixture(scope='module')
def grown(trainer):
  """An actor unlike any fresh one, as arrays of NumPy: as a policy file gives it."""
  rng = np.random.default_rng(4)
  fresh = trainer.setup.algorithm.actor(trainer.start().learner)

  def moved_by(x):
    return x if isinstance(x, bool) else np.asarray(x) + 0.2 * rng.normal(size=x.shape).astype(np.float32)

  moved = jax.tree.map(moved_by, fresh)
  return moved._replace(mirror=fresh.mirror, std=np.exp(moved.std))


def test_a_training_that_starts_from_an_actor_acts_like_it(trainer, grown):
  started = trainer.setup.algorithm.actor(trainer.start(grown).learner)
  for a, b in zip(leaves(started.kernels + started.biases), leaves(grown.kernels + grown.biases), strict=True):
    np.testing.assert_array_equal(a, b)
  np.testing.assert_allclose(started.mean, grown.mean, atol=1e-4)
  np.testing.assert_allclose(started.std, grown.std, rtol=1e-3)


def test_all_but_the_actor_is_as_in_a_fresh_training(trainer, grown):
  fresh, started = trainer.start(), trainer.start(grown)
  assert equal(
    (fresh.carry.env, fresh.key, fresh.learner.opt_state), (started.carry.env, started.key, started.learner.opt_state)
  )
  assert float(started.learner.timesteps) == started.iteration == 0
  assert float(started.learner.learning_rate) == float(fresh.learner.learning_rate)


# Restarts

RESTARTED = {'restart_interval': 100, 'curriculum': 'linear', 'ppo__lr_schedule': 'linear'}  # 64 steps an iteration


@pytest.fixture
def restarted(tiny):
  """A trainer that restarts every second iteration, and its states after each of five, as arrays of NumPy."""
  trainer = Trainer(prepare(tiny(**RESTARTED)))
  state, states, rates = trainer.start(), [], []
  for _ in range(5):
    state, metrics = trainer.step(state)
    states.append(state._replace(learner=jax.tree.map(np.array, state.learner)))
    rates.append(float(metrics['learning_rate']))
  return trainer, states, rates


def test_schedules_and_curricula_reach_from_one_restart_to_the_next(restarted):
  """After 100 steps the rate would be down to a tenth: 64 of them leave 1 - 0.9 x 0.64 of it; then it is whole."""
  trainer, states, rates = restarted
  assert [float(state.learner.timesteps) for state in states] == [64, 128, 64, 128, 64]
  assert [state.iteration for state in states] == [1, 2, 3, 4, 5]
  np.testing.assert_allclose(np.array(rates) / rates[0], [1, 0.424, 1, 0.424, 1], rtol=1e-4)
  assert trainer.setup.env.lifetime == 100 / 16


def test_a_restart_begins_with_the_actor_so_far(restarted, monkeypatch):
  """Whatever the critic was; and in other worlds than the first time."""
  trainer, states, _ = restarted
  starts = []

  def start(actor, iteration):
    starts.append((jax.tree.map(np.array, actor.kernels), iteration))
    return Trainer.start(trainer, actor, iteration)

  monkeypatch.setattr(trainer, 'start', start)
  trainer.step(states[1]._replace(learner=jax.tree.map(jnp.asarray, states[1].learner)))
  expected = trainer.setup.algorithm.actor(states[1].learner)
  ((kernels, iteration),) = starts
  assert iteration == 2
  assert equal(kernels, expected.kernels)
  first, second = (Trainer.start(trainer, expected, at) for at in (0, 2))
  assert not equal(first.carry.env.obs, second.carry.env.obs)
  assert not equal(first.learner.params['value'], second.learner.params['value'])


class Counting:
  """An algorithm that counts how often it is traced."""

  def __init__(self, algorithm):
    self.traces = 0
    self._algorithm = algorithm

  def __getattr__(self, name):
    return getattr(self._algorithm, name)

  def update(self, learner, batch, key):
    self.traces += 1
    return self._algorithm.update(learner, batch, key)


@pytest.mark.parametrize(
  ('schedule', 'given'), [('constant', False), ('linear', False), ('linear', True), ('adaptive', False)]
)
def test_the_second_iteration_compiles_nothing(tiny, grown, schedule, given):
  """A type that changes from the first learner to the second would double the wait before training."""
  setup = prepare(tiny(ppo__lr_schedule=schedule))
  counting = Counting(setup.algorithm)
  trainer = Trainer(dataclasses.replace(setup, algorithm=counting))
  state = trainer.start(grown if given else None)
  for _ in range(3):
    state, _ = trainer.step(state)
  assert counting.traces == 1


def precision_seen(monkeypatch, setup):
  """The precision of products while the algorithm's update is traced."""
  seen, update = [], type(setup.algorithm).update

  def watching(self, *arguments):
    seen.append(jax.config.jax_default_matmul_precision)
    return update(self, *arguments)

  monkeypatch.setattr(type(setup.algorithm), 'update', watching)
  trainer = Trainer(setup)
  trainer.step(trainer.start())
  return seen


def test_products_keep_their_precision_in_training_and_nowhere_else(monkeypatch):
  before = jax.config.jax_default_matmul_precision
  assert precision_seen(monkeypatch, point_setup()) == ['highest']
  assert jax.config.jax_default_matmul_precision == before


def test_training_computes_on_the_device_it_is_given(run_python):
  """On the second of two."""
  code = """
import sys
sys.path[:0] = ['tests', 'tests/run']
import jax
from points import point_setup
from mjx_humanoid.run.trainer import Trainer
first, second = jax.devices()
trainer = Trainer(point_setup(device=second))
state, metrics = trainer.step(trainer.start())
leaves = jax.tree.leaves((state.learner, state.carry, state.key, metrics))
assert {device for leaf in leaves for device in leaf.devices()} == {second}
assert jax.numpy.zeros(1).devices() == {first}
other = Trainer(point_setup())
assert other.step(other.start())[0].key.devices() == {first}
"""
  flags = {**os.environ, 'XLA_FLAGS': '--xla_force_host_platform_device_count=2'}
  result = run_python('-c', code, env=flags, cwd=Path(__file__).parents[2])
  assert result.returncode == 0, result.stderr
