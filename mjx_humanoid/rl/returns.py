"""Advantages and returns on [T, B]."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from mjx_humanoid.core.types import Array


def gae(
  reward: Array, value: Array, next_value: Array, terminated: Array, truncated: Array, gamma: float, gae_lambda: float
) -> tuple[Array, Array]:
  """Generalised advantage estimation (Schulman et al., 2016) with true next values at time limits.

    delta[t] = reward[t] + gamma (1 - terminated[t]) next_value[t] - value[t]
    advantage[t] = delta[t] + gamma lambda (1 - terminated[t]) (1 - truncated[t]) advantage[t + 1]

  A step whose delta is not finite is masked: it has advantage 0, and the sum ends there.

  Args:
    reward, value: [T, B].
    next_value: [T, B] value of the observation that the step itself led to, before any reset.
    terminated, truncated: [T, B] bool; both end the sum, and after `terminated` the next value is 0.

  Returns:
    advantage [T, B], and the value target [T, B], which is advantage + value.
  """
  delta = reward + gamma * jnp.where(terminated, 0.0, next_value) - value
  decay = gamma * gae_lambda * jnp.where(terminated | truncated, 0.0, 1.0)
  finite = jnp.isfinite(delta)
  delta, decay = jnp.where(finite, delta, 0.0), jnp.where(finite, decay, 0.0)

  def back(advantage: Array, step: tuple[Array, Array]) -> tuple[Array, Array]:
    advantage = step[0] + jnp.where(step[1] > 0, step[1] * advantage, 0.0)
    return advantage, advantage

  _, advantage = jax.lax.scan(back, jnp.zeros_like(delta[0]), (delta, decay), reverse=True)
  return advantage, advantage + value
