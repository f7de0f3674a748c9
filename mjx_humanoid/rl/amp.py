"""Adversarial motion priors: PPO with a learned reward for the style of a clip (Peng et al., 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from mjx_humanoid.core.config.amp import AMPConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import Actor
from mjx_humanoid.core.types import Array, Key, Transition
from mjx_humanoid.rl import minibatches, normalize, ppo
from mjx_humanoid.rl.algorithm import MOTION, NEXT_MOTION, Algorithm, Metrics, Spec
from mjx_humanoid.rl.discriminator import Critic, Discriminator, style_reward

SECTION = 'config.amp'
NEEDS_MOTION = True
# Updates after which all pairs in the memory are replaced: the discriminator must not forget what earlier policies did
# wrong (Peng et al., 2021, section 6.3).
REMEMBERED = 32


class Memory(NamedTuple):
  """Pairs of earlier policies, R at most."""

  pairs: Array  # [R, 2, F] features
  count: Array  # [] int32, pairs that it holds
  next: Array  # [] int32, where the next one is written


class Learner(NamedTuple):
  """The whole state of AMP."""

  ppo: ppo.Learner
  critic: Critic  # of the style
  normalizer: normalize.Normalizer  # of the features [F], of clip and policies alike
  memory: Memory


def check(config: Config, settings: AMPConfig) -> None:
  """Raises UserError for settings that do not fit each other."""
  ppo.check(config, config.ppo)
  if not settings.style_weight:
    raise UserError(
      f'{SECTION}.style_weight is 0, so that no style would be learned: set it above 0, or config.algorithm=ppo.'
    )


def make(config: Config, spec: Spec, settings: AMPConfig) -> AMP:
  """PPO of config.ppo with a style reward. Raises UserError if the environment has no clip, or like ppo.make."""
  real = jnp.asarray(spec.style(), jnp.float32)
  return AMP(ppo.make(config, spec, config.ppo), Discriminator(settings, real.shape[-1]), settings, real)


@dataclass(frozen=True, eq=False)
class AMP(Algorithm[Learner]):
  """See Algorithm."""

  ppo: ppo.PPO
  discriminator: Discriminator
  hyper: AMPConfig
  real: Array  # [N, 2, F] features of the clip at successive control steps

  @property
  def unroll_length(self) -> int:
    """See Algorithm."""
    return self.ppo.unroll_length

  def init(self, key: Key) -> Learner:
    """See Algorithm."""
    size, none = self.discriminator.size, jnp.zeros((), jnp.int32)
    return Learner(
      ppo=self.ppo.init(key),
      critic=self.discriminator.init(jax.random.fold_in(key, 1)),
      normalizer=normalize.init(size),
      memory=Memory(jnp.zeros((self.hyper.replay_size, 2, size)), none, none),
    )

  def act(self, learner: Learner, obs: Array, key: Key) -> tuple[Array, dict[str, Array]]:
    """See Algorithm."""
    return self.ppo.act(learner.ppo, obs, key)

  def update(self, learner: Learner, batch: Transition, key: Key) -> tuple[Learner, Metrics]:
    """See Algorithm. PPO learns from the rewards of the discriminator as it is, and then the discriminator learns."""
    ppo_key, train_key, store_key = jax.random.split(key, 3)
    pairs = jnp.stack([batch.extras[MOTION], batch.extras[NEXT_MOTION]], axis=-2)  # [T, B, 2, F]
    fresh = pairs.reshape((-1, *pairs.shape[2:]))
    learner = learner._replace(normalizer=self._observed(learner.normalizer, fresh))
    style = style_reward(self._scores(learner, pairs))
    reward = self.hyper.task_weight * batch.reward + self.hyper.style_weight * style
    learned, metrics = self.ppo.update(learner.ppo, batch._replace(reward=reward), ppo_key)
    critic, more = self._train(learner, fresh, train_key)
    skipped = metrics['skipped'] + more.pop('skipped')
    memory = self._remembered(learner.memory, fresh, store_key)
    learner = Learner(learned, critic, learner.normalizer, memory)
    return learner, {**metrics, **more, 'skipped': skipped, 'style_reward': style.mean()}

  def _observed(self, normalizer: normalize.Normalizer, fresh: Array) -> normalize.Normalizer:
    """Statistics with pairs [N, 2, F] of the policy added, and as much of the clip, however long it is."""
    clip, policy = (pairs.reshape((-1, pairs.shape[-1])) for pairs in (self.real, fresh))
    share = jnp.full(len(clip), len(policy) / len(clip))
    weights = jnp.concatenate([share, jnp.ones(len(policy))])
    return normalize.update(normalizer, jnp.concatenate([clip, policy]), weights)

  def _scores(self, learner: Learner, pairs: Array) -> Array:
    """Outputs of the discriminator [...] for pairs of features [..., 2, F]."""
    return self.discriminator.scores(learner.critic.params, normalize.normalize(learner.normalizer, pairs))

  def _train(self, learner: Learner, fresh: Array, key: Key) -> tuple[Critic, Metrics]:
    """The gradient steps of an update, and means over those that were not skipped.

    Args:
      fresh: [N, 2, F] of the policy. Half of each minibatch is of them, half of the memory.
    """

    def minibatch(critic: Critic, key: Key) -> tuple[Critic, Metrics]:
      keys, size = jax.random.split(key, 3), self.hyper.batch_size
      real, fake = drawn(keys[0], self.real, size), drawn(keys[1], fresh, size)
      if self.hyper.replay_size:
        memory = learner.memory
        rows = jax.random.randint(keys[2], (size // 2,), 0, jnp.maximum(memory.count, 1))
        old = jnp.where(memory.count > 0, memory.pairs[rows], fake[: size // 2])
        fake = jnp.concatenate([old, fake[size // 2 :]])
      real, fake = (normalize.normalize(learner.normalizer, pairs) for pairs in (real, fake))
      return self.discriminator.step(critic, real, fake)

    critic, metrics = jax.lax.scan(minibatch, learner.critic, jax.random.split(key, self.hyper.num_minibatches))
    good = metrics['skipped'] == 0
    means = {name: minibatches.mean_of_good(values, good) for name, values in metrics.items()}
    return critic, means | {'skipped': metrics['skipped'].sum()}

  def _remembered(self, memory: Memory, fresh: Array, key: Key) -> Memory:
    """The memory with some of the pairs [N, 2, F], in place of the oldest."""
    size = self.hyper.replay_size
    if not size:
      return memory
    count = max(1, size // REMEMBERED)
    rows = (memory.next + jnp.arange(count)) % size
    pairs = memory.pairs.at[rows].set(drawn(key, fresh, count))
    return Memory(pairs, jnp.minimum(memory.count + count, size), (memory.next + count) % size)

  def actor(self, learner: Learner) -> Actor:
    """See Algorithm."""
    return self.ppo.actor(learner.ppo)

  def adopt(self, learner: Learner, actor: Actor) -> Learner:
    """See Algorithm. The discriminator is new."""
    return learner._replace(ppo=self.ppo.adopt(learner.ppo, actor))


def drawn(key: Key, rows: Array, count: int) -> Array:
  """`count` rows [count, ...] at random, which may repeat."""
  return rows[jax.random.randint(key, (count,), 0, len(rows))]
