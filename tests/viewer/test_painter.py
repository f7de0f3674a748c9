"""Protects the pictures: several robots beside each other, arrows, and where the robots stand."""

from __future__ import annotations

import time

import numpy as np

from mjx_humanoid.viewer.layout import SPACING, offsets
from mjx_humanoid.viewer.painter import Painter, Projector


def robot(picture):
  """Pixels of the robots, which are orange."""
  return (picture[..., 0] > 150) & (picture[..., 2] < 90)


def test_places_are_a_square_around_the_origin():
  places = offsets(4, 2.0)
  assert places[:, 2].tolist() == [0] * 4
  assert places[:, 1].tolist() == [-SPACING, SPACING, -SPACING, SPACING]
  assert places[:, 0].tolist() == [0, 0, -2 * SPACING, -2 * SPACING]
  assert offsets(1, 2.0).tolist() == [[0, 0, 0]]


def test_two_robots_are_two_and_marks_are_drawn(simulate, opengl):
  one, two = simulate(num_envs=1).snapshot, simulate(num_envs=2).snapshot
  painter = Painter(320, 240)
  try:
    alone = painter.picture(one)
    beside = Painter(320, 240)
    both = beside.picture(two)
    beside.close()
    assert robot(both).sum() > 1.3 * robot(alone).sum()
    painter.shown['contacts'] = True
    marked = painter.picture(one)
    assert 0 < (np.abs(marked.astype(int) - alone).max(axis=-1) > 60).sum() < 0.2 * alone.shape[0] * alone.shape[1]
    middle = painter.body_at(0.5, 0.5)
    assert middle is not None
    assert one.stage.model.body(middle).name
    assert painter.body_at(0.02, 0.02) is None  # the sky
  finally:
    painter.close()


def test_the_camera_may_be_moved_before_the_first_picture(simulate):
  """A page without a stream may ask for it: it must not end the pictures of all."""
  projector = Projector(simulate())
  projector.order(projector.painter.reset_camera)
  projector.order(lambda: projector.painter.move('zoom', 0, 1))
  projector.start()
  while not projector._orders.empty() and not projector.ended:
    time.sleep(0.01)
  projector.close()
  assert projector.failure == ''
