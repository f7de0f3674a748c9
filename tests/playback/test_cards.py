"""Protects what passing means: each report card on both sides of each of its bounds, and its goal."""

from __future__ import annotations

import numpy as np
import pytest
from card_tools import SECOND, going, judged
from made_up import at_rest, ended, face, sensor

from mjx_humanoid.core.files import read_json
from mjx_humanoid.playback.cards import CARDS
from mjx_humanoid.playback.find import PRETRAINED


def passes(name, figures, body):
  """Whether an episode with these figures passes a card that asks for nothing but figures."""
  arrays = {key: np.array([float(value)]) for key, value in figures.items()}
  (passed,) = CARDS[name].judge(arrays, at_rest(body, 1), body)
  return bool(passed)


def above(metres):
  """Mean height of the torso, from that of standing."""
  return lambda body: body.robot.standing_height + metres


GOOD = {
  'stand': {'survived': 1, 'mean_height': above(0), 'drift': 0},
  'stand_robust': {'survived': 1, 'mean_height': above(0), 'drift': 0},
  'walk': {
    'survived': 1, 'forward_speed': 1.2, 'heading_error': 0, 'sideways': 0, 'least_duty': 0.6, 'most_duty': 0.65,
  },
  'run': {'survived': 1, 'forward_speed': 3.5, 'strides_with_flight': 1},
  'follow': {'survived': 1, 'velocity_error': 0.1, 'turning_error': 0.1},
}  # fmt: skip

# (card, figure, the last value that passes, the first that does not)
BOUNDS = [
  *((card, 'survived', 1, 0) for card in GOOD),
  *((card, 'mean_height', above(0.049), above(0.051)) for card in ('stand', 'stand_robust')),
  *((card, 'mean_height', above(-0.049), above(-0.051)) for card in ('stand', 'stand_robust')),
  *((card, 'drift', 0.499, 0.5) for card in ('stand', 'stand_robust')),
  ('walk', 'forward_speed', 1.0, 0.999),
  ('walk', 'forward_speed', 1.4, 1.401),
  ('walk', 'heading_error', 14.9, 15),
  ('walk', 'sideways', 1.49, 1.5),
  ('walk', 'least_duty', 0.5, 0.499),
  ('walk', 'most_duty', 0.75, 0.751),
  ('run', 'forward_speed', 3.0, 2.999),
  ('run', 'forward_speed', 30, 2),  # it may be as fast as it can
  ('run', 'strides_with_flight', 1, 0.99),
  ('follow', 'velocity_error', 0.15, 0.151),
  ('follow', 'turning_error', 0.2, 0.201),
]


@pytest.mark.parametrize(('card', 'figure', 'good', 'bad'), BOUNDS)
def test_where_passing_ends(body, card, figure, good, bad):
  for value, expected in ((good, True), (bad, False)):
    figures = {**GOOD[card], figure: value}
    known = {name: x(body) if callable(x) else x for name, x in figures.items()}
    assert passes(card, known, body) is expected


@pytest.mark.parametrize('card', GOOD)
def test_each_episode_passes_by_itself(body, card):
  figures = {name: np.array([x(body) if callable(x) else x] * 3, float) for name, x in GOOD[card].items()}
  figures['survived'][1] = 0
  assert CARDS[card].judge(figures, at_rest(body, 3), body).tolist() == [True, False, True]


# Cards that look at the paths themselves


def kneel(paths, body, on):
  """Puts both shins on the floor in the steps `on`."""
  for shin in body.robot.anatomy.shins:
    sensor(paths, body, f'{shin}_touch')[..., 0] = np.where(on, 200.0, 0.0)


def kneeling_from(body, step, steps=6 * SECOND):
  paths = at_rest(body, 1, steps)
  kneel(paths, body, np.arange(steps) >= step)
  return paths


@pytest.mark.parametrize(('step', 'expected'), [(0, True), (3 * SECOND, True), (3 * SECOND + 1, False)])
def test_kneeling_must_begin_within_three_seconds(body, step, expected):
  passed, figures = judged('kneel', kneeling_from(body, step), body)
  assert passed == [expected]
  assert (figures['kneeling'] == 1).tolist() == [expected]


