"""Protects noise that is held: how long, and that single steps differ where it is not."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from mjx_humanoid.rl import held_noise


def unrolls(count, envs=2000, longest=16):
  noise, seen = held_noise.init(envs, 1), []
  for key in jax.random.split(jax.random.PRNGKey(0), count):
    noise = held_noise.advance(noise, key, longest)
    seen.append(noise)
  return seen


def test_lengths_follow_a_zeta_distribution():
  """Of lengths up to 16 with probability ~ 1 / n^2, 1 has 0.6314 and 2 has 0.1578."""
  lengths = np.asarray(unrolls(1)[0].left)
  assert np.mean(lengths == 1) == pytest.approx(0.6314, abs=0.04)
  assert np.mean(lengths == 2) == pytest.approx(0.1578, abs=0.03)
  assert lengths.max() <= 16


def test_noise_stays_for_its_length_and_then_changes():
  seen = unrolls(4)
  lengths = np.asarray(seen[0].left)
  values = np.stack([np.asarray(noise.value)[:, 0] for noise in seen])
  same = values == values[0]
  np.testing.assert_array_equal(same.sum(axis=0), np.minimum(lengths, 4))


def test_noise_that_is_not_held_is_drawn_at_every_step():
  noise = unrolls(1)[0]
  first, second = (np.asarray(held_noise.draw(noise, jax.random.PRNGKey(i)))[:, 0] for i in (1, 2))
  np.testing.assert_array_equal(first == second, np.asarray(noise.left) > 1)


def test_nothing_is_ever_held_for_longer_than_one():
  assert not any(np.asarray(noise.held).any() for noise in unrolls(3, envs=50, longest=1))
