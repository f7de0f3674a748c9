"""How skills and users' own functions are made of reward terms."""

import math

import jax
import numpy as np
import pytest

from mjx_humanoid.core import trust
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.tasks import skills
from mjx_humanoid.tasks.context.curriculum_level import LEVEL
from mjx_humanoid.tasks.rewards import TERMS
from mjx_humanoid.tasks.skills import SKILLS, make_reward, weighted

RATES = ('turning_over',)  # which pay for a change: nothing once there is nothing left to change
COSTS = ('energy', 'effort', 'action_rate', 'slip', 'sinking', 'stray_contacts')


@pytest.mark.parametrize('name', SKILLS)
def test_skills_are_weights_on_terms_that_exist(name):
  line, weights = SKILLS[name]
  assert skills.describe()[name] == line != ''
  assert set(weights) <= set(TERMS)


@pytest.mark.parametrize('name', SKILLS)
def test_a_perfect_step_of_a_skill_earns_about_one(name):
  weights = SKILLS[name][1]
  assert sum(w for term, w in weights.items() if w > 0 and term not in RATES) == pytest.approx(1)
  assert all(w < 0 for term, w in weights.items() if term in COSTS)


def test_the_total_is_the_weighted_sum_and_each_term_comes_weighted(body, make_view, make_context):
  # alive 1 x 2; height e^-1 x -3; effort 0.25 x 4 = 1
  view = make_view(torso_pos=[0, 0, 1.432], ctrl=np.full(body.nu, 0.5))
  total, terms = weighted({'alive': 2.0, 'height': -3.0, 'effort': 4.0})(view, body, make_context())
  assert {k: float(v) for k, v in terms.items()} == pytest.approx(
    {'alive': 2, 'height': -3 * math.exp(-1), 'effort': 1}, rel=1e-5
  )
  assert float(total) == pytest.approx(3 - 3 * math.exp(-1), rel=1e-5)


def test_weights_change_those_of_a_skill_and_add_to_them(body, make_view, make_context):
  standard = make_reward('stand', {})(make_view(), body, make_context())[1]
  terms = make_reward('stand', {'alive': 7.0, 'effort': -1.0})(make_view(ctrl=np.ones(21)), body, make_context())[1]
  assert set(terms) == set(standard) | {'alive', 'effort'}
  assert float(terms['alive']) == 7.0
  assert float(terms['effort']) == -1.0


def test_changing_weights_leaves_the_skill_alone():
  before = dict(SKILLS['stand'][1])
  make_reward('stand', {'alive': 7.0})
  assert SKILLS['stand'][1] == before


def test_late_terms_grow_with_the_level_of_the_curriculum(body, make_view, make_context):
  reward = make_reward('stand', {'alive': 7.0, 'effort': -1.0}, ('effort',))
  context = make_context()._replace(extra={LEVEL: np.float32(0.25)})
  terms = reward(make_view(ctrl=np.ones(21)), body, context)[1]
  assert (float(terms['alive']), float(terms['effort'])) == (7.0, -0.25)
  with pytest.raises(UserError, match=r"config.task.late_terms needs the part 'curriculum_level'"):
    reward(make_view(), body, make_context())


def test_late_terms_that_the_reward_does_not_have_are_refused():
  with pytest.raises(UserError, match=r"unknown reward term in config.task.late_terms 'enrgy'. Did you mean 'energy'"):
    make_reward('stand', {}, ('enrgy',))


@pytest.mark.parametrize(
  ('name', 'weights', 'match'),
  [
    ('stnad', {}, r"unknown reward 'stnad'. Did you mean 'stand'\? Choices: .*stand"),
    ('', {}, 'unknown reward'),
    ('stand', {'heigth': 1.0}, r"unknown reward term 'heigth'. Did you mean 'height'\? Choices: "),
    ('no/such.py:f', {}, 'there is no file'),
  ],
)
def test_unknown_names_are_refused(name, weights, match):
  with pytest.raises(UserError, match=match):
    make_reward(name, weights)


# A user's own function


@pytest.fixture
def own(tmp_path):
  def write(text):
    path = tmp_path / 'mine.py'
    path.write_text(f'import jax.numpy as jnp\ndef f(view, body, context):\n  {text}\n')
    trust.allow([path])
    return f'{path}:f'

  return write


def test_a_function_of_the_users_own_may_return_a_number(own, body, make_view, make_context):
  total, terms = make_reward(own('return view.qpos[2] * 2'), {})(make_view(), body, make_context())
  assert (float(total), terms) == (pytest.approx(2.564), {})
  assert total.dtype == np.float32


def test_or_a_number_with_named_terms(own, body, make_view, make_context):
  total, terms = make_reward(own('return 3, {"x": context.step}'), {})(make_view(), body, make_context(step=5))
  assert (float(total), int(terms['x'])) == (3.0, 5)


def test_weights_for_a_function_are_refused(own):
  with pytest.raises(UserError, match=r'config\.task\.weights belongs to rewards made of terms'):
    make_reward(own('return 1'), {'height': 1.0})
  with pytest.raises(UserError, match=r'config\.task\.late_terms belongs to rewards made of terms'):
    make_reward(own('return 1'), {}, ('height',))


def test_rewards_run_inside_jit_and_vmap(body, make_view, make_context):
  views = jax.tree.map(lambda *x: np.stack(x), make_view(torso_pos=[0, 0, 1.282]), make_view(torso_pos=[0, 0, 1.432]))
  contexts = jax.tree.map(lambda *x: np.stack(x), make_context(), make_context())
  total, _ = jax.jit(jax.vmap(lambda v, c: weighted({'height': 1.0})(v, body, c)))(views, contexts)
  np.testing.assert_allclose(total, [1, math.exp(-1)], rtol=1e-5)
