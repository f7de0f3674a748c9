"""Reward terms one by one against hand arithmetic, and how skills and users' own functions are made of them."""

import math

import jax
import numpy as np
import pytest

from mjx_humanoid.errors import UserError
from mjx_humanoid.tasks import rewards
from mjx_humanoid.tasks.rewards import SKILLS, TERMS, heading_velocity, make_reward, torque, weighted

COSTS = ('energy', 'effort', 'action_rate')


@pytest.fixture
def value(body, make_context):
  """The value of a term in a world."""
  return lambda name, view, **context: float(TERMS[name](view, body, make_context(**context)))


def exp(x):
  return pytest.approx(math.exp(x), rel=1e-4)


def test_alive_is_one_in_any_state(value, make_view, tumbling_view):
  assert value('alive', make_view()) == 1.0
  assert value('alive', tumbling_view) == 1.0


@pytest.mark.parametrize(('z', 'exponent'), [(1.282, 0), (1.132, -1), (1.432, -1), (0.982, -4)])
def test_height(value, make_view, z, exponent):
  """Standing height 1.282 m; 0.15 m off is e^-1, twice that e^-4."""
  assert value('height', make_view(torso_pos=[9, 9, z])) == exp(exponent)


def test_upright_counts_the_horizontal_part_of_the_torso_axis(value, make_view):
  # |(0.252, 0.336)| = 0.42, the scale; the sign of the third does not matter
  assert value('upright', make_view(torso_up=[0.252, 0.336, 0.9])) == exp(-1)
  assert value('upright', make_view(torso_up=[0, 0, 1])) == 1.0


def test_balance_of_a_resting_robot_is_the_offset_from_the_middle_of_its_feet(value, make_view):
  # The feet's middle is (1, 2); the centre of mass is (0.15, 0.2) off it: 0.25, the scale.
  sensors = {'foot_left_pos': [1, 2.5, 0.1], 'foot_right_pos': [1, 1.5, 0.1], 'com_pos': [1.15, 2.2, 1]}
  assert value('balance', make_view(**sensors)) == exp(-1)


def test_balance_leads_by_the_velocity(value, make_view):
  # Height of the pendulum 1 - 0.019 = 0.981 m: sqrt(0.981 / 9.81) = 0.316228 s. At (0, 0.5) m/s that is 0.158114 m;
  # from -0.1 m it comes to rest at 0.058114 m: exp(-(0.058114 / 0.25)^2) = exp(-0.054036).
  feet = {'foot_left_pos': [0, 0.1, 0.019], 'foot_right_pos': [0, -0.1, 0.019]}
  view = make_view(com_pos=[0, -0.1, 1], com_vel=[0, 0.5, 7], **feet)
  assert value('balance', view) == exp(-0.054036)


def test_balance_upside_down_is_a_number(value, make_view):
  view = make_view(foot_left_pos=[0, 0, 2], foot_right_pos=[0, 0, 2], com_pos=[0, 0, 1], com_vel=[1, 0, 0])
  # The height is taken as 0.1 m at least: 1 m/s leads by sqrt(0.1 / 9.81) = 0.100964 m.
  assert value('balance', view) == exp(-((0.100964 / 0.25) ** 2))


@pytest.mark.parametrize(
  ('forward', 'moving', 'expected'),
  [
    ([1, 0, 0], [0.5, 0.2, 9], [0.5, 0.2]),
    ([0, 1, 0], [0.5, 0.2, 9], [0.2, -0.5]),  # facing +y, +x is to the right
    ([-1, 0, 0], [0.5, 0.2, 9], [-0.5, -0.2]),
    ([0.6, 0, -0.8], [0.5, 0.2, 9], [0.5, 0.2]),  # looking down does not slow it
  ],
)
def test_heading_velocity(body, make_view, forward, moving, expected):
  found = heading_velocity(make_view(torso_forward=forward, com_vel=moving), body)
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_heading_velocity_of_a_torso_that_looks_straight_down_is_finite(body, make_view):
  assert np.isfinite(heading_velocity(make_view(torso_forward=[0, 0, -1], com_vel=[1, 1, 0]), body)).all()


def test_velocity_is_judged_against_the_command(value, make_view):
  # Facing +y and moving at +y 1 m/s is 1 m/s ahead. Commanded (0.82, 0.24): off by (0.18, -0.24), length 0.3.
  view = make_view(torso_forward=[0, 1, 0], com_vel=[0, 1, 0])
  assert value('velocity', view, command=(0.82, 0.24, 5)) == exp(-1)
  assert value('velocity', view, command=(1, 0, 5)) == exp(0)


