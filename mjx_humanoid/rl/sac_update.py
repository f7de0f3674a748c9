"""One gradient update of soft actor-critic: critics, target critics, and now and then actor and temperature."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from mjx_humanoid.core.types import Array, Key
from mjx_humanoid.rl.algorithm import Metrics
from mjx_humanoid.rl.gradients import averaged
from mjx_humanoid.rl.sac_loss import Target, actor_loss, alpha_loss, critic_loss, sampled
from mjx_humanoid.rl.sac_networks import SACNetworks, gaussian_entropy

COSINE_END = 0.5  # final share of the learning rate in the cosine schedule
# Of `Updater.step`: the same names for every update, whatever it updates.
METRICS = ('critic_loss', 'value', 'td_error', 'policy_loss', 'entropy', 'learning_rate', 'skipped')
REMEMBERED = 0.99  # decay per update of the mean of log_std


class Trained(NamedTuple):
  """What gradient updates change."""

  actor: Any
  average: Any  # of the actor over updates; {} without
  critics: Any  # [CRITICS, ...]
  stats: Any  # of the critics' batch normalisation; {} without
  targets: Any  # the target critics
  log_alpha: Array  # [] of the temperature
  actor_opt: optax.OptState
  critic_opt: optax.OptState
  alpha_opt: optax.OptState
  log_std: Array  # [A] moving average over minibatches
  count: Array  # [] int32, updates so far


class Minibatch(NamedTuple):
  """N transitions, normalised."""

  obs: Array  # [N, O]
  action: Array  # [N, A]
  reward: Array  # [N]
  discount: Array  # [N]
  next_obs: Array  # [N, O]


@dataclass(frozen=True, eq=False)
class Updater:
  """Gradient updates as pure functions."""

  net: SACNetworks
  total_timesteps: int

  @property
  def optimizer(self) -> optax.GradientTransformation:
    """Adam; the learning rate is applied apart, because it is scheduled by environment steps."""
    return optax.scale_by_adam()

  @property
  def target_entropy(self) -> float:
    """The entropy of the actions that the temperature aims at, in nats."""
    return gaussian_entropy(self.net.parts.target_std, self.net.action_size)

  def init(self, key: Key) -> Trained:
    """Before the first update. Consumes the key."""
    actor, critics, stats = self.net.init(key)
    log_alpha, opt = jnp.log(jnp.asarray(self.net.parts.initial_alpha, jnp.float32)), self.optimizer
    average = jax.tree.map(jnp.copy, actor) if self.net.hyper.ema_decay else {}
    return Trained(
      actor, average, critics, stats, jax.tree.map(jnp.copy, critics), log_alpha,
      opt.init(actor), opt.init(critics), opt.init(log_alpha),
      jnp.full(self.net.action_size, jnp.log(self.net.config.initial_std)), jnp.zeros((), jnp.int32),
    )  # fmt: skip

  def rate(self, progress: Array) -> Array:
    """The learning rate [] at a share [] of the training."""
    initial = self.net.hyper.learning_rate
    if self.net.parts.lr_schedule != 'cosine':
      return jnp.asarray(initial, jnp.float32)
    falling = (1 + jnp.cos(jnp.pi * jnp.clip(progress, 0.0, 1.0))) / 2
    return initial * (COSINE_END + (1 - COSINE_END) * falling)

  def step(self, trained: Trained, batch: Minibatch, progress: Array, key: Key) -> tuple[Trained, Metrics]:
    """One update. Where a gradient is not finite, what it belongs to stays, and metrics['skipped'] is 1."""
    next_key, actor_key = jax.random.split(key)
    rate, delay = self.rate(progress), self.net.parts.policy_delay
    after, critic_metrics = self._critic_step(trained, batch, rate, next_key)
    if delay == 1:
      after, actor_metrics = self._actor_step(after, batch, rate, actor_key)
    else:
      turn = trained.count % delay == 0
      after, actor_metrics = jax.lax.cond(turn, self._actor_step, self._no_step, after, batch, rate, actor_key)
    metrics = {**critic_metrics, **actor_metrics, 'learning_rate': rate}
    good = metrics.pop('critic_good') & metrics.pop('actor_good')
    return after._replace(count=trained.count + 1), metrics | {'skipped': 1.0 - good}

  def _critic_step(self, trained: Trained, batch: Minibatch, rate: Array, key: Key) -> tuple[Trained, Metrics]:
    noise = jax.random.normal(key, batch.action.shape)
    next_action, log_prob, _ = sampled(self.net, trained.actor, batch.next_obs, noise)
    target = Target(*batch, next_action, jnp.exp(trained.log_alpha) * log_prob)
    loss = functools.partial(critic_loss, self.net, trained.targets, trained.stats, target)
    (_, (stats, metrics)), grads = jax.value_and_grad(loss, has_aux=True)(trained.critics)
    updates, critic_opt = self.optimizer.update(grads, trained.critic_opt)
    critics = self.net.unit(jax.tree.map(lambda p, u: p - rate * u, trained.critics, updates))
    tau = self.net.parts.tau
    targets = jax.tree.map(lambda t, p: t + tau * (p - t), trained.targets, critics)
    after = trained._replace(critics=critics, stats=stats, targets=targets, critic_opt=critic_opt)
    good = jnp.isfinite(optax.tree.norm(grads))
    return _chosen(good, after, trained), metrics | {'critic_good': good}

  def _actor_step(self, trained: Trained, batch: Minibatch, rate: Array, key: Key) -> tuple[Trained, Metrics]:
    noise, alpha = jax.random.normal(key, batch.action.shape), jnp.exp(trained.log_alpha)
    loss = functools.partial(actor_loss, self.net, trained.critics, trained.stats, alpha, batch.obs, noise)
    (value, (log_prob, log_std)), grads = jax.value_and_grad(loss, has_aux=True)(trained.actor)
    updates, actor_opt = self.optimizer.update(grads, trained.actor_opt)
    actor = jax.tree.map(lambda p, u: p - rate * u, trained.actor, updates)
    slope = jax.grad(functools.partial(alpha_loss, self.target_entropy, log_prob))(trained.log_alpha)
    change, alpha_opt = self.optimizer.update(slope, trained.alpha_opt)
    decay, updates = self.net.hyper.ema_decay, trained.count // self.net.parts.policy_delay
    average = averaged(trained.average, actor, decay, updates) if decay else {}
    after = trained._replace(
      actor=actor,
      average=average,
      actor_opt=actor_opt,
      log_alpha=trained.log_alpha - rate * change,
      alpha_opt=alpha_opt,
      log_std=REMEMBERED * trained.log_std + (1 - REMEMBERED) * log_std.mean(axis=0),
    )
    good = jnp.isfinite(optax.tree.norm(grads))
    return _chosen(good, after, trained), {'policy_loss': value, 'entropy': -log_prob.mean(), 'actor_good': good}

  def _no_step(self, trained: Trained, batch: Minibatch, rate: Array, key: Key) -> tuple[Trained, Metrics]:
    missing = jnp.full((), jnp.nan)
    return trained, {'policy_loss': missing, 'entropy': missing, 'actor_good': jnp.asarray(True)}


def _chosen(good: Array, after: Trained, before: Trained) -> Trained:
  """`after`, or `before` where a gradient was not finite. Selects only among what has changed."""
  return jax.tree.map(lambda new, old: old if new is old else jnp.where(good, new, old), after, before)
