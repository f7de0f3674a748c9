"""ANYmal C stands still at full height."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'anymal_c_stand'
  config.task.robot = 'anymal_c'
  config.task.reward = 'stand'
  config.task.card = 'stand'
  config.task.termination = 'off_balance'
  config.task.episode_length = 3.0
  config.task.start_strength = 2.0
  config.network.initial_std = 0.2
  config.network.final_std = 0.1
  config.ppo.gamma = 0.96
  config.total_timesteps = 500_000
  return config
