"""Protects the tasks that report cards play, the commands that they judge by, and the reasons that they give."""

from __future__ import annotations

import numpy as np
import pytest
from card_tools import JUDGING, SECOND, going, judged
from made_up import at_rest, changed, ended, sensor

from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.config.task import CommandConfig, TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback.card import reasons
from mjx_humanoid.playback.cards import CARDS, find_card
from mjx_humanoid.playback.figures import measure

# The command that a card judges by


def commanded(body, command, speed, down=24):
  """Six seconds of a walk at this velocity along x and to the left, under this command."""
  paths = going(body, speed[0], down)
  sensor(paths, body, 'com_vel')[..., 1] = speed[1]
  paths.contexts.requested[:] = command
  seconds = np.arange(1, 6 * SECOND + 1)[:, None] / SECOND
  sensor(paths, body, 'torso_pos')[0, :, :2] = paths.views.qpos[0, :, :2] = seconds * np.array(speed)
  paths.contexts.target_position[0] = seconds * np.array(command[:2])
  return paths


@pytest.mark.parametrize(
  ('command', 'speed', 'expected'),
  [
    ((-0.8, 0, 0), (-0.8, 0), True),
    ((-0.8, 0, 0), (-0.61, 0), True),
    ((-0.8, 0, 0), (-0.59, 0), False),
    ((-0.8, 0, 0), (0.8, 0), False),
    ((-0.8, 0, 0), (1.2, 0), False),
    ((0, 0.5, 0), (0, 0.5), True),  # 3 m to the left in six seconds, which is no drift
    ((0, 0.5, 0), (0, -0.5), False),
    ((0.6, 0.8, 0), (0.6, 0.8), True),  # 1 m/s
    ((0.6, 0.8, 0), (1.0, 0), False),  # as fast, 53 degrees aside
    ((0, 0, 0), (1.2, 0), True),  # nothing commanded: 1.2 m/s
  ],
)
def test_a_walk_is_judged_at_its_own_command(body, command, speed, expected):
  assert judged('walk', commanded(body, command, speed), body)[0] == [expected]


@pytest.mark.parametrize(
  ('command', 'speed', 'expected'),
  [(3.5, 3.0, True), (3.5, 2.99, False), (2.5, 2.0, True), (2.5, 1.99, False), (-3.0, -2.6, True), (-3.0, 2.6, False)],
)
def test_a_run_is_judged_at_its_own_command(body, command, speed, expected):
  """At most 0.5 m/s slower."""
  assert judged('run', commanded(body, (command, 0, 0), (speed, 0), 16), body)[0] == [expected]


@pytest.mark.parametrize(('card', 'speed'), [('walk', 1.2), ('run', 3.5)])
def test_the_tasks_command_is_kept_where_it_is_one_to_move(card, speed):
  """Else there is nothing to judge by: a policy that stands, or follows sampled commands, is told the usual speed."""
  for task, expected in (
    (CommandConfig(value=(-0.8, 0.0, 0.2)), (-0.8, 0.0, 0.2)),
    (CommandConfig(value=(0.0, 0.0, 0.5)), (speed, 0, 0)),
    (CommandConfig(kind='sampled', value=(0.4, 0.0, 0.0)), (speed, 0, 0)),
  ):
    command = replaced(TaskConfig(command=task), CARDS[card].settings(TaskConfig(command=task)), 'task').command
    assert (command.kind, command.value) == ('fixed', expected)


@pytest.mark.parametrize(
  ('card', 'command', 'words'),
  [
    ('walk', (1.2, 0.0, 0.0), '20 s, from 2 s on at 1.2 m/s +- 0.2 with'),
    ('walk', (-0.8, 0.0, 0.0), '20 s, from 2 s on at -0.8 m/s +- 0.2 with'),
    ('walk', (0.5, -0.25, 0.0), 'at (0.5, -0.25) m/s +- 0.2'),
    ('run', (3.5, 0.0, 0.0), '10 s at 3 m/s or more, after 2 s'),
    ('stand', (1.0, 0.0, 0.0), '20 s on its feet'),
  ],
)
def test_the_criteria_name_the_speed(card, command, words):
  assert words in CARDS[card].words(TaskConfig(command=CommandConfig(value=command)))


