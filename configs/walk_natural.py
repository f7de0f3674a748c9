"""Walks at 1.2 m/s as people do: the normative gait is its reference motion."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'walk_natural'
  config.task.robot = 'humanoid_pd'
  config.task.reward = 'imitate'
  config.task.card = 'walk'
  config.task.clip = 'gait:1.2'
  config.task.context = ('reference_motion', 'last_force')
  # The feet carry the robot as they can: the reference says how they move, and the costs how not.
  config.task.weights = {
    'clip_pose': 0.9,
    'clip_rates': 0.2,
    'clip_velocity': 0.15,
    'step_width': 0.1,
    'joint_limits': -0.01,
    'saturation': -0.5,
    'landing': -0.02,
    'energy': -0.02,
  }
  config.task.observations = ('joint_positions', 'joint_velocities', 'clip_phase', 'clip_targets', 'clip_offset')
  config.task.start = 'clip_or_standing'  # its card begins standing
  config.task.termination = 'off_clip'
  config.task.episode_length = 5.0
  config.task.frame_skip = 4  # 50 control steps per second
  config.network.residual = 'clip'
  config.ppo.ema_decay = 0.98
  config.network.initial_std = 0.15
  config.network.final_std = 0.05
  config.render_interval = 6_000_000
  config.total_timesteps = 6_000_000
  return config
