"""Judging a policy as it is asked for: returns, pushes, engines, and mistakes told before anything is played."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback.find import load
from mjx_humanoid.playback.rollout import rollout, start_states
from mjx_humanoid.run import evaluation
from mjx_humanoid.run.evaluation import evaluate_policy
from mjx_humanoid.tasks.task import make_task


def test_the_same_seed_gives_the_same_card_and_another_another(run_copy):
  cards = [evaluate_policy(load(str(run_copy)), episodes=2, seed=seed).card for seed in (1, 1, 2)]
  assert cards[0] == cards[1]
  assert cards[0]['mean_height'] != cards[2]['mean_height']


def test_returns_add_up(run_copy):
  card = evaluate_policy(load(str(run_copy)), episodes=2).card
  assert card['return'] == pytest.approx(sum(card['return_by_term'].values()), rel=1e-4)


def test_the_return_counts_every_step_up_to_the_fall(standing_task, make_policy):
  """With a reward of 1 for every step: as many as steps survived, and the terminal one."""
  task, model = standing_task
  alone = make_task(replaced(task.config, {'weights': only_alive()}, 'config.task'), task.body)
  qpos, qvel = start_states(task, model, np.random.default_rng(0), 2)
  paths = rollout(alone, model, make_policy(), qpos, qvel, 200)
  first_end = paths.terminated.argmax(axis=1) + 1
  assert paths.terminated.any(axis=1).all()
  assert evaluation.returns(alone, paths)['return'] == pytest.approx(first_end.mean())


def test_the_return_is_by_the_contexts_that_the_policy_acted_in(standing_task, monkeypatch):
  """Each step by the command of that step, of the policy's own reward."""
  asked = []
  monkeypatch.setattr('mjx_humanoid.tasks.scoring.score', lambda *given: asked.append(given) or (np.ones(2), {}))
  task, model = standing_task
  qpos, qvel = start_states(task, model, np.random.default_rng(0), 2)
  sampled = {'command.kind': 'sampled', 'command.interval': 0.05, 'command.rest': 0.0}
  commanded = make_task(replaced(task.config, sampled, 'config.task'), task.body)
  paths = rollout(commanded, model, lambda obs: np.zeros((2, 21)), qpos, qvel, 6)
  assert evaluation.returns(commanded, paths) == {'return': 1, 'return_by_term': {}}
  scored, views, contexts, terminated = asked[0]
  assert (scored, views, terminated) == (commanded, paths.views, paths.terminated)
  assert contexts is paths.contexts
  assert len(np.unique(contexts.command[..., 0])) == 6


def only_alive():
  from mjx_humanoid.tasks.skills import SKILLS

  return {**dict.fromkeys(SKILLS['stand'][1], 0.0), 'alive': 1.0}


def test_a_reward_of_the_users_that_a_policy_names_is_never_run(tmp_path, make_policy, standing_task):
  marker, code = tmp_path / 'it_was_run', tmp_path / 'mine.py'
  code.write_text(f'open({str(marker)!r}, "w")\ndef reward(view, body, context): return 0.0\n')
  task = dataclasses.replace(standing_task[0].config, reward=f'{code}:reward')
  card = evaluate_policy(make_policy(task=task), episodes=1).card
  assert (card['return'], card['return_by_term']) == (None, {})
  assert not marker.exists()


def test_a_push_can_be_seen_in_the_card(make_policy, standing_task):
  """Limp robots fall at once: one that is pushed from 3.8 s on lies still no longer."""
  limp = make_policy(kernels=(np.zeros((52, 21), np.float32),), biases=(np.zeros(21, np.float32),))
  task = dataclasses.replace(standing_task[0].config, card='getup')
  quiet, pushed = (
    evaluate_policy(dataclasses.replace(limp, task=task), episodes=1, push=p).card for p in (None, 600.0)
  )
  assert pushed['speed'] > 2 * quiet['speed']
  assert pushed['drift'] > quiet['drift'] + 0.1
  assert (quiet['standing'], pushed['push']) == (0, 600)
  assert pushed['criteria'] == f'{quiet["criteria"]}; here with pushes of 600 N'


@pytest.mark.slow
def test_mjx_judges_like_c_mujoco(run_copy):
  """Robots that fall do so at about the same time; the solver of training is not that of report cards."""
  native, mjx = (evaluate_policy(load(str(run_copy)), episodes=4, engine=e).card for e in ('native', 'mjx'))
  assert mjx['engine'] == 'mjx'
  assert native['survival_rate'] == mjx['survival_rate'] == 0
  assert mjx['survival_seconds'] == pytest.approx(native['survival_seconds'], rel=0.1)
  assert mjx['mean_height'] == pytest.approx(native['mean_height'], rel=0.02)
  assert set(mjx) == set(native)


MISTAKES = {
  'no episodes': ({'episodes': 0}, 'episodes=0 is out of range: 1 to 2000'),
  'a negative seed': ({'seed': -1}, 'seed=-1 is out of range: 0 or more'),
  'a push that pulls': ({'push': -1.0}, 'push=-1.0 is out of range: 0 to 10000 N'),
  'a push that is no number': ({'push': float('nan')}, 'push=nan is out of range'),
  'another engine': ({'engine': 'warp'}, "unknown engine to judge with: 'warp'"),
  'another card': ({'card': 'stnd'}, "unknown report card 'stnd'. Did you mean 'stand'"),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_told_before_anything_is_played(case, make_policy, monkeypatch):
  monkeypatch.setattr(evaluation, 'rollout', lambda *given, **more: pytest.fail('it was played'))
  asked, words = MISTAKES[case]
  with pytest.raises(UserError, match=words):
    evaluate_policy(make_policy(), **asked)
