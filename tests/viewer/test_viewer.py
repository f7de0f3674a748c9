"""Protects what the faces share: choices of policies, notes, videos."""

from __future__ import annotations

import math
import time

import pytest

from mjx_humanoid.playback.find import PRETRAINED, pretrained_policies
from mjx_humanoid.viewer.follow import Follower
from mjx_humanoid.viewer.viewer import note, policy_choices, rounded, stage_of


def until(condition):
  end = time.monotonic() + 30
  while not condition():
    assert time.monotonic() < end, 'it never came'
    time.sleep(0.01)


def test_policies_to_choose_are_the_first_the_pretrained_and_the_runs(tmp_path):
  (tmp_path / 'mine').mkdir()
  (tmp_path / 'empty').mkdir()
  (tmp_path / 'mine' / 'policy.safetensors').write_bytes(b'')
  names = policy_choices('walk', tmp_path)
  assert names[0] == 'walk'
  assert sorted(names) == sorted([*pretrained_policies(), str(tmp_path / 'mine')])


def test_a_policy_that_cannot_be_steered_says_so(follow_stage):
  assert note(follow_stage) == ''
  assert note(stage_of('walk')) == 'walk was trained for one command and cannot observe another; follow can.'


def test_only_policies_of_the_list_are_taken_and_trouble_is_told(make_viewer, tmp_path):
  viewer = make_viewer()
  with pytest.raises(ValueError, match='no policy'):
    viewer.choose_policy(str(PRETRAINED / 'walk.safetensors'))
  viewer.policies.append('broken')
  (tmp_path / 'broken').mkdir()
  (tmp_path / 'broken' / 'policy.safetensors').write_bytes(b'no policy')
  viewer.choose_policy('broken')
  until(lambda: 'not a readable policy file' in viewer.simulation.notice)
  viewer.save_video()
  until(lambda: 'nothing was simulated yet' in viewer.simulation.notice)


def test_any_error_of_a_request_is_told(make_viewer, monkeypatch):
  def fail(*given):
    raise ZeroDivisionError('division by zero')

  monkeypatch.setattr('mjx_humanoid.viewer.replay.save', fail)
  viewer = make_viewer()
  viewer.save_video()
  until(lambda: viewer.simulation.notice == 'ZeroDivisionError: division by zero')


def test_a_followed_run_stands_in_the_list_by_its_folder(make_viewer, tmp_path):
  viewer = make_viewer(follower=Follower(tmp_path / 'mine'))
  assert viewer.policies[0] == str(tmp_path / 'mine')
  assert viewer.state()['curves'] == {}


def test_a_state_is_json_without_numbers_that_are_not_finite():
  assert rounded({'a': 1.23456, 'b': math.nan, 'c': math.inf}) == {'a': 1.2346}
