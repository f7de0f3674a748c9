"""Goes down onto both knees and stays there, upright and quiet."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'kneel'
  config.task.reward = 'kneel'
  config.task.card = 'kneel'
  config.task.termination = 'tipped'
  config.task.episode_length = 5.0
  config.task.start_strength = 2.0
  config.task.frame_skip = 4
  config.num_envs = 512
  config.network.policy_layers = (128, 128)
  config.network.value_layers = (128, 128)
  config.ppo.unroll_length = 8
  config.ppo.batch_size = 1024
  config.ppo.learning_rate = 1.5e-3
  config.ppo.gamma = 0.97
  config.total_timesteps = 2_500_000
  return config
