"""Protects judging: what is played and by whom, where a policy passes, and the card as it is written down."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_up import at_rest, changed, ended

from mjx_humanoid.playback import judge as judging
from mjx_humanoid.playback.cards import CARDS, STANDING, Card
from mjx_humanoid.playback.judge import PASS_RATE, commanded, judge, judge_policy, pushed
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
    monkeypatch.setattr(judging, 'find_card', lambda name: Card(description, seconds, judge, task))

  return put


class Player:
  """Plays made-up episodes, and remembers what it was asked for."""

  def __init__(self, change=lambda paths: paths):
    self.change = change

  def __call__(self, task, model, controller, qpos, qvel, steps, *, rng):
    self.task, self.model, self.controller = task, model, controller
    self.qpos, self.steps, self.rng = qpos, steps, rng
    return self.change(at_rest(task.body, len(qpos), steps))


def test_ninety_five_per_cent_must_pass():
  assert PASS_RATE == 0.95


@pytest.mark.parametrize(('good', 'passed'), [(20, True), (19, True), (18, False), (0, False)])
def test_the_pass_rate_is_reached_by_exactly_19_of_20(task, model, use, good, passed):
  use(2 * DT, lambda figures, paths, body: np.arange(20) < good)
  summary, _ = judge(task, model, still, 20, 0, Player())
  assert (summary['passed'], summary['success_rate']) == (passed, pytest.approx(good / 20))


def test_a_card_is_json_with_means_and_extremes(task, model, use):
  use(4 * DT, description='four steps')
  summary, paths = judge(task, model, still, 3, 5)
  assert json.loads(json.dumps(summary)) == summary
  assert (summary['episodes'], summary['seed'], summary['criteria']) == (3, 5, 'four steps')
  assert summary['survival_seconds'] == pytest.approx(4 * DT)
  heights = paths.views.sensordata[..., task.body.sensors['torso_pos']][..., 2].mean(axis=1)
  assert summary['mean_height'] == pytest.approx(heights.mean(), rel=1e-5)
  assert summary['worst']['mean_height'] == pytest.approx([heights.min(), heights.max()], rel=1e-5)


@pytest.mark.parametrize('name', list(CARDS))
def test_every_card_is_json_with_all_that_it_measures(task, model, name):
  summary, _ = judge(changed(task, {'card': name}), model, still, 2, 5, Player())
  assert json.loads(json.dumps(summary)) == summary
  assert (summary['card'], summary['criteria']) == (name, CARDS[name].description)
  assert summary['survival_rate'] == 1
  extra = {'kneel': {'kneeling'}, 'getup': {'standing', 'seconds_to_stand'}}.get(name, set())
  assert extra <= set(summary['worst']) <= set(summary)


def test_it_lasts_as_long_as_the_card_says(task, model, use):
  use(1.0)
  player = Player()
  judge(task, model, still, 2, 0, player)
  assert (player.steps, player.controller) == (round(1.0 / DT), still)


def test_the_survivors_are_counted(task, model, use):
  use(4 * DT)
  summary, _ = judge(task, model, still, 4, 0, Player(lambda paths: ended(paths, 1, 2)))
  assert summary['survival_rate'] == 0.75
  assert summary['survival_seconds'] == pytest.approx((4 + 4 + 4 + 2) / 4 * DT)


def test_all_having_fallen_early_is_no_survival(task, model):
  """Limp, every humanoid falls within two seconds; the rest of the 20 s is not played, and not survived."""
  summary, paths = judge(task, model, still, 2, 0)
  assert paths.terminated.shape[1] < 20 / DT
  assert (summary['survival_rate'], summary['success_rate'], summary['passed']) == (0.0, 0.0, False)
  assert 0 < summary['survival_seconds'] < 4


def test_a_player_that_stopped_early_left_no_survivors(task, model, use):
  use(4 * DT)
  summary, _ = judge(task, model, still, 2, 0, Player(lambda paths: at_rest(task.body, 2, 3)))
  assert (summary['survival_rate'], summary['survival_seconds']) == (0, pytest.approx(3 * DT))


def test_the_seed_decides_the_starts_and_all_that_follows(task, model, use):
  use(DT)
  players = [Player() for _ in range(3)]
  for player, seed in zip(players, (1, 1, 2), strict=True):
    judge(task, model, still, 2, seed, player)
  first, again, other = players
  np.testing.assert_array_equal(first.qpos, again.qpos)
  assert not np.array_equal(first.qpos, other.qpos)
  assert first.rng.random() == again.rng.random() != other.rng.random()


def test_what_the_card_says_comes_before_the_policys_own_task(task, model, use):
  """A policy that was trained under pushes, from harder starts, is not judged under them by a card without."""
  trained = {'push.kind': 'force', 'start_strength': 9.0, 'termination': 'off_balance', 'randomization': {'mass': 0.5}}
  use(DT, task={'termination': 'never', 'push.kind': 'none', 'start_strength': 0.0, 'randomization': {}})
  player = Player()
  judge(changed(task, trained), model, still, 2, 0, player)
  config = player.task.config
  assert (config.termination, config.push.kind, config.start_strength) == ('never', 'none', 0)
  assert config.randomization == {}
  assert not player.task.pusher.ever
  np.testing.assert_allclose(player.qpos[:, 7:], np.tile(task.body.default_qpos[7:], (2, 1)), atol=1e-6)


def test_what_is_asked_for_comes_before_what_the_card_says(task, model, use):
  use(DT, task={'push.force': (1.0, 2.0), 'start_strength': 0.0, 'command.kind': 'sampled'})
  player = Player()
  judge(task, model, still, 2, 0, player, **pushed(80.0), **commanded((0.5, 0, -1)))
  config = player.task.config
  assert (config.push.kind, config.push.force, config.start_strength) == ('force', (80, 80), 0)
  assert (config.push.duration, config.push.interval) == (0.2, 4.0)
  assert (config.command.kind, config.command.value) == ('fixed', (0.5, 0, -1))


def test_the_policy_still_observes_what_it_was_trained_on(task, model, use):
  use(DT)
  player = Player()
  seen = changed(task, {'observations': ('joint_positions', 'command')})
  judge(seen, model, still, 2, 0, player)
  assert (player.model, player.task.body) == (model, task.body)
  assert player.task.config.observations == ('joint_positions', 'command')


def test_a_policy_is_judged_by_its_mean_actions(policy, use):
  use(DT)
  assert judge_policy(policy, 2, 1) == judge_policy(policy, 2, 1)


def test_by_default_c_mujoco_plays():
  assert judge.__defaults__ == (rollout,)
