"""Proximal policy optimisation: clipped objective, GAE, several epochs over each batch (Schulman et al., 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mjx_humanoid.core.config.schema import Config, NetworkConfig, PPOConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.rl import gradients, networks, normalize, schedules
from mjx_humanoid.rl.algorithm import Actor, Metrics, Mirror, Spec, seeing_more
from mjx_humanoid.rl.returns import gae
from mjx_humanoid.core.types import Array, Demonstrations, Key, Transition

# Transitions from which the critic of an adopted actor learns to judge it, and how fast, before the actor changes: one
# that judges badly undoes what the actor knows, and the small rate that suits the actor does not teach it in time.
WARM_UP, WARM_UP_RATE = 400_000, 1.5e-3
SHOWN = 512  # demonstrations beside each minibatch


class Learner(NamedTuple):
  """All that PPO remembers."""

  params: Any
  average: Any  # of the actor's parameters over the last updates; empty where there is none
  opt_state: optax.OptState
  normalizer: normalize.Normalizer
  learning_rate: Array  # []
  timesteps: Array  # [] float32, environment steps learned from
  warm_up: Array  # [] int32, transitions to come from which only the critic learns


class Batch(NamedTuple):
  """What a minibatch holds, [N, ...]."""

  obs: Array  # normalised
  action: Array
  log_prob: Array
  mean: Array
  advantage: Array
  target: Array  # of the value


def make(config: Config, spec: Spec) -> PPO:
  """PPO with the config's network and hyperparameters."""
  sizes = spec.observation_size, spec.action_size
  mirror = spec.mirror() if config.network.symmetric else None
  shown = spec.demonstrations() if config.ppo.imitation_coef else None
  return PPO(config.network, config.ppo, config.schedule_timesteps, *sizes, mirror, shown)


