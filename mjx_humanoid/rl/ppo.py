"""Proximal policy optimisation: clipped objective, GAE, several epochs over each batch (Schulman et al., 2017)."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from mjx_humanoid.core.config.ppo import PPOConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import Actor
from mjx_humanoid.core.types import Array, Demonstrations, Key, Transition
from mjx_humanoid.rl import actor_critic, gradients, minibatches, networks, normalize, reward_scale, schedules
from mjx_humanoid.rl.algorithm import Algorithm, Metrics, Spec
from mjx_humanoid.rl.ppo_loss import Batch, ppo_loss
from mjx_humanoid.rl.returns import gae

SECTION = 'config.ppo'
# Transitions during which the critic of an adopted actor learns alone, and its learning rate then: an untrained critic
# would make the policy worse, and the small rate that suits the actor is too slow for the critic.
WARM_UP, WARM_UP_RATE = 400_000, 1.5e-3
DEMONSTRATED = 512  # demonstrations beside each minibatch


class Learner(NamedTuple):
  """The whole state of PPO."""

  params: Any
  average: Any  # moving average of the actor's parameters; empty if the config has none
  opt_state: optax.OptState
  normalizer: normalize.Normalizer
  learning_rate: Array  # []
  timesteps: Array  # [] float32, environment steps so far
  warm_up: Array  # [] int32, remaining transitions during which only the critic learns
  scale: Any = ()  # reward_scale.RewardScale with normalize_rewards; else empty


def check(config: Config, settings: PPOConfig) -> None:
  """Raises UserError if the collected transitions do not divide into whole minibatches."""
  minibatches.check_minibatches(config.num_envs, settings.unroll_length, settings.batch_size, SECTION)


def make(config: Config, spec: Spec, settings: PPOConfig) -> PPO:
  """PPO with the config's network. Raises UserError if demonstrations or a mirror are needed and missing."""
  shape = actor_critic.make_networks(config.network, spec)
  return PPO(shape, settings, config.schedule_timesteps, demonstrations(spec, settings), config.num_envs)


def demonstrations(spec: Spec, settings: PPOConfig) -> Demonstrations | None:
  """Demonstrations of the environment, or None if imitation_coef is 0. Raises UserError if it has none."""
  if not settings.imitation_coef:
    return None
  try:
    return spec.demonstrations()
  except UserError as error:
    raise UserError(f'{SECTION}.imitation_coef: {error} Set it to 0.') from None


