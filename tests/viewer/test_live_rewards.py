"""Protects the live reward terms: those of training, computed beside the simulation."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback.rollout import rollout
from mjx_humanoid.tasks.scoring import score
from mjx_humanoid.viewer.rewards import RewardMeter


def test_terms_and_return_are_those_of_the_scoring(simulate, follow_stage):
  """The return of 20 steps, and the names of the terms, as tasks/scoring.py computes them for a recording."""
  simulation = simulate()
  meter = RewardMeter(simulation)
  env = simulation._loop.envs[0]
  qpos, qvel = follow_stage.task.body.default_qpos.astype(float), np.zeros(follow_stage.model.nv)
  env._rng = np.random.default_rng(5)
  env.reset(qpos, qvel)
  frames = [env.step() for _ in range(20)]
  meter._prepare(env.task)
  for frame in frames:
    meter._measure(frame, 0, meter._task)
  task, model, controller = follow_stage.task, follow_stage.model, follow_stage.controller
  paths = rollout(task, model, controller, qpos[None], qvel[None], 20, rng=np.random.default_rng(5))
  total, terms = score(task, paths.views, paths.contexts, paths.terminated)
  assert meter.total == pytest.approx(float(total[0]), rel=1e-5)
  _, values = meter.series.read()
  by_term = dict(zip(meter.series.names, values.sum(axis=0), strict=True))
  assert set(by_term) == {'total', *terms}
  for name, value in terms.items():
    assert by_term[name] == pytest.approx(float(value[0]), rel=1e-4, abs=1e-5)


def test_the_thread_measures_what_the_simulation_does_and_ends(simulate):
  simulation = simulate()
  meter = RewardMeter(simulation)
  meter.start()
  simulation.start()
  end = time.monotonic() + 60
  with simulation.watching():
    while not meter.series.last().get('alive', meter.series.last().get('velocity')):
      assert time.monotonic() < end
      time.sleep(0.05)
  meter.close()
  assert not meter._thread.is_alive()


@pytest.mark.parametrize(
  ('error', 'said'),
  [
    (UserError('my.py is missing'), 'the reward is not shown: my.py is missing'),
    (TypeError('no number\nat all'), 'the reward is not shown: TypeError: no number'),
  ],
)
def test_a_reward_that_fails_is_told_and_the_simulation_goes_on(simulate, follow_stage, error, said):
  simulation = simulate()
  meter = RewardMeter(simulation)
  frame = simulation._loop.envs[0].step()
  broken = dataclasses.replace(follow_stage.task)

  def failing(*arguments):
    raise error

  vars(broken)['reward'] = failing
  meter._frames.append((frame, 0, broken))
  meter.start()
  meter._thread.join(60)
  assert simulation.notice == said