@dataclass(frozen=True, eq=False)
class PPO:
  """See Algorithm."""

  network: NetworkConfig
  hyper: PPOConfig
  total_timesteps: int
  observation_size: int
  action_size: int
  mirror: Mirror | None = None
  shown: Demonstrations | None = None  # what the actor is to imitate

  @property
  def unroll_length(self) -> int:
    """See Algorithm."""
    return self.hyper.unroll_length

  @property
  def optimizer(self) -> optax.GradientTransformation:
    """Adam; gradients are clipped and the learning rate is applied apart, because both may adapt."""
    # The identity stands where gradients were once clipped, so that older checkpoints still fit.
    return optax.chain(optax.identity(), optax.scale_by_adam(eps=1e-5))

  def init(self, key: Key) -> Learner:
    """See Algorithm."""
    net = networks.ActorCritic(self.network, self.action_size)
    params = net.init(key, jnp.zeros(self.observation_size))['params']
    return Learner(
      params=params,
      average=jax.tree.map(jnp.copy, self._actor_params(params)),
      opt_state=self.optimizer.init(params),
      normalizer=normalize.init(self.observation_size),
      learning_rate=jnp.asarray(self.hyper.learning_rate, jnp.float32),
      timesteps=jnp.zeros(()),
      warm_up=jnp.zeros((), jnp.int32),
    )

  def act(self, learner: Learner, obs: Array, key: Key) -> tuple[Array, dict[str, Array]]:
    """See Algorithm."""
    mean, log_std = self._policy(learner.params, self._normalize(learner, obs))
    action = networks.sample(key, mean, log_std)
    return action, {'log_prob': networks.log_prob(action, mean, log_std), 'mean': mean}

  def update(self, learner: Learner, batch: Transition, key: Key) -> tuple[Learner, Metrics]:
    """See Algorithm."""
    data, value_metrics = self._prepare(learner, batch)
    size = data.action.shape[0]
    minibatches = size // self.hyper.batch_size
    _, old_log_std = self._policy(learner.params, data.obs[:1])

    def minibatch(carry: tuple[Any, Any], rows: tuple[Array, Array]) -> tuple[tuple[Any, Any], Metrics]:
      params, opt_state = carry
      part: Batch = jax.tree.map(lambda x: x[rows[0]], data)
      shown = jax.tree.map(lambda x: x[rows[1]], examples)
      (_, metrics), grads = jax.value_and_grad(self.loss, has_aux=True)(params, part, old_log_std, shown)
      within = gradients.clipped(grads, self.hyper.max_grad_norm, actor_trains)
      updates, state = self.optimizer.update(within, opt_state, params)
      next_state = gradients.halted(state, actor_trains)
      stepped = gradients.descend(params, updates, rate, actor_trains)
      # One bad minibatch must not poison the run: it is left out, and counted.
      good = jnp.isfinite(optax.tree.norm(grads))
      carry = jax.tree.map(lambda new, old: jnp.where(good, new, old), (stepped, next_state), carry)
      return carry, metrics | {'skipped': 1.0 - good}

    actor_trains = learner.warm_up == 0
    planned = schedules.rate(self.hyper, learner.learning_rate, learner.timesteps / self.total_timesteps)
    rate = jnp.where(actor_trains, planned, WARM_UP_RATE)
    keys = jax.random.split(key, self.hyper.num_epochs)
    order = jax.vmap(lambda k: jax.random.permutation(k, size))(keys).reshape(-1, self.hyper.batch_size)
    examples = self._examples(learner)
    drawn = jax.random.randint(jax.random.fold_in(key, 1), (len(order), SHOWN), 0, len(examples.obs) if examples else 1)
    (params, opt_state), metrics = jax.lax.scan(minibatch, (learner.params, learner.opt_state), (order, drawn))
    last_epoch = jax.tree.map(lambda x: x[-minibatches:].mean(), metrics)
    averaged = jax.tree.map(jnp.mean, metrics)
    averaged |= {'skipped': metrics['skipped'].sum(), 'kl': last_epoch['kl'], 'learning_rate': rate, **value_metrics}
    timesteps = learner.timesteps + size
    log_std = schedules.log_std(self.network, params['log_std'], timesteps / self.total_timesteps)
    next_rate = schedules.adapted(self.hyper, rate, last_epoch['kl'])
    params = params | {'log_std': log_std}
    learner = Learner(
      params=params,
      average=self._averaged(learner.average, params, timesteps / size),
      opt_state=opt_state,
      # Statistics move after the update, so that it sees what the actions were chosen by.
      normalizer=self._observe_all(learner.normalizer, batch.obs),
      learning_rate=jnp.where(actor_trains, next_rate, learner.learning_rate),
      timesteps=timesteps,
      warm_up=jnp.maximum(learner.warm_up - size, 0),
    )
    return learner, averaged

  def loss(
    self, params: Any, batch: Batch, old_log_std: Array, shown: Demonstrations | None = None
  ) -> tuple[Array, Metrics]:
    """The clipped objective, the value loss and the entropy bonus of one minibatch [N]; of what is shown, the distance.

    So demonstrations guide exploration, and rewards stay what counts (Rajeswaran et al., 2018).
    """
    hyper = self.hyper
    mean, log_std = self._policy(params, batch.obs)
    log_std = jax.lax.stop_gradient(log_std) if self.network.final_std else log_std
    value = self._value(params, batch.obs)
    advantage = batch.advantage
    if hyper.normalize_advantages:
      advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    ratio = jnp.exp(networks.log_prob(batch.action, mean, log_std) - batch.log_prob)
    clipped = jnp.clip(ratio, 1 - hyper.clip_epsilon, 1 + hyper.clip_epsilon)
    policy_loss = -jnp.minimum(ratio * advantage, clipped * advantage).mean()
    value_loss = 0.5 * jnp.square(value - batch.target).mean()
    entropy = networks.entropy(log_std)
    excess = jnp.square(jnp.maximum(jnp.abs(mean) - 1.0, 0.0)).sum(axis=-1).mean()
    total = policy_loss + hyper.value_coef * value_loss - hyper.entropy_coef * entropy + hyper.bound_coef * excess
    metrics = {
      'loss': total,
      'policy_loss': policy_loss,
      'value_loss': value_loss,
      'entropy': entropy,
      'excess': excess,
      'kl': networks.kl_divergence(mean, log_std, batch.mean, old_log_std).mean(),
      'clip_fraction': (jnp.abs(ratio - 1) > hyper.clip_epsilon).mean(),
      'action_std': jnp.exp(log_std).mean(),
    }
    if shown is not None:
      error = jnp.square(self._policy(params, shown.obs)[0] - shown.action).sum(axis=-1).mean()
      total += hyper.imitation_coef * error
      metrics |= {'loss': total, 'imitation_error': error}
    return total, metrics

  def actor(self, learner: Learner) -> Actor:
    """See Algorithm."""
    params = {**learner.params, **learner.average}
    trunk, head = params.get('policy', {}), params['mean_head']
    layers = [trunk[f'hidden_{i}'] for i in range(len(self.network.policy_layers))] + [head]
    normalizer = learner.normalizer
    mean, std = normalizer.mean, normalizer.std
    if not self.hyper.normalize_observations:
      mean, std = jnp.zeros_like(mean), jnp.ones_like(std)
    kernels, biases = [x['kernel'] for x in layers], [x['bias'] for x in layers]
    _, log_std = self._policy(params, jnp.zeros(self.observation_size))
    return Actor(kernels, biases, log_std, mean, std, self.mirror)

  def adopt(self, learner: Learner, actor: Actor) -> Learner:
    """See Algorithm. What the actor has not seen before has no effect at first.

    The critic starts afresh, as a policy carries none, and learns alone from WARM_UP transitions, if these are not more
    than a tenth of the training.
    Else the first updates would follow advantages that mean nothing, away from what the actor knows.
    """
    actor = seeing_more(actor, self.observation_size)
    params = jax.tree.map(lambda x: x, learner.params)  # a copy of the tree, not of its arrays
    names = [f'hidden_{i}' for i in range(len(self.network.policy_layers))]
    own = [*(params['policy'][name] for name in names), params['mean_head']]
    if [x['kernel'].shape for x in own] != [k.shape for k in actor.kernels]:
      wanted, given = (tuple(k.shape[1] for k in x[:-1]) for x in ([x['kernel'] for x in own], actor.kernels))
      raise UserError(
        f'config.init_from: that policy has layers {given} for {actor.kernels[0].shape[0]} observations, this training'
        f' {wanted} for {self.observation_size}; set config.network.policy_layers={given} and the same observations.'
      )
    if not self.hyper.normalize_observations and (np.any(actor.mean) or np.any(np.asarray(actor.std) != 1)):
      raise UserError('config.init_from: set config.ppo.normalize_observations=True, as that policy is.')
    if (actor.mirror is None) != (self.mirror is None):
      raise UserError(f'config.init_from: set config.network.symmetric={actor.mirror is not None}, as that policy is.')
    for layer, kernel, bias in zip(own, actor.kernels, actor.biases, strict=True):
      layer |= {'kernel': jnp.asarray(kernel), 'bias': jnp.asarray(bias)}
    normalizer = normalize.known(jnp.asarray(actor.mean), jnp.asarray(actor.std))
    warm_up = jnp.asarray(min(WARM_UP, self.total_timesteps // 10), jnp.int32)  # most of a training is the actor's
    average = jax.tree.map(jnp.copy, self._actor_params(params))
    return learner._replace(params=params, average=average, normalizer=normalizer, warm_up=warm_up)

  def _prepare(self, learner: Learner, batch: Transition) -> tuple[Batch, Metrics]:
    """Advantages and targets, and all of it as one row of N = T x B."""
    obs = self._normalize(learner, batch.obs)
    value = self._value(learner.params, obs)
    next_value = self._value(learner.params, self._normalize(learner, batch.next_obs))
    hyper = self.hyper
    advantage, target = gae(
      batch.reward, value, next_value, batch.terminated, batch.truncated, hyper.gamma, hyper.gae_lambda
    )
    rows = Batch(obs, batch.action, batch.extras['log_prob'], batch.extras['mean'], advantage, target)
    explained = 1 - jnp.var(target - value) / (jnp.var(target) + 1e-8)
    return jax.tree.map(lambda x: x.reshape((-1, *x.shape[2:])), rows), {'explained_variance': explained}

  def _examples(self, learner: Learner) -> Demonstrations | None:
    """What is shown, as the actor sees it: with normalised observations."""
    if self.shown is None:
      return None
    return Demonstrations(self._normalize(learner, self.shown.obs), jnp.asarray(self.shown.action))

  def _actor_params(self, params: Any) -> Any:
    """The part of the parameters that is averaged: the actor's; none where the config asks for no average."""
    return {name: part for name, part in params.items() if self.hyper.ema_decay and not name.startswith('value')}

  def _averaged(self, average: Any, params: Any, updates: Array) -> Any:
    """The running average one update later; over few updates at first, so that it soon forgets the beginning."""
    decay = jnp.minimum(self.hyper.ema_decay, (1 + updates) / (10 + updates))
    return jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, average, self._actor_params(params))

  def _observe_all(self, normalizer: normalize.Normalizer, obs: Array) -> normalize.Normalizer:
    """Statistics of the observations and, where used, of their mirror images, so that both are scaled alike."""
    if self.mirror is None:
      return normalize.update(normalizer, obs)
    return normalize.update(normalizer, jnp.concatenate([obs, self.mirror.obs(obs)]))

  def _normalize(self, learner: Learner, obs: Array) -> Array:
    if self.hyper.normalize_observations:
      return normalize.normalize(learner.normalizer, obs)
    return jnp.clip(obs, -normalize.CLIP, normalize.CLIP)

  def _policy(self, params: Any, obs: Array) -> tuple[Array, Array]:
    """Mean [..., A] and log standard deviation [A] of the actions, from normalised obs [..., O].

    Where the network is symmetric: f(x) / 2 + mirror(f(mirror(x))) / 2, which commutes with the mirror.
    """
    mean, log_std = self._apply(params, obs, 'act')
    if self.mirror is None:
      return mean, log_std
    image, _ = self._apply(params, self.mirror.obs(obs), 'act')
    return (mean + self.mirror.action(image)) / 2, (log_std + log_std[self.mirror.action_sources]) / 2

  def _value(self, params: Any, obs: Array) -> Array:
    """Value [...] from normalised obs [..., O]; of a situation and its mirror image the same."""
    value: Array = self._apply(params, obs, 'evaluate')
    return value if self.mirror is None else (value + self._apply(params, self.mirror.obs(obs), 'evaluate')) / 2

  def _apply(self, params: Any, obs: Array, method: str) -> Any:
    return networks.ActorCritic(self.network, self.action_size).apply({'params': params}, obs, method=method)
