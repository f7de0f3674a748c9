"""A biped with six torque motors walks forward at 0.7 m/s."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'biped'
  config.task.robot = 'biped'
  config.task.reward = 'walk'
  # It has no arms; its motors are weaker than the humanoid's, so that its power counts more.
  config.task.weights = {'arms': 0.0, 'alive': 0.12, 'energy': -0.15, 'effort': -0.02}
  config.task.card = 'walk'
  config.task.command.value = (0.7, 0.0, 0.0)
  config.task.observations = ('joint_positions', 'joint_velocities', 'heading_error', 'gait_phase', 'cross_track_error')
  config.task.gait.frequency = 1.5
  config.task.gait.duty = 0.6
  config.task.termination = 'off_balance'
  config.task.episode_length = 10.0  # it has no joint to turn with, so that its heading drifts slowly
  config.task.start_strength = 2.0
  config.ppo.ema_decay = 0.995
  config.network.residual = 'reference'  # PD control around a gait: without it, torques alone must be found
  config.network.initial_std = 0.25
  config.network.final_std = 0.1
  config.render_interval = 1_000_000
  config.total_timesteps = 3_000_000
  return config
