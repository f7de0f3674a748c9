"""Protects what Python callers ask for: which settings of a config file hold beside theirs."""

from __future__ import annotations

from mjx_humanoid.run.request import new_run


def test_weights_of_the_file_go_with_the_reward_that_is_replaced(tmp_path):
  def task(**settings):
    return new_run('walk', None, {'run_dir': str(tmp_path), 'task': settings})[0].task

  assert task().weights['landing'] == task(reward='walk').weights['landing'] < 0
  assert task(reward='run').weights == {}
  assert task(reward='run', weights={'energy': -0.3}).weights == {'energy': -0.3}
  assert task(frame_skip=5).weights == task().weights
