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
  # From a lunge at first, then from ever further down, the more often it gets up: each way up leads to a known one.
  config.task.start = 'falling'
  config.curriculum = 'survival'
  # On its hands and knees it must choose a foot, and to a symmetric network both are one. A clock of no strides a
  # second stands still, and is the other way round in the mirror.
  config.task.observations = ('joint_positions', 'joint_velocities', 'gait_clock')
  config.task.episode_length = 4.5
  config.task.frame_skip = 8  # 25 decisions a second
  config.ppo.learning_rate = 8e-4
  config.ppo.gamma = 0.975
  config.ppo.ema_decay = 0.99
  config.network.initial_std = 0.2
  config.network.final_std = 0.08
  config.total_timesteps = 12_000_000
  return config
