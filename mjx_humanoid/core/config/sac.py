"""The section `sac`: hyperparameters of soft actor-critic (Haarnoja et al., 2018) and of its parts."""

from __future__ import annotations

from dataclasses import dataclass

from mjx_humanoid.core.config.settings import setting

PRESET = 'preset'  # of a part: as the preset says
CHOICE = (PRESET, 'yes', 'no')


@dataclass(frozen=True)
class SACConfig:
  """Soft actor-critic (Haarnoja et al., 2018). Parts that say preset, or 0, are as in the preset: rl/sac_parts.py."""

  preset: str = setting(
    'fast',
    'parts: fast (residual distributional critics), or classic (as published in 2018)',
    choices=('fast', 'classic'),
  )
  unroll_length: int = setting(2, 'control steps of each environment between updates', low=1)
  updates_per_step: float = setting(0.125, 'gradient updates for each environment step', above=0)
  batch_size: int = setting(256, 'transitions in a minibatch', low=1)
  replay_size: int = setting(1_000_000, 'transitions in the replay memory', low=1)
  warmup_steps: int = setting(10_000, 'environment steps with random actions before the first update', low=0)
  n_step: int = setting(1, 'steps of the return before it is bootstrapped', low=1, high=32)
  gamma: float = setting(0.97, 'discount factor', low=0, high=1)
  learning_rate: float = setting(3e-4, 'learning rate of Adam, of actor, critics and temperature', above=0)
  ema_decay: float = setting(
    0.0,
    'decay per update of the moving average of the actor, which is saved and evaluated (0 = no averaging)',
    low=0,
    high=0.9999,
  )
  normalize_observations: bool = setting(True, 'normalise observations by their running mean and standard deviation')
  lr_schedule: str = setting(
    PRESET, 'constant, or cosine (down to half at the end)', choices=(PRESET, 'constant', 'cosine')
  )
  critic: str = setting(
    PRESET, 'layers of the critics: mlp (config.network.value_layers), or residual', choices=(PRESET, 'mlp', 'residual')
  )
  critic_width: int = setting(128, 'width of residual critics', low=1)
  critic_blocks: int = setting(2, 'blocks of residual critics', low=1)
  critic_expansion: int = setting(4, 'width within a block of residual critics, relative to their width', low=1)
  head: str = setting(
    PRESET, 'what critics predict: scalar, or categorical (a distribution)', choices=(PRESET, 'scalar', 'categorical')
  )
  num_bins: int = setting(101, 'bins of a categorical critic', low=2)
  value_range: float = setting(5.0, 'largest magnitude of the returns of a categorical critic', above=0)
  batch_norm: str = setting(PRESET, 'batch normalisation in the critics', choices=CHOICE)
  rms_norm: str = setting(PRESET, 'RMS normalisation of the last features of the critics', choices=CHOICE)
  normalize_weights: str = setting(PRESET, 'weights of each unit of the critics scaled to length 1', choices=CHOICE)
  normalize_rewards: str = setting(PRESET, 'divide rewards so that returns stay within value_range', choices=CHOICE)
  tau: float = setting(
    0.0, 'share of the critics that moves into the target critics at an update (0 = preset)', low=0, high=1
  )
  policy_delay: int = setting(0, 'updates of the critics for each update of the actor (0 = preset)', low=0)
  initial_alpha: float = setting(0.0, 'temperature at the start (0 = preset)', low=0)
  target_std: float = setting(
    0.0, 'the temperature aims at the entropy of a Gaussian of this standard deviation (0 = preset)', low=0
  )
  noise_hold: int = setting(0, 'most unrolls that exploration noise is held for (0 = preset, 1 = never held)', low=0)
