"""Protects judging: what is played and by whom, where a policy passes, and the card as it is written down."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_up import at_rest, changed, ended, sensor

import mjx_humanoid as mh
from mjx_humanoid.core import user_objects
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback import judge as judging
from mjx_humanoid.playback.cards import CARDS, STANDING, Card, Conditions
from mjx_humanoid.playback.find import PRETRAINED
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
    monkeypatch.setattr(judging, 'card_of', lambda config: Card(description, seconds, judge, task))

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


@pytest.mark.parametrize('name', [name for name in CARDS if name not in ('none', 'imitate')])
def test_every_card_is_json_with_all_that_it_measures(task, model, name):
  summary, _ = judge(changed(task, {'card': name}), model, still, 2, 5, Player())
  assert json.loads(json.dumps(summary)) == summary
  assert (summary['card'], summary['criteria']) == (name, CARDS[name].words(TaskConfig()))
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
  np.testing.assert_allclose(player.qpos[:, 7:], np.tile(task.body.relaxed_qpos[7:], (2, 1)), atol=1e-6)


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


# Cards of a user's own


@pytest.fixture
def own():
  """own(thing) -> the name of a card of the user's own."""
  return user_objects.register


def test_a_function_of_one_episode_says_whether_it_passes_and_its_figures(task, model, own):
  """It is given each episode up to where it ended: of 800 steps, the second one ends after 3."""

  def lasts(episode):
    """Longer than a second."""
    steps = len(episode.view.qpos)
    assert episode.context.command.shape == (steps, 3)
    assert episode.survived == (steps == 800)
    return steps > 40, {'steps': steps, 'top': episode.figures['mean_height']}

  summary, _ = judge(changed(task, {'card': own(lasts)}), model, still, 2, 0, Player(lambda paths: ended(paths, 1, 2)))
  assert (summary['success_rate'], summary['criteria']) == (0.5, 'Longer than a second.')
  assert summary['worst']['steps'] == [3, 800]
  assert summary['top'] == pytest.approx(task.body.robot.standing_height)
  assert summary['failed'] == {'failed': 1}
  assert {'steps', 'top'} < set(summary['figures'])


@pytest.mark.parametrize('result', [1.0, None, (True, {'a': 'b'}), (True, 3), (True, {}, {}), np.ones(3, bool)])
def test_a_function_of_an_episode_that_returns_something_else_is_one_line(task, model, own, result):
  with pytest.raises(
    UserError, match=r'^report card .* it must be a bool, or \(bool, figures\) with a number for each'
  ):
    judge(changed(task, {'card': own(lambda episode: result)}), model, still, 1, 0, Player())


def test_conditions_of_ones_own_say_why(task, model, own):
  """Two of four episodes end early, one of them and another drift by 1 m."""

  def change(paths):
    paths.views.qpos[1:3, :, 0] = 1.0
    sensor(paths, task.body, 'torso_pos')[1:3, :, 0] = 1.0
    return ended(ended(paths, 0, 2), 1, 2)

  conditions = Conditions(
    {'gave up': lambda f, paths, body: f['survived'] == 1, 'left': lambda f, paths, body: f['drift'] < 0.5}
  )
  card = Card('stays', 1.0, conditions, STANDING, figures=('drift',))
  summary, _ = judge(changed(task, {'card': own(card)}), model, still, 4, 0, Player(change))
  assert (summary['failed'], summary['figures']) == ({'gave up': 2, 'left': 1}, ['drift'])
  assert summary['success_rate'] == 0.25


def test_a_condition_that_fails_is_named(task, model, own):
  card = Card('', 1.0, Conditions({'slow': lambda figures, paths, body: figures['speeed'] > 1}))
  with pytest.raises(UserError, match=r"condition 'slow'.*KeyError"):
    judge(changed(task, {'card': own(card)}), model, still, 1, 0, Player())


def test_a_task_without_a_card_is_not_judged(task, model):
  with pytest.raises(UserError, match=r'has no report card \(card=none\); name one to judge it by: stand, .*return\.$'):
    judge(changed(task, {'card': 'none'}), model, still, 1, 0, Player())


def test_a_walk_is_commanded_what_its_task_commands(task, model):
  player = Player()
  summary, _ = judge(changed(task, {'card': 'walk', 'command.value': (-0.8, 0.0, 0.0)}), model, still, 1, 0, player)
  assert player.task.config.command.value == (-0.8, 0, 0)
  assert 'at -0.8 m/s +- 0.2' in summary['criteria']


@pytest.mark.parametrize(('target', 'passed', 'share'), [(2.4, True, 0.5), (2.6, False, 0.5), (3.5, False, 0.0)])
def test_returns_are_judged_by_their_mean(task, model, monkeypatch, target, passed, share):
  """Returns of 2 and 3: their mean is 2.5."""
  monkeypatch.setattr(judging, 'episode_returns', lambda task, paths: np.array([2.0, 3.0]))
  player = Player()
  judged = changed(task, {'card': 'return', 'target_return': target})
  summary, _ = judge(judged, model, still, 2, 0, player)
  assert player.steps == 1000
  assert (summary['passed'], summary['success_rate'], summary['episode_return']) == (passed, share, 2.5)
  assert summary['failed'] == ({'below the target': 2 - round(2 * share)} if share < 1 else {})
  assert summary['worst']['episode_return'] == [2.0, 3.0]
  assert summary['criteria'].endswith(f'at least task.target_return: {target:,.0f} or more')


def test_the_return_is_that_of_the_tasks_reward(task, model):
  """1 a step of 7 steps, of which the last of one episode is its third."""
  from mjx_humanoid.tasks.skills import SKILLS

  weights = {**dict.fromkeys(SKILLS['stand'][1], 0.0), 'alive': 1.0}
  paths = ended(at_rest(task.body, 2, 7), 1, 2)
  np.testing.assert_allclose(judging.episode_returns(changed(task, {'weights': weights}), paths), [7, 3])


def test_a_card_names_the_clip_and_its_source():
  """Of the pretrained policy clip_walk, which carries its clip; the same stands on the card that is shipped."""
  policy = mh.load('clip_walk')
  card = judge_policy(policy, 1, 0)
  assert card['clip'] == {'name': 'walk', 'source': 'humanoid3d_walk.txt', 'loop': True}
  assert json.loads((PRETRAINED / 'clip_walk.json').read_text())['clip'] == card['clip']
  assert 'clip' not in judge_policy(mh.load('stand'), 1, 0)
