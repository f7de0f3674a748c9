"""Protects judging: what is played and by whom, where a policy passes, and the card as it is written down."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from made_up import at_rest, ended

from mjx_humanoid.playback import judge as card
from mjx_humanoid.playback.cards import CARDS, STANDING, Card
from mjx_humanoid.playback.judge import PASS_RATE, judge, judge_policy, pushed
from mjx_humanoid.playback.rollout import rollout

DT = 0.025  # s, a control step of the humanoid


def still(obs):
  return np.zeros((len(obs), 21))


def all_pass(figures, paths, body):
  return np.ones(len(paths.terminated), bool)


@pytest.fixture
def use(monkeypatch):
  """use(seconds, judge, task) -> the card 'stand' is this one."""

  def put(seconds, judge=all_pass, task=STANDING, description='made up'):
    monkeypatch.setattr(card, 'CARDS', {'stand': Card(description, seconds, judge, task)})

  return put


class Player:
  """Plays made-up episodes, and remembers what it was asked for."""

  def __init__(self, change=lambda paths: paths):
    self.change = change

  def __call__(self, scene, controller, qpos, qvel, steps, *, rng):
    self.scene, self.controller, self.qpos, self.steps, self.rng = scene, controller, qpos, steps, rng
    return self.change(at_rest(scene.body, len(qpos), steps))


def test_ninety_five_per_cent_must_pass():
  assert PASS_RATE == 0.95


@pytest.mark.parametrize(('good', 'passed'), [(20, True), (19, True), (18, False), (0, False)])
def test_the_pass_rate_is_reached_by_exactly_19_of_20(scene, use, good, passed):
  use(2 * DT, lambda figures, paths, body: np.arange(20) < good)
  summary, _ = judge(scene, still, 20, 0, Player())
  assert (summary['passed'], summary['success_rate']) == (passed, pytest.approx(good / 20))


def test_a_card_is_json_with_means_and_extremes(scene, use):
  use(4 * DT, description='four steps')
  summary, paths = judge(scene, still, 3, 5)
  assert json.loads(json.dumps(summary)) == summary
  assert (summary['episodes'], summary['seed'], summary['criteria']) == (3, 5, 'four steps')
  assert summary['survival_seconds'] == pytest.approx(4 * DT)
  heights = paths.views.sensordata[..., scene.body.sensors['torso_pos']][..., 2].mean(axis=1)
  assert summary['mean_height'] == pytest.approx(heights.mean(), rel=1e-5)
  assert summary['worst']['mean_height'] == pytest.approx([heights.min(), heights.max()], rel=1e-5)


@pytest.mark.parametrize('name', list(CARDS))
def test_every_card_is_json_with_all_that_it_measures(scene, name):
  other = dataclasses.replace(scene, task=dataclasses.replace(scene.task, card=name))
  summary, _ = judge(other, still, 2, 5, Player())
  assert json.loads(json.dumps(summary)) == summary
  assert (summary['card'], summary['criteria']) == (name, CARDS[name].description)
  assert summary['survival_rate'] == 1
  extra = {'kneel': {'kneeling'}, 'getup': {'standing', 'seconds_to_stand'}}.get(name, set())
  assert extra <= set(summary['worst']) <= set(summary)


def test_it_lasts_as_long_as_the_card_says(scene, use):
  use(1.0)
  player = Player()
  judge(scene, still, 2, 0, player)
  assert (player.steps, player.controller) == (round(1.0 / DT), still)


def test_the_survivors_are_counted(scene, use):
  use(4 * DT)
  summary, _ = judge(scene, still, 4, 0, Player(lambda paths: ended(paths, 1, 2)))
  assert summary['survival_rate'] == 0.75
  assert summary['survival_seconds'] == pytest.approx((4 + 4 + 4 + 2) / 4 * DT)


def test_all_having_fallen_early_is_no_survival(scene):
  """Limp, every humanoid falls within two seconds; the rest of the 20 s is not played, and not survived."""
  summary, paths = judge(scene, still, 2, 0)
  assert paths.terminated.shape[1] < 20 / DT
  assert (summary['survival_rate'], summary['success_rate'], summary['passed']) == (0.0, 0.0, False)
  assert 0 < summary['survival_seconds'] < 4


def test_a_player_that_stopped_early_left_no_survivors(scene, use):
  use(4 * DT)
  summary, _ = judge(scene, still, 2, 0, Player(lambda paths: at_rest(scene.body, 2, 3)))
  assert (summary['survival_rate'], summary['survival_seconds']) == (0, pytest.approx(3 * DT))


def test_the_seed_decides_the_starts_and_all_that_follows(scene, use):
  use(DT)
  players = [Player() for _ in range(3)]
  for player, seed in zip(players, (1, 1, 2), strict=True):
    judge(scene, still, 2, seed, player)
  first, again, other = players
  np.testing.assert_array_equal(first.qpos, again.qpos)
  assert not np.array_equal(first.qpos, other.qpos)
  assert first.rng.random() == again.rng.random() != other.rng.random()


def test_what_the_card_says_comes_before_the_policys_own_task(scene, use):
  """A policy that was trained under pushes, from harder starts, is not judged under them by a card without."""
  trained = {'pushes': 'force', 'start_strength': 9.0, 'termination': 'off_balance', 'randomization': {'mass': 0.5}}
  use(DT, task={'termination': 'never', 'pushes': 'none', 'start_strength': 0.0, 'randomization': {}})
  player = Player()
  judge(dataclasses.replace(scene, task=dataclasses.replace(scene.task, **trained)), still, 2, 0, player)
  task = player.scene.task
  assert (task.termination, task.pushes, task.start_strength, task.randomization) == ('never', 'none', 0, {})
  assert not player.scene.pusher.ever
  np.testing.assert_allclose(player.qpos[:, 7:], np.tile(scene.body.default_qpos[7:], (2, 1)), atol=1e-6)


def test_what_is_asked_for_comes_before_what_the_card_says(scene, use):
  use(DT, task={'push_force': (1.0, 2.0), 'start_strength': 0.0})
  player = Player()
  judge(scene, still, 2, 0, player, **pushed(80.0))
  task = player.scene.task
  assert (task.pushes, task.push_force, task.start_strength) == ('force', (80, 80), 0)
  assert (task.push_duration, task.push_interval) == (0.2, 4.0)


def test_the_policy_still_sees_what_it_was_trained_on(scene, use):
  use(DT)
  player = Player()
  judge(scene, still, 2, 0, player)
  assert (player.scene.observe, player.scene.model, player.scene.body) == (scene.observe, scene.model, scene.body)
  assert player.scene.task.observations == scene.task.observations


def test_a_policy_is_judged_by_its_mean_actions(scene, make_policy, use):
  use(DT)
  policy = make_policy()
  assert judge_policy(policy, scene, 2, 1) == judge_policy(policy, scene, 2, 1)


def test_by_default_c_mujoco_plays():
  assert judge.__defaults__ == (rollout,)
