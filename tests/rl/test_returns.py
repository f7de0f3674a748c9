"""Protects generalised advantage estimation: hand arithmetic for every way an episode can end."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from mjx_humanoid.rl.returns import gae

GAMMA, LAMBDA = 0.5, 0.5  # so that gamma lambda is a quarter


def column(values, kind=np.float32):
  return np.asarray(values, kind)[:, None]


def one_world(reward, value, next_value, terminated, truncated):
  """Advantages and targets [T] of a single world."""
  flags = (column(terminated, bool), column(truncated, bool))
  advantage, target = gae(column(reward), column(value), column(next_value), *flags, GAMMA, LAMBDA)
  return np.asarray(advantage)[:, 0], np.asarray(target)[:, 0]


def test_an_unfinished_episode_bootstraps_from_the_value_after_its_last_step():
  # delta = [1 + 0.5*2 - 4, 2 + 0.5*4 - 2, 3 + 0.5*8 - 4] = [-2, 2, 3]
  # A2 = 3; A1 = 2 + 0.25*3 = 2.75; A0 = -2 + 0.25*2.75 = -1.3125
  advantage, target = one_world([1, 2, 3], [4, 2, 4], [2, 4, 8], [0, 0, 0], [0, 0, 0])
  np.testing.assert_allclose(advantage, [-1.3125, 2.75, 3.0])
  np.testing.assert_allclose(target, [2.6875, 4.75, 7.0])  # advantage + value


def test_termination_makes_the_future_worthless_and_cuts_the_sum():
  # delta = [1 + 0.5*2 - 4, 2 + 0 - 2, 3 + 0.5*8 - 4] = [-2, 0, 3]: next value 100 of step 1 counts for nothing.
  # A2 = 3; A1 = 0, nothing flows back over the end; A0 = -2 + 0.25*0 = -2
  advantage, _ = one_world([1, 2, 3], [4, 2, 4], [2, 100, 8], [0, 1, 0], [0, 0, 0])
  np.testing.assert_allclose(advantage, [-2.0, 0.0, 3.0])


def test_a_time_limit_keeps_the_true_next_value_but_cuts_the_sum():
  # delta = [1 + 0.5*2 - 4, 2 + 0.5*6 - 2, 3 + 0.5*8 - 4] = [-2, 3, 3]
  # A2 = 3; A1 = 3, not 3 + 0.25*3; A0 = -2 + 0.25*3 = -1.25
  advantage, _ = one_world([1, 2, 3], [4, 2, 4], [2, 6, 8], [0, 0, 0], [0, 1, 0])
  np.testing.assert_allclose(advantage, [-1.25, 3.0, 3.0])


def test_the_next_value_is_the_steps_own_and_not_that_of_the_world_after_its_reset():
  # value[1] = 50 is of the new episode; step 0 was cut with a true next value of 4: A0 = 1 + 0.5*4 - 2 = 1
  advantage, _ = one_world([1, 0], [2, 50], [4, 0], [0, 0], [1, 0])
  assert advantage[0] == pytest.approx(1.0)


def test_both_kinds_of_end_in_one_batch_do_not_leak_between_worlds():
  # World 0 terminates at step 1, world 1 is truncated there, world 2 goes on; all else is equal.
  # delta1 = 2 - 2 = 0 | 2 + 0.5*4 - 2 = 2 | 2 ; delta2 = 0 + 0.5*2 - 1 = 0; delta0 = 0 + 0.5*2 - 1 = 0
  # A1 = 0 | 2 | 2; A0 = 0.25*A1 = 0 | 0.5 | 0.5; A2 = 0 everywhere
  reward, value, next_value = (np.tile(column(x), (1, 3)) for x in ([0, 2, 0], [1, 2, 1], [2, 4, 2]))
  terminated = np.zeros((3, 3), bool)
  truncated = np.zeros((3, 3), bool)
  terminated[1, 0] = truncated[1, 1] = True
  advantage, _ = gae(reward, value, next_value, terminated, truncated, GAMMA, LAMBDA)
  np.testing.assert_allclose(advantage, [[0, 0.5, 0.5], [0, 2, 2], [0, 0, 0]])


def test_termination_wins_over_a_time_limit_in_the_same_step():
  # delta = 2 - 1 = 1; had the limit won, it would be 2 + 0.5*100 - 1.
  assert one_world([2], [1], [100], [1], [1])[0] == pytest.approx([1.0])


def test_a_next_value_that_is_not_finite_does_no_harm_once_the_episode_terminated():
  assert one_world([2], [1], [np.nan], [1], [0])[0] == pytest.approx([1.0])


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_step_that_is_not_finite_is_masked_and_does_not_run_back(value):
  # Rewards 1, 2, bad, 4; delta = 1, 2, masked, 4 with values of 0, so A = 1 + 0.25 * 2, 2, 0, 4.
  assert one_world([1, 2, value, 4], [0] * 4, [0] * 4, [0] * 4, [0] * 4)[0] == pytest.approx([1.5, 2, 0, 4])


def test_lambda_one_gives_the_discounted_return_minus_the_value():
  # returns with gamma 0.5 and a last value of 8: 3 + 4 = 7; 2 + 3.5 = 5.5; 1 + 2.75 = 3.75
  reward, value, next_value = column([1, 2, 3]), column([9, 9, 9]), column([9, 9, 8])
  no = np.zeros((3, 1), bool)
  advantage, target = gae(reward, value, next_value, no, no, 0.5, 1.0)
  np.testing.assert_allclose(np.asarray(target)[:, 0], [3.75, 5.5, 7.0])
  np.testing.assert_allclose(np.asarray(advantage)[:, 0], [-5.25, -3.5, -2.0])


def test_lambda_zero_gives_the_one_step_errors():
  no = np.zeros((2, 1), bool)
  advantage, _ = gae(column([1, 2]), column([4, 2]), column([2, 4]), no, no, 0.5, 0.0)
  np.testing.assert_allclose(np.asarray(advantage)[:, 0], [-2.0, 2.0])


def test_the_same_under_jit():
  no = np.zeros((3, 1), bool)
  arrays = (column([1, 2, 3]), column([4, 2, 4]), column([2, 4, 8]), no, no)
  advantage, _ = jax.jit(lambda *x: gae(*x, GAMMA, LAMBDA))(*arrays)
  np.testing.assert_allclose(np.asarray(advantage)[:, 0], [-1.3125, 2.75, 3.0])
