"""The loss of proximal policy optimisation on one minibatch."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from mjx_humanoid.core.config.ppo import PPOConfig
from mjx_humanoid.core.types import Array, Demonstrations
from mjx_humanoid.rl import networks
from mjx_humanoid.rl.algorithm import Metrics


class Batch(NamedTuple):
  """Transitions to learn from, [N, ...]."""

  obs: Array  # [N, O] normalised
  action: Array  # [N, A] as sampled
  log_prob: Array  # [N] of the action under the policy that chose it
  mean: Array  # [N, A] mean actions of that policy
  advantage: Array  # [N]
  target: Array  # [N] of the value


def ppo_loss(
  net: networks.Networks,
  hyper: PPOConfig,
  old_log_std: Array,
  params: Any,
  batch: Batch,
  demonstrations: Demonstrations | None = None,
) -> tuple[Array, Metrics]:
  """The clipped objective, the value loss and the entropy bonus of one minibatch [N].

  With demonstrations [D], also a behaviour-cloning loss, which guides exploration (Rajeswaran et al., 2018).

  Args:
    old_log_std: [A] of the policy that chose the actions.

  Returns:
    The loss [], and its terms and other scalars to log.
  """
  mean, log_std = net.policy(params, batch.obs)
  log_std = jax.lax.stop_gradient(log_std) if net.config.final_std else log_std
  ratio = jnp.exp(networks.log_prob(batch.action, mean, log_std) - batch.log_prob)
  policy_loss = -clipped_objective(ratio, batch.advantage, hyper)
  value_loss = 0.5 * jnp.square(net.value(params, batch.obs) - batch.target).mean()
  entropy = networks.entropy(log_std)
  excess = jnp.square(jnp.maximum(jnp.abs(mean) - 1.0, 0.0)).sum(axis=-1).mean()
  total = policy_loss + hyper.value_coef * value_loss - hyper.entropy_coef * entropy + hyper.bound_coef * excess
  metrics = {
    'policy_loss': policy_loss,
    'value_loss': value_loss,
    'entropy': entropy,
    'excess': excess,
    'kl': networks.kl_divergence(mean, log_std, batch.mean, old_log_std).mean(),
    'clip_fraction': (jnp.abs(ratio - 1) > hyper.clip_epsilon).mean(),
    'action_std': jnp.exp(log_std).mean(),
  }
  if demonstrations is not None:
    error = imitation_error(net, params, demonstrations)
    total, metrics = total + hyper.imitation_coef * error, {**metrics, 'imitation_error': error}
  return total, metrics | {'loss': total}


def imitation_error(net: networks.Networks, params: Any, demonstrations: Demonstrations) -> Array:
  """Mean squared distance [] of the mean actions from demonstrated ones."""
  return jnp.square(net.policy(params, demonstrations.obs)[0] - demonstrations.action).sum(axis=-1).mean()


def clipped_objective(ratio: Array, advantage: Array, hyper: PPOConfig) -> Array:
  """Mean [] of min(ratio * advantage, clip(ratio) * advantage), for probability ratios and advantages [N]."""
  if hyper.normalize_advantages:
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
  clipped = jnp.clip(ratio, 1 - hyper.clip_epsilon, 1 + hyper.clip_epsilon)
  return jnp.minimum(ratio * advantage, clipped * advantage).mean()
