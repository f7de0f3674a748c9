"""Protects AMP: how its rewards are made, what it remembers, and that a policy learns the motion of a clip."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pages
import pytest
from probes import Probe, always, learn, mean_actions, never, unused

from mjx_humanoid.core.config.amp import AMPConfig
from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.ppo import PPOConfig
from mjx_humanoid.core.config.schema import Config, resolve
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Transition
from mjx_humanoid.rl import amp
from mjx_humanoid.rl.algorithm import MOTION, NEXT_MOTION, Spec, algorithms, choose_algorithm, make_algorithm

WORLDS = 16
CLIP = np.array([[[0.0], [0.5]], [[0.0], [0.4]], [[0.0], [0.6]]], np.float32)  # [3, 2, 1]: on by about 0.5 each step


def config_of(ppo=(), **hyper):
  network = NetworkConfig(policy_layers=(8,), value_layers=(8,), activation='tanh', symmetric=False)
  usual = {'unroll_length': 8, 'batch_size': 32, 'num_epochs': 2, 'learning_rate': 1e-2, 'lr_schedule': 'constant'}
  settings = {'layers': (16,), 'learning_rate': 3e-3, 'batch_size': 64, 'replay_size': 512, **hyper}
  sections = {'network': network, 'ppo': PPOConfig(**{**usual, **dict(ppo)}), 'amp': AMPConfig(**settings)}
  return Config(num_envs=WORLDS, algorithm='amp', **sections)


def make(ppo=(), **hyper):
  return make_algorithm(config_of(ppo, **hyper), Spec(1, 1, unused, style=lambda: CLIP))


def experience(algorithm, learner, seed=0, steps=8):
  """Transitions [T, 16] of motions that go on by whatever the action is."""
  keys = jax.random.split(jax.random.PRNGKey(seed), 3)
  obs = jax.random.normal(keys[0], (steps, WORLDS, 1))
  action, extras = algorithm.act(learner, obs, keys[1])
  no = jnp.zeros((steps, WORLDS), bool)
  extras = {**extras, MOTION: 0 * action, NEXT_MOTION: action}
  return Transition(obs, action, jax.random.normal(keys[2], no.shape), no, no, obs + 1, extras)


@pytest.fixture(scope='module')
def once():
  """An algorithm, its learner, experience, and what an update makes of it."""
  algorithm = make(style_weight=0.3, task_weight=0.8)
  learner = jax.jit(algorithm.init)(jax.random.PRNGKey(0))
  batch = experience(algorithm, learner)
  after, metrics = jax.jit(algorithm.update)(learner, batch, jax.random.PRNGKey(5))
  return algorithm, learner, batch, after, metrics


def test_it_is_chosen_by_its_name_and_learns_by_the_settings_of_ppo():
  assert 'adversarial' in algorithms()['amp'].lower()
  algorithm = make(ppo={'unroll_length': 4})
  assert isinstance(algorithm, amp.AMP)
  assert algorithm.unroll_length == 4
  assert choose_algorithm(config_of()).needs_motion
  assert not choose_algorithm(Config()).needs_motion


def test_ppo_learns_from_the_weighted_sum_of_both_rewards(once):
  algorithm, learner, batch, after, metrics = once
  normalizer = after.normalizer
  before, reached = ((batch.extras[name] - normalizer.mean) / normalizer.std for name in (MOTION, NEXT_MOTION))
  scores = algorithm.discriminator.scores(learner.critic.params, jnp.stack([before, reached], axis=-2))
  style = np.maximum(0, 1 - 0.25 * np.square(scores - 1))
  assert float(metrics['style_reward']) == pytest.approx(style.mean(), rel=1e-5)
  assert style.std() > 0.01
  mixed = batch._replace(reward=0.8 * batch.reward + 0.3 * style)
  key = jax.random.split(jax.random.PRNGKey(5), 3)[0]
  alone, _ = jax.jit(algorithm.ppo.update)(learner.ppo, mixed, key)
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), after.ppo.params, alone.params)


def test_features_of_clip_and_policy_count_alike_in_their_scale():
  """Means of clip 0.25 and policy 4.25, of 6 and 8 numbers: 2.25 together, as if there were as many of both."""
  algorithm = make()
  fresh = jnp.asarray(np.repeat(CLIP[:1] + 4, 4, axis=0))
  normalizer = algorithm._observed(algorithm.init(jax.random.PRNGKey(0)).normalizer, fresh)
  assert float(normalizer.mean[0]) == pytest.approx(2.25, abs=1e-5)
  assert float(normalizer.std[0]) == pytest.approx(2.0, abs=0.1)


def test_the_discriminator_learns_after_it_has_judged(once):
  _, learner, _, after, metrics = once
  pairs = zip(jax.tree.leaves(after.critic), jax.tree.leaves(learner.critic), strict=True)
  assert not any(np.array_equal(a, b) for a, b in pairs)
  assert float(metrics['skipped']) == 0


def test_pairs_of_earlier_policies_replace_the_oldest():
  """A memory of 64 takes 2 in each update."""
  algorithm = make(replay_size=64)
  memory = algorithm.init(jax.random.PRNGKey(0)).memory
  remember = jax.jit(algorithm._remembered)
  for i in range(34):
    memory = remember(memory, jnp.full((4, 2, 1), i + 1.0), jax.random.PRNGKey(i))
    if i == 1:
      assert memory.pairs[:5, 0, 0].tolist() == [1, 1, 2, 2, 0]
      assert int(memory.count) == 4
  assert memory.pairs[:6, 0, 0].tolist() == [33, 33, 34, 34, 3, 3]
  assert (int(memory.count), int(memory.next)) == (64, 4)


@pytest.mark.parametrize('replay_size', [0, 64])
def test_the_discriminator_learns_from_the_latest_policy_and_from_earlier_ones(replay_size):
  """The latest are at 1 and earlier ones at -1, on either side of the clip, which is about 0."""
  algorithm = make(replay_size=replay_size, gradient_penalty=0.0, learning_rate=1e-2, num_minibatches=200)
  learner = algorithm.init(jax.random.PRNGKey(0))
  full = jnp.asarray(replay_size, jnp.int32)
  learner = learner._replace(memory=amp.Memory(jnp.full((replay_size, 2, 1), -1.0), full, full))
  latest = jnp.ones((16, 2, 1))
  critic, metrics = jax.jit(algorithm._train)(learner, latest, jax.random.PRNGKey(1))
  earlier, late, clip = (
    float(algorithm.discriminator.scores(critic.params, jnp.asarray(pair)).mean()) for pair in (-latest, latest, CLIP)
  )
  assert late < 0 < clip
  assert (earlier < 0) == bool(replay_size)
  assert float(metrics['skipped']) == 0


def test_every_metric_is_explained(once):
  explained = {name for part in ('### PPO', '### AMP') for name in pages.table('docs/metrics.md', part)}
  assert set(once[-1]) == explained - {'imitation_error'}


def test_an_adopted_actor_has_a_new_discriminator(once):
  algorithm, learner, _, after, _ = once
  adopted = algorithm.adopt(learner, algorithm.actor(after))
  np.testing.assert_array_equal(adopted.ppo.params['mean_head']['kernel'], after.ppo.params['mean_head']['kernel'])
  assert int(adopted.ppo.warm_up) > 0
  jax.tree.map(np.testing.assert_array_equal, adopted.critic, learner.critic)


@pytest.mark.parametrize('name', ['style_weight', 'task_weight', 'gradient_penalty'])
def test_negative_weights_are_refused(name):
  with pytest.raises(UserError, match=rf'config\.amp\.{name}=-0\.1 is out of range: it must be at least 0') as error:
    resolve({'amp': {name: -0.1}})
  assert '\n' not in str(error.value)


def test_a_style_without_weight_and_minibatches_that_do_not_fit_are_refused():
  with pytest.raises(UserError, match=r'config\.amp\.style_weight is 0, .* or config\.algorithm=ppo'):
    choose_algorithm(config_of(style_weight=0.0))
  with pytest.raises(UserError, match=r'config\.ppo\.batch_size=33'):
    choose_algorithm(config_of(ppo={'batch_size': 33}))


def test_an_environment_without_a_clip_is_refused():
  with pytest.raises(UserError, match=r'this environment has no clip to take a style from'):
    make_algorithm(config_of(), Spec(1, 1, unused))


class Moving(Probe):
  """Episodes of one step from 0, on by the action. Motions of a clip go on by about 0.5."""

  def advance(self, state, bank, view, key):
    state, out = super().advance(state, bank, view, key)
    return state, out._replace(extras={MOTION: 0 * view, NEXT_MOTION: view})


def moving(task):
  """The task rewards nothing, or an action near `task`."""
  return Moving(
    reward=lambda age, obs, action: 0 * action if task is None else 1 - jnp.square(action - task),
    terminated=always,
    truncated=never,
    observe=lambda age, key: jnp.ones((len(age), 1)),
  )


def learned(task, **hyper):
  algorithm = make(**hyper)
  learner = learn(moving(task), algorithm, 150)
  return float(mean_actions(algorithm, learner, [1.0])[0])


def test_a_policy_learns_the_motion_of_a_clip_where_the_task_rewards_nothing():
  assert learned(None) == pytest.approx(0.5, abs=0.12)


@pytest.mark.slow
def test_the_weights_decide_between_task_and_style():
  """The task asks for -0.5, the clip shows 0.5."""
  assert learned(-0.5, task_weight=1.0, style_weight=0.01) < -0.3
  assert learned(-0.5, task_weight=0.02, style_weight=1.0) > 0.3


def test_names_of_the_extras_are_those_of_the_page():
  text = pages.PAGES['docs/own.md']
  assert set(re.findall(r"batch\.extras\['(\w+)'\]", text)) == {MOTION, NEXT_MOTION}