# Why an episode does not pass


def test_the_first_condition_that_an_episode_does_not_meet_is_why(body):
  """Standing: one passes, one fell and drifted, one drifted 0.6 m, one is 10 cm too low and drifted."""
  paths = ended(at_rest(body, 4, 6 * SECOND), 1, 200)
  top = body.robot.standing_height
  sensor(paths, body, 'torso_pos')[3, :, 2] = top - 0.1
  paths.views.qpos[1:, -60:, 0] = 0.6
  sensor(paths, body, 'torso_pos')[1:, -60:, 0] = 0.6
  figures = measure(paths, body)
  found = {name: which.tolist() for name, which in reasons(CARDS['stand'].judge, figures, paths, body).items()}
  assert found == {
    name: [i == j for j in range(4)] for name, i in (('fell', 1), ('at another height', 3), ('drifted', 2))
  }


@pytest.mark.parametrize('card', JUDGING)
def test_what_a_card_shows_is_measured(body, card):
  shown, paths = CARDS[card], at_rest(body, 1, 8)
  assert shown.figures
  returns = {'episode_return'} if shown.by_return else set()  # which the reward of a task gives
  assert set(shown.figures) - returns <= set(measure(paths, body))


def test_no_card_judges_nothing():
  assert find_card('none').judge.by_failure == {}


# The tasks of the cards


@pytest.mark.parametrize('card', JUDGING)
def test_the_task_of_a_card_is_made_of_settings_that_a_user_may_write(card, task):
  """Names that exist, values in range, ranges that are not upside down."""
  assert changed(task, CARDS[card].settings(TaskConfig())).terminate is not None


@pytest.mark.parametrize('card', JUDGING)
def test_a_card_leaves_nothing_to_the_task_that_would_make_it_easier(card):
  """How episodes start and end, pushes and how the robots vary is the card's to say, not the training's."""
  settings = CARDS[card].task
  by_task = {'start', 'start_strength', 'termination'}  # of a return, which is of the task as a whole
  assert {'push.kind', 'randomization', *(() if CARDS[card].by_return else by_task)} <= set(settings)
  if settings['push.kind'] != 'none':
    assert {'push.force', 'push.duration', 'push.interval'} <= set(settings)
  if settings.get('command.kind') == 'sampled':
    assert {'command.low', 'command.high', 'command.interval', 'command.rest'} <= set(settings)


@pytest.mark.parametrize('card', ['stand', 'stand_robust', 'kneel', 'getup'])
def test_where_a_robot_shall_stay_nothing_commands_it_to_go(card):
  """Else the card of a policy that follows commands would be about whatever it was trained to follow."""
  trained = TaskConfig(command=CommandConfig(kind='sampled', value=(1.2, 0.0, 0.0)))
  command = replaced(trained, CARDS[card].settings(trained), 'task').command
  assert (command.kind, command.value) == ('fixed', (0, 0, 0))


def test_the_robust_card_pushes_and_varies_what_it_says():
  settings = CARDS['stand_robust'].task
  push = [settings[f'push.{name}'] for name in ('kind', 'force', 'duration', 'interval')]
  assert push == ['force', (150, 150), 0.2, 4]
  assert set(settings['randomization']) == {'mass', 'friction', 'motor_strength'}
  assert all(strength > 0 for strength in settings['randomization'].values())


@pytest.mark.parametrize('card', JUDGING)
def test_the_description_says_how_long_it_lasts(card):
  """Cards that are those of standing but for a disturbance say so instead."""
  shown = CARDS[card]
  assert CARDS.describe()[card] == shown.description
  if shown.steps:
    assert f'{shown.steps} control steps' in shown.description
    return
  assert f'{shown.seconds:g} s' in shown.description or shown.description.startswith('stand,') or card == 'run'


def test_running_is_judged_for_ten_seconds_after_the_first_two():
  assert CARDS['run'].seconds == 10 + 2


def test_an_unknown_card_lists_the_choices():
  with pytest.raises(UserError, match=r"unknown report card 'nope'.*stand"):
    CARDS['nope']
