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
  # Costs of joints at their limits, of saturated motors and of hard landings: without them the knees were against
  # their stops for half of the time. With these alone it walks with bent knees, so that the head is to be high.
  config.task.weights = {
    'joint_limits': -0.03,
    'saturation': -1.0,
    'landing': -0.02,
    'head_height': 0.15,
    'step_width': 0.06,
    'arm_swing': 0.05,
    'heel_strike': 0.04,
    'level_feet': 0.0,  # people's feet are not level when they strike the floor
  }
  config.task.context = ('velocity_command', 'station_keeping', 'gait_clock', 'last_force')
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
