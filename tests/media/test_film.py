"""Protects films: real time across policies of different control steps, labels, and several side by side."""

from __future__ import annotations

import contextlib
import dataclasses

import numpy as np
import pytest
from made_up import at_rest

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.media import film as module
from mjx_humanoid.media.film import Look, film, side_by_side
from mjx_humanoid.media.marks import BLUE, RED, arrows, labelled
from mjx_humanoid.playback.chain import Played, Stage
from mjx_humanoid.playback.rollout import rollout, start_states, task_and_model

SMALL = Look(width=64, height=48, framerate=20, marks=False)


def still(obs):
  return np.zeros((len(obs), 21))


def straight(images, count):
  return images


@pytest.fixture(scope='module')
def tasks(standing_task):
  """(task, model) of 25 ms and of 20 ms a control step."""
  return {'slow': standing_task, 'quick': task_and_model(TaskConfig(frame_skip=4))}


@pytest.fixture
def played(tasks):
  """played('slow', steps) -> a limp robot; the position x of each recorded step is its number, for tests to read."""

  def play(which, steps, name='someone'):
    task, model = tasks[which]
    starts = start_states(task, model, np.random.default_rng(0), 1)
    paths = rollout(task, model, still, *starts, steps, stop_at_end=False)
    paths.views.qpos[0, :, 0] = np.arange(steps)
    return Played(Stage(name, task, model, still), paths, False)

  return play


@pytest.fixture
def drawn(monkeypatch):
  """Nothing is drawn: each picture is of the number of its step. What was asked for is listed."""
  asked = []

  class Camera(contextlib.nullcontext):
    def __init__(self, model, name, width, height, *, software):
      super().__init__(self)
      self.size = (height, width, 3)
      asked.append((model, (name, width, height, software)))

    def frames(self, rows, arrows):
      yield from (np.full(self.size, row[0], np.uint8) for row in rows)

  monkeypatch.setattr(module, 'Camera', Camera)
  return asked


def steps_shown(pictures):
  return [int(picture[-1, -1, 0]) for picture in pictures]


def test_each_policy_is_shown_in_real_time_whatever_its_control_step(played, drawn):
  """0.5 s are 20 steps of 25 ms and 25 of 20 ms: ten frames of 50 ms each, every second step and every 2.5th."""
  pictures = film([[played('slow', 20), played('quick', 25)]], SMALL, straight)
  assert steps_shown(pictures) == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 0, 2, 5, 8, 10, 12, 15, 18, 20, 22]


def test_episodes_come_one_after_the_other_in_order(played, drawn, tasks):
  episodes = [[played('slow', 4), played('quick', 5)], [played('slow', 8)]]
  assert steps_shown(film(episodes, SMALL, straight)) == [0, 2, 0, 2, 0, 2, 4, 6]
  assert [model for model, _ in drawn] == [tasks[name][1] for name in ('slow', 'quick', 'slow')]


def test_frames_that_are_cut_short_by_the_next_policy_still_show_something(played, drawn):
  """A policy that was done after a single step has one frame."""
  assert steps_shown(film([[played('slow', 1), played('slow', 2)]], SMALL, straight)) == [0, 0]


def test_the_look_is_passed_on(played, drawn):
  film([[played('slow', 2)]], Look('front', 96, 32, 20, marks=False, software=True), straight)
  assert drawn[0][1] == ('front', 96, 32, True)


def test_progress_is_told_how_many_will_come(played, drawn):
  told = []

  def progress(images, count):
    told.append(count)
    return images

  film([[played('slow', 20), played('quick', 5)]], SMALL, progress)
  assert told == [10, 2]


def test_names_are_written_only_where_asked(played, drawn):
  plain, written = (film([[played('slow', 2, 'walk')]], SMALL, straight, label) for label in (False, True))
  assert len(np.unique(plain[0])) == 1
  np.testing.assert_array_equal(written[0], labelled(plain[0], 'walk'))


def picture(value=90):
  return np.full((120, 200, 3), value, np.uint8)


def test_a_label_changes_only_the_corner():
  image = picture()
  shown = labelled(image, 'walk')
  rows, columns = np.nonzero((shown != image).any(axis=-1))
  assert (rows.min(), columns.min()) >= (2, 2)
  assert rows.max() < 32
  assert columns.max() < 60
  assert (shown.shape, shown.dtype) == (image.shape, np.uint8)
  assert (image == 90).all()  # the picture that was given stays as it is


@pytest.mark.parametrize('background', [0, 128, 255])
def test_a_label_can_be_read_on_any_background(background):
  """White letters with a dark rim."""
  shown = labelled(np.full((480, 640, 3), background, np.uint8), 'walk')
  assert (shown > 230).all(axis=-1).sum() > 50
  assert (shown < 40).all(axis=-1).sum() > 50


def test_labels_tell_names_apart():
  assert not np.array_equal(labelled(picture(), 'walk'), labelled(picture(), 'run'))


