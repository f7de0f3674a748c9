"""The section `amp`: an adversarial style reward beside the reward of the task (Peng et al., 2021)."""

from __future__ import annotations

from dataclasses import dataclass

from mjx_humanoid.core.config.settings import setting


@dataclass(frozen=True)
class AMPConfig:
  """Adversarial motion priors (Peng et al., 2021). The policy learns by PPO, with the settings of config.ppo."""

  style_weight: float = setting(0.5, 'weight of the style reward, which is 0 to 1 in each control step', low=0)
  task_weight: float = setting(0.5, 'weight of the reward of the task', low=0)
  layers: tuple[int, ...] = setting((256, 128), 'widths of the hidden layers of the discriminator', low=1)
  learning_rate: float = setting(1e-4, 'learning rate of Adam for the discriminator', above=0)
  num_minibatches: int = setting(4, 'gradient steps of the discriminator in each update', low=1)
  batch_size: int = setting(512, 'pairs of the clip in a minibatch, beside as many of the policy', low=2)
  gradient_penalty: float = setting(10.0, 'weight of the gradient penalty of the discriminator', low=0)
  replay_size: int = setting(
    16_384, 'pairs of earlier policies that the discriminator learns from too (0 = of the latest only)', low=0
  )
