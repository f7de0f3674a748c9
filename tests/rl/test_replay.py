"""Protects the replay memory: what it holds, n-step returns by hand, and the end of the ring."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.core.types import Transition
from mjx_humanoid.rl import replay

ENVS = 2


def steps(first, count, *, terminated=(), truncated=()):
  """`count` control steps: observation and reward are the number of the step, plus 100 in the second environment."""
  number = jnp.arange(first, first + count, dtype=jnp.float32)[:, None] + jnp.array([0.0, 100.0])
  ends = [jnp.isin(number, jnp.asarray(which, jnp.float32)) for which in (terminated, truncated)]
  return Transition(number[..., None], -number[..., None], number, *ends, number[..., None] + 0.5, {})


def filled(*batches, slots=6):
  memory = replay.init(slots, ENVS, 1, 1)
  for batch in batches:
    memory = replay.insert(memory, batch)
  return memory


def drawn(memory, n_step=1, gamma=0.5, size=400):
  sample = replay.sample(memory, jax.random.PRNGKey(0), size, ENVS, n_step, gamma)
  rows = np.stack([sample.obs[:, 0], sample.action[:, 0], sample.reward, sample.discount, sample.next_obs[:, 0]], 1)
  return {float(row[0]): tuple(map(float, row[1:])) for row in rows}


def test_slots_come_in_whole_unrolls():
  assert replay.slots(1000, 32, 2) == 32  # 1024 transitions
  assert replay.slots(1, 32, 4) == 4


def test_a_transition_takes_as_many_bytes_as_its_arrays():
  memory = replay.init(10, ENVS, 7, 3)
  rows = [array for array in memory if array.ndim]
  assert sum(array.nbytes for array in rows) == 10 * ENVS * replay.row_bytes(7, 3)


def test_what_was_stored_is_drawn_all_of_it_and_nothing_else():
  found = drawn(filled(steps(1, 2), steps(3, 2)))
  assert sorted(found) == [1, 2, 3, 4, 101, 102, 103, 104]
  assert all(found[x] == (-x, x, 0.5, x + 0.5) for x in found)


def test_the_oldest_is_replaced():
  memory = filled(*(steps(first, 2) for first in (1, 3, 5, 7)))
  assert int(memory.position) == 2
  assert int(memory.filled) == 6
  assert sorted(x for x in drawn(memory) if x < 100) == [3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize('batches', [((1, 2), (3, 2), (5, 2)), ((-1, 2), (1, 2), (3, 2), (5, 2))])
def test_returns_over_three_steps_by_hand(batches):
  """gamma 0.5: from step 1, 1 + 2/2 + 3/4 = 2.75, and the value of what follows step 3 counts 1/8.

  In the second case the ring has begun again, and step 1 does not lie at its start.
  """
  found = drawn(filled(*(steps(*batch) for batch in batches)), n_step=3)
  assert sorted(x for x in found if x < 100) == [1, 2, 3, 4]  # of 5 and 6 the steps that follow are not known yet
  assert found[1] == (-1, 2.75, 0.125, 3.5)
  assert found[4] == (-4, 4 + 2.5 + 1.5, 0.125, 6.5)
  assert found[101] == (-101, 101 + 51 + 25.75, 0.125, 103.5)


def test_a_return_ends_with_its_episode():
  """Step 2 is the last of an episode. An end is worth nothing more, a time limit what its own next observation is."""
  batches = [steps(1, 2, terminated=[2], truncated=[102]), steps(3, 2), steps(5, 2)]
  found = drawn(filled(*batches), n_step=3)
  assert found[1] == (-1, 2.0, 0.0, 2.5)
  assert found[2] == (-2, 2.0, 0.0, 2.5)
  assert found[101] == (-101, 101 + 51, 0.25, 102.5)
  assert found[102] == (-102, 102.0, 0.5, 102.5)
  assert found[3] == (-3, 3 + 2 + 1.25, 0.125, 5.5)


def test_inserting_into_a_donated_memory_copies_nothing():
  memory = replay.init(1000, ENVS, 50, 3)
  compiled = jax.jit(replay.insert, donate_argnums=0).lower(memory, batch_of(50, 3)).compile()
  assert compiled.memory_analysis().temp_size_in_bytes < 0.01 * sum(array.nbytes for array in memory)
  assert compiled.memory_analysis().alias_size_in_bytes >= sum(array.nbytes for array in memory)


def batch_of(observations, actions):
  number = jnp.zeros((2, ENVS))
  obs = jnp.zeros((2, ENVS, observations))
  return Transition(obs, jnp.zeros((2, ENVS, actions)), number, number > 0, number > 0, obs, {})
