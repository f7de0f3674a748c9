"""Gymnasium's walker walks forward at 1 m/s."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'walker2d_walk'
  config.task.robot = 'walker2d'
  config.task.reward = 'walk'
  config.task.card = 'walk'
  config.task.command.value = (1.0, 0.0, 0.0)
  config.task.observations = ('joint_positions', 'joint_velocities', 'gait_phase')
  config.task.gait.frequency = 0.9
  config.task.gait.duty = 0.6
  config.task.termination = 'off_balance'
  config.task.episode_length = 5.0
  config.task.start_strength = 2.0
  config.task.frame_skip = 10  # 50 control steps per second
  config.network.initial_std = 0.2
  config.network.final_std = 0.1
  config.render_interval = 1_000_000
  config.total_timesteps = 2_000_000
  return config
