"""Soft actor-critic with a replay memory (Haarnoja et al., 2018), by default with the parts that made it fast since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from mjx_humanoid.core.config.sac import SACConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import Actor
from mjx_humanoid.core.types import Array, Key, Transition
from mjx_humanoid.rl import actor_critic, held_noise, normalize, replay, reward_scale, warm_start
from mjx_humanoid.rl.algorithm import Algorithm, Metrics, Spec
from mjx_humanoid.rl.replay_memory import check_memory
from mjx_humanoid.rl.sac_networks import SACNetworks
from mjx_humanoid.rl.sac_parts import parts_of
from mjx_humanoid.rl.sac_update import METRICS, Minibatch, Trained, Updater

SECTION = 'config.sac'


class Learner(NamedTuple):
  """The whole state of SAC."""

  trained: Trained
  normalizer: normalize.Normalizer
  scale: reward_scale.RewardScale
  noise: held_noise.HeldNoise
  replay: Any  # replay.Replay; () in a checkpoint, which has it beside it
  timesteps: Array  # [] float32, environment steps so far
  random_steps: Array  # [] float32, environment steps with random actions; 0 for an adopted actor


def check(config: Config, settings: SACConfig) -> None:
  """Raises UserError for settings that do not fit each other, or would have no effect."""
  network, steps = config.network, config.num_envs * settings.unroll_length
  updates = settings.updates_per_step * steps
  if abs(updates - round(updates)) > 1e-6 or round(updates) < 1:
    fitting = max(1, round(updates)) / steps
    raise UserError(
      f'{SECTION}.updates_per_step={settings.updates_per_step:g} x config.num_envs={config.num_envs} x'
      f' {SECTION}.unroll_length={settings.unroll_length} = {updates:g} gradient updates after each unroll, which must'
      f' be a whole number; the closest ratio that fits is {fitting:g}.'
    )
  if settings.replay_size < max(settings.warmup_steps, settings.n_step * config.num_envs):
    raise UserError(
      f'{SECTION}.replay_size={settings.replay_size} holds fewer transitions than {SECTION}.warmup_steps='
      f'{settings.warmup_steps}, or than {SECTION}.n_step={settings.n_step} steps of {config.num_envs} environments.'
    )
  if network.shared:
    raise UserError('config.network.shared: actor and critics of SAC share no layers; set it to False.')
  if network.symmetry != 'averaged':
    raise UserError('config.network.symmetry: symmetric actors of SAC are averaged; set it to averaged.')
  if network.final_std:
    raise UserError(
      f'config.network.final_std: the exploration noise of SAC follows from its temperature; set it to 0, and'
      f' {SECTION}.target_std for less or more noise.'
    )


def make(config: Config, spec: Spec, settings: SACConfig) -> SAC:
  """SAC with the config's network. Raises UserError if the replay memory is larger than the memory."""
  mirror = spec.mirror() if config.network.symmetric else None
  parts = parts_of(settings)
  net = SACNetworks(config.network, settings, parts, spec.observation_size, spec.action_size, mirror)
  slots = replay.slots(settings.replay_size, config.num_envs, settings.unroll_length)
  check_memory(slots * config.num_envs, spec.observation_size, spec.action_size, f'{SECTION}.replay_size')
  return SAC(net, settings, Updater(net, config.schedule_timesteps), config.num_envs, slots)


