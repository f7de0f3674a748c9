"""Goes down onto both knees and stays there, upright and quiet."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config

VARIANTS = {'gpu': '4,096 environments: few sequential steps, for a GPU'}


def get_config(variant: str = '') -> ConfigDict:
  config = default_config()
  config.name = 'kneel'
  config.task.reward = 'kneel'
  config.task.card = 'kneel'
  # Without them a joint was against its stop all the time.
  config.task.weights = {'joint_limits': -0.02, 'saturation': -0.5}
  config.task.termination = 'tipped'
  config.task.episode_length = 5.0
  config.task.start_strength = 2.0
  config.task.frame_skip = 4  # 50 control steps per second
  # Exploration noise on a schedule: learned noise decreased early, and the robot fell again late in training.
  config.network.final_std = 0.2
  config.total_timesteps = 1_200_000
  if variant == 'gpu':
    config.num_envs = config.reference_envs = 4096
    config.ppo.batch_size = 2048
    config.total_timesteps = 3_932_160
  return config
