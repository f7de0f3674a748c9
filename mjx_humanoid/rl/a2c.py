"""Advantage actor-critic: one step of RMSprop for each short batch of fresh experience (Mnih et al., 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from mjx_humanoid.core.config.a2c import A2CConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.network import Actor
from mjx_humanoid.core.types import Array, Key, Transition
from mjx_humanoid.rl import actor_critic, networks, normalize, reward_scale, schedules
from mjx_humanoid.rl.algorithm import Algorithm, Metrics, Spec
from mjx_humanoid.rl.returns import gae

SECTION = 'config.a2c'
RMS_EPS = 1e-5  # within the root, as in the TensorFlow implementation that the published results were made with


class Learner(NamedTuple):
  """The whole state of A2C."""

  params: Any
  opt_state: optax.OptState
  normalizer: normalize.Normalizer
  scale: reward_scale.RewardScale
  timesteps: Array  # [] float32, environment steps so far


def make(config: Config, spec: Spec, settings: A2CConfig) -> A2C:
  """A2C with the config's network. Raises UserError if a mirror is needed and missing."""
  shape = actor_critic.make_networks(config.network, spec)
  return A2C(shape, settings, config.num_envs, config.schedule_timesteps)


@dataclass(frozen=True, eq=False)
class A2C(Algorithm[Learner]):
  """See Algorithm."""

  net: networks.Networks
  hyper: A2CConfig
  num_envs: int
  total_timesteps: int

  @property
  def unroll_length(self) -> int:
    """See Algorithm."""
    return self.hyper.unroll_length

  @property
  def optimizer(self) -> optax.GradientTransformation:
    """Clipping and RMSprop; the learning rate is applied apart, because it is scheduled by environment steps."""
    return optax.chain(
      optax.clip_by_global_norm(self.hyper.max_grad_norm),
      optax.scale_by_rms(self.hyper.rms_decay, RMS_EPS, initial_scale=1.0),
    )

  def init(self, key: Key) -> Learner:
    """See Algorithm."""
    params = self.net.init(key)
    return Learner(
      params,
      self.optimizer.init(params),
      normalize.init(self.net.observation_size),
      reward_scale.init(self.num_envs),
      jnp.zeros(()),
    )

  def act(self, learner: Learner, obs: Array, key: Key) -> tuple[Array, dict[str, Array]]:
    """See Algorithm."""
    mean, log_std = self.net.policy(learner.params, self._normalize(learner, obs))
    return networks.sample(key, mean, log_std), {'mean': mean}

  def update(self, learner: Learner, batch: Transition, key: Key) -> tuple[Learner, Metrics]:
    """See Algorithm. One gradient step on the whole batch."""
    hyper = self.hyper
    timesteps = learner.timesteps + batch.reward.size
    scale = reward_scale.update(learner.scale, batch.reward, batch.terminated | batch.truncated, hyper.gamma)
    divisor = reward_scale.divisor(scale) if hyper.normalize_rewards else 1.0
    advantage, target = self._advantages(learner, batch._replace(reward=batch.reward / divisor))
    obs = self._normalize(learner, batch.obs)

    def loss(params: Any) -> tuple[Array, Metrics]:
      return a2c_loss(self.net, hyper, params, obs, batch.action, advantage, target)

    (_, metrics), grads = jax.value_and_grad(loss, has_aux=True)(learner.params)
    rate = schedules.rate(
      hyper.lr_schedule, hyper.learning_rate, jnp.asarray(hyper.learning_rate), timesteps / float(self.total_timesteps)
    )
    updates, opt_state = self.optimizer.update(grads, learner.opt_state, learner.params)
    params = jax.tree.map(lambda p, u: p - rate * u, learner.params, updates)
    params = params | {'log_std': self._log_std(params['log_std'], timesteps)}
    good = jnp.isfinite(optax.tree.norm(grads))  # else the step is skipped and counted
    params, opt_state = jax.tree.map(
      lambda new, old: jnp.where(good, new, old), (params, opt_state), (learner.params, learner.opt_state)
    )
    normalizer = actor_critic.observed(learner.normalizer, batch.obs, self.net.mirror)
    explained = 1 - jnp.var(target - metrics.pop('value')) / (jnp.var(target) + 1e-8)
    metrics |= {'learning_rate': rate, 'explained_variance': explained, 'skipped': 1.0 - good}
    return Learner(params, opt_state, normalizer, scale, timesteps), metrics

  def actor(self, learner: Learner) -> Actor:
    """See Algorithm."""
    return actor_critic.actor_of(self.net, learner.params, learner.normalizer, self.hyper.normalize_observations)

  def adopt(self, learner: Learner, actor: Actor) -> Learner:
    """See Algorithm. The critic is new, and the actor learns from its advantages at once."""
    enabled = self.hyper.normalize_observations
    params, normalizer = actor_critic.adopted(
      self.net, learner.params, actor, normalize_observations=enabled, section=SECTION
    )
    return learner._replace(params=params, normalizer=normalizer)

  def _advantages(self, learner: Learner, batch: Transition) -> tuple[Array, Array]:
    """Advantages and value targets [T, B]."""
    value = self.net.value(learner.params, self._normalize(learner, batch.obs))
    next_value = self.net.value(learner.params, self._normalize(learner, batch.next_obs))
    hyper = self.hyper
    return gae(batch.reward, value, next_value, batch.terminated, batch.truncated, hyper.gamma, hyper.gae_lambda)

  def _log_std(self, learned: Array, timesteps: Array) -> Array:
    shape = self.net.config
    return schedules.log_std(shape.initial_std, shape.final_std, learned, timesteps / float(self.total_timesteps))

  def _normalize(self, learner: Learner, obs: Array) -> Array:
    return actor_critic.normalized(learner.normalizer, obs, self.hyper.normalize_observations)


def a2c_loss(
  net: networks.Networks, hyper: A2CConfig, params: Any, obs: Array, action: Array, advantage: Array, target: Array
) -> tuple[Array, Metrics]:
  """Policy gradient, value loss and entropy bonus of a batch [...]. Advantages and targets are constants.

  Returns:
    The loss [], and scalars to log; 'value' [...] is for the caller.
  """
  mean, log_std = net.policy(params, obs)
  log_std = jax.lax.stop_gradient(log_std) if net.config.final_std else log_std
  value = net.value(params, obs)
  if hyper.normalize_advantages:
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
  policy_loss = -(networks.log_prob(action, mean, log_std) * advantage).mean()
  value_loss = 0.5 * jnp.square(value - target).mean()
  entropy = networks.entropy(log_std)
  total = policy_loss + hyper.value_coef * value_loss - hyper.entropy_coef * entropy
  metrics = {
    'policy_loss': policy_loss,
    'value_loss': value_loss,
    'entropy': entropy,
    'action_std': jnp.exp(log_std).mean(),
    'loss': total,
    'value': jax.lax.stop_gradient(value),
  }
  return total, metrics
