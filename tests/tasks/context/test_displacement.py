"""Where the robot was before a control step."""

import numpy as np
import pytest

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.tasks.context import make_context
from mjx_humanoid.tasks.context.displacement import place_before


def batch(view):
  return View(*(np.asarray(x)[None] for x in view))


@pytest.fixture(scope='module')
def maker(body):
  return make_context(TaskConfig(context=('last_position',)), body)


def at(make_view, x, y, com):
  return batch(make_view(qpos=[x, y, 1.2, 1, *[0] * 24], com_pos=[com, y, 1.0]))


def test_it_is_the_state_that_the_action_was_chosen_in(maker, make_view):
  first, second = at(make_view, 1.0, 2.0, 0.9), at(make_view, 1.5, 2.5, 1.4)
  context = maker.start(first, np.zeros((1, 0)))
  np.testing.assert_allclose(context.extra['last_position'], [[1.0, 2.0, 1.2]], rtol=1e-6)
  np.testing.assert_allclose(context.extra['last_com'], [[0.9, 2.0, 1.0]], rtol=1e-6)
  context = maker.advance(context, second, np.zeros((1, 0)))
  np.testing.assert_allclose(context.extra['last_position'], [[1.5, 2.5, 1.2]], rtol=1e-6)
  np.testing.assert_allclose(context.extra['last_com'], [[1.4, 2.5, 1.0]], rtol=1e-6)


def test_its_mirror_image_is_on_the_other_side(maker, make_view):
  context = maker.mirror(maker.start(at(make_view, 1.0, 2.0, 0.9), np.zeros((1, 0))))
  np.testing.assert_allclose(context.extra['last_position'], [[1.0, -2.0, 1.2]], rtol=1e-6)
  np.testing.assert_allclose(context.extra['last_com'], [[0.9, -2.0, 1.0]], rtol=1e-6)


def test_an_episode_of_any_age_begins_where_it_begins(maker, make_view):
  context = maker.start(at(make_view, 1.0, 2.0, 0.9), np.zeros((1, 0)))
  assert maker.at_age(context) is context


def test_who_needs_it_says_so(make_context):
  with pytest.raises(UserError, match="progress needs the part 'last_position' in config"):
    place_before(make_context(), 'last_position', 'reward term progress')
