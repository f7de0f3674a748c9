"""Walks at 1.2 m/s in the style of a clip, by an adversarial style reward: no gait clock says when to step."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'walk_amp'
  config.algorithm = 'amp'
  config.task.robot = 'humanoid_pd'
  # The clip gives the style, the reward the goal. The normative gait needs no file; for another clip,
  # config.task.command.value should be a speed that its style can have.
  config.task.clip = 'gait:1.2'
  config.task.reward = 'walk'
  config.task.command.value = (1.2, 0.0, 0.0)
  # What the clip says by itself is not rewarded a second time.
  config.task.weights = {'velocity': 0.6, 'gait': 0.0, 'clearance': 0.0, 'arms': 0.0, 'level_feet': 0.0}
  config.task.card = 'walk'
  config.task.observations = ('joint_positions', 'joint_velocities', 'heading_error', 'cross_track_error')
  config.task.termination = 'off_balance'
  config.task.episode_length = 5.0
  config.task.start_strength = 2.0
  config.task.frame_skip = 4  # 50 control steps per second
  config.network.initial_std = 0.2
  config.network.final_std = 0.1
  config.render_interval = 1_000_000
  config.total_timesteps = 6_000_000
  return config
