"""Protects what the play command plays: whose actions, in which task, one after the other or side by side."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from mjx_humanoid import play
from mjx_humanoid.core.config.task import CommandConfig, PushConfig, TaskConfig
from mjx_humanoid.media.film import Look
from mjx_humanoid.playback.chain import play_chain
from mjx_humanoid.playback.outcome import outcome
from mjx_humanoid.playback.rollout import start_states

AHEAD = CommandConfig(value=(1.0, 0.0, 0.0))


def arguments(*more):
  return play.parse(['anything', *more])


def test_actions_are_the_mean_unless_asked_otherwise(make_policy):
  policy = make_policy()
  obs = np.random.default_rng(0).normal(size=(3, policy.observation_size)).astype(np.float32)
  (mean,) = play.make_stages([policy], arguments())
  np.testing.assert_array_equal(mean.controller(obs), policy(obs))
  (sampled,) = play.make_stages([policy], arguments('--stochastic', '--seed=1'))
  np.testing.assert_array_equal(sampled.controller(obs), policy(obs, np.random.default_rng(1)))
  (random,) = play.make_stages([policy], arguments('--random', '--seed=1'))
  actions = random.controller(obs)
  assert actions.shape == (3, 21)
  assert np.abs(actions).max() <= 1
  assert len(np.unique(actions)) == 63


def test_random_actions_are_played_in_the_task_of_the_first_policy(make_policy):
  first, second = (make_policy(info={'name': name}, task=TaskConfig(frame_skip=n)) for name, n in (('a', 4), ('b', 5)))
  stages = play.make_stages([None, first, second], arguments('--compare'))
  assert [stage.name for stage in stages] == ['random', 'a', 'b']
  assert stages[0].task is stages[1].task


def test_the_tasks_are_the_policies_own_but_for_how_episodes_start_are_pushed_and_end(make_policy):
  """As on the report card: a skill is trained from harder starts, pushed, with episodes that end early."""
  task = TaskConfig(
    command=AHEAD, push=PushConfig('kick', (5.0, 9.0)), start_strength=2.0, termination='off_balance', card='getup'
  )
  (stage,) = play.make_stages([make_policy(task=task)], arguments())
  unpushed = dataclasses.replace(task.push, kind='none')
  expected = dataclasses.replace(task, start='fallen', start_strength=1.0, termination='never', push=unpushed)
  assert stage.task.config == expected
  (stage,) = play.make_stages([make_policy(task=dataclasses.replace(task, card='stand_robust'))], arguments())
  assert stage.task.config.push == PushConfig('force', (150.0, 150.0), 0.2, 4.0)


@pytest.mark.parametrize('card', ['none', 'mine.py:nowhere'])
def test_without_a_card_at_hand_episodes_start_as_in_training(make_policy, card):
  task = TaskConfig(start_strength=2.0, card=card)
  assert play.make_stages([make_policy(task=task)], arguments())[0].task.config == task


def test_the_strength_of_starts_can_be_changed(make_policy):
  """The joints' spread doubles with it: 0.03 rad at strength 1."""
  policy = make_policy(task=TaskConfig(start_strength=2.0))
  spread = []
  for strength in ('1', '4'):
    (stage,) = play.make_stages([policy], arguments(f'--start-strength={strength}'))
    assert stage.task.config.start_strength == float(strength)
    qpos, _ = start_states(stage.task, stage.model, np.random.default_rng(0), 40)
    spread.append(qpos[:, 7:].std(axis=0).mean())
  assert spread[1] > 3 * spread[0]


def test_a_command_replaces_that_of_every_policy(make_policy):
  policies = [make_policy(task=TaskConfig(command=command)) for command in (CommandConfig('sampled'), AHEAD)]
  for stage in play.make_stages(policies, arguments('--command', '-0.5', '0', '0.25')):
    command = stage.task.config.command
    assert (command.kind, command.value) == ('fixed', (-0.5, 0, 0.25))
    (played,) = play_chain([stage], np.random.default_rng(0), 0.1)
    np.testing.assert_array_equal(played.paths.contexts.command, np.tile([-0.5, 0, 0.25], (1, 4, 1)))


def test_a_command_to_stand_still_is_one_too(make_policy):
  (stage,) = play.make_stages([make_policy(task=TaskConfig(command=AHEAD))], arguments('--command', *'000'))
  assert stage.task.config.command.value == (0, 0, 0)


def test_a_push_pushes_with_this_force_every_four_seconds(make_policy):
  """On 41 kg for 0.2 s from 3.8 s on: it shows in the path, and only then."""
  quiet, pushed = (play.make_stages([make_policy()], arguments(*more))[0] for more in ((), ('--push=300',)))
  assert pushed.task.config.push == PushConfig('force', (300, 300), 0.2, 4.0)
  a, b = (play_chain([stage], np.random.default_rng(0), 4.0)[0].paths.views.qpos[0] for stage in (quiet, pushed))
  np.testing.assert_array_equal(a[: 160 - 8], b[: 160 - 8])
  assert np.abs(a[-1] - b[-1])[:2].max() > 0.01


@pytest.fixture
def shown(monkeypatch):
  """What films are made of, instead of them: for each film its episodes, their stages, and whether it has labels."""
  films = []

  def film(episodes, look, progress, label):
    films.append((episodes, look, label))
    return [np.zeros((2, 3, 3), np.uint8)]

  monkeypatch.setattr('mjx_humanoid.media.film.film', film)
  return films


