"""Moves as a clip of motion capture does: --config.task.clip=walk, or any other that `clip list` shows."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'imitate'
  # The normative gait needs no file. Others: a name that python -m mjx_humanoid.clip list shows, or a file.
  config.task.clip = 'gait'
  config.task.context = ('reference_motion',)
  config.task.robot = 'humanoid_pd'
  config.task.reward = 'imitate'
  config.task.card = 'imitate'
  config.task.observations = ('joint_positions', 'joint_velocities', 'clip_phase', 'clip_targets', 'clip_offset')
  # Episodes start anywhere in the clip, and end early where the robot has lost it.
  config.task.start = 'clip'
  config.task.termination = 'off_clip'
  config.task.episode_length = 5.0
  config.task.frame_skip = 4  # 50 control steps per second
  # The targets of PD control are the angles of the clip; the actor changes them.
  config.network.residual = 'clip'
  config.network.symmetric = False  # few clips are the same for left and right
  config.network.initial_std = 0.15
  config.network.final_std = 0.05
  config.ppo.learning_rate = 7e-4
  # An averaged actor: of two trainings of the clip walk without it, one lost the clip in 68 of 100 episodes.
  config.ppo.ema_decay = 0.98
  config.render_interval = 4_000_000
  config.total_timesteps = 4_000_000
  return config
