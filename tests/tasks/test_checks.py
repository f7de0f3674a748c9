"""What cannot work is refused before training, in a line that says what and where, and what to write instead."""

import pytest
from check_tools import BODY, refusal

from mjx_humanoid.core import trust
from mjx_humanoid.core.user_objects import find
from mjx_humanoid.tasks import checks

# Rewards


@pytest.mark.parametrize(
  'line',
  [
    'return 1',
    'return True',
    'return view.qpos[2]',
    'return view.qpos[2], {"a": 1.0, "b": view.time, "c": context.step}',
    'return jnp.where(view.qpos[2] > 0.8, 1.0, 0.0), {}',
  ],
)
def test_rewards_that_work_pass(own, views, contexts, line):
  checks.check_reward(own(line), BODY, views, contexts, 'mine')


@pytest.mark.parametrize(
  ('line', 'message'),
  [
    ('return view.qpos', "reward 'mine': the total has shape (9,); it must be a scalar, shape ()."),
    ('return view.qpos[2:3]', "reward 'mine': the total has shape (1,); it must be a scalar, shape ()."),
    (
      'return view.qpos[2], {"ok": 1.0, "joints": view.qpos[7:]}',
      "reward 'mine': term 'joints' has shape (2,); it must be a scalar, shape ().",
    ),
    ('return jnp.nan', "reward 'mine': the total is nan on 6 of 6 start states; it must be finite."),
    ('return jnp.log(jnp.maximum(view.qpos[2] - 0.6, 0))', 'the total is -inf on 2 of 6 start states'),
    ('return 1.0, {"ratio": 0.0 / view.time}', "reward 'mine': term 'ratio' is nan on 6 of 6"),
    ('return view.speed', "fails on a start state (mine.py, line 4): AttributeError: 'View' object has no"),
    ('return "much"', "reward 'mine' fails on a start state: TypeError"),
    ('return None', "reward 'mine'"),
    ('return 1.0, 2.0', "reward 'mine' must return a scalar, or a scalar and a dict of named terms."),
    ('return 1.0, None', 'a scalar and a dict of named terms'),
    ('return 1.0, {"a": "b"}', "reward 'mine' fails on a start state"),
    ('return 1 / 0', "reward 'mine' fails on a start state (mine.py, line 4): ZeroDivisionError: division by zero."),
    ('return view.qpos[2], {"nested": {"a": 1.0}}', "term 'nested' is not a number but a dict"),
    ('raise SystemExit(0)', "reward 'mine' fails on a start state (mine.py, line 4): SystemExit: 0."),
  ],
)
def test_rewards_that_do_not_are_refused_by_name(own, views, contexts, line, message):
  assert message in refusal(checks.check_reward, own(line), BODY, views, contexts, 'mine')


def test_a_nan_in_one_term_of_a_sum_is_that_terms(own, views, contexts):
  lines = 'near, far = view.qpos[2], jnp.sqrt(view.qpos[2] - 0.75)\nreturn near + far, {"near": near, "far": far}'
  message = refusal(checks.check_reward, own(lines), BODY, views, contexts, 'mine')
  assert message == "reward 'mine': term 'far' is nan on 3 of 6 start states; it must be finite."


@pytest.mark.parametrize(
  'lines',
  [
    'x = 1.0\nif view.qpos[2] > 0.8:\n  x = 2.0\nreturn x',
    'x = 1.0\nreturn x if view.qpos[2] > 0.8 and view.qpos[3] > 0 else 0.0',
    'x = 0.0\nassert view.qpos[2] > 0\nreturn x',
    'x = 0.0\nwhile view.qpos[2] > x: x = x + 1.0\nreturn x',
  ],
)
def test_an_if_on_an_array_says_the_line_and_the_cure(own, views, contexts, lines):
  assert refusal(checks.check_reward, own(lines), BODY, views, contexts, 'mine') == (
    "reward 'mine' fails on a start state (mine.py, line 5): TracerBoolConversionError: it uses an array as a truth"
    ' value (if, and, or, not, while, assert); write jnp.where(condition, a, b) instead of if, and &, |, ~ instead of'
    ' and, or, not.'
  )


@pytest.mark.parametrize(
  ('line', 'fix'),
  [
    ('return np.sqrt(view.qpos[2])', 'TracerArrayConversionError: it passes an array to NumPy; use jax.numpy (jnp)'),
    ('return float(view.qpos[2])', 'ConcretizationTypeError: it converts an array to a Python number'),
    ('return [1.0, 2.0][view.qpos[2].astype(int)]', 'it uses an array as a Python index'),
    ('return view.qpos[view.qpos > 0].sum()', 'NonConcreteBooleanIndexError: it selects elements by a boolean array'),
  ],
)
def test_other_mistakes_of_tracing_have_their_fixes(own, views, contexts, line, fix):
  message = refusal(checks.check_reward, own(line), BODY, views, contexts, 'mine')
  assert '(mine.py, line 4): ' in message
  assert fix in message


