"""Gets up from any lying pose and stands."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'getup'
  config.task.robot = 'humanoid_pd'
  config.task.reward = 'getup'
  config.task.card = 'getup'
  config.task.termination = 'overdue'
  # From a crouch at first; once it gets up from there, from ever further down: each way up leads to one that is known.
  config.task.start = 'falling'
  config.curriculum = 'survival'
  config.task.episode_length = 6.0
  config.task.frame_skip = 5
  config.ppo.learning_rate = 1e-3
  config.ppo.gamma = 0.985
  config.network.initial_std = 0.2
  config.network.final_std = 0.1
  config.total_timesteps = 10_000_000
  return config