@dataclass(frozen=True, eq=False)
class PPO(Algorithm[Learner]):
  """See Algorithm."""

  net: networks.Networks
  hyper: PPOConfig
  total_timesteps: int
  demonstrations: Demonstrations | None = None  # for the actor to imitate
  num_envs: int = 1

  @property
  def unroll_length(self) -> int:
    """See Algorithm."""
    return self.hyper.unroll_length

  @property
  def optimizer(self) -> optax.GradientTransformation:
    """Adam; gradients are clipped and the learning rate is applied apart, because both may adapt."""
    # The identity replaces the clipping of earlier versions, so that their checkpoints still load.
    return optax.chain(optax.identity(), optax.scale_by_adam(eps=1e-5))

  def init(self, key: Key) -> Learner:
    """See Algorithm."""
    params = self.net.init(key)
    return Learner(
      params=params,
      average=jax.tree.map(jnp.copy, self._actor_params(params)),
      opt_state=self.optimizer.init(params),
      normalizer=normalize.init(self.net.observation_size),
      learning_rate=jnp.asarray(self.hyper.learning_rate, jnp.float32),
      timesteps=jnp.zeros(()),
      warm_up=jnp.zeros((), jnp.int32),
      scale=reward_scale.init(self.num_envs) if self.hyper.normalize_rewards else (),
    )

  def act(self, learner: Learner, obs: Array, key: Key) -> tuple[Array, dict[str, Array]]:
    """See Algorithm."""
    mean, log_std = self.net.policy(learner.params, self._normalize(learner, obs))
    action = networks.sample(key, mean, log_std)
    return action, {'log_prob': networks.log_prob(action, mean, log_std), 'mean': mean}

  def update(self, learner: Learner, batch: Transition, key: Key) -> tuple[Learner, Metrics]:
    """See Algorithm. Several epochs of minibatches over the batch."""
    learner, reward = self._scaled(learner, batch)
    rows, value_metrics = self._prepare(learner, batch._replace(reward=reward))
    actor_trains = learner.warm_up == 0
    rate = jnp.where(actor_trains, self._planned_rate(learner), WARM_UP_RATE)
    params, opt_state, metrics = self._descend(learner, rows, rate, actor_trains, key)
    size = len(rows.action)
    timesteps = learner.timesteps + size
    progress = timesteps / float(self.total_timesteps)  # an int must fit into 32 bits
    shape = self.net.config
    log_std = schedules.log_std(shape.initial_std, shape.final_std, params['log_std'], progress)
    params = params | {'log_std': log_std}
    next_rate = schedules.adapted(self.hyper.lr_schedule, self.hyper.target_kl, rate, metrics['kl'])
    learner = Learner(
      params=params,
      average=gradients.averaged(learner.average, self._actor_params(params), self.hyper.ema_decay, timesteps / size),
      opt_state=opt_state,
      # Statistics change after the update, so that the update uses those that the actions were chosen with.
      normalizer=actor_critic.observed(learner.normalizer, batch.obs, self.net.mirror),
      learning_rate=jnp.where(actor_trains, next_rate, learner.learning_rate),
      timesteps=timesteps,
      warm_up=jnp.maximum(learner.warm_up - size, 0),
      scale=learner.scale,
    )
    return learner, metrics | {'learning_rate': rate, **value_metrics}

  def _scaled(self, learner: Learner, batch: Transition) -> tuple[Learner, Array]:
    """The learner with the statistics of these returns, and the rewards [T, B] in their scale, where configured."""
    if not self.hyper.normalize_rewards:
      return learner, batch.reward
    ended = batch.terminated | batch.truncated
    scale = reward_scale.update(learner.scale, batch.reward, ended, self.hyper.gamma)
    return learner._replace(scale=scale), batch.reward / reward_scale.divisor(scale)

  def _planned_rate(self, learner: Learner) -> Array:
    hyper = self.hyper
    progress = learner.timesteps / float(self.total_timesteps)
    return schedules.rate(hyper.lr_schedule, hyper.learning_rate, learner.learning_rate, progress)

  def _descend(
    self, learner: Learner, rows: Batch, rate: Array, actor_trains: Array, key: Key
  ) -> tuple[Any, optax.OptState, Metrics]:
    """All epochs over rows [N]: parameters, optimiser state, and means over the minibatches."""
    hyper = self.hyper
    order = minibatches.shuffled(key, len(rows.action), hyper.batch_size, hyper.num_epochs)
    examples = self._examples(learner)
    count = len(examples.obs) if examples else 1
    drawn = jax.random.randint(jax.random.fold_in(key, 1), (len(order), DEMONSTRATED), 0, count)
    loss = functools.partial(ppo_loss, self.net, hyper, self.net.log_std(learner.params))

    def minibatch(carry: tuple[Any, Any], chosen: tuple[Array, Array]) -> tuple[tuple[Any, Any], Metrics]:
      part: Batch = minibatches.split_over_devices(jax.tree.map(lambda x: x[chosen[0]], rows))
      chosen_examples = jax.tree.map(lambda x: x[chosen[1]], examples)
      (_, metrics), grads = jax.value_and_grad(loss, has_aux=True)(carry[0], part, chosen_examples)
      stepped = self._step(carry, grads, rate, actor_trains)
      # A minibatch whose gradients are not finite is skipped and counted.
      good = jnp.isfinite(optax.tree.norm(grads))
      carry = jax.tree.map(lambda new, old: jnp.where(good, new, old), stepped, carry)
      return carry, metrics | {'skipped': 1.0 - good}

    (params, opt_state), metrics = jax.lax.scan(minibatch, (learner.params, learner.opt_state), (order, drawn))
    return params, opt_state, self._means(metrics, len(rows.action) // hyper.batch_size)

  def _step(self, carry: tuple[Any, Any], grads: Any, rate: Array, actor_trains: Array) -> tuple[Any, optax.OptState]:
    """One step of Adam: parameters and optimiser state."""
    params, opt_state = carry
    within = gradients.clipped(grads, self.hyper.max_grad_norm, actor_trains)
    updates, state = self.optimizer.update(within, opt_state, params)
    return gradients.descend(params, updates, rate, actor_trains), gradients.halted(state, actor_trains)

  def _means(self, metrics: Metrics, last: int) -> Metrics:
    """Means over all valid minibatches; for the KL divergence over those of the last epoch, `last` minibatches."""
    good = metrics['skipped'] == 0
    means = {name: minibatches.mean_of_good(x, good) for name, x in metrics.items()}
    kl = minibatches.mean_of_good(metrics['kl'][-last:], good[-last:])
    return means | {'skipped': metrics['skipped'].sum(), 'kl': kl}

  def actor(self, learner: Learner) -> Actor:
    """See Algorithm."""
    params = {**learner.params, **learner.average}
    return actor_critic.actor_of(self.net, params, learner.normalizer, self.hyper.normalize_observations)

  def adopt(self, learner: Learner, actor: Actor) -> Learner:
    """See Algorithm. Observations that the actor did not have get zero weights at first.

    A policy file has no critic, so the critic is new. It learns alone for WARM_UP transitions, or a tenth of the
    training if that is less. Without this, the first updates would follow meaningless advantages and the policy would
    lose its skill.
    """
    enabled = self.hyper.normalize_observations
    params, normalizer = actor_critic.adopted(
      self.net, learner.params, actor, normalize_observations=enabled, section=SECTION
    )
    warm_up = jnp.asarray(min(WARM_UP, self.total_timesteps // 10), jnp.int32)  # at most a tenth of the training
    average = jax.tree.map(jnp.copy, self._actor_params(params))
    return learner._replace(params=params, average=average, normalizer=normalizer, warm_up=warm_up)

  def _prepare(self, learner: Learner, batch: Transition) -> tuple[Batch, Metrics]:
    """Advantages and value targets; all arrays flattened to N = T x B rows."""
    obs = self._normalize(learner, batch.obs)
    value = self.net.value(learner.params, obs)
    next_value = self.net.value(learner.params, self._normalize(learner, batch.next_obs))
    hyper = self.hyper
    advantage, target = gae(
      hyper.reward_scale * batch.reward,
      value,
      next_value,
      batch.terminated,
      batch.truncated,
      hyper.gamma,
      hyper.gae_lambda,
    )
    rows = Batch(obs, batch.action, batch.extras['log_prob'], batch.extras['mean'], advantage, target)
    explained = 1 - jnp.var(target - value) / (jnp.var(target) + 1e-8)
    return jax.tree.map(lambda x: x.reshape((-1, *x.shape[2:])), rows), {'explained_variance': explained}

  def _examples(self, learner: Learner) -> Demonstrations | None:
    """The demonstrations with normalised observations."""
    if self.demonstrations is None:
      return None
    obs, action = self.demonstrations
    return Demonstrations(self._normalize(learner, obs), jnp.asarray(action))

  def _actor_params(self, params: Any) -> Any:
    """The parameters that are averaged: the actor's; empty if the config has no average."""
    return {name: part for name, part in params.items() if self.hyper.ema_decay and not networks.in_critic(name)}

  def _normalize(self, learner: Learner, obs: Array) -> Array:
    return actor_critic.normalized(learner.normalizer, obs, self.hyper.normalize_observations)
