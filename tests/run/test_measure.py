"""Speed and memory of a training, against the times of a clock that is made up, and sizes that are counted here."""

import dataclasses

import jax
import numpy as np
import pytest

from mjx_humanoid.core.config.files import load_config
from mjx_humanoid.core.config.schema import resolve
from mjx_humanoid.run import measure as module
from mjx_humanoid.run.measure import measure, sized
from mjx_humanoid.run.setup import prepare
from mjx_humanoid.run.trainer import Trainer


def test_minibatches_grow_with_the_number_of_environments():
  """512 x 8 transitions in minibatches of 1024 are 4; so are 4096 x 8 in minibatches of 8192."""
  config = resolve(load_config('stand'))
  assert sized(config, 4096).ppo.batch_size == 8192
  assert sized(config, 128).ppo.batch_size == 256
  other = dataclasses.replace(config, algorithm='a2c')
  assert sized(other, 64) == dataclasses.replace(other, num_envs=64)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  """A trainer of 16 environments on the native engine, after its first iteration."""
  from tiny import TINY

  config = load_config('stand')
  config.update_from_flattened_dict({**TINY, 'run_dir': str(tmp_path_factory.mktemp('runs'))})
  trainer = Trainer(prepare(resolve(config)))
  return [trainer, trainer.step(trainer.start())[0]]


def test_speeds_are_medians_over_rounds(trained, monkeypatch):
  """Physics takes 1 s, collecting 2 s and training 4 s, for 16 environments x 4 steps."""
  trainer, state = trained
  seconds = iter([1.0, 2.0, 4.0, 1.0, 2.0, 99.0, 50.0, 2.0, 4.0])
  monkeypatch.setattr(module, 'timed', lambda function, argument: (next(seconds), function(argument)))
  speed, trained[1] = measure(trainer, state, 0.0)
  assert speed == (64.0, 32.0, 16.0)


def test_physics_alone_leaves_the_environments_where_they_were(trained):
  trainer, state = trained
  engine = trainer.setup.env.engine
  before = engine.pack(state.carry.physics)['state']
  module.physics_alone(trainer.setup.env, 3)(state.carry.physics)
  assert not np.array_equal(engine.pack(state.carry.physics)['state'], before)
  engine.unpack({'state': before})
  assert np.array_equal(engine.pack(state.carry.physics)['state'], before)


def test_memory_holds_at_least_what_an_update_reads(trained):
  """The learner, and 4 x 16 transitions with two observations of 52 numbers each."""
  trainer, state = trained
  learner = sum(x.nbytes for x in jax.tree.leaves(state.learner))
  observations = 2 * 4 * 16 * trainer.setup.env.observation_size * 4
  assert learner + observations < trainer.memory(state) < 100 * (learner + observations)
