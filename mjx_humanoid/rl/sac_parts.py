"""The parts of soft actor-critic that its two presets choose, with their sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mjx_humanoid.core.config.sac import PRESET, SACConfig

# Haarnoja et al. (2018), with the automatic temperature: its target entropy of -1 nat an action is that of a Gaussian
# of standard deviation 0.0890.
CLASSIC: dict[str, Any] = {
  'lr_schedule': 'constant',
  'critic': 'mlp',
  'head': 'scalar',
  'batch_norm': 'no',
  'rms_norm': 'no',
  'normalize_weights': 'no',
  'normalize_rewards': 'no',
  'tau': 0.005,
  'policy_delay': 1,
  'initial_alpha': 1.0,
  'target_std': 0.0890,
  'noise_hold': 1,
}
FAST: dict[str, Any] = {
  'lr_schedule': 'cosine',  # FlashSAC
  'critic': 'residual',  # SimBa (Lee et al., 2025)
  'head': 'categorical',  # C51 (Bellemare et al., 2017), in soft actor-critic as in SimbaV2
  'batch_norm': 'yes',  # CrossQ (Bhatt et al., 2024): (s, a) and (s', a') are one batch
  'rms_norm': 'yes',  # FlashSAC
  'normalize_weights': 'yes',  # SimbaV2 (Lee et al., 2025)
  'normalize_rewards': 'yes',  # SimbaV2
  'tau': 0.01,  # FlashSAC
  'policy_delay': 2,  # TD3 (Fujimoto et al., 2018)
  'initial_alpha': 0.01,  # SimbaV2
  'target_std': 0.15,  # FlashSAC
  'noise_hold': 16,  # FlashSAC; temporally extended exploration is from Dabney et al. (2021)
}
PRESETS = {'classic': CLASSIC, 'fast': FAST}


@dataclass(frozen=True)
class Parts:
  """The parts of one training, after its preset was read."""

  lr_schedule: str
  residual: bool
  categorical: bool
  batch_norm: bool
  rms_norm: bool
  normalize_weights: bool
  normalize_rewards: bool
  tau: float
  policy_delay: int
  initial_alpha: float
  target_std: float
  noise_hold: int


def parts_of(settings: SACConfig) -> Parts:
  """The parts that settings choose: their own where they say something, else those of the preset."""
  chosen: dict[str, Any] = dict(PRESETS[settings.preset])
  for name in chosen:
    if (value := getattr(settings, name)) not in (PRESET, 0):
      chosen[name] = value
  chosen |= {'residual': chosen.pop('critic') == 'residual', 'categorical': chosen.pop('head') == 'categorical'}
  return Parts(**{name: value == 'yes' if value in ('yes', 'no') else value for name, value in chosen.items()})