def test_a_label_too_long_for_the_picture_is_cut_off():
  assert labelled(picture(), 'a name without end ' * 9).shape == (120, 200, 3)


def grey(*levels, width=6):
  return [np.full((4, width, 3), level, np.uint8) for level in levels]


def test_side_by_side_by_hand():
  """The shorter film stands still at its end."""
  both = side_by_side([grey(1, 2, 3), grey(7, 8, width=4), grey(9)])
  assert [frame.shape for frame in both] == [(4, 16, 3)] * 3
  assert [frame[0, [0, 5, 6, 9, 10, 15], 0].tolist() for frame in both] == [
    [1, 1, 7, 7, 9, 9],
    [2, 2, 8, 8, 9, 9],
    [3, 3, 8, 8, 9, 9],
  ]


def test_one_alone_beside_nothing_stays_as_it_is():
  film_alone = grey(1, 2)
  np.testing.assert_array_equal(side_by_side([film_alone]), film_alone)


def test_a_film_that_is_really_drawn(opengl, played):
  episode = [played('slow', 4, 'one'), played('quick', 5, 'two')]
  pictures = film([episode], SMALL, straight, label=True)
  assert [image.shape for image in pictures] == [(48, 64, 3)] * 4
  assert all(image.dtype == np.uint8 and image.std() > 5 for image in pictures)


def test_an_unknown_camera_is_refused(played):
  with pytest.raises(UserError, match="Did you mean 'track'"):
    film([[played('slow', 2)]], Look('trak', 64, 48), straight)


def test_four_films_are_a_grid_and_five_leave_a_black_place():
  """More than three in a row would be a strip: 2 x 2, then 3 + 2."""
  (four,) = side_by_side([grey(level) for level in (1, 2, 3, 4)])
  assert four[::4, ::6, 0].tolist() == [[1, 2], [3, 4]]
  (five,) = side_by_side([grey(level) for level in (1, 2, 3, 4, 5)])
  assert five[::4, ::6, 0].tolist() == [[1, 2, 3], [4, 5, 0]]


# Arrows and the clock


def test_a_push_is_a_red_arrow_above_the_robot_and_a_command_a_blue_one_on_the_floor(standing_task):
  """150 N along y: half a metre long, at 1.2 m + 0.4 x 1.282 m. 1 m/s to the left of a
  heading along y: along -x, 60 cm long.
  """
  body = standing_task[0].body
  paths = at_rest(body, 1, 3)
  paths.views.qpos[0, :, :3] = (3.0, 4.0, 1.2)
  assert arrows(paths, body, 1) == []
  pushes = np.zeros((1, 3, 3))
  pushes[0, 1] = (0, 150, 0)
  paths.contexts.heading[0, 1], paths.contexts.command[0, 1, 1] = (0, 1), 1.0
  push, command = arrows(paths._replace(pushes=pushes), body, 1)
  np.testing.assert_allclose((push.tail, push.tip), [(3, 3.75, 1.7128), (3, 4.25, 1.7128)], rtol=1e-6)
  np.testing.assert_allclose((command.tail, command.tip), [(2.8, 4, 0.03), (2.2, 4, 0.03)], rtol=1e-6)
  assert (push.colour, command.colour) == (RED, BLUE)
  assert arrows(paths._replace(pushes=pushes), body, 0) == []


def test_the_clock_goes_on_from_policy_to_policy(played, drawn, monkeypatch):
  """Frames at steps 0 and 2 of 25 ms, that is after 25 and 75 ms; then of 20 ms, after the 100 ms of the first."""
  written = []
  monkeypatch.setattr(module, 'labelled', lambda image, name, clock: written.append((name, clock)) or image)
  look = dataclasses.replace(SMALL, marks=True)
  film([[played('slow', 40, 'a'), played('quick', 5, 'b')], [played('slow', 2)]], look, straight, label=True)
  assert written[0] == ('a', '0.0 s')
  assert written[18:20] == [('a', '0.9 s'), ('a', '1.0 s')]
  assert written[20:] == [('b', '1.0 s'), ('b', '1.1 s'), ('someone', '0.0 s')]


def test_the_clock_is_in_the_upper_right_corner():
  rows, columns = np.nonzero((labelled(picture(), clock='3.4 s') != picture()).any(axis=-1))
  assert rows.max() < 32
  assert columns.min() > 140


def test_an_arrow_is_drawn(opengl, played):
  """A blue one on the floor, where there was none."""
  walking = played('slow', 1)
  look = Look(width=160, height=120, marks=True)
  (before,) = film([[walking]], look, straight)
  walking.paths.contexts.command[0, :, 0] = 1.0
  (after,) = film([[walking]], look, straight)
  added = (after.astype(int) - before)[(after != before).any(axis=-1)]
  assert len(added) > 20
  assert added[:, 2].mean() > added[:, 0].mean() + 20
