"""Stands still, upright and economical at full height."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'stand'
  config.task.reward = 'stand'
  config.task.card = 'stand'
  # A fall is decided long before the robot lies on the floor: what follows teaches nothing.
  config.task.termination = 'off_balance'
  # Short episodes from starts worse than the card's: quiet standing is learned quickly, recovering is not.
  config.task.episode_length = 3.0
  config.task.start_strength = 2.0
  config.task.frame_skip = 4  # 50 decisions a second
  config.ppo.gamma = 0.96
  config.total_timesteps = 900_000
  return config
