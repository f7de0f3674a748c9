"""Gymnasium's Humanoid-v5 like gym_humanoid, learned by A2C."""

from gym_humanoid import get_config as with_ppo
from ml_collections import ConfigDict


def get_config() -> ConfigDict:
  config = with_ppo()
  config.name = 'gym_humanoid_a2c'
  config.algorithm = 'a2c'
  config.num_envs = config.reference_envs = 64
  config.a2c.gamma = 0.99
  config.a2c.normalize_rewards = True  # returns are in the thousands
  config.render_interval = 1_000_000
  config.total_timesteps = 3_000_000
  return config
