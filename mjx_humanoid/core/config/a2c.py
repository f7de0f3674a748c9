"""The section `a2c`: hyperparameters of advantage actor-critic (Mnih et al., 2016)."""

from __future__ import annotations

from dataclasses import dataclass

from mjx_humanoid.core.config.settings import setting


@dataclass(frozen=True)
class A2CConfig:
  """Advantage actor-critic (Mnih et al., 2016), without asynchrony."""

  unroll_length: int = setting(5, 'control steps of each environment between updates', low=1)
  learning_rate: float = setting(7e-4, 'learning rate of RMSprop', above=0)
  lr_schedule: str = setting('linear', 'constant, or linear (down to 10 %% at the end)', choices=('constant', 'linear'))
  rms_decay: float = setting(0.99, 'decay of the mean square of the gradients in RMSprop', low=0, high=0.9999)
  gamma: float = setting(0.97, 'discount factor', low=0, high=1)
  gae_lambda: float = setting(0.95, 'lambda of generalised advantage estimation (GAE)', low=0, high=1)
  entropy_coef: float = setting(0.0, 'weight of the entropy bonus', low=0)
  value_coef: float = setting(0.5, 'weight of the value loss', low=0)
  max_grad_norm: float = setting(0.5, 'gradients are scaled down to this global norm', above=0)
  normalize_observations: bool = setting(True, 'normalise observations by their running mean and standard deviation')
  normalize_advantages: bool = setting(True, 'normalise advantages within each update')
  normalize_rewards: bool = setting(False, 'divide rewards by the running standard deviation of the returns')
