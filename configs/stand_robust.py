"""Stands, whoever pushes, in worlds that differ in mass, friction and motors; steps where it must."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'stand_robust'
  # Who can walk any way can also catch itself by a step. It is asked for nothing, so it is led back to its place.
  config.init_from = 'follow'
  config.task.robot = 'humanoid_pd'
  config.task.reward = 'follow'
  config.task.card = 'stand_robust'
  config.task.weights = {'velocity': 0.45, 'heading': 0.15, 'gait': 0.12, 'arms': 0.1, 'position': 0.45, 'height': 0.45}
  config.task.station.gain = 2.0
  config.task.observations = ('joint_positions', 'joint_velocities', 'heading_error', 'gait_phase', 'command')
  # Quicker than walking: an unbalanced body falls ever faster, so the sooner a foot is down, the nearer it stops.
  config.task.gait.frequency = 1.5
  config.task.gait.speedup = 0.5  # the foot that a push finds in the air may be the wrong one: the other one must hurry
  config.task.push.kind = 'force'
  # From light to hard, and none light from the middle on.
  config.task.push.force = (130.0, 180.0)
  config.curriculum = 'linear'
  config.task.push.interval = 2.2  # 3.3 strides: the next push comes at another moment of one
  config.task.randomization = {'mass': 0.12, 'friction': 0.36, 'motor_strength': 0.12}
  config.task.termination = 'off_balance'
  config.task.episode_length = 10.0
  config.task.start_strength = 2.0
  config.task.frame_skip = 4  # 50 decisions a second
  # Four times the usual batch: noisier updates make a good policy worse.
  config.ppo.unroll_length = 32
  config.ppo.batch_size = 4096
  config.ppo.learning_rate = 6e-4
  config.ppo.gamma = 0.98
  config.ppo.gae_lambda = 0.95
  config.ppo.ema_decay = 0.99
  config.network.initial_std = 0.16
  config.network.final_std = 0.09
  config.render_interval = 4_000_000  # two cores that train do not keep up with one every 500,000 steps
  config.total_timesteps = 10_000_000
  return config