@dataclass(frozen=True, eq=False)
class SAC(Algorithm[Learner]):
  """See Algorithm."""

  net: SACNetworks
  hyper: SACConfig
  updater: Updater
  num_envs: int
  slots: int  # of the replay memory

  @property
  def unroll_length(self) -> int:
    """See Algorithm."""
    return self.hyper.unroll_length

  @property
  def updates(self) -> int:
    """Gradient updates after each unroll."""
    return round(self.hyper.updates_per_step * self.num_envs * self.unroll_length)

  def init(self, key: Key) -> Learner:
    """See Algorithm."""
    net = self.net
    return Learner(
      trained=self.updater.init(key),
      normalizer=normalize.init(net.observation_size),
      scale=reward_scale.init(self.num_envs),
      noise=held_noise.init(self.num_envs, net.action_size),
      replay=replay.init(self.slots, self.num_envs, net.observation_size, net.action_size),
      timesteps=jnp.zeros(()),
      random_steps=jnp.asarray(self.hyper.warmup_steps, jnp.float32),
    )

  def act(self, learner: Learner, obs: Array, key: Key) -> tuple[Array, dict[str, Array]]:
    """See Algorithm. Uniformly random actions until `warmup_steps`."""
    noise_key, random_key = jax.random.split(key)
    mean, log_std = self.net.policy(learner.trained.actor, self._normalize(learner, obs))
    value = mean + jnp.exp(log_std) * held_noise.draw(learner.noise, noise_key)
    uniform = jax.random.uniform(random_key, value.shape, minval=-1.0, maxval=1.0)
    return jnp.where(learner.timesteps < learner.random_steps, uniform, jnp.tanh(value)), {}

  def update(self, learner: Learner, batch: Transition, key: Key) -> tuple[Learner, Metrics]:
    """See Algorithm. Stores the batch, then makes `updates` gradient updates once `warmup_steps` are stored."""
    noise_key, update_key = jax.random.split(key)
    ended = batch.terminated | batch.truncated
    learner = learner._replace(
      normalizer=actor_critic.observed(learner.normalizer, batch.obs, self.net.mirror),
      scale=reward_scale.update(learner.scale, batch.reward, ended, self.hyper.gamma),
      noise=held_noise.advance(learner.noise, noise_key, self.net.parts.noise_hold),
      replay=replay.insert(learner.replay, batch),
      timesteps=learner.timesteps + batch.reward.size,
    )
    least = max(self.hyper.warmup_steps, self.hyper.n_step * self.num_envs)
    ready = learner.replay.filled * self.num_envs >= least
    trained, metrics = jax.lax.cond(ready, self._learn, self._wait, learner, update_key)
    alpha = jnp.exp(trained.log_alpha)
    return learner._replace(trained=trained), {**metrics, 'alpha': alpha, 'action_std': jnp.exp(trained.log_std).mean()}

  def _learn(self, learner: Learner, key: Key) -> tuple[Trained, Metrics]:
    """The gradient updates of an iteration, and their means."""
    progress = learner.timesteps / float(self.updater.total_timesteps)

    def step(trained: Trained, key: Key) -> tuple[Trained, Metrics]:
      return self.updater.step(trained, self._minibatch(learner, key), progress, jax.random.fold_in(key, 1))

    trained, metrics = jax.lax.scan(step, learner.trained, jax.random.split(key, self.updates))
    return trained, {k: v.sum() if k == 'skipped' else jnp.nanmean(v) for k, v in metrics.items()}

  def _wait(self, learner: Learner, key: Key) -> tuple[Trained, Metrics]:
    """No update: too little is stored."""
    return learner.trained, {name: jnp.full((), 0.0 if name == 'skipped' else jnp.nan) for name in METRICS}

  def _minibatch(self, learner: Learner, key: Key) -> Minibatch:
    """Transitions to learn from: normalised, and with a mirror about half of them mirrored."""
    sample_key, mirror_key = jax.random.split(key)
    hyper = self.hyper
    drawn = replay.sample(learner.replay, sample_key, hyper.batch_size, self.num_envs, hyper.n_step, hyper.gamma)
    if (mirror := self.net.mirror) is not None:
      flip = jax.random.bernoulli(mirror_key, 0.5, (hyper.batch_size, 1))
      drawn = drawn._replace(
        obs=jnp.where(flip, mirror.obs(drawn.obs), drawn.obs),
        action=jnp.where(flip, mirror.action(drawn.action), drawn.action),
        next_obs=jnp.where(flip, mirror.obs(drawn.next_obs), drawn.next_obs),
      )
    divisor = reward_scale.divisor(learner.scale, hyper.value_range) if self.net.parts.normalize_rewards else 1.0
    obs, next_obs = self._normalize(learner, drawn.obs), self._normalize(learner, drawn.next_obs)
    return Minibatch(obs, drawn.action, drawn.reward / divisor, drawn.discount, next_obs)

  def actor(self, learner: Learner) -> Actor:
    """See Algorithm. Its noise is the mean of that of the latest minibatches, which depends on the observation."""
    trained = learner.trained
    layers = self.net.layers(trained.average if self.hyper.ema_decay else trained.actor)
    kernels, biases = (tuple(layer[name] for layer in layers) for name in ('kernel', 'bias'))
    scale = actor_critic.scale(learner.normalizer, self.hyper.normalize_observations)
    return Actor(kernels, biases, trained.log_std, *scale, self.net.mirror, squash=True)

  def adopt(self, learner: Learner, actor: Actor) -> Learner:
    """See Algorithm. It fills the replay memory itself, without random actions; the critics are new."""
    actor = warm_start.widened(actor, self.net.observation_size)
    params = jax.tree.map(lambda x: x, learner.trained.actor)  # a copy of the tree, not of its arrays
    own = self.net.layers(params)
    shapes, symmetric = [layer['kernel'].shape for layer in own], self.net.mirror is not None
    normalized = self.hyper.normalize_observations
    warm_start.check_fit(actor, shapes, normalized=normalized, symmetric=symmetric, section=SECTION, squash=True)
    for layer, kernel, bias in zip(own, actor.kernels, actor.biases, strict=True):
      layer |= {'kernel': jnp.asarray(kernel), 'bias': jnp.asarray(bias)}
    normalizer = normalize.known(jnp.asarray(actor.mean), jnp.asarray(actor.std))
    average = jax.tree.map(jnp.copy, params) if self.hyper.ema_decay else {}
    trained = learner.trained._replace(actor=params, average=average, log_std=jnp.asarray(actor.log_std))
    return learner._replace(trained=trained, normalizer=normalizer, random_steps=jnp.zeros(()))

  def kept(self, learner: Learner) -> Any:
    """See Algorithm: everything but the replay memory."""
    return learner._replace(replay=())

  def restored(self, fresh: Learner, kept: Any) -> Learner:
    """See Algorithm."""
    return kept._replace(replay=fresh.replay)

  def apart(self, learner: Learner) -> dict[str, Array]:
    """See Algorithm: the replay memory."""
    return learner.replay._asdict()

  def rejoined(self, learner: Learner, arrays: dict[str, Array]) -> Learner:
    """See Algorithm."""
    return learner._replace(replay=replay.Replay(**arrays))

  def _normalize(self, learner: Learner, obs: Array) -> Array:
    return actor_critic.normalized(learner.normalizer, obs, self.hyper.normalize_observations)
