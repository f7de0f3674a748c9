"""Protects starts at states of policies: they are states that the policy reaches, of the same robot, without falls."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions import given_states
from mjx_humanoid.motions.given_states import States
from mjx_humanoid.playback import policy_states
from mjx_humanoid.playback.policy_states import give_states, states_of
from mjx_humanoid.tasks.starts import make_start


@pytest.fixture
def short(monkeypatch):
  """Few and short episodes."""
  monkeypatch.setattr(policy_states, 'EPISODES', 3)
  monkeypatch.setattr(policy_states, 'SECONDS', 1.4)


@pytest.fixture
def none_given(monkeypatch):
  monkeypatch.setattr(given_states, '_given', {})


def test_states_are_those_of_the_policy_from_a_second_on(body, short):
  """Of walk at 50 control steps a second: 20 steps after the first second, every 5th, of 3 episodes."""
  found = states_of('walk', body, 0)
  assert (found.qpos.shape, found.qvel.shape) == ((12, 28), (12, 27))
  assert np.linalg.norm(found.qvel[:, :2], axis=1).min() > 0.3  # it is walking
  assert (found.qpos[:, 2] > 1.0).all()


def test_as_many_states_of_each_policy(body, short, none_given):
  give_states(TaskConfig(start='policy:walk,stand'), body, 0)
  states = given_states.given('policy:walk,stand')
  assert states.qpos.shape == (2 * min(12, len(states_of('stand', body, 0).qpos)), 28)


def test_a_start_draws_from_them_with_their_velocities(body, none_given):
  rng = np.random.default_rng(0)
  qpos = np.repeat(body.default_qpos[None].astype(float), 5, axis=0)
  qpos[:, 7:] += rng.uniform(-0.2, 0, (5, 21))
  qpos[:, 7:] = np.clip(qpos[:, 7:], *body.joint_range.T.astype(float))
  qvel = rng.normal(size=(5, 27))
  given_states.give('policy:x', States(qpos, qvel))
  found = make_start('policy:x')(body, np.random.default_rng(1), np.zeros(40), None)
  rows = np.abs(found[0][:, None, 7:] - qpos[None, :, 7:]).max(axis=2).argmin(axis=1)
  np.testing.assert_allclose(found[0][:, 7:], qpos[rows, 7:], atol=1e-9)
  np.testing.assert_allclose(found[1][:, 6:], qvel[rows, 6:], atol=1e-9)
  np.testing.assert_allclose(np.linalg.norm(found[1][:, :2], axis=1), np.linalg.norm(qvel[rows, :2], axis=1))
  assert len(set(rows)) == 5


def test_other_starts_play_nothing(body, monkeypatch):
  monkeypatch.setattr(policy_states, 'states_of', None)
  give_states(TaskConfig(start='standing'), body, 0)


MISTAKES = {
  'no name': ('policy:', 'name a policy behind the colon, as in policy:walk or policy:walk,kneel'),
  'an empty name': ('policy:walk,', 'name a policy behind the colon'),
  'an unknown policy': ('policy:wak', "unknown run, policy file or pretrained policy 'wak'"),
  'another robot': ('policy:half_cheetah', 'half_cheetah is a policy of half_cheetah, whose model is not that of'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_told(case, body):
  start, words = MISTAKES[case]
  with pytest.raises(UserError, match=words):
    give_states(TaskConfig(start=start), body, 0)


def test_a_policy_that_falls_at_once_leads_to_no_states(body, short, monkeypatch, make_policy):
  monkeypatch.setattr(policy_states, 'FIRST', 1.3)
  limp = dataclasses.replace(make_policy(), task=TaskConfig(termination='off_balance'))
  monkeypatch.setattr(policy_states, 'load', lambda name: limp)
  with pytest.raises(UserError, match=r'limp falls within 1.3 s in every episode'):
    states_of('limp', body, 0)


def test_where_nobody_has_played_it_says_so(body, none_given):
  with pytest.raises(UserError, match=r"start 'policy:walk': the states of policies are made for training"):
    make_start('policy:walk')(body, np.random.default_rng(0), np.ones(2), None)
