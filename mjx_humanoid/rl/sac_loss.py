"""The losses of soft actor-critic: critics, actor and temperature (Haarnoja et al., 2018)."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from mjx_humanoid.core.types import Array
from mjx_humanoid.rl import categorical
from mjx_humanoid.rl.algorithm import Metrics
from mjx_humanoid.rl.sac_networks import CRITICS, SACNetworks, squashed_log_prob


class Target(NamedTuple):
  """What the critics learn from N transitions."""

  obs: Array  # [N, O] normalised
  action: Array  # [N, A] in [-1, 1]
  reward: Array  # [N] scaled, over the steps of the return
  discount: Array  # [N] of what follows; 0 after a termination
  next_obs: Array  # [N, O] normalised
  next_action: Array  # [N, A] of the policy
  next_cost: Array  # [N] temperature times log density of next_action


def sampled(net: SACNetworks, params: Any, obs: Array, noise: Array) -> tuple[Array, Array, Array]:
  """Actions [N, A] in [-1, 1] for unit Gaussian noise [N, A], their log densities [N], and log_std [N, A]."""
  mean, log_std = net.policy(params, obs)
  value = mean + jnp.exp(log_std) * noise
  return jnp.tanh(value), squashed_log_prob(value, noise, log_std), log_std


def values_of(net: SACNetworks, outputs: Array) -> Array:
  """Values [..., N] of outputs of critics [..., N, bins]."""
  if not net.parts.categorical:
    return outputs[..., 0]
  return categorical.mean(outputs, categorical.support(net.hyper.num_bins, net.hyper.value_range))


def both(net: SACNetworks, params: Any, target_params: Any, stats: Any, batch: Target) -> tuple[Array, Array, Any]:
  """Outputs [CRITICS, N, bins] for (s, a), those of the target critics for (s', a'), and the critics' statistics.

  With batch normalisation both kinds of critics see both pairs as one batch, so that they normalise alike.
  """
  if not net.parts.batch_norm:
    now, stats = net.critics(params, stats, batch.obs, batch.action, train=True)
    following, _ = net.critics(target_params, stats, batch.next_obs, batch.next_action, train=True)
    return now, jax.lax.stop_gradient(following), stats
  obs = jnp.concatenate([batch.obs, batch.next_obs])
  action = jnp.concatenate([batch.action, batch.next_action])
  now, new_stats = net.critics(params, stats, obs, action, train=True)
  following, _ = net.critics(target_params, stats, obs, action, train=True)
  size = len(batch.obs)
  return now[:, :size], jax.lax.stop_gradient(following[:, size:]), new_stats


def critic_loss(
  net: SACNetworks, target_params: Any, stats: Any, batch: Target, params: Any
) -> tuple[Array, tuple[Any, Metrics]]:
  """The sum of both critics' losses; the target is that of the critic with the lower value.

  Returns:
    The loss [], and the critics' statistics after this batch and scalars to log.
  """
  now, following, stats = both(net, params, target_params, stats, batch)
  next_values = values_of(net, following)  # [CRITICS, N]
  if net.parts.categorical:
    bins = categorical.support(net.hyper.num_bins, net.hyper.value_range)
    lower = next_values.argmin(axis=0)
    chosen = jnp.take_along_axis(following, lower[None, :, None], axis=0)[0]  # [N, bins]
    shifted = batch.reward[:, None] + batch.discount[:, None] * (bins - batch.next_cost[:, None])
    target = categorical.projected(jax.nn.softmax(chosen), shifted, bins)
    loss = categorical.cross_entropy(target, now).mean(axis=-1).sum()
    aim = target @ bins
  else:
    aim = batch.reward + batch.discount * (next_values.min(axis=0) - batch.next_cost)
    loss = 0.5 * jnp.square(now[..., 0] - aim).mean(axis=-1).sum()
  value = values_of(net, now)
  error = jnp.abs(jax.lax.stop_gradient(value) - aim).mean()
  metrics = {'critic_loss': loss / CRITICS, 'value': value.mean(), 'td_error': error}
  return loss, (stats, metrics)


def actor_loss(
  net: SACNetworks, critics: Any, stats: Any, alpha: Array, obs: Array, noise: Array, params: Any
) -> tuple[Array, tuple[Array, Array]]:
  """alpha log pi(a|s) - min Q(s, a) for the policy's actions at normalised obs [N, O].

  Returns:
    The loss [], and the log densities [N] and log_std [N, A].
  """
  action, log_prob, log_std = sampled(net, params, obs, noise)
  outputs, _ = net.critics(critics, stats, obs, action, train=False)
  return (alpha * log_prob - values_of(net, outputs).min(axis=0)).mean(), (log_prob, log_std)


def alpha_loss(target_entropy: float, log_prob: Array, log_alpha: Array) -> Array:
  """The loss [] that raises the temperature while the entropy of the actions, -log_prob [N], is below the target."""
  return -jnp.exp(log_alpha) * (log_prob.mean() + target_entropy)