def test_one_step_off_the_knees_is_one_too_many(body):
  paths = kneeling_from(body, SECOND)
  sensor(paths, body, 'shin_left_touch')[0, -1] = 0
  passed, figures = judged('kneel', paths, body)
  assert passed == [False]
  assert figures['kneeling'] == pytest.approx([1 - 1 / (3 * SECOND)])


def test_a_robot_that_collapsed_does_not_kneel(body):
  assert judged('kneel', ended(kneeling_from(body, 0), 0, 239), body)[0] == [False]


def test_kneeling_allows_feet_on_the_floor_and_nothing_else(body):
  paths = kneeling_from(body, 0, 4)
  kneeling = CARDS['kneel'].goal
  for foot in body.robot.feet:
    sensor(paths, body, f'{foot}_touch')[:] = 50
  assert kneeling(paths, body).tolist() == [[True] * 4]
  for name in set(body.touch_names) - {*body.robot.feet, *body.robot.anatomy.shins}:
    sensor(paths, body, f'{name}_touch')[0, 2] = 1
    assert kneeling(paths, body).tolist() == [[True, True, False, True]], name
    sensor(paths, body, f'{name}_touch')[:] = 0


@pytest.mark.parametrize('shin', [0, 1])
def test_one_knee_is_not_kneeling(body, shin):
  paths = kneeling_from(body, 0, 4)
  sensor(paths, body, f'{body.robot.anatomy.shins[shin]}_touch')[0, 1:3] = 0
  assert CARDS['kneel'].goal(paths, body).tolist() == [[True, False, False, True]]


def test_kneeling_is_upright(body):
  """Within 25 degrees of the vertical."""
  paths = kneeling_from(body, 0, 2)
  angles = np.radians([24.9, 25.1])
  sensor(paths, body, 'torso_up')[0] = np.stack([np.sin(angles), 0 * angles, np.cos(angles)], axis=-1)
  assert CARDS['kneel'].goal(paths, body).tolist() == [[True, False]]


def up_from(body, step, steps=8 * SECOND):
  """Lying until `step`, standing from then on."""
  paths = at_rest(body, 1, steps)
  sensor(paths, body, 'torso_pos')[:, :step, 2] = 0.2
  return paths


@pytest.mark.parametrize(('step', 'expected'), [(0, True), (SECOND, True), (5 * SECOND, True), (5 * SECOND + 1, False)])
def test_standing_must_be_reached_within_five_seconds(body, step, expected):
  passed, figures = judged('getup', up_from(body, step), body)
  assert passed == [expected]
  assert figures['seconds_to_stand'] == pytest.approx([step / SECOND])


def test_one_who_falls_again_has_not_got_up(body):
  paths = up_from(body, SECOND)
  sensor(paths, body, 'torso_pos')[:, 7 * SECOND - 1, 2] = 0.9
  passed, figures = judged('getup', paths, body)
  assert passed == [False]
  assert figures['standing'] == pytest.approx([1 - 1 / (3 * SECOND)])
  assert figures['seconds_to_stand'] == pytest.approx([7])  # it stood up for good only then


def test_one_who_never_gets_up_takes_the_whole_episode(body):
  passed, figures = judged('getup', up_from(body, 8 * SECOND), body)
  assert passed == [False]
  assert (figures['standing'], figures['seconds_to_stand']) == ([0], pytest.approx([8]))


@pytest.mark.parametrize('card', ['stand', 'stand_robust', 'getup'])
def test_the_goal_of_standing_is_standing_height_within_ten_centimetres(body, card):
  paths = at_rest(body, 2, 3)
  top = body.robot.standing_height
  sensor(paths, body, 'torso_pos')[..., 2] = [[top, top + 0.099, top + 0.101], [top - 0.099, top - 0.101, 0]]
  assert CARDS[card].goal(paths, body).tolist() == [[True, True, False], [True, False, False]]


