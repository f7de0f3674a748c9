"""The biped with PD control walks forward at 0.7 m/s."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'biped_pd'
  config.task.robot = 'biped_pd'
  config.task.reward = 'walk'
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
  config.network.residual = 'reference'  # which steps on the spot and keeps its balance: walking is learned on top
  config.network.initial_std = 0.2
  config.network.final_std = 0.08
  config.render_interval = 1_000_000
  config.total_timesteps = 2_400_000
  return config
