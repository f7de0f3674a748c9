"""Stands still and upright like stand, learned by A2C."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'stand_a2c'
  config.algorithm = 'a2c'
  # The task of configs/stand.py, without its pushes.
  config.task.reward = 'stand'
  config.task.card = 'stand'
  config.task.weights = {'joint_limits': -0.01}
  config.task.termination = 'off_balance'
  config.task.episode_length = 3.0
  config.task.start_strength = 2.0
  config.task.frame_skip = 4  # 50 control steps per second
  # A2C uses each transition once, so it makes more and smaller updates than PPO.
  config.num_envs = config.reference_envs = 128
  config.a2c.gamma = 0.96
  config.total_timesteps = 1_800_000
  return config