def test_a_chain_is_one_film_with_the_stages_of_each_episode_in_order(make_policy, shown):
  given = arguments('--episodes=2', '--seconds=0.1', '--camera=front', '--width=32', '--framerate=7')
  stages = play.make_stages([make_policy(info={'name': name}) for name in 'ab'], given)
  assert play.shoot(stages, given, software=True)[0].shape == (2, 3, 3)
  ((episodes, look, label),) = shown
  assert [[played.stage.name for played in episode] for episode in episodes] == [['a', 'b']] * 2
  for first, second in episodes:
    np.testing.assert_array_equal(first.paths.views.qpos[:, -1], second.paths.start.qpos)
  assert look == Look('front', 32, 480, 7, marks=True, software=True)
  assert label
  assert not np.array_equal(episodes[0][0].paths.start.qpos, episodes[1][0].paths.start.qpos)


def test_a_chain_tells_what_became_of_each(make_policy, shown, capsys):
  """Nobody with random weights stands for a second: the time of the first is over, and the other has other motors."""
  given = arguments('--seconds=1.5')
  tasks = TaskConfig(robot='humanoid_pd'), TaskConfig()
  stages = play.make_stages([make_policy(info={'name': n}, task=t) for n, t in zip('ab', tasks, strict=True)], given)
  play.shoot(stages, given, software=True)
  expected = 'a: its time over, its goal not reached, after 1.5 s; b goes on, with the motors of humanoid'
  first, last = capsys.readouterr().out.splitlines()
  assert first == expected
  assert re.fullmatch(r'b: fell after \d\.\d s, \d\.\d m from its start', last)


def test_a_gait_in_a_chain_has_no_goal_to_miss(make_policy, shown, capsys):
  given = arguments('--seconds=0.5')
  tasks = TaskConfig(card='walk'), TaskConfig()
  stages = play.make_stages([make_policy(info={'name': n}, task=t) for n, t in zip('ab', tasks, strict=True)], given)
  play.shoot(stages, given, software=True)
  assert capsys.readouterr().out.splitlines()[0] == 'a: its time over after 0.5 s; b goes on'


def test_what_was_done_is_told_with_its_time(make_policy):
  stage = play.make_stages([make_policy(info={'name': 'a'})], arguments())[0]
  (first,) = play_chain([stage], np.random.default_rng(0), 0.5)
  lines = list(play.summaries([first._replace(done=True), first]))
  assert lines[0] == 'a: done after 0.5 s; a goes on'
  assert lines[1:] == list(play.summaries([first])) == [f'a: {outcome(first)}']


def test_a_command_that_a_policy_cannot_observe_is_noted(make_policy, capsys):
  blind = make_policy(info={'name': 'blind'})
  play.make_stages([blind], arguments('--command', '1', '0', '0'))
  assert (
    capsys.readouterr().out == 'note: blind was trained for one command and cannot observe another; `follow` can.\n'
  )
  play.make_stages([blind], arguments())
  assert capsys.readouterr().out == ''


def test_a_comparison_is_one_film_each_from_the_same_starts(make_policy, shown):
  """Also of policies that were trained from other starts, or at another control step."""
  given = arguments('--compare', '--episodes=2', '--seconds=0.1')
  tasks = TaskConfig(frame_skip=4, start_strength=2.0), TaskConfig(start='fallen')
  policies = [make_policy(info={'name': name}, task=task) for name, task in zip('ab', tasks, strict=True)]
  stages = play.make_stages([*policies, None], given)
  assert play.shoot(stages, given, software=True)[0].shape == (2, 9, 3)
  assert [[[p.stage.name for p in episode] for episode in episodes] for episodes, _, _ in shown] == [
    [['a'], ['a']], [['b'], ['b']], [['random'], ['random']],
  ]  # fmt: skip
  for episode in range(2):
    first, *others = (episodes[episode][0].paths.start.qpos for episodes, _, _ in shown)
    for other in others:
      np.testing.assert_array_equal(first, other)
  assert all(label for _, _, label in shown)


def test_one_policy_alone_needs_no_label(make_policy, shown):
  given = arguments('--seconds=0.1')
  play.shoot(play.make_stages([make_policy()], given), given, software=False)
  assert shown[0][2] is False


def test_episodes_go_on_for_their_full_length_even_after_a_fall(make_policy, shown):
  given = arguments('--episodes=2', '--seconds=3')
  play.shoot(play.make_stages([make_policy()], given), given, software=False)
  paths = [episode[0].paths.views.qpos for episode in shown[0][0]]
  assert [path.shape for path in paths] == [(1, 120, 28)] * 2  # 3 s of 25 ms
  assert paths[0][0, -1, 2] < 0.8  # it has fallen by then


def test_the_seed_decides_the_episode(make_policy, shown):
  for seed in (0, 0, 1):
    given = arguments('--seconds=0.1', f'--seed={seed}')
    play.shoot(play.make_stages([make_policy()], given), given, software=False)
  first, again, other = (episodes[0][0].paths.views.qpos for episodes, _, _ in shown)
  np.testing.assert_array_equal(first, again)
  assert not np.array_equal(first, other)
