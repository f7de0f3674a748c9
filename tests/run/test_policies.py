"""Protects the way from a learner to the portable policy: it must act exactly as the trainer's network does."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from points import point_setup

from mjx_humanoid import __version__
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import ACTIVATIONS
from mjx_humanoid.playback.policy import load_policy, save_policy
from mjx_humanoid.rl import normalize
from mjx_humanoid.run.policies import from_policy, to_policy, versions
from mjx_humanoid.run.setup import prepare


def trained(setup, seed=0):
  """A learner far from its start: every parameter moved, a normaliser that has seen something."""
  learner = jax.jit(setup.algorithm.init)(jax.random.PRNGKey(seed))
  rng = np.random.default_rng(seed)
  params = jax.tree.map(lambda x: x + 0.2 * rng.normal(size=x.shape).astype(np.float32), learner.params)
  seen = rng.normal(2, 3, (100, setup.env.observation_size)).astype(np.float32)
  return learner._replace(params=params, normalizer=normalize.update(learner.normalizer, seen))


@pytest.mark.parametrize('symmetric', [True, False])
@pytest.mark.parametrize('activation', ACTIVATIONS)
def test_numpy_acts_as_the_trainers_network_for_every_activation(tiny, tmp_path, activation, symmetric):
  """On random observations, within 1e-5, through a file."""
  setup = prepare(tiny(network__activation=activation, network__symmetric=symmetric))
  learner = trained(setup)
  save_policy(to_policy(setup, learner, 64), tmp_path / 'p.safetensors')
  policy = load_policy(tmp_path / 'p.safetensors')
  obs = np.random.default_rng(5).normal(1, 4, (64, policy.observation_size)).astype(np.float32)
  with jax.default_matmul_precision('highest'):
    expected = np.clip(setup.algorithm.act(learner, obs, jax.random.PRNGKey(0))[1]['mean'], -1, 1)
  np.testing.assert_allclose(policy(obs), expected, atol=1e-5)
  assert (policy.mirror is not None) == symmetric
  assert 0.05 < (np.abs(expected) < 1).mean() < 1  # some clipped, some not: the comparison means something


@pytest.mark.parametrize('normalized', [True, False])
def test_observations_are_clipped_in_numpy_as_in_training(tiny, normalized):
  """With and without the normaliser: a joint can well turn faster than 10 rad/s."""
  setup = prepare(tiny(ppo__normalize_observations=normalized))
  learner = trained(setup)
  policy = to_policy(setup, learner, 64)
  obs = np.random.default_rng(5).normal(1, 40, (64, policy.observation_size)).astype(np.float32)
  expected = np.clip(setup.algorithm.act(learner, obs, jax.random.PRNGKey(0))[1]['mean'], -1, 1)
  np.testing.assert_allclose(policy(obs), expected, atol=1e-4)


def test_a_shared_trunk_and_no_hidden_layers_are_exported_too(tiny):
  for layers in ((), (8, 4)):
    setup = prepare(tiny(network__policy_layers=layers, network__shared=True))
    learner = trained(setup)
    policy = to_policy(setup, learner, 64)
    obs = np.random.default_rng(5).normal(1, 4, (9, policy.observation_size)).astype(np.float32)
    expected = np.clip(setup.algorithm.act(learner, obs, jax.random.PRNGKey(0))[1]['mean'], -1, 1)
    np.testing.assert_allclose(policy(obs), expected, atol=1e-5)


def test_the_policy_says_how_it_was_made(tiny):
  setup = prepare(tiny(seed=11))
  policy = to_policy(setup, trained(setup), 640)
  info = policy.info
  assert (info['name'], info['seed'], info['timesteps'], info['num_envs']) == ('tiny', 11, 640, 16)
  assert (info['algorithm'], info['engine']) == ('ppo', 'native')
  assert info['control_step'] == pytest.approx(0.025)
  assert (len(info['joints']), len(info['actuators'])) == (21, 21)
  assert policy.task == setup.config.task


def test_a_policy_says_what_it_started_from(tiny):
  for source, expected in (('', None), ('stand', 'stand')):
    setup = prepare(tiny(init_from=source))
    assert to_policy(setup, trained(setup), 640).info.get('init_from') == expected


# From a policy back to what acts in a training


@pytest.mark.parametrize('symmetric', [True, False])
def test_there_and_back_is_exact(tiny, symmetric):
  config = tiny(network__symmetric=symmetric)
  setup = prepare(config)
  policy = to_policy(setup, trained(setup), 64)
  there, back = setup.algorithm.actor(trained(setup)), from_policy(policy, config)
  assert jax.tree.structure(there) == jax.tree.structure(back)
  for a, b in zip(jax.tree.leaves(there), jax.tree.leaves(back), strict=True):
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
  ('changes', 'words'),
  [
    ({'task__observations': ('joint_positions',)}, r'sees joint_positions, joint_velocities; this training is of'),
    ({'task__observations': ('joint_velocities', 'joint_positions')}, 'with joint_velocities, joint_positions'),
    ({'task__actuation': 'pd'}, r'set config\.task\.actuation=datasheet, which made by hand was trained with'),
    ({'network__activation': 'tanh'}, r'set config\.network\.activation=elu, as made by hand has it'),
  ],
)
def test_a_policy_that_cannot_go_on_here_is_refused_with_what_would_help(tiny, make_policy, changes, words):
  with pytest.raises(UserError, match=words) as error:
    from_policy(make_policy(), tiny(**changes))
  assert str(error.value).startswith('config.init_from: ')
  assert '\n' not in str(error.value)


def test_a_task_may_show_more_behind_what_a_policy_has_seen(tiny, make_policy):
  policy = make_policy()
  more = (*policy.task.observations, 'contact_forces', 'posture')
  actor = from_policy(policy, tiny(task__observations=more))
  np.testing.assert_array_equal(actor.kernels[0], policy.kernels[0])
  with pytest.raises(UserError, match='with contact_forces, '):
    from_policy(policy, tiny(task__observations=('contact_forces', *policy.task.observations)))


def test_a_policy_of_another_robot_is_refused(tiny, make_policy):
  import dataclasses

  policy = make_policy()
  other = make_policy(task=dataclasses.replace(policy.task, robot='other'))
  with pytest.raises(UserError, match=r'is of other and sees .*; this training is of humanoid'):
    from_policy(other, tiny())


def test_the_rest_of_the_task_may_differ(tiny, make_policy):
  config = tiny(task__reward='walk', task__command__value=(1.0, 0.0, 0.0), task__frame_skip=4, task__start='fallen')
  assert from_policy(make_policy(), config).kernels[0].shape == (52, 8)


def test_versions_name_this_package_and_those_that_results_depend_on():
  import mujoco

  found = versions()
  assert (found['mjx_humanoid'], found['mujoco'], found['jax']) == (__version__, mujoco.__version__, jax.__version__)


def test_without_a_task_a_policy_says_all_but_what_its_actions_mean():
  setup = point_setup()
  info = to_policy(setup, setup.algorithm.init(jax.random.PRNGKey(0)), 8).info
  assert (info['engine'], info['num_envs'], info['timesteps']) == ('points', 4, 8)
  assert not {'joints', 'actuators', 'control_step'} & set(info)
