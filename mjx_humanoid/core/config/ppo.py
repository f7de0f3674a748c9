"""The section `ppo`: hyperparameters of proximal policy optimisation (Schulman et al., 2017)."""

from __future__ import annotations

from dataclasses import dataclass

from mjx_humanoid.core.config.settings import setting

USERS = ('ppo', 'amp')  # algorithms that learn by PPO, with the settings of this section


@dataclass(frozen=True)
class PPOConfig:
  """Proximal policy optimisation (Schulman et al., 2017)."""

  unroll_length: int = setting(8, 'control steps of each environment between updates', low=1)
  batch_size: int = setting(1024, 'transitions in a minibatch', low=1)
  num_epochs: int = setting(4, 'passes over the collected transitions', low=1)
  learning_rate: float = setting(1.5e-3, 'learning rate of Adam', above=0)
  lr_schedule: str = setting(
    'linear',
    'constant, linear (down to 10 %% at the end), or adaptive (by the KL divergence)',
    choices=('constant', 'linear', 'adaptive'),
  )
  target_kl: float = setting(0.01, 'KL divergence per update that the adaptive schedule aims at', above=0)
  reward_scale: float = setting(
    1.0,
    'factor of rewards before learning, as reward_scaling in Brax: large returns make the value loss dominate',
    above=0,
  )
  gamma: float = setting(0.97, 'discount factor', low=0, high=1)
  gae_lambda: float = setting(0.9, 'lambda of generalised advantage estimation (GAE)', low=0, high=1)
  clip_epsilon: float = setting(0.3, 'clipping range of the probability ratio', above=0)
  entropy_coef: float = setting(0.0, 'weight of the entropy bonus', low=0)
  value_coef: float = setting(0.5, 'weight of the value loss', low=0)
  ema_decay: float = setting(
    0.0,
    'decay per update of the moving average of the actor, which is saved and evaluated (0 = no averaging)',
    low=0,
    high=0.9999,
  )
  bound_coef: float = setting(
    0.0,
    'weight of max(abs(mean action) - 1, 0)^2: beyond 1 actions are clipped and gradients vanish',
    low=0,
  )
  imitation_coef: float = setting(
    0.0, 'weight of a behaviour-cloning loss towards the demonstrations of the start state (rising)', low=0
  )
  max_grad_norm: float = setting(1.0, 'gradients are scaled down to this global norm', above=0)
  normalize_observations: bool = setting(True, 'normalise observations by their running mean and standard deviation')
  normalize_advantages: bool = setting(True, 'normalise advantages within each minibatch')
  normalize_rewards: bool = setting(False, 'divide rewards by the running standard deviation of the returns')
