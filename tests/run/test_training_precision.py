"""Protects single precision: numbers do not depend on what a process, or a user's file, has set JAX to."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import TINY

import mjx_humanoid as mh
from mjx_humanoid.core.config.schema import default_config
from mjx_humanoid.core.precision import single_precision
from mjx_humanoid.run.policies import to_policy
from mjx_humanoid.run.setup import prepare
from mjx_humanoid.run.trainer import Trainer

REWARD = """
import jax
import jax.numpy as jnp

{switch}
GOAL = jnp.asarray(1.3)


def upright(view, body, context):
  return jnp.exp(-jnp.abs(body.height(view) - GOAL)), {{'height': body.height(view)}}
"""
SETTINGS = {**TINY, 'total_timesteps': 128, 'checkpoint_interval': 64}


def trained(folder, switch, engine='native'):
  file = folder / 'own.py'
  folder.mkdir()
  file.write_text(REWARD.format(switch=switch))
  config = default_config()
  config.update_from_flattened_dict({**SETTINGS, 'engine': engine, 'run_dir': str(folder)})
  try:
    run = mh.train(config, task={'reward': f'{file}:upright'})
  finally:
    jax.config.update('jax_enable_x64', False)
  metrics = [{k: v for k, v in entry.items() if 'second' not in k} for entry in run.metrics]
  return metrics, run.policy


@pytest.mark.slow  # two trainings
def test_a_reward_file_that_switches_to_64_bits_changes_no_number(tmp_path):
  metrics, policy = trained(tmp_path / 'plain', '')
  wide = trained(tmp_path / 'wide', "jax.config.update('jax_enable_x64', True)")
  assert wide[0] == metrics
  assert all(np.array_equal(a, b) for a, b in zip(wide[1].kernels, policy.kernels, strict=True))


@pytest.mark.slow  # compiles MJX for training and for judging
def test_mjx_trains_and_judges_in_64_bits(tiny):
  with jax.enable_x64(True):
    setup = prepare(tiny(engine='mjx', num_envs=8))
    trainer = Trainer(setup)
    state, metrics = trainer.step(trainer.start())
    assert np.isfinite(float(metrics['loss']))
    policy = to_policy(setup, state.learner, 0)
    assert 0 <= mh.evaluate(policy, episodes=1, engine='mjx')['success_rate'] <= 1


def test_a_notebook_in_64_bits_trains_and_stays_in_64_bits(tiny):
  with jax.enable_x64(True), jax.default_matmul_precision('bfloat16'):
    trainer = Trainer(prepare(tiny()))
    state, _ = trainer.step(trainer.start())
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(state.learner.params)} == {'float32'}
    assert jnp.zeros(()).dtype == jnp.float64
    assert jax.config.jax_default_matmul_precision == 'bfloat16'


def test_settings_of_the_process_hold_again_after_an_error():
  with jax.enable_x64(True), pytest.raises(ValueError, match='inside'), single_precision():
    assert jnp.zeros(()).dtype == jnp.float32
    raise ValueError('inside')
  assert jnp.zeros(()).dtype == jnp.float32


def test_a_training_may_have_more_steps_than_32_bits_count(tiny):
  trainer = Trainer(prepare(tiny(total_timesteps=2**33)))
  state, metrics = trainer.step(trainer.start())
  assert float(state.learner.timesteps) == 64
  assert np.isfinite(float(metrics['loss']))
