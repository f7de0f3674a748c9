"""The level of the curriculum in the context."""

import numpy as np
import pytest

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.tasks.context import make_context
from mjx_humanoid.tasks.context.curriculum_level import level_of


@pytest.fixture(scope='module')
def maker(body):
  return make_context(TaskConfig(context=('curriculum_level',)), body)


def test_it_is_that_of_each_environment_at_each_step(maker, make_view):
  views, nothing = View(*(np.stack([x, x]) for x in map(np.asarray, make_view()))), np.zeros((2, 0))
  context = maker.start(views, nothing, np.array([0.1, 0.4], np.float32))
  np.testing.assert_allclose(level_of(context, ''), [0.1, 0.4], rtol=1e-6)
  context = maker.advance(context, views, nothing, np.array([0.2, 0.5], np.float32))
  np.testing.assert_allclose(level_of(maker.mirror(maker.at_age(context)), ''), [0.2, 0.5], rtol=1e-6)


def test_it_is_full_where_nothing_sets_it_as_on_report_cards(maker, make_view):
  views = View(*(np.asarray(x)[None] for x in make_view()))
  assert level_of(maker.start(views, np.zeros((1, 0))), '') == [1.0]


def test_without_the_part_what_needs_it_says_so(make_context):
  with pytest.raises(UserError, match=r"mine needs the part 'curriculum_level' in config.task.context"):
    level_of(make_context(), 'mine')