def test_turning_is_judged_against_the_command(value, make_view):
  view = make_view(torso_angvel=[7, 7, 1.0])
  assert value('turning', view, command=(9, 9, 0.5)) == exp(-1)
  assert value('turning', view, command=(9, 9, 1.0)) == 1.0


def test_posture_is_the_root_mean_square_of_the_joints(value, make_view, body):
  # 21 joints at +-0.5 rad: root mean square 0.5, the scale. Where the torso is does not matter.
  qpos = body.default_qpos.copy()
  qpos[:7] = 3
  qpos[7:] += 0.5 * np.array([1, -1] * 10 + [1])
  assert value('posture', make_view(qpos=qpos)) == exp(-1)
  assert value('posture', make_view()) == exp(0)


def test_quiet_is_the_root_mean_square_of_the_joint_velocities(value, make_view, body):
  qvel = np.full(body.nv, -2.0)
  qvel[:6] = 50
  assert value('quiet', make_view(qvel=qvel)) == exp(-1)


def test_energy_is_the_power_of_every_motor_at_its_own_joint(value, make_view, body):
  # hip_y_left: 0.5 x 120 N m x 2 rad/s = 120 W; abdomen_y: |1 x 40 x -3| = 120 W. Together 0.24 kW. ankle_x_left moves
  # at 9 rad/s without torque, and knee_left pulls without moving: nothing.
  ctrl, qvel = np.zeros(body.nu), np.zeros(body.nv)
  for name, c in {'hip_y_left': 0.5, 'abdomen_y': 1.0, 'knee_left': 1.0}.items():
    ctrl[body.actuator_names.index(name)] = c
  for name, v in {'hip_y_left': 2.0, 'abdomen_y': -3.0, 'ankle_x_left': 9.0}.items():
    qvel[6 + body.joint_index(name)] = v
  assert value('energy', make_view(ctrl=ctrl, qvel=qvel)) == pytest.approx(0.24)


def test_torque_is_the_control_times_the_motors_limit(body, make_view):
  found = torque(make_view(ctrl=np.full(body.nu, -0.5)), body)
  assert found[body.actuator_names.index('knee_left')] == -40.0


def test_effort_is_the_mean_square_of_the_control(value, make_view, body):
  ctrl = np.zeros(body.nu)
  ctrl[:7] = [3, -3, 0, 0, 0, 0, 0]
  assert value('effort', make_view(ctrl=ctrl)) == pytest.approx(18 / 21)


def test_action_rate_is_the_mean_square_change_of_the_control(value, make_view, body):
  view = make_view(ctrl=np.full(body.nu, 0.5))
  assert value('action_rate', view, last_action=np.full(body.nu, -0.5)) == pytest.approx(1.0)
  assert value('action_rate', view, last_action=np.full(body.nu, 0.5)) == 0.0


@pytest.mark.parametrize('name', list(TERMS))
def test_every_term_is_a_finite_scalar_in_any_pose(name, body, tumbling_view, make_context):
  found = TERMS[name](tumbling_view, body, make_context())
  assert found.shape == ()
  assert np.isfinite(found)
  assert found >= 0
  assert name in COSTS or found <= 1


@pytest.mark.parametrize('name', list(TERMS))
def test_every_term_describes_itself(name):
  assert rewards.describe_terms()[name].endswith('.') or rewards.describe_terms()[name].endswith('a cost.')


# Skills


@pytest.mark.parametrize('name', SKILLS)
def test_skills_are_weights_on_terms_that_exist(name):
  line, weights = SKILLS[name]
  assert rewards.describe()[name] == line != ''
  assert set(weights) <= set(TERMS)


@pytest.mark.parametrize('name', SKILLS)
def test_a_perfect_step_of_a_skill_earns_about_one(name):
  weights = SKILLS[name][1]
  assert sum(w for w in weights.values() if w > 0) == pytest.approx(1)
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


def test_rewards_run_inside_jit_and_vmap(body, make_view, make_context):
  views = jax.tree.map(lambda *x: np.stack(x), make_view(torso_pos=[0, 0, 1.282]), make_view(torso_pos=[0, 0, 1.432]))
  contexts = jax.tree.map(lambda *x: np.stack(x), make_context(), make_context())
  total, _ = jax.jit(jax.vmap(lambda v, c: weighted({'height': 1.0})(v, body, c)))(views, contexts)
  np.testing.assert_allclose(total, [1, math.exp(-1)], rtol=1e-5)
