"""Walks forward at 1.2 m/s."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config

VARIANTS = {'gpu': '4,096 environments: few sequential steps, for a GPU'}


def get_config(variant: str = '') -> ConfigDict:
  config = default_config()
  config.name = 'walk'
  # Balance is learned sooner with PD control. With torque motors, one seed of five kept to slow, short steps.
  config.task.robot = 'humanoid_pd'
  config.task.reward = 'walk'
  config.task.card = 'walk'
  config.task.command.value = (1.2, 0.0, 0.0)
  # Without the term 'cross_track' and 'cross_track_error', one of two seeds drifted 2.8 m sideways in 20 s.
  config.task.observations = ('joint_positions', 'joint_velocities', 'heading_error', 'gait_phase', 'cross_track_error')
  config.task.gait.frequency = 0.9
  config.task.gait.duty = 0.6
  config.task.termination = 'off_balance'
  config.task.episode_length = 5.0
  config.task.start_strength = 2.0
  config.task.frame_skip = 4  # 50 control steps per second
  # Exploration noise on a schedule: with torque motors, learned noise fell early and one seed stayed at half speed.
  config.network.initial_std = 0.2
  config.network.final_std = 0.1
  config.render_interval = 1_000_000
  config.total_timesteps = 4_000_000
  if variant == 'gpu':
    config.num_envs = config.reference_envs = 4096
    config.ppo.batch_size = 2048  # 64 gradient steps an update, as for stand:gpu
    config.total_timesteps = 6_553_600
  return config
