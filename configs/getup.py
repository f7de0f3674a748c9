"""Gets up from any lying pose and stands."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'getup'
  config.task.reward = 'getup'
  config.task.card = 'getup'
  config.task.termination = 'never'
  config.task.start = 'fallen'
  config.task.episode_length = 6.0
  # From the floor every way up is long, and sitting pays too: at first a hand helps with most of the weight.
  config.task.pushes = 'lift'
  config.task.push_force = (0.0, 260.0)
  config.curriculum = 'linear'
  config.task.frame_skip = 4  # 50 decisions a second
  config.network.initial_std = 0.7
  config.ppo.learning_rate = 1e-3
  config.ppo.gamma = 0.98
  config.ppo.entropy_coef = 0.003
  config.total_timesteps = 8_000_000
  return config