def test_a_mistake_in_a_helper_is_told_by_the_helpers_own_line(tmp_path, views, contexts):
  (tmp_path / 'near.py').write_text('\n\ndef g(x):\n  return x.speed\n')
  (tmp_path / 'mine.py').write_text('from near import g\ndef f(view, body, context): return g(view)\n')
  trust.allow([tmp_path / 'near.py', tmp_path / 'mine.py'])
  function = find(f'{tmp_path}/mine.py:f', 'reward')
  assert '(near.py, line 4)' in refusal(checks.check_reward, function, BODY, views, contexts, 'mine')


def test_a_mistake_behind_a_function_of_this_package_is_the_users(own, views, contexts):
  """Rewards reach the check inside a function of ours, which is not to blame."""
  function = own('return view.speed')

  def wrapped(view, body, context):
    return function(view, body, context)

  message = refusal(checks.check_reward, wrapped, BODY, views, contexts, 'mine')
  assert '(mine.py, line 4)' in message


# Observations


@pytest.mark.parametrize(
  'lines',
  [
    'return view.qpos',
    'return view.qpos[..., 2:4]',
    'return view.qpos[..., 2, None] - view.qvel[..., :1]',
    'xp = view.qpos.__array_namespace__()\nreturn xp.sin(view.qpos)',
    'return jnp.concatenate([view.qpos, context.command], axis=-1)',
    'return context.step[..., None]',
    'return (view.qpos[..., 2] > 0.7)[..., None]',
  ],
)
def test_observations_that_work_pass(own, views, contexts, lines):
  checks.check_observation(own(lines), BODY, views, contexts, 'mine')


@pytest.mark.parametrize(
  ('lines', 'message'),
  [
    (
      'return view.qpos[2:4]',
      "observation 'mine' has shape (2,) for one environment and (2, 9) for a batch of 6; a batch has axes in front, so"
      ' count from the last one: view.qpos[..., 2] and not view.qpos[2].',
    ),
    ('return view.qpos[2:8]', 'count from the last one: view.qpos[..., 2] and not view.qpos[2].'),
    ('return view.qpos - view.qpos.mean()', 'gives other numbers for a batch than for single environments'),
    ('return np.concatenate([view.qpos, [1.0]])', 'works for one environment and not for a batch: ValueError: all the'),
    ('return view.qpos[..., 2]', 'has shape () for one environment; it must be a vector, shape (n,); of a single numb'),
    ('return 1.0', 'write x[..., None].'),
    ('return view.qpos[..., None]', 'has shape (9, 1) for one environment; it must be a vector, shape (n,).'),
    ('return jnp.log(view.qpos[..., 2:3] - 0.55)', "observation 'mine' is nan on 1 of 6 start states"),
    ('return np.sqrt(abs(view.qpos))', 'TracerArrayConversionError: it passes an array to NumPy'),
    ('return view.qpos if view.qpos[..., 2] > 0.7 else 0 * view.qpos', '(mine.py, line 4): ValueError: it uses an arr'),
    ('return view.qpos if isinstance(view.qpos, np.ndarray) else 2 * view.qpos', 'gives other numbers in JAX'),
    ('return view.speed', "(mine.py, line 4): AttributeError: 'View' object has no attribute 'speed'."),
    ('return None', 'is not a number but a NoneType'),
    ('return "far"', 'is not a number but a str'),
    ('raise SystemExit(0)', 'fails on a start state (mine.py, line 4): SystemExit: 0.'),
  ],
)
def test_observations_that_do_not_are_refused(own, views, contexts, lines, message):
  assert message in refusal(checks.check_observation, own(lines), BODY, views, contexts, 'mine')


def test_an_if_in_an_observation_names_the_cure_for_numpy_and_jax_alike(own, views, contexts):
  function = own('return view.qpos if view.qpos[..., 2] > 0.7 else 0 * view.qpos')
  message = refusal(checks.check_observation, function, BODY, views, contexts, 'mine')
  assert 'write xp.where(condition, a, b) instead of if' in message
  assert message.endswith('xp is view.qpos.__array_namespace__(), for both NumPy and JAX.')


# Terminations


@pytest.mark.parametrize(
  'line',
  [
    'return view.qpos[..., 2] < 0.7',
    'return (view.qpos[..., 2] < 0.7) | (context.step > 5)',
    'return context.step > 9',
  ],
)
def test_terminations_that_work_pass(own, views, contexts, line):
  checks.check_termination(own(line), BODY, views, contexts, 'mine')


@pytest.mark.parametrize(
  ('line', 'message'),
  [
    ('return view.qpos[..., 2]', "termination 'mine' returns float32; it must be bool, as view.qpos[..., 2] < 0.5 is."),
    ('return view.qpos[2] < 0.7', 'has shape () for one environment and (9,) for a batch of 6; a batch has axes in fr'),
    ('return (view.qpos[..., 2] < 0.7).any()', 'has shape () for one environment and () for a batch of 6'),
    ('return view.qpos < 0.7', 'has shape (9,) for one environment; it must be one bool, shape ().'),
    ('return view.qpos[..., 2] < 0.7 and context.step > 5', 'it uses an array as a truth value'),
    ('return None', "termination 'mine' returns object; it must be bool"),
    ('return view.speed', '(mine.py, line 4): AttributeError'),
  ],
)
def test_terminations_that_do_not_are_refused(own, views, contexts, line, message):
  assert message in refusal(checks.check_termination, own(line), BODY, views, contexts, 'mine')