def test_standing_is_reached_by_who_is_still(body):
  """Of 27 velocities, by hand: all at 0.299 have that root mean square; one at 1.55 has 1.55 / sqrt(27) = 0.298."""
  paths = at_rest(body, 1, 4)
  sensor(paths, body, 'torso_pos')[..., 2] = body.robot.standing_height
  paths.views.qvel[0, :, :] = np.array([0.299, 0.301, 0.0, 0.0])[:, None]
  paths.views.qvel[0, 2:, 9] = [1.55, 1.57]
  assert CARDS['stand'].goal(paths, body).tolist() == [[True, False, True, False]]


@pytest.mark.parametrize('card', ['walk', 'run', 'follow'])
def test_what_goes_on_for_ever_has_no_goal(card):
  assert CARDS[card].goal is None


# Whole episodes, by all that is measured of them


def test_a_walk_made_by_hand_is_one_and_a_run_is_none(body):
  walk, run = going(body, 1.2, 24), going(body, 3.2, 16)  # duty factors 0.6 and 0.4
  assert (judged('walk', walk, body)[0], judged('walk', run, body)[0]) == ([True], [False])
  assert (judged('run', run, body)[0], judged('run', walk, body)[0]) == ([True], [False])
  assert (judged('follow', walk, body)[0], judged('follow', run, body)[0]) == ([True], [True])


def test_a_slow_run_and_a_fast_walk_are_neither(body):
  for speed, down in ((1.2, 16), (3.2, 24)):
    paths = going(body, speed, down)
    paths.contexts.requested[..., 0] = 3.5
    ran = judged('run', paths, body)[0]
    paths.contexts.requested[..., 0] = 1.2
    assert (judged('walk', paths, body)[0], ran) == ([False], [False])


def test_one_who_turns_aside_does_not_walk_straight(body):
  paths = going(body, 1.2, 24)
  face(paths, np.where(np.arange(6 * SECOND) < 5 * SECOND, 0, 20))
  assert judged('walk', paths, body)[0] == [False]


def test_standing_made_by_hand_passes_and_kneeling_is_no_standing(body):
  paths = at_rest(body, 2, 6 * SECOND)
  sensor(paths, body, 'torso_pos')[1, :, 2] = 0.9
  assert judged('stand', paths, body)[0] == [True, False]


@pytest.mark.parametrize(
  ('speed', 'up_at', 'expected'),
  [(1.0, 0, True), (0.81, 0, True), (0.79, 0, False), (1.21, 0, False), (1.0, 5, True), (1.0, 5.1, False)],
)
def test_from_any_pose_it_walks_from_5_s_on(body, speed, up_at, expected):
  """On the floor until `up_at` seconds; 10 s at a speed along x, under a command of 1 m/s."""
  paths = at_rest(body, 1, 10 * SECOND)
  sensor(paths, body, 'com_vel')[..., 0] = speed
  paths.contexts.requested[..., 0] = 1.0
  sensor(paths, body, 'torso_pos')[0, : round(up_at * SECOND), 2] = 0.3
  assert judged('walk_any_pose', paths, body)[0] == [expected]


def test_an_episode_from_any_pose_that_diverged_does_not_pass(body):
  paths = ended(at_rest(body, 1, 10 * SECOND), 0, 3 * SECOND)
  sensor(paths, body, 'com_vel')[..., 0] = 1.0
  sensor(paths, body, 'com_vel')[:, 3 * SECOND :] = np.nan
  passed, figures = judged('walk_any_pose', paths, body)
  assert passed == [False]
  assert np.isfinite(figures['later_speed']).all()


def test_a_card_with_other_commands_than_follow_says_from_where_to_where():
  """-1 to 1.5 m/s ahead, 0.5 m/s to both sides, 1 rad/s to both sides."""
  card = CARDS['follow_wide']
  assert (card.task['command.low'], card.task['command.high']) == ((-1.0, -0.5, -1.0), (1.5, 0.5, 1.0))
  assert card.description.startswith(
    'new commands of -1 to 1.5 m/s ahead, to 0.5 m/s sideways, turning at up to 1 rad/s, every 5 s; '
  )
  assert read_json(PRETRAINED / 'anymal_c.json', 'report card')['criteria'] == card.description
